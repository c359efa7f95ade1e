// One byte budget for all that this isolate holds in memory: bodies are read under a permit, in the order asked.
// Module-level on purpose: the requests and Durable Objects of an isolate share its 128 MB. Imports limits.

import { BUFFER_BUDGET_BYTES, PERMIT_LEASE_MS, PERMIT_LOOK_AGAIN_MS } from "../limits.ts";

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

interface Ticket {
  seenAt: number;
  wake: () => void;
}

/** A waiter that did not look for this long belongs to a request that is gone. */
const DEAD_TICKET_MS = 10 * PERMIT_LOOK_AGAIN_MS;

const holdings = new Set<Holding>();
const line: Ticket[] = [];
let highWater = 0;

/**
 * Waits for `bytes` of the budget, first come first served. `null` when that is more than the whole budget.
 * Each waiter takes its bytes itself once woken: bytes handed to a request that was cut off would be lost.
 */
export async function acquire(bytes: number): Promise<Permit | null> {
  if (bytes > BUFFER_BUDGET_BYTES) return null;
  const ticket: Ticket = { seenAt: Date.now(), wake: () => undefined };
  line.push(ticket);
  for (;;) {
    ticket.seenAt = Date.now();
    sweep(ticket.seenAt);
    if (!line.includes(ticket)) line.push(ticket);
    if (line[0] === ticket && heldBytes() + bytes <= BUFFER_BUDGET_BYTES) break;
    await woken(ticket);
  }
  line.shift();
  const holding: Holding = { bytes, leaseUntil: ticket.seenAt + PERMIT_LEASE_MS };
  holdings.add(holding);
  highWater = Math.max(highWater, heldBytes());
  wakeFirst();
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
      if (toBytes >= holding.bytes) return;
      holding.bytes = Math.max(0, toBytes);
      wakeFirst();
    },
    release() {
      holding.bytes = 0;
      if (holdings.delete(holding)) wakeFirst();
    },
  };
}

function heldBytes(): number {
  let sum = 0;
  for (const holding of holdings) sum += holding.bytes;
  return sum;
}

function wakeFirst(): void {
  line[0]?.wake();
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

/** The timer is cleared here, not in `wake`: that runs in another request, whose timers carry the same ids. */
async function woken(ticket: Ticket): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | null = null;
  await new Promise<void>((resolve) => {
    timer = setTimeout(resolve, PERMIT_LOOK_AGAIN_MS);
    ticket.wake = resolve;
  });
  clearTimeout(timer);
}
