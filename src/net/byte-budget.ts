// The isolate's memory budget for bodies, granted first come, first served. Module-level on purpose: the requests and Durable Objects
// of an isolate share its 128 MB.

import { MINUTE_MS, SECOND_MS } from "../platform/time.ts";

/** All buffers of an isolate together; objects of a class share its 128 MB. */
export const BUFFER_BUDGET_BYTES = 48 * 1024 * 1024;
/** The part of it that callers' bodies may take, so that answers of paid calls always find room. */
const INBOUND_BUDGET_BYTES = 24 * 1024 * 1024;
/** A request that the runtime cuts off runs no `finally`: its bytes come back after this. Longer uses go uncounted then. */
export const PERMIT_LEASE_MS = 2 * MINUTE_MS;
/** How often a waiting reader retries: short compared with reading megabytes. */
export const PERMIT_RETRY_MS = 50;

/** The right to hold bytes. Both methods may be called any number of times, also after the end. */
export interface Permit {
  readonly bytes: number;
  /** Gives back what is above `toBytes`; never takes more. */
  shrink(toBytes: number): void;
  release(): void;
}

interface Holding {
  bytes: number;
  leaseUntil: number;
}

/** A waiting reader. */
interface Ticket {
  seenAt: number;
}

/** A waiting reader that did not retry for this long belongs to a terminated request. */
const TICKET_EXPIRES_MS = 10 * SECOND_MS;

class ByteBudget {
  readonly #limit: number;
  readonly #holdings = new Set<Holding>();
  readonly #queue: Ticket[] = [];
  highWater = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** See `acquire`. */
  async acquire(bytes: number): Promise<Permit | null> {
    if (bytes > this.#limit) return null;
    const ticket: Ticket = { seenAt: Date.now() };
    this.#queue.push(ticket);
    for (;;) {
      ticket.seenAt = Date.now();
      this.#sweep(ticket.seenAt);
      if (!this.#queue.includes(ticket)) this.#queue.push(ticket);
      if (this.#queue[0] === ticket && this.#held() + bytes <= this.#limit) break;
      await new Promise((resolve) => setTimeout(resolve, PERMIT_RETRY_MS));
    }
    this.#queue.shift();
    const holding: Holding = { bytes, leaseUntil: ticket.seenAt + PERMIT_LEASE_MS };
    this.#holdings.add(holding);
    this.highWater = Math.max(this.highWater, this.#held());
    return {
      get bytes() {
        return holding.bytes;
      },
      shrink: (toBytes) => {
        holding.bytes = Math.min(holding.bytes, Math.max(0, toBytes));
      },
      release: () => {
        holding.bytes = 0;
        this.#holdings.delete(holding);
      },
    };
  }

  #held(): number {
    let sum = 0;
    for (const holding of this.#holdings) sum += holding.bytes;
    return sum;
  }

  /** Drops what belongs to requests that the runtime cut off: leases that are over, waiters that stopped looking. */
  #sweep(now: number): void {
    for (const holding of this.#holdings) {
      if (holding.leaseUntil <= now) this.#holdings.delete(holding);
    }
    for (let i = this.#queue.length - 1; i >= 0; i--) {
      const ticket = this.#queue[i];
      if (ticket && ticket.seenAt + TICKET_EXPIRES_MS <= now) this.#queue.splice(i, 1);
    }
  }
}

const budget = new ByteBudget(BUFFER_BUDGET_BYTES);
const inboundShare = new ByteBudget(INBOUND_BUDGET_BYTES);

/**
 * Waits for `bytes` of the budget, first come first served. `null` when that is more than the whole budget.
 * Each waiter looks again by itself and takes its bytes itself: bytes handed to a request that was cut off would be lost, and
 * a waiter that another request wakes would run in that one where the runtime does not sort it out (cloudflare/workerd#2719).
 * Whoever holds bytes must not wait for more: that may be for ever.
 */
export function acquire(bytes: number): Promise<Permit | null> {
  return budget.acquire(bytes);
}

/**
 * The same for what callers send, who may send slowly: out of a share, so that they leave room for upstream's answers. The share
 * is taken first and nobody who holds the budget waits for it.
 */
export async function acquireInbound(bytes: number): Promise<Permit | null> {
  const share = await inboundShare.acquire(bytes);
  const permit = share && (await budget.acquire(bytes));
  if (share === null || permit === null) return null;
  return {
    get bytes() {
      return permit.bytes;
    },
    shrink(toBytes) {
      share.shrink(toBytes);
      permit.shrink(toBytes);
    },
    release() {
      share.release();
      permit.release();
    },
  };
}

/** The most that was held at once since this isolate began; operators read it in the log (`held`). */
export function highWaterBytes(): number {
  return budget.highWater;
}
