// Counts the calls that one isolate keeps waiting (event streams, `wait`, held status calls), per team, per address and in all. Pure
// but for its memory: the time is a parameter.
//
// Who goes away ends its Worker without a word, so a hold is a lease: whoever waits renews it at each look, and one that is not
// renewed counts no more after HOLD_LEASE_MS.

import { SECOND_MS } from "./time.ts";

/** Calls that one team may keep waiting in one isolate. Each has a socket to an object and some tens of kilobytes. */
export const HOLDS_PER_TEAM_MAX = 500;
/** Calls from one address that wait in one isolate: browsers alone, because the address of a server's key is not counted. */
export const HOLDS_PER_ADDRESS_MAX = 100;
/** Calls of all teams that wait in one isolate, which has 128 MB. */
export const HOLDS_MAX = 1_500;
/** Sockets on which one object tells of changes. A call beyond them is told nothing and looks every few seconds. */
export const SOCKETS_PER_OBJECT_MAX = 500;
/** A hold that was not renewed for this long is over. Longer than the longest gap between two looks, with room for a busy isolate. */
export const HOLD_LEASE_MS = 45 * SECOND_MS;

/** Whom a hold counts for. */
export interface HoldOwner {
  team: string;
  /** Null: not counted by address. */
  address: string | null;
}

/** One call that waits. */
export interface CallHold {
  /** To be called at least every HOLD_LEASE_MS. */
  renew(now: number): void;
  release(): void;
}

/** Whose bound is reached. */
export type HoldBound = "team" | "address" | "isolate";

interface Lease extends HoldOwner {
  until: number;
}

export class HoldCounter {
  readonly #leases = new Set<Lease>();

  open(owner: HoldOwner, now: number): { kind: "held"; hold: CallHold } | { kind: "full"; bound: HoldBound } {
    const bound = this.#reachedBound(owner) === null ? null : this.#withoutLapsed(now).#reachedBound(owner);
    if (bound !== null) return { kind: "full", bound };
    const lease: Lease = { team: owner.team, address: owner.address, until: now + HOLD_LEASE_MS };
    this.#leases.add(lease);
    const hold: CallHold = {
      renew: (at) => {
        lease.until = at + HOLD_LEASE_MS;
        // It may have counted as over meanwhile.
        if (!released) this.#leases.add(lease);
      },
      release: () => {
        released = true;
        this.#leases.delete(lease);
      },
    };
    let released = false;
    return { kind: "held", hold };
  }

  #reachedBound({ team, address }: HoldOwner): HoldBound | null {
    if (this.#leases.size >= HOLDS_MAX) return "isolate";
    let [ofTeam, ofAddress] = [0, 0];
    for (const lease of this.#leases) {
      if (lease.team !== team) continue;
      ofTeam++;
      if (address !== null && lease.address === address) ofAddress++;
    }
    if (ofTeam >= HOLDS_PER_TEAM_MAX) return "team";
    return ofAddress >= HOLDS_PER_ADDRESS_MAX ? "address" : null;
  }

  #withoutLapsed(now: number): this {
    for (const lease of this.#leases) if (lease.until <= now) this.#leases.delete(lease);
    return this;
  }
}
