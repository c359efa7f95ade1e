// How many calls may wait in one isolate, and what ends a hold.

import { describe, expect, test } from "vitest";
import {
  type CallHold,
  HOLD_LEASE_MS,
  HOLDS_MAX,
  HOLDS_PER_ADDRESS_MAX,
  HOLDS_PER_TEAM_MAX,
  HoldCounter,
  type HoldOwner,
} from "../../../src/platform/hold-counter.ts";
import { WATCH_REREAD_MS } from "../../../src/requests/service/wait-for-change.ts";

const NOW = 1_000_000;

const owner = (team: string, address: string | null = null): HoldOwner => ({ team, address });

/** Opens so many holds, which all find room. */
function fill(counter: HoldCounter, count: number, of: (n: number) => HoldOwner, now = NOW): CallHold[] {
  return Array.from({ length: count }, (_each, n) => {
    const answer = counter.open(of(n), now);
    if (answer.kind !== "held") throw new Error(`hold ${n} found no room: ${answer.bound}`);
    return answer.hold;
  });
}

function bound(counter: HoldCounter, of: HoldOwner, now = NOW): string | null {
  const answer = counter.open(of, now);
  return answer.kind === "full" ? answer.bound : null;
}

describe("a counter of holds", () => {
  test("has so much room for a team, and leaves the others theirs", () => {
    const counter = new HoldCounter();
    fill(counter, HOLDS_PER_TEAM_MAX, () => owner("busy"));
    expect([bound(counter, owner("busy")), bound(counter, owner("other"))]).toEqual(["team", null]);
  });

  test("has so much room for an address of a team; a server without one is not counted by it", () => {
    const counter = new HoldCounter();
    fill(counter, HOLDS_PER_ADDRESS_MAX, () => owner("acme", "mark-1"));
    expect(bound(counter, owner("acme", "mark-1"))).toBe("address");
    expect([bound(counter, owner("acme", "mark-2")), bound(counter, owner("acme"))]).toEqual([null, null]);
  });

  test("has so much room in all, however many teams ask", () => {
    const counter = new HoldCounter();
    fill(counter, HOLDS_MAX, (n) => owner(`team-${n}`));
    expect(bound(counter, owner("one-more"))).toBe("isolate");
  });

  test("has room again for each that is released, once", () => {
    const counter = new HoldCounter();
    const [first] = fill(counter, HOLDS_PER_TEAM_MAX, () => owner("busy"));
    first?.release();
    first?.release();
    expect([bound(counter, owner("busy")), bound(counter, owner("busy"))]).toEqual([null, "team"]);
  });

  test("has room again for those whose Worker ended without a word, and not for those that still look", () => {
    const counter = new HoldCounter();
    const holds = fill(counter, HOLDS_PER_TEAM_MAX, () => owner("busy"));
    for (let now = NOW; now < NOW + 3 * HOLD_LEASE_MS; now += WATCH_REREAD_MS) holds[0]?.renew(now);
    const later = NOW + 3 * HOLD_LEASE_MS;
    fill(counter, HOLDS_PER_TEAM_MAX - 1, () => owner("busy"), later);
    expect(bound(counter, owner("busy"), later)).toBe("team");
  });

  test("counts a hold again that was late with its look, and never one that was released", () => {
    const counter = new HoldCounter();
    const [late, gone] = fill(counter, 2, () => owner("busy"));
    const later = NOW + HOLD_LEASE_MS;
    // The last of these finds both lapsed.
    const [spare] = fill(counter, HOLDS_PER_TEAM_MAX - 1, () => owner("busy"), later);
    spare?.release();
    gone?.release();
    late?.renew(later);
    gone?.renew(later);
    expect(bound(counter, owner("busy"), later)).toBe(null);
    expect(bound(counter, owner("busy"), later)).toBe("team");
  });
});

test("a hold is renewed well within its lease", () => {
  expect(HOLD_LEASE_MS).toBeGreaterThanOrEqual(1.5 * WATCH_REREAD_MS);
});
