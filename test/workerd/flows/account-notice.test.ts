// Who hears that the account is paused, and that it goes on: the operator at the configured address, teams in their feed and at
// their endpoints; within a minute, signed, once each, whatever becomes of a reply.

import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, expect, onTestFinished, test } from "vitest";
import { requireConfig } from "../../../src/platform/config.ts";
import { HOUR_MS, MINUTE_MS, SECOND_MS } from "../../../src/platform/time.ts";
import { NOTICE_RETRY_MS } from "../../../src/upstream/outage-notice.ts";
import { DELIVER_TIMEOUT_MS } from "../../../src/webhooks/send.ts";
import { accountView, faultAccount, introduceAccount } from "../../harness/account.ts";
import { call } from "../../harness/calls.ts";
import { onFrozenClocks, passTime } from "../../harness/clock.ts";
import { hang, newSecret, reset, saveEndpoint, status } from "../../harness/deliveries.ts";
import { bindings } from "../../harness/env.ts";
import { eventually } from "../../harness/eventually.ts";
import { account, ringAccount, ringTeam } from "../../harness/objects.ts";
import { Receivers } from "../../harness/receiver.ts";
import { Team } from "../../harness/team.ts";
import { holdLimit } from "../../harness/timers.ts";
import { ring, runToEnd } from "../../harness/tracker.ts";

const OPERATOR = "ops.example";
const ENDPOINT = "team.example";

let team: Team;
let receivers: Receivers;
onFrozenClocks(async () => {
  await introduceAccount(await Team.create());
  await passTime(MINUTE_MS);
  team = await Team.create();
  receivers = Receivers.open();
  await configureOperator();
});

/** The address is configuration, which is parsed once for all objects of an isolate. */
async function configureOperator(): Promise<void> {
  const configure = (url: string | undefined) =>
    runInDurableObject(account(), (instance) => {
      const { env } = instance as unknown as { env: typeof bindings };
      Object.assign(requireConfig(env), { OPERATOR_WEBHOOK_URL: url });
    });
  await configure(`https://${OPERATOR}/alerts`);
  onTestFinished(() => configure(undefined));
  const answer = await call("GET", "/v1/admin/webhook_secret", {
    headers: { Authorization: `Bearer ${bindings.ADMIN_TOKEN}` },
  });
  receivers.secrets.set(OPERATOR, [((await answer.json()) as { secret: string }).secret]);
}

/** A request finds the account locked; answers when that was. */
async function lock(): Promise<{ id: string; lockedAt: number }> {
  await faultAccount("locked");
  const lockedAt = Date.now();
  const { id, waiting } = await team.submit("finds it locked");
  expect(waiting).toMatchObject({ reason: "upstream_paused", why: "locked" });
  return { id, lockedAt };
}

/** The account works again, and is tried; the request ends. */
async function unlock(id: string): Promise<void> {
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

const told = () => receivers.at(OPERATOR);

describe("the operator", () => {
  test("hears of the pause and of its end, each within a minute, signed, and once", async () => {
    const { id, lockedAt } = await lock();
    await ringWithin(SECOND_MS);
    const since = new Date(lockedAt).toISOString();
    const data = { why: "locked", since };
    expect(told().map(({ event }) => event)).toEqual([{ type: "upstream.paused", timestamp: since, data }]);
    for (let minute = 0; minute < 3; minute++) {
      await passTime(MINUTE_MS);
      await ring(id);
    }
    expect(receivers.types(OPERATOR)).toEqual(["upstream.paused"]);
    await unlock(id);
    await ringAccount();
    expect(receivers.types(OPERATOR)).toEqual(["upstream.paused", "upstream.resumed"]);
    expect(told()[1]?.event.data).toEqual(data);
    expect(new Set(told().map((each) => each.id)).size).toBe(2);
    await passTime(HOUR_MS);
    await ringAccount();
    expect(told()).toHaveLength(2);
  });

  test.each([
    ["answers 500", status(500)],
    ["takes it, but the answer is lost", reset],
    ["sends a redirect", status(302, { Location: "https://elsewhere.example/" })],
  ])("whose receiver %s twice is told again, the same by the same id, within the minute", async (_what, answer) => {
    const { id } = await lock();
    receivers.answer(OPERATOR, answer);
    await ringWithin(SECOND_MS);
    await ringWithin(NOTICE_RETRY_MS[0]);
    expect(told()).toHaveLength(2);
    receivers.answer(OPERATOR, 204);
    await evictDurableObject(account());
    await ringWithin(NOTICE_RETRY_MS[1]);
    expect(told()).toHaveLength(3);
    expect(new Set(told().map((each) => each.id)).size).toBe(1);
    expect(new Set(told().map((each) => each.body)).size).toBe(1);
    expect(new Set(told().map(({ headers }) => headers.get("webhook-timestamp"))).size).toBe(3);
    await passTime(HOUR_MS);
    await ringAccount();
    expect(told()).toHaveLength(3);
    await unlock(id);
  });

  test("whose receiver never answers holds up nobody, and is told again", async () => {
    const { id } = await lock();
    receivers.answer(OPERATOR, hang);
    const giveUp = holdLimit(DELIVER_TIMEOUT_MS);
    const ringing = ringWithin(SECOND_MS);
    await eventually(async () => expect(told()).toHaveLength(1));
    expect((await team.submit("meanwhile")).stage).toBe("held");
    giveUp();
    await ringing;
    receivers.answer(OPERATOR, 204);
    await ringWithin(NOTICE_RETRY_MS[0]);
    expect(new Set(told().map((each) => each.id)).size).toBe(1);
    expect(told()).toHaveLength(2);
    await unlock(id);
  });

  test("who has not heard of a pause when it is over hears that it is over, and not of the pause any more", async () => {
    receivers.answer(OPERATOR, 500);
    const { id } = await lock();
    await ringWithin(SECOND_MS);
    await unlock(id);
    expect(receivers.types(OPERATOR)[0]).toBe("upstream.paused");
    receivers.answer(OPERATOR, 204);
    const before = told().length;
    for (let hour = 0; hour < 2; hour++) {
      await passTime(HOUR_MS);
      await ringAccount();
    }
    expect(receivers.types(OPERATOR).slice(before)).toEqual(["upstream.resumed"]);
  });
});

describe("a team", () => {
  test("whose request waits hears of the pause in its feed and at its endpoint, signed, and again until it is taken", async () => {
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
    const { id, lockedAt } = await lock();
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
    await unlock(id);
  });
});
