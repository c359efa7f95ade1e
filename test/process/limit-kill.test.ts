// The runtime is killed amid hundreds of posts against limits with room for seven: exactly seven get in, in requests as in
// money, each is sent once, ends, and is charged once. Real processes, real time. KILLS_SEED repeats a run.

import { existsSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { crashUnderLimits, PLACES } from "../harness/limit-crash.ts";
import { judge, type SeenRequest, type SeenTeam, strays } from "../harness/limit-verdict.ts";

const SEED = Number(process.env.KILLS_SEED ?? Date.now() % 1_000_000);
const POSTS_PER_TEAM = 300;

test.skipIf(!existsSync("/proc/self/stat"))(
  `${POSTS_PER_TEAM} posts against room for ${PLACES} and a kill amid them let exactly ${PLACES} in (seed ${SEED})`,
  async () => {
    const run = await crashUnderLimits(SEED, POSTS_PER_TEAM);
    expect(run.answeredBefore).toBeLessThan(run.posts);
    expect(strays(run.teams, run.sent)).toEqual([]);
    expect(run.teams.map(({ name }) => name)).toEqual(["counted", "paid"]);
    for (const team of run.teams) {
      const what = `seed ${SEED}, ${team.name}, killed after ${run.killedAfterMs} ms: ${JSON.stringify(team.requests)}`;
      expect(team.answers.length, what).toBe(POSTS_PER_TEAM);
      expect(team.samples.length, what).toBeGreaterThan(0);
      expect(judge(team, run.sent), what).toMatchObject({
        ...{ accepted: PLACES, lost: [], doubled: [], oversold: [], wrongSums: [] },
      });
      expect(team, what).toMatchObject({ used: team.limit, remaining: 0 });
    }
  },
);

describe("the judge of such a run", () => {
  const ended = (id: string): SeenRequest => ({
    ...{ id, status: "COMPLETED", stage: "completed" },
    ...{ createdAt: 0, chargedMicro: 3_000, settled: 1, answerLost: false },
  });
  const waiting: SeenRequest = {
    ...ended("b"),
    status: "IN_QUEUE",
    stage: "uncertain",
    chargedMicro: null,
    settled: 0,
  };
  /** Room for two, both taken, one post refused. */
  const good: SeenTeam = {
    ...{ name: "paid", limit: 6_000, step: 3_000, priceMicro: 3_000 },
    ...{ answers: ["a", null, "b"], samples: [0, 6_000], used: 6_000, remaining: 0 },
    requests: [ended("a"), ended("b")],
    usage: { requests: 2, completed: 2, chargedMicro: 6_000 },
  };
  const once = new Map([
    ["a", 1],
    ["b", 1],
  ]);
  const counts = (team: SeenTeam, sent: ReadonlyMap<string, number>) => {
    const { lost, doubled, oversold, wrongSums } = judge(team, sent);
    return [lost.length, doubled.length, oversold.length, wrongSums.length];
  };

  test("finds nothing wrong with a run that kept its word", () => {
    expect(judge(good, once)).toMatchObject({ accepted: 2, completed: 2, unproven: 0 });
    expect(counts(good, once)).toEqual([0, 0, 0, 0]);
  });

  test("lets a request wait for proof only where it never reached upstream, its money held", () => {
    const usage = { requests: 2, completed: 1, chargedMicro: 3_000 };
    const cutOff: SeenTeam = { ...good, requests: [ended("a"), waiting], usage };
    expect(judge(cutOff, new Map([["a", 1]]))).toMatchObject({ unproven: 1, lost: [], wrongSums: [] });
    expect(judge(cutOff, once).lost).toHaveLength(1);
  });

  const third = { answers: ["a", "b", "c"], requests: [ended("a"), ended("b"), ended("c")] };
  test.each<[string, Partial<SeenTeam>, [string, number][], number[]]>([
    ["one place given to nobody", { answers: ["a", null], requests: [ended("a")] }, [["b", 0]], [1, 0, 0, 2]],
    ["a request that failed", { requests: [ended("a"), { ...ended("b"), status: "FAILED" }] }, [], [1, 0, 0, 2]],
    ["a request sent twice", {}, [["b", 2]], [0, 1, 1, 0]],
    ["a charge settled twice", { requests: [ended("a"), { ...ended("b"), settled: 2 }] }, [], [0, 1, 0, 1]],
    ["one accepted too many", third, [["c", 1]], [0, 0, 2, 2]],
    ["a limit passed for a moment", { samples: [0, 9_000, 6_000] }, [], [0, 0, 1, 0]],
    ["a wrong charge", { requests: [ended("a"), { ...ended("b"), chargedMicro: 0 }] }, [], [0, 0, 0, 2]],
    ["money given back that was spent", { used: 3_000, remaining: 3_000 }, [], [0, 0, 0, 1]],
    ["usage that counts twice", { usage: { requests: 2, completed: 3, chargedMicro: 9_000 } }, [], [0, 0, 0, 1]],
  ])("sees %s", (_fault, changes, sent, expected) => {
    expect(counts({ ...good, ...changes }, new Map([...once, ...sent]))).toEqual(expected);
  });

  test("sees paid work that no post was answered with", () => {
    expect(strays([good], new Map([...once, ["x", 1]]))).toEqual(["x"]);
  });
});
