// Walk E: an agent with a key of its own runs in a loop. What it can spend is known before it starts, equal calls are one
// request, the answer tells it to stop, and its owner sees it and freezes the key.

import { expect } from "vitest";
import { DAY_MS, SECOND_MS } from "../../../src/platform/time.ts";
import { passTime } from "../../harness/clock.ts";
import { test } from "../../harness/fixtures.ts";
import { MODEL } from "../../harness/model.ts";
import { endOf, many, Person, type Said, sorted } from "../../harness/people.ts";
import { Team } from "../../harness/team.ts";
import { upstreamRequests } from "../../harness/upstream.ts";

const DEDUPE_S = 600;

/** A key that may spend $0.04 a day and $0.02 a call, and takes equal calls within ten minutes for one. */
async function openAgent() {
  const team = await Team.create();
  await team.send("PUT", "/v1/prices", { [MODEL]: { unit: "image", usd: "0.01" } });
  const plan = {
    ...{ dedupe_s: DEDUPE_S, max_cost_per_request: "0.02", unknown_price: "refuse" },
    limits: [{ name: "agent-day", scope: "key", per: "usd", limit: "0.04", window: "1d" }],
  };
  expect((await team.send("PUT", "/v1/plans/agent", plan)).status).toBe(200);
  const { body: key } = await team.send<{ id: string; secret: string }>("POST", "/v1/keys", { plan: "agent" });
  return { team, key, agent: new Person(key.secret) };
}

test("an agent that calls 500 times with the same words makes one request, and another only when that has failed", async () => {
  const { team, agent } = await openAgent();
  const loop = async (prompt: string): Promise<Said> => {
    const answers = await many(500, () => agent.post(prompt));
    expect(new Set(answers.map(({ status, body }) => `${status} ${body.id}`)).size).toBe(1);
    expect(answers.filter(({ headers }) => headers.get("Idempotent-Replayed") === "true")).toHaveLength(499);
    const [first] = sorted(answers).taken;
    if (first === undefined) throw new Error("nothing was taken");
    return first;
  };
  const cat = await loop("a cat");
  expect(await upstreamRequests()).toHaveLength(1);
  await endOf(team, cat);
  const again = await agent.post("a cat");
  expect([again.body.id, again.body.status]).toEqual([cat.id, "COMPLETED"]);
  await passTime(DEDUPE_S * SECOND_MS);
  expect((await agent.post("a cat")).body.id).not.toBe(cat.id);

  const failing = (await agent.post("sandbox:crash")).body;
  expect((await endOf(team, failing)).status).toBe("FAILED");
  expect((await agent.post("sandbox:crash")).body.id).not.toBe(failing.id);
  expect(await upstreamRequests()).toHaveLength(4);
});

test("different calls end at the key's budget of the day, a dear one at once, and the answer says to stop and ask a person", async () => {
  const { team, key, agent } = await openAgent();
  const dear = await agent.post("a herd", { input: { num_images: 3 } });
  expect([dear.status, dear.body.code, dear.body.retryable]).toEqual([402, "quota_exceeded", false]);
  expect(dear.body.violated_policies).toMatchObject([
    { name: "max_cost_per_request", limit: "0.020000", used: "0.030000" },
  ]);
  expect(dear.body.hint).toMatch(/\bstop\b.*\bask\b/i);
  const unpriced = await agent.ask("POST", "/v1/requests", { model: "owner/app", input: { prompt: "a cat" } });
  expect([unpriced.status, unpriced.body.code]).toEqual([403, "price_unknown"]);
  expect(await upstreamRequests()).toEqual([]);

  const { taken, refused } = sorted(await many(60, (n) => agent.post(`cat ${n}`)));
  expect([taken.length, refused.length]).toEqual([4, 56]);
  for (const { status, headers, body } of refused) {
    expect([status, body.code, body.retryable, headers.get("Retry-After")]).toEqual([
      402,
      "quota_exceeded",
      false,
      null,
    ]);
    expect(body.violated_policies).toMatchObject([{ name: "agent-day", limit: "0.040000", used: "0.040000" }]);
    expect(body.hint).toMatch(/\bstop\b.*\bask a person\b/i);
  }
  expect((await team.submit("the team's own")).status).toBe("IN_QUEUE");

  // Its owner sees what it does, stops it, and lets it go on the next day.
  const { body: listed } = await team.send<{ data: { key_id: string }[] }>("GET", "/v1/requests");
  expect(listed.data.filter((request) => request.key_id === key.id)).toHaveLength(4);
  const { body: alerts } = await team.send<{ latest: object[] }>("GET", "/v1/team/alerts");
  expect(alerts.latest).toMatchObject([
    { subject: key.id, percent: 100 },
    { subject: key.id, percent: 80 },
  ]);
  expect((await team.send("POST", `/v1/keys/${key.id}/freeze`)).status).toBe(200);
  const [known] = taken;
  const frozen = [await agent.post("cat 0"), await agent.post("another")];
  expect(frozen.map(({ status, body }) => [status, body.code])).toEqual([
    [403, "key_frozen"],
    [403, "key_frozen"],
  ]);
  await endOf(team, { id: known?.id ?? "" });
  await team.send("POST", `/v1/keys/${key.id}/resume`);
  expect((await agent.post("too early")).status).toBe(402);
  await passTime(DAY_MS);
  expect((await agent.post("another day")).status).toBe(202);
});
