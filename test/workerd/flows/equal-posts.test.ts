// Posts at once: equal ones under an idempotency key make one request, and a limit lets exactly as many in as it says.

import { describe, expect } from "vitest";
import { DAY_MS, SECOND_MS } from "../../../src/platform/time.ts";
import { passTime } from "../../harness/clock.ts";
import { test } from "../../harness/fixtures.ts";
import { ringTeam } from "../../harness/objects.ts";
import type { Team } from "../../harness/team.ts";
import { expectArmed, runToEnd } from "../../harness/tracker.ts";
import { sandboxCalls, upstreamRequests } from "../../harness/upstream.ts";

const LIMIT_OF_SEVEN = { limits: [{ name: "day", scope: "team", per: "request", window: "1d", limit: 7 }] };

test.override({ plan: LIMIT_OF_SEVEN });

const POST = { model: "fal-ai/flux/schnell", input: { prompt: "a cat" } };
const postUnder = (team: Team, idempotencyKey: string, body: unknown = POST) =>
  team.send("POST", "/v1/requests", body, { "Idempotency-Key": idempotencyKey });

describe("posts under one idempotency key", () => {
  test("ten at once make one request and one submit, and nine are told that they repeat it", async ({ team }) => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => postUnder(team, "once")));
    expect(answers.map((answer) => answer.status)).toEqual(Array(10).fill(202));
    expect(new Set(answers.map((answer) => answer.body.id)).size).toBe(1);
    expect(answers.filter((answer) => answer.headers.get("Idempotent-Replayed") === "true")).toHaveLength(9);
    expect(await upstreamRequests()).toHaveLength(1);
    expect((await sandboxCalls()).counts.submit).toBe(1);
    expect(await team.used()).toEqual([1]);
    await expectArmed(answers[0]?.body.id ?? "");
  });

  test("with another body are refused and name the request of the first", async ({ team }) => {
    const first = await postUnder(team, "k");
    const other = await postUnder(team, '"k"', { ...POST, input: { prompt: "a dog" } });
    expect(other.status).toBe(422);
    expect(other.body).toMatchObject({ code: "idempotency_mismatch", request_id: first.body.id });
    expect(await upstreamRequests()).toHaveLength(1);
    expect(await team.used()).toEqual([1]);
  });

  test("get the ended request, also when the limit is used up; after a day they make a new one", async ({ team }) => {
    const { id } = (await postUnder(team, "k")).body;
    await passTime(5 * SECOND_MS);
    await runToEnd(team, id);
    for (let n = 0; n < 6; n++) await team.submit(`cat ${n}`);
    const replayed = await postUnder(team, "k");
    expect(replayed.body).toMatchObject({ id, status: "COMPLETED" });
    expect((await postUnder(team, "other")).status).toBe(402);
    await passTime(DAY_MS);
    await ringTeam(team);
    const later = await postUnder(team, "k");
    expect(later.status).toBe(202);
    expect(later.body.id).not.toBe(id);
  });
});

describe("a limit of seven", () => {
  test("lets seven of twenty posts at once in, and one more for each that is given back", async ({ team }) => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => team.send("POST", "/v1/requests", POST)));
    const accepted = answers.filter((answer) => answer.status === 202);
    const refused = answers.filter((answer) => answer.status === 402);
    expect([accepted.length, refused.length]).toEqual([7, 13]);
    expect(refused[0]?.body).toMatchObject({
      code: "quota_exceeded",
      violated_policies: [{ name: "day", limit: 7, used: 7 }],
    });
    expect(await upstreamRequests()).toHaveLength(7);
    expect(await team.used()).toEqual([7]);
    const canceled = accepted[0]?.body.id ?? "";
    await team.cancel(canceled);
    await runToEnd(team, canceled);
    const after = await Promise.all([1, 2, 3].map(() => team.send("POST", "/v1/requests", POST)));
    expect(after.map((answer) => answer.status).sort()).toEqual([202, 402, 402]);
  });
});
