// Who hears that the account is paused, and that it goes on: the operator at the configured address, teams in their feed and at
// their endpoints; within a minute, signed, once each, whatever becomes of a reply.

import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, expect } from "vitest";
import { requireConfig } from "../../../src/platform/config.ts";
import { HOUR_MS, MINUTE_MS, SECOND_MS } from "../../../src/platform/time.ts";
import { NOTICE_RETRY_MS } from "../../../src/upstream/outage-notice.ts";
import { DELIVER_TIMEOUT_MS } from "../../../src/webhooks/send.ts";
import { accountView, faultAccount, introduceAccount } from "../../harness/account.ts";
import { call } from "../../harness/calls.ts";
import { passTime } from "../../harness/clock.ts";
import { hang, newSecret, reset, saveEndpoint, status } from "../../harness/deliveries.ts";
import { bindings } from "../../harness/env.ts";
import { eventually } from "../../harness/eventually.ts";
import { test as base } from "../../harness/fixtures.ts";
import { account, ringAccount, ringTeam } from "../../harness/objects.ts";
import type { AnswerWith } from "../../harness/receiver.ts";
import { Team } from "../../harness/team.ts";
import { holdLimit } from "../../harness/timers.ts";
import { ring, runToEnd } from "../../harness/tracker.ts";

const OPERATOR = "ops.example";
const ENDPOINT = "team.example";

/** Whoever runs the deployment, at the configured address; the account knows fal. */
const test = base.extend("operator", { auto: true }, async ({ receivers, onTestFinished }) => {
  // The address is configuration, which is parsed once for all objects of an isolate.
  const configure = (url: string | undefined) =>
    runInDurableObject(account(), (instance) => {
      const { env } = instance as unknown as { env: typeof bindings };
      Object.assign(requireConfig(env), { OPERATOR_WEBHOOK_URL: url });
    });
  await introduceAccount(await Team.create());
  await passTime(MINUTE_MS);
  await configure(`https://${OPERATOR}/alerts`);
  onTestFinished(() => configure(undefined));
  const answer = await call("GET", "/v1/admin/webhook_secret", {
    headers: { Authorization: `Bearer ${bindings.ADMIN_TOKEN}` },
  });
  receivers.secrets.set(OPERATOR, [((await answer.json()) as { secret: string }).secret]);
  return {
    told: () => receivers.at(OPERATOR),
    types: () => receivers.types(OPERATOR),
    answer: (answerWith: number | AnswerWith) => receivers.answer(OPERATOR, answerWith),
  };
});

/** A request finds the account locked; answers when that was. */
async function lock(team: Team): Promise<{ id: string; lockedAt: number }> {
  await faultAccount("locked");
  const lockedAt = Date.now();
  const { id, waiting } = await team.submit("finds it locked");
  expect(waiting).toMatchObject({ reason: "upstream_paused", why: "locked" });
  return { id, lockedAt };
}

/** The account works again, and is tried; the request ends. */
async function unlock(team: Team, id: string): Promise<void> {
  await faultAccount("none");
  await passTime(MINUTE_MS);
  await ring(id);
  await eventually(async () => expect((await accountView()).health.state).toBe("open"));
  expect((await runToEnd(team, id)).status).toBe("COMPLETED");
}

/** Asserts that the account's alarm rings within `ms`, lets that pass, and rings. */
async function ringWithin(ms: number): Promise<void> {
  const alarm = await runInDurableObject(account(), (_instance, state) => state.storage.getAlarm());
  expect(alarm).toBeLessThanOrEqual(Date.now() + ms);
  await passTime(ms);
  await ringAccount();
}

