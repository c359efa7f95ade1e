// One byte budget for all that this isolate holds in memory: bodies are read under a permit, in the order asked.
// Module-level on purpose: the requests and Durable Objects of an isolate share its 128 MB. Imports limits.

import { BUFFER_BUDGET_BYTES, PERMIT_LEASE_MS, PERMIT_LOOK_AGAIN_MS, SECOND_MS } from "../limits.ts";

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

/** Somebody who waits. */
interface Ticket {
  seenAt: number;
}

/** A waiter that did not look for this long belongs to a request that is gone. */
const DEAD_TICKET_MS = 10 * SECOND_MS;

const holdings = new Set<Holding>();
const line: Ticket[] = [];
let highWater = 0;

/**
 * Waits for `bytes` of the budget, first come first served. `null` when that is more than the whole budget.
 * Each waiter looks again by itself and takes its bytes itself: bytes handed to a request that was cut off would be lost, and
 * a waiter that another request wakes would run in that one where the runtime does not sort it out (cloudflare/workerd#2719).
 */
export async function acquire(bytes: number): Promise<Permit | null> {
  if (bytes > BUFFER_BUDGET_BYTES) return null;
  const ticket: Ticket = { seenAt: Date.now() };
  line.push(ticket);
  for (;;) {
    ticket.seenAt = Date.now();
    sweep(ticket.seenAt);
    if (!line.includes(ticket)) line.push(ticket);
    if (line[0] === ticket && heldBytes() + bytes <= BUFFER_BUDGET_BYTES) break;
    await new Promise((resolve) => setTimeout(resolve, PERMIT_LOOK_AGAIN_MS));
  }
  line.shift();
  const holding: Holding = { bytes, leaseUntil: ticket.seenAt + PERMIT_LEASE_MS };
  holdings.add(holding);
  highWater = Math.max(highWater, heldBytes());
  return permitFor(holding);
}

/** The most that was held at once since this isolate began. */
export function highWaterBytes(): number {
  return highWater;
}

function permitFor(holding: Holding): Permit {
  return {
    get bytes() {
      return holding.bytes;
    },
    shrink(toBytes) {
      holding.bytes = Math.min(holding.bytes, Math.max(0, toBytes));
    },
    release() {
      holding.bytes = 0;
      holdings.delete(holding);
    },
  };
}

function heldBytes(): number {
  let sum = 0;
  for (const holding of holdings) sum += holding.bytes;
  return sum;
}

/** Drops what belongs to requests that the runtime cut off: leases that are over, waiters that stopped looking. */
function sweep(now: number): void {
  for (const holding of holdings) {
    if (holding.leaseUntil <= now) holdings.delete(holding);
  }
  for (let i = line.length - 1; i >= 0; i--) {
    const ticket = line[i];
    if (ticket && ticket.seenAt + DEAD_TICKET_MS <= now) line.splice(i, 1);
  }
}
