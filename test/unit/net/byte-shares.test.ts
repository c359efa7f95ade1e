// Shares of bytes by tables and a random walk: no pool is ever over its limit, the oldest claim always goes on, nobody waits behind a
// share that is not theirs, and what belongs to a call that was cut off comes back.

import { describe, expect, test } from "vitest";
import { ByteShares, type Claim, type Pool } from "../../../src/net/byte-shares.ts";
import { chanceOf } from "../../harness/chance.ts";

const LEASE_MS = 1_000;
const WAIT_EXPIRES_MS = 100;
const all: Pool = { name: "all", limit: 100, first: 20, own: false };
const share = (team: string): Pool => ({ name: team, limit: 60, first: 20, own: true });

function sharing() {
  const shares = new ByteShares({ waitExpiresMs: WAIT_EXPIRES_MS, waitingMax: 3 });
  const open = (team: string, most = 20, now = 0) => shares.open([all, share(team)], most, LEASE_MS, now);
  /** A claim that holds `bytes` and may still grow. */
  const holding = (team: string, bytes: number) => {
    const claim = open(team);
    expect(shares.grow(claim, bytes, 0)).toBe("granted");
    return claim;
  };
  return { shares, open, holding };
}

describe("a claim", () => {
  test("takes what is free, gives back what it says, and all of it in the end", () => {
    const { shares, open } = sharing();
    const claim = open("a");
    expect(shares.grow(claim, 12, 0)).toBe("granted");
    shares.shrink(claim, 5);
    expect(claim.bytes).toBe(5);
    shares.shrink(claim, 50);
    expect(claim.bytes).toBe(5);
    shares.release(claim);
    shares.release(claim);
    expect([claim.bytes, shares.highWater]).toEqual([0, 12]);
    expect(shares.grow(claim, 1, 0)).toBe("lapsed");
  });

  test("that is not the oldest leaves room for the oldest", () => {
    const { shares, open, holding } = sharing();
    const oldest = holding("a", 2);
    for (const team of ["b", "c", "d", "e"]) holding(team, 20);
    const late = open("f");
    expect(shares.grow(late, 1, 0), "80 of 100 are taken, and 20 are the oldest's").toBe("wait");
    expect(shares.grow(oldest, 20, 0)).toBe("granted");
    shares.release(oldest);
    expect(shares.grow(late, 1, 0)).toBe("granted");
  });

  test("waits within its own share while others go on", () => {
    const { shares, open, holding } = sharing();
    for (let i = 0; i < 3; i++) holding("a", 19);
    const fourth = open("a");
    expect(shares.grow(fourth, 10, 0)).toBe("wait");
    expect(shares.grow(open("b"), 15, 0)).toBe("granted");
    expect(shares.grow(fourth, 10, 0), "it is still its own share that is full").toBe("wait");
  });

  test("that waits for what all share is served before those that came later", () => {
    const { shares, open, holding } = sharing();
    const claims = ["a", "b", "c", "d", "e"].map((team) => holding(team, 19));
    const [large, small] = [open("f"), open("g", 5)];
    expect(shares.grow(large, 20, 0)).toBe("wait");
    expect(shares.grow(small, 5, 0)).toBe("wait");
    shares.release(claims[1] as Claim);
    expect(shares.grow(small, 5, 0), "it would fit, but not with the older one").toBe("wait");
    expect(shares.grow(open("h", 3), 3, 0), "both of the older ones come first").toBe("wait");
    expect(shares.grow(large, 20, 0)).toBe("granted");
    shares.release(large);
    expect(shares.grow(small, 5, 0)).toBe("granted");
  });

  test("does not wait for older ones that fit beside it", () => {
    const { shares, open, holding } = sharing();
    const [first] = [holding("a", 19), holding("a", 19), holding("a", 19)];
    const waiting = open("a");
    expect(shares.grow(waiting, 10, 0)).toBe("wait");
    shares.release(first as Claim);
    expect(shares.grow(open("b"), 15, 0)).toBe("granted");
    expect(shares.grow(waiting, 10, 0)).toBe("granted");
  });

  test("is told when too many of its share wait", () => {
    const { shares, open, holding } = sharing();
    for (let i = 0; i < 3; i++) holding("a", 19);
    for (let i = 0; i < 3; i++) expect(shares.grow(open("a"), 10, 0)).toBe("wait");
    expect(shares.grow(open("a"), 10, 0)).toBe("crowded");
    expect(shares.grow(open("b"), 10, 0)).toBe("granted");
  });
});

describe("a claim whose call was cut off", () => {
  test("gives its bytes back when its lease is over, and is told so", () => {
    const { shares, open } = sharing();
    const cutOff = open("a");
    shares.grow(cutOff, 20, 0);
    expect(shares.renew(cutOff, LEASE_MS - 1)).toBe(true);
    expect(shares.renew(cutOff, 2 * LEASE_MS - 2)).toBe(true);
    expect(shares.grow(cutOff, 20, 3 * LEASE_MS - 2)).toBe("lapsed");
    expect(cutOff.bytes).toBe(0);
  });

  test("is in nobody's way once it has not asked for a while, and goes on behind them if it was only held up", () => {
    const { shares, open, holding } = sharing();
    const full = ["a", "b", "c", "d", "e"].map((team) => holding(team, 20));
    const slow = open("f");
    expect(shares.grow(slow, 15, 0)).toBe("wait");
    shares.release(full[4] as Claim);
    const next = open("g", 10);
    expect(shares.grow(next, 10, WAIT_EXPIRES_MS - 1), "the older one asks next").toBe("wait");
    expect(shares.grow(next, 10, WAIT_EXPIRES_MS)).toBe("granted");
    expect(shares.grow(slow, 15, WAIT_EXPIRES_MS + 1)).toBe("wait");
    shares.release(next);
    expect(shares.grow(slow, 15, WAIT_EXPIRES_MS + 2)).toBe("granted");
  });
});

describe("whatever comes", () => {
  test.each(Array.from({ length: 20 }, (_, seed) => seed))(
    "walk %d stays within its limits and never stands still",
    (seed) => {
      const random = chanceOf(seed);
      const pick = (below: number) => Math.floor(random() * below);
      const { shares, open } = sharing();
      const live: { claim: Claim; team: string; wanted: number }[] = [];
      for (let now = 0; now < 400; now++) {
        if (live.length < 30 && random() < 0.5) {
          const team = `t${pick(4)}`;
          const most = 1 + pick(20);
          live.push({ claim: open(team, most, now), team, wanted: 1 });
        }
        let moved = live.length === 0;
        for (const each of [...live]) {
          const { claim } = each;
          if (claim.bytes >= claim.most) {
            shares.release(claim);
            live.splice(live.indexOf(each), 1);
            moved = true;
            continue;
          }
          const grown = shares.grow(claim, Math.min(claim.most, each.wanted), now);
          expect(grown).not.toBe("lapsed");
          if (grown === "granted") {
            each.wanted = claim.bytes + 1 + pick(6);
            moved = true;
          }
        }
        expect(moved, "somebody goes on whenever all look").toBe(true);
        const held = (team?: string) =>
          live.reduce((sum, e) => sum + (team === undefined || e.team === team ? e.claim.bytes : 0), 0);
        expect(held()).toBeLessThanOrEqual(all.limit);
        for (let i = 0; i < 4; i++) expect(held(`t${i}`)).toBeLessThanOrEqual(60);
      }
    },
  );
});
