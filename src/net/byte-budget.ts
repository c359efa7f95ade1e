// The isolate's memory budget for bodies: of callers, of upstream, of files. Module-level on purpose: the requests and Durable Objects
// of an isolate share its 128 MB. byte-shares.ts decides; who waits looks again by itself.

import { MINUTE_MS, SECOND_MS } from "../platform/time.ts";
import { ByteShares, type Claim, type Pool } from "./byte-shares.ts";

const MIB = 1024 * 1024;

/** All buffers of an isolate together; objects of a class share its 128 MB. */
export const BUFFER_BUDGET_BYTES = 48 * MIB;
/** The part of it that callers' bodies may take, so that answers of paid calls always find room. */
export const INBOUND_BUDGET_BYTES = 24 * MIB;
/** The part of that which the senders of one team may take together: nobody can hold it all. */
export const TEAM_SHARE_BYTES = 16 * MIB;
/** The same for the senders of one address, before they are known and within their team. */
export const ADDRESS_SHARE_BYTES = 12 * MIB;
/** The longest body of upstream, and the longest of a caller that is held at once (JSON): room that the oldest claim finds. */
const LONGEST_BYTES = 16 * MIB;
const LONGEST_INBOUND_BYTES = 10 * MIB;

/** A request that the runtime cuts off runs no `finally`: its bytes come back after this. Longer uses go uncounted then. */
export const PERMIT_LEASE_MS = 2 * MINUTE_MS;
/** The same while a caller's body comes: longer than any pause that a sender may make (BODY_PACE). */
const SENDER_LEASE_MS = 30 * SECOND_MS;
/** How often a waiting reader retries: short compared with reading megabytes. */
export const PERMIT_RETRY_MS = 50;
/** How long a caller's body waits for bytes in all before its call is refused as `overloaded`. */
export const INBOUND_WAIT_MAX_MS = 10 * SECOND_MS;
/** Bodies of one team, or of one address, that may wait at once. */
const INBOUND_WAITING_MAX = 32;
/** A waiting reader that did not retry for this long belongs to a terminated request. */
const TICKET_EXPIRES_MS = 2 * SECOND_MS;

/** The right to hold bytes. Its methods may be called any number of times, also after the end. */
export interface Permit {
  readonly bytes: number;
  /** Gives back what is above `toBytes`; never takes more. */
  shrink(toBytes: number): void;
  release(): void;
}

/** A permit for as long as it is renewed, at least once in a lease. */
export interface RenewedPermit extends Permit {
  renew(): void;
}

/** A permit that grows with the body that it is for. */
export interface GrowingPermit extends Permit {
  /**
   * Takes `toBytes` in all, and renews the lease. `overloaded`: they did not come free in time. `lapsed`: the lease was over, so
   * whoever fills the bytes has to stop.
   */
  grow(toBytes: number): Promise<"granted" | "overloaded" | "lapsed">;
  /** Nothing more comes: what is held may be used for PERMIT_LEASE_MS. */
  settle(): void;
}

/** Whose bytes a caller's body takes: its team's, of one address where that is known; before the team is known, the address's. */
export type Sender = { team: string; address: string | null } | { team: null; address: string };

const shares = new ByteShares({ waitExpiresMs: TICKET_EXPIRES_MS, waitingMax: INBOUND_WAITING_MAX });
const ALL: Pool = { name: "all", limit: BUFFER_BUDGET_BYTES, first: LONGEST_BYTES, own: false };
const INBOUND: Pool = { name: "inbound", limit: INBOUND_BUDGET_BYTES, first: LONGEST_INBOUND_BYTES, own: false };

/** A permit for upstream's answers and files. It waits for as long as it takes. */
export function openPermit(mostBytes: number): GrowingPermit {
  return new Holding([ALL], mostBytes, PERMIT_LEASE_MS, null);
}

/** A permit for a caller's body, out of the sender's share. It does not wait for long. */
export function openInboundPermit(sender: Sender, mostBytes: number): GrowingPermit {
  return new Holding([ALL, INBOUND, ...ownPools(sender)], mostBytes, SENDER_LEASE_MS, INBOUND_WAIT_MAX_MS);
}

/** Bytes of the sender's share that are free right now, for something that goes on with less where there are none; else null. */
export function takeInbound(sender: Sender, bytes: number): RenewedPermit | null {
  const holding = new Holding([ALL, INBOUND, ...ownPools(sender)], bytes, SENDER_LEASE_MS, 0);
  if (holding.growAtOnce(bytes)) return holding;
  holding.release();
  return null;
}

/**
 * Waits for `bytes` of the budget at once. `null` when that is more than the whole budget. Whoever holds bytes must not wait for
 * others: that may be for ever. Only a permit that grows may, because room for the oldest is kept.
 */
export async function acquire(bytes: number): Promise<Permit | null> {
  if (bytes > BUFFER_BUDGET_BYTES) return null;
  const permit = openPermit(bytes);
  await permit.grow(bytes);
  return permit;
}

/** The most that was held at once since this isolate began; operators read it in the log (`held`). */
export function highWaterBytes(): number {
  return shares.highWater;
}

function ownPools({ team, address }: Sender): Pool[] {
  const pool = (name: string, limit: number): Pool => ({ name, limit, first: LONGEST_INBOUND_BYTES, own: true });
  const ofAddress = address === null ? [] : [pool(`address ${team ?? ""} ${address}`, ADDRESS_SHARE_BYTES)];
  return team === null ? ofAddress : [pool(`team ${team}`, TEAM_SHARE_BYTES), ...ofAddress];
}

/**
 * A claim that looks again by itself and takes its bytes itself: bytes handed to a request that was cut off would be lost, and a
 * waiter that another request wakes would run in that one where the runtime does not sort it out (cloudflare/workerd#2719).
 */
class Holding implements GrowingPermit, RenewedPermit {
  readonly #claim: Claim;
  /** What is left of the time that it may wait. */
  #patienceMs: number;

  constructor(pools: readonly Pool[], mostBytes: number, leaseMs: number, waitMaxMs: number | null) {
    this.#claim = shares.open(pools, mostBytes, leaseMs, Date.now());
    this.#patienceMs = waitMaxMs ?? Number.POSITIVE_INFINITY;
  }

  get bytes(): number {
    return this.#claim.bytes;
  }

  async grow(toBytes: number): Promise<"granted" | "overloaded" | "lapsed"> {
    for (;;) {
      const grown = shares.grow(this.#claim, toBytes, Date.now());
      switch (grown) {
        case "granted":
        case "lapsed":
          return grown;
        case "crowded":
          return "overloaded";
        case "wait":
          if (this.#patienceMs <= 0) return "overloaded";
          this.#patienceMs -= PERMIT_RETRY_MS;
          await new Promise((resolve) => setTimeout(resolve, PERMIT_RETRY_MS));
      }
    }
  }

  growAtOnce(toBytes: number): boolean {
    return shares.grow(this.#claim, toBytes, Date.now()) === "granted";
  }

  renew(): void {
    shares.renew(this.#claim, Date.now());
  }

  settle(): void {
    shares.settle(this.#claim, PERMIT_LEASE_MS, Date.now());
  }

  shrink(toBytes: number): void {
    shares.shrink(this.#claim, toBytes);
  }

  release(): void {
    shares.release(this.#claim);
  }
}
