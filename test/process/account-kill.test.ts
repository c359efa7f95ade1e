// The runtime is killed while an account is busy: turns out, slots full, a pause running. Every request ends and is paid once,
// no slot stays behind, and no kill makes an eleventh call in a second. Real processes, real time. KILL_SEED repeats a run,
// KILLS says how often (3).

import { existsSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { crashAccount, POSTS_PER_KILL, RPS, SLOTS } from "../harness/account-crash.ts";
import { judgeAccount, type SeenAccount, type SeenKill } from "../harness/account-verdict.ts";
import { judge, strays } from "../harness/limit-verdict.ts";

const KILLS = Number(process.env.KILLS ?? 3);
const SEED = Number(process.env.KILL_SEED ?? Date.now() % 1_000_000);

test.skipIf(!existsSync("/proc/self/stat"))(
  `${KILLS} kills of a busy account lose no request, no slot and no place in the pace (seed ${SEED})`,
  { timeout: 120_000 + KILLS * 30_000 },
  async () => {
    const run = await crashAccount(SEED, KILLS);
    const what = `seed ${SEED}: ${JSON.stringify({ kills: run.kills, requests: run.team.requests })}`;
    expect(run.team.answers.length, what).toBe(KILLS * POSTS_PER_KILL);
    expect(strays([run.team], run.sent), what).toEqual([]);
    expect(judge(run.team, run.sent), what).toMatchObject({
      ...{ accepted: KILLS * POSTS_PER_KILL, lost: [], doubled: [], oversold: [], wrongSums: [] },
    });
    expect(judgeAccount(run.account, RPS), what).toMatchObject({ leaked: [], tooFast: [] });
    // The moments came about: somebody was waiting at full slots, and the gateway did say 429.
    for (const { moment, slotsUsed, waiting } of run.kills) {
      if (moment === "slots full") expect([slotsUsed, waiting > 0], what).toEqual([SLOTS, true]);
    }
    if (KILLS > 2) expect(judgeAccount(run.account, RPS).stormed, what).toBeGreaterThan(0);
  },
);

describe("the judge of such a run", () => {
  const paused: SeenKill = {
    ...{ moment: "paused", slotsUsed: 2, waiting: 3, backAt: 5_000 },
    ...{ storm: { from: 1_000, to: 2_000 }, pausedUntil: 6_000 },
  };
  const good: SeenAccount = {
    ...{ slotsUsed: 0, waiting: 0, mostCallsInASecond: 10, kills: [paused] },
    calls: [
      { at: 500, status: 200 },
      { at: 1_500, status: 429 },
      { at: 6_000, status: 200 },
    ],
  };

  test("finds nothing wrong with a run that kept its word", () => {
    expect(judgeAccount(good, 10)).toEqual({ leaked: [], tooFast: [], stormed: 1 });
  });

  test.each<[string, Partial<SeenAccount>, [leaked: number, tooFast: number]]>([
    ["a slot that nobody holds", { slotsUsed: 1 }, [1, 0]],
    ["a call that nobody makes any more", { waiting: 2 }, [1, 0]],
    ["an eleventh call in a second", { mostCallsInASecond: 11 }, [0, 1]],
    ["a 429 that nobody forced", { calls: [{ at: 2_500, status: 429 }] }, [0, 1]],
    ["a call during a pause that was asked for", { calls: [{ at: 5_500, status: 200 }] }, [0, 1]],
  ])("sees %s", (_fault, changes, expected) => {
    const { leaked, tooFast } = judgeAccount({ ...good, ...changes }, 10);
    expect([leaked.length, tooFast.length]).toEqual(expected);
  });
});