describe("the operator", () => {
  test("hears of the pause and of its end, each within a minute, signed, and once", async ({ team, operator }) => {
    const { id, lockedAt } = await lock(team);
    await ringWithin(SECOND_MS);
    const since = new Date(lockedAt).toISOString();
    const data = { why: "locked", since };
    expect(operator.told().map(({ event }) => event)).toEqual([{ type: "upstream.paused", timestamp: since, data }]);
    for (let minute = 0; minute < 3; minute++) {
      await passTime(MINUTE_MS);
      await ring(id);
    }
    expect(operator.types()).toEqual(["upstream.paused"]);
    await unlock(team, id);
    await ringAccount();
    expect(operator.types()).toEqual(["upstream.paused", "upstream.resumed"]);
    expect(operator.told()[1]?.event.data).toEqual(data);
    expect(new Set(operator.told().map((each) => each.id)).size).toBe(2);
    await passTime(HOUR_MS);
    await ringAccount();
    expect(operator.told()).toHaveLength(2);
  });

  test.for([
    ["answers 500", status(500)],
    ["takes it, but the answer is lost", reset],
    ["sends a redirect", status(302, { Location: "https://elsewhere.example/" })],
  ] as const)(
    "whose receiver %s twice is told again, the same by the same id, within the minute",
    async ([_what, answer], { team, operator }) => {
      const { id } = await lock(team);
      operator.answer(answer);
      await ringWithin(SECOND_MS);
      await ringWithin(NOTICE_RETRY_MS[0]);
      expect(operator.told()).toHaveLength(2);
      operator.answer(204);
      await evictDurableObject(account());
      await ringWithin(NOTICE_RETRY_MS[1]);
      expect(operator.told()).toHaveLength(3);
      expect(new Set(operator.told().map((each) => each.id)).size).toBe(1);
      expect(new Set(operator.told().map((each) => each.body)).size).toBe(1);
      expect(new Set(operator.told().map(({ headers }) => headers.get("webhook-timestamp"))).size).toBe(3);
      await passTime(HOUR_MS);
      await ringAccount();
      expect(operator.told()).toHaveLength(3);
      await unlock(team, id);
    },
  );

  test("whose receiver never answers holds up nobody, and is told again", async ({ team, operator }) => {
    const { id } = await lock(team);
    operator.answer(hang);
    const giveUp = holdLimit(DELIVER_TIMEOUT_MS);
    const ringing = ringWithin(SECOND_MS);
    await eventually(async () => expect(operator.told()).toHaveLength(1));
    expect((await team.submit("meanwhile")).stage).toBe("held");
    giveUp();
    await ringing;
    operator.answer(204);
    await ringWithin(NOTICE_RETRY_MS[0]);
    expect(new Set(operator.told().map((each) => each.id)).size).toBe(1);
    expect(operator.told()).toHaveLength(2);
    await unlock(team, id);
  });

  test("who has not heard of a pause when it is over hears that it is over, and not of the pause any more", async ({
    team,
    operator,
  }) => {
    operator.answer(500);
    const { id } = await lock(team);
    await ringWithin(SECOND_MS);
    await unlock(team, id);
    expect(operator.types()[0]).toBe("upstream.paused");
    operator.answer(204);
    const before = operator.told().length;
    for (let hour = 0; hour < 2; hour++) {
      await passTime(HOUR_MS);
      await ringAccount();
    }
    expect(operator.types().slice(before)).toEqual(["upstream.resumed"]);
  });
});

describe("a team", () => {
  test("whose request waits hears of the pause in its feed and at its endpoint, signed, and again until it is taken", async ({
    team,
    receivers,
  }) => {
    const bystander = await Team.create();
    const secret = newSecret();
    receivers.secrets.set(ENDPOINT, [secret]);
    for (const each of [team, bystander]) {
      await saveEndpoint(each, {
        url: `https://${ENDPOINT}/${each.id}`,
        events: ["upstream.paused"],
        secrets: [{ secret, validUntil: null }],
      });
    }
    receivers.answer(ENDPOINT, 500);
    const { id, lockedAt } = await lock(team);
    await ringWithin(SECOND_MS);
    await ringTeam(team);
    expect(receivers.at(ENDPOINT).map(({ url, event }) => [url, event])).toEqual([
      [
        `https://${ENDPOINT}/${team.id}`,
        {
          type: "upstream.paused",
          timestamp: new Date(Date.now()).toISOString(),
          data: { why: "locked", since: new Date(lockedAt).toISOString() },
        },
      ],
    ]);
    receivers.answer(ENDPOINT, 204);
    await passTime(MINUTE_MS);
    await ringTeam(team);
    const heard = receivers.at(ENDPOINT);
    expect(heard).toHaveLength(2);
    expect(new Set(heard.map((each) => each.id)).size).toBe(1);
    expect(new Set(heard.map((each) => each.body)).size).toBe(1);
    const feed = await team.send<{ data: { id: string; type: string }[] }>("GET", "/v1/events?types=upstream.paused");
    expect(feed.body.data.map((event) => event.id)).toEqual([heard[0]?.id]);
    const others = await bystander.send<{ data: object[] }>("GET", "/v1/events?types=upstream.paused");
    expect(others.body.data).toEqual([]);
    await unlock(team, id);
  });
});
