// The same post more than once: by its idempotency key, by its content, at the same time, after a reload.

import { describe, expect } from "vitest";
import { DAY_MS, SECOND_MS } from "../../../src/platform/time.ts";
import { IDENTITY_CACHE_MS } from "../../../src/team/auth/issuer-cache.ts";
import type { Answer } from "../../harness/calls.ts";
import { passTime } from "../../harness/clock.ts";
import { test } from "../../harness/fixtures.ts";
import type { RequestObject } from "../../harness/request-object.ts";
import type { Team } from "../../harness/team.ts";
import { runToEnd } from "../../harness/tracker.ts";
import { upstreamRequests } from "../../harness/upstream.ts";

const BODY = { model: "fal-ai/flux/schnell", input: { prompt: "a cat" } };
const COUNT = { name: "count", scope: "team", per: "request", limit: 100, window: "1d" } as const;

test.override({ plan: { limits: [COUNT] } });

type Posted = Answer<RequestObject & { code?: string }>;

function post(team: Team, headers: Record<string, string>, body: object = BODY): Promise<Posted> {
  return team.send("POST", "/v1/requests", body, headers);
}

function isReplay({ headers }: Posted): boolean {
  return headers.get("Idempotent-Replayed") === "true";
}

describe("an idempotency key", () => {
  test("makes one request of ten equal posts at the same time, and one call upstream", async ({ team }) => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => post(team, { "Idempotency-Key": "k" })));
    expect(answers.map((answer) => answer.status)).toEqual(Array(10).fill(202));
    expect(new Set(answers.map((answer) => answer.body.id)).size).toBe(1);
    expect(answers.filter((answer) => !isReplay(answer))).toHaveLength(1);
    expect(await upstreamRequests()).toHaveLength(1);
    expect(await team.used()).toEqual([1]);
  });

  test("is the same quoted and bare, as the AI SDK sends it", async ({ team }) => {
    const first = await post(team, { "idempotency-key": "aisdk_vid_7" });
    const again = await post(team, { "Idempotency-Key": '"aisdk_vid_7"' });
    expect([again.body.id, isReplay(first), isReplay(again)]).toEqual([first.body.id, false, true]);
  });

  test("gives the ended request too, as it is now", async ({ team }) => {
    const { body } = await post(team, { "Idempotency-Key": "k" });
    await passTime(5 * SECOND_MS);
    const ended = await runToEnd(team, body.id);
    expect((await post(team, { "Idempotency-Key": "k" })).body).toEqual(ended);
  });

  test("with another body, another user or other tags in it is a mistake or another's", async ({ team }) => {
    const first = await post(team, { "Idempotency-Key": "k" });
    const other = await post(team, { "Idempotency-Key": "k" }, { ...BODY, input: { prompt: "a dog" } });
    expect([other.status, other.body.code]).toEqual([422, "idempotency_mismatch"]);
    const tagged = await post(team, { "Idempotency-Key": "k", "Sluice-Tags": "client=acme" });
    expect(tagged.body.code).toBe("idempotency_mismatch");
    const anna = await post(team, { "Idempotency-Key": "k", "Sluice-User": "anna" });
    expect(anna.status).toBe(202);
    expect(anna.body.id).not.toBe(first.body.id);
  });

  test("is not used up by a post that was refused", async ({ team }) => {
    await team.send("PUT", "/v1/plans/default", { limits: [{ ...COUNT, limit: 0 }] });
    expect((await post(team, { "Idempotency-Key": "k" })).status).toBe(402);
    await team.send("PUT", "/v1/plans/default?replace=true", {});
    expect((await post(team, { "Idempotency-Key": "k" })).status).toBe(202);
  });

  test("finds its request also under a plan whose rules would refuse the input by now", async ({ team }) => {
    const first = await post(team, { "Idempotency-Key": "k" });
    await team.send("PATCH", "/v1/plans/default", { input: { forbid: ["prompt"] } });
    // At first the edge still remembers the older plan, later it knows the one in force.
    for (const laterMs of [0, 2 * IDENTITY_CACHE_MS]) {
      await passTime(laterMs);
      const again = await post(team, { "Idempotency-Key": "k" });
      expect([again.status, again.body.id, isReplay(again)]).toEqual([202, first.body.id, true]);
    }
    expect((await post(team, { "Idempotency-Key": "new" })).body.code).toBe("invalid_input");
  });

  test("is free again after a day", async ({ team }) => {
    const first = await post(team, { "Idempotency-Key": "k" });
    await passTime(DAY_MS);
    const next = await post(team, { "Idempotency-Key": "k" }, { ...BODY, input: { prompt: "a dog" } });
    expect(next.body.id).not.toBe(first.body.id);
  });
});

describe("equal posts without a key", () => {
  test("are different requests, because people want variations", async ({ team }) => {
    const [one, two] = await Promise.all([post(team, {}), post(team, {})]);
    expect(one?.body.id).not.toBe(two?.body.id);
  });

  test("within dedupe_s are one request, ten at the same time too", async ({ team }) => {
    await team.send("PUT", "/v1/plans/default", { limits: [COUNT], dedupe_s: 60 });
    const answers = await Promise.all(Array.from({ length: 10 }, () => post(team, {})));
    expect(new Set(answers.map((answer) => answer.body.id)).size).toBe(1);
    expect(answers.filter((answer) => !isReplay(answer))).toHaveLength(1);
    expect(await upstreamRequests()).toHaveLength(1);
    await passTime(60 * SECOND_MS);
    expect(isReplay(await post(team, {}))).toBe(false);
  });
});
