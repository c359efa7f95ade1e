// Who may hold how many bytes: claims grow as bytes come, inside pools that keep room for their oldest claim. The oldest of all can
// therefore always go on, and claims that grow never wait for each other for ever. The time is a parameter.

export interface Pool {
  name: string;
  limit: number;
  /** Of `limit`, what is kept for the oldest claim that still grows: the most that one claim needs. */
  first: number;
  /** A sender's share: who waits for its bytes is in nobody's way but in that of the same sender. */
  own: boolean;
}

export interface Claim {
  readonly pools: readonly Pool[];
  /** It grows to no more than this. */
  most: number;
  bytes: number;
  leaseMs: number;
  /** A request that the runtime cut off runs no `finally`: its bytes come back then. */
  leaseUntil: number;
  /** What it waits for, and when it last asked; null: it does not wait. */
  waits: { bytes: number; askedAt: number } | null;
}

/** `crowded`: too many claims of its own share wait already. `lapsed`: its lease is over, and others have its bytes. */
export type Grown = "granted" | "wait" | "crowded" | "lapsed";

export interface ShareRules {
  /** A waiting claim that did not ask for this long belongs to a request that was cut off. */
  waitExpiresMs: number;
  /** Claims of one own pool that may wait at once: each asks again and again. */
  waitingMax: number;
}

interface PoolState {
  bytes: number;
  /** In the order in which they came. */
  claims: Set<Claim>;
}

/** All claims of an isolate. */
export class ByteShares {
  highWater = 0;
  readonly #rules: ShareRules;
  readonly #claims = new Set<Claim>();
  readonly #pools = new Map<string, PoolState>();
  #held = 0;
  #sweptAt = Number.NEGATIVE_INFINITY;

  constructor(rules: ShareRules) {
    this.#rules = rules;
  }

  open(pools: readonly Pool[], most: number, leaseMs: number, now: number): Claim {
    const claim: Claim = { pools, most, bytes: 0, leaseMs, leaseUntil: now + leaseMs, waits: null };
    this.#enter(claim);
    return claim;
  }

  /** Takes `bytes` in total, or notes that the claim waits for them. */
  grow(claim: Claim, bytes: number, now: number): Grown {
    this.#sweep(now);
    // A waiter that could not ask for a while goes on at the end of the line.
    if (!this.#claims.has(claim) && claim.waits !== null) this.#enter(claim);
    if (!this.renew(claim, now)) return "lapsed";
    if (bytes <= claim.bytes) return "granted";
    if (this.#mayTake(claim, bytes)) {
      claim.waits = null;
      this.#resize(claim, bytes);
      return "granted";
    }
    if (claim.waits === null && this.#isCrowded(claim)) return "crowded";
    claim.waits = { bytes, askedAt: now };
    return "wait";
  }

  /** Gives back what is above `bytes`; never takes more. */
  shrink(claim: Claim, bytes: number): void {
    if (this.#claims.has(claim) && bytes < claim.bytes) this.#resize(claim, Math.max(0, bytes));
  }

  /** It needs no more than it holds, and is used for `leaseMs` at most. */
  settle(claim: Claim, leaseMs: number, now: number): void {
    claim.most = claim.bytes;
    claim.leaseMs = leaseMs;
    this.renew(claim, now);
  }

  /** Renews the lease. False when it was over. */
  renew(claim: Claim, now: number): boolean {
    this.#sweep(now);
    if (!this.#claims.has(claim)) return false;
    claim.leaseUntil = now + claim.leaseMs;
    return true;
  }

  release(claim: Claim): void {
    claim.waits = null;
    this.#leave(claim);
  }

  #leave(claim: Claim): void {
    if (!this.#claims.delete(claim)) return;
    this.#resize(claim, 0);
    for (const { name } of claim.pools) {
      const pool = this.#poolOf(name);
      pool.claims.delete(claim);
      if (pool.claims.size === 0) this.#pools.delete(name);
    }
  }

  #enter(claim: Claim): void {
    this.#claims.add(claim);
    for (const { name } of claim.pools) this.#poolOf(name).claims.add(claim);
  }

  /** Whether the bytes are free, and no older claim waits for them. */
  #mayTake(claim: Claim, bytes: number): boolean {
    /** What older claims take when they ask next, by pool. */
    const ahead = new Map<string, number>();
    const fits = (pool: Pool, each: Claim, wanted: number) => this.#fits(pool, each, wanted, ahead.get(pool.name) ?? 0);
    for (const older of this.#claims) {
      if (older === claim) break;
      const { waits } = older;
      if (waits === null) continue;
      const full = older.pools.filter((pool) => !fits(pool, older, waits.bytes));
      const own = full.filter((pool) => pool.own);
      const contended = own.length > 0 ? own : full;
      if (contended.some(({ name }) => claim.pools.some((pool) => pool.name === name))) return false;
      if (full.length > 0) continue;
      for (const { name } of older.pools) ahead.set(name, (ahead.get(name) ?? 0) + waits.bytes - older.bytes);
    }
    return claim.pools.every((pool) => fits(pool, claim, bytes));
  }

  #fits({ name, limit, first }: Pool, claim: Claim, bytes: number, aheadBytes: number): boolean {
    const pool = this.#poolOf(name);
    const others = pool.bytes - claim.bytes + aheadBytes;
    if (others + bytes > limit) return false;
    const oldest = oldestGrowing(pool);
    return oldest === claim || oldest === null || others - oldest.bytes + bytes <= limit - first;
  }

  #isCrowded({ pools }: Claim): boolean {
    return pools.some(({ own, name }) => {
      if (!own) return false;
      const waiting = [...this.#poolOf(name).claims].filter(({ waits }) => waits !== null);
      return waiting.length >= this.#rules.waitingMax;
    });
  }

  #resize(claim: Claim, bytes: number): void {
    const change = bytes - claim.bytes;
    for (const { name } of claim.pools) this.#poolOf(name).bytes += change;
    claim.bytes = bytes;
    this.#held += change;
    this.highWater = Math.max(this.highWater, this.#held);
  }

  #poolOf(name: string): PoolState {
    const known = this.#pools.get(name);
    if (known !== undefined) return known;
    const made: PoolState = { bytes: 0, claims: new Set() };
    this.#pools.set(name, made);
    return made;
  }

  /** Drops what belongs to requests that the runtime cut off. Once for one time: everybody who waits asks often. */
  #sweep(now: number): void {
    if (now === this.#sweptAt) return;
    this.#sweptAt = now;
    for (const claim of this.#claims) {
      const isWaitOver = claim.waits !== null && claim.waits.askedAt + this.#rules.waitExpiresMs <= now;
      if (isWaitOver && claim.bytes === 0) {
        this.#leave(claim);
        continue;
      }
      if (isWaitOver) claim.waits = null;
      if (claim.leaseUntil <= now) this.release(claim);
    }
  }
}

/** The oldest claim that may still need more. */
function oldestGrowing({ claims }: PoolState): Claim | null {
  for (const claim of claims) if (claim.bytes < claim.most) return claim;
  return null;
}
