// Webhook endpoints as admins manage them, and what reaches them of events that Team sends itself.

import { runInDurableObject } from "cloudflare:test";
import { describe, expect } from "vitest";
import { teamFor } from "../../../src/platform/stubs.ts";
import { HOUR_MS, MINUTE_MS, SECOND_MS } from "../../../src/platform/time.ts";
import { LEASE_SLACK_MS } from "../../../src/requests/machine/effect-schedule.ts";
import { ENDPOINTS_PER_TEAM_MAX } from "../../../src/team/endpoints/endpoint-admin.ts";
import { DELIVER_TIMEOUT_MS } from "../../../src/webhooks/send.ts";
import { passTime } from "../../harness/clock.ts";
import { deliveryOf } from "../../harness/deliveries.ts";
import { bindings } from "../../harness/env.ts";
import { eventually } from "../../harness/eventually.ts";
import { test as base } from "../../harness/fixtures.ts";
import { ringTeam } from "../../harness/objects.ts";
import { expectVerified, verifies } from "../../harness/receiver.ts";
import { Team } from "../../harness/team.ts";

interface EndpointObject {
  id: string;
  url: string;
  events: string[] | null;
  status: string;
  secret: string;
  header_names: string[];
  disabled_reason: string | null;
  health: { failing_since: string | null; failed_deliveries: number };
  [field: string]: unknown;
}
type Problem = { code: string; detail: string };

const test = base
  .extend("newEndpoint", async ({ team, receivers }) => {
    return async (body: Record<string, unknown> = {}): Promise<EndpointObject> => {
      const endpoint = { url: "https://one.example/hook", ...body };
      const made = await team.send<EndpointObject>("POST", "/v1/webhooks", endpoint);
      expect(made.status).toBe(201);
      receivers.secrets.set(new URL(made.body.url).hostname, [made.body.secret]);
      return made.body;
    };
  })
  .extend("read", async ({ team }) => {
    return async (id: string) => (await team.send<EndpointObject>("GET", `/v1/webhooks/${id}`)).body;
  })
  /** Sends a test event and lets it go out; answers the delivery's id. */
  .extend("sendTest", async ({ team }) => async (id: string) => {
    const sent = await team.send<{ delivery_id: string }>("POST", `/v1/webhooks/${id}/test`);
    expect(sent.status).toBe(202);
    await ringTeam(team);
    return sent.body.delivery_id;
  });
/** Of a team whose first request of $0.009 uses most of its money. */
const testNearLimit = test.extend("plan", {
  limits: [{ name: "money", scope: "team", per: "usd", limit: "0.01", window: "1d" }],
});

describe("an endpoint", () => {
  test("is made, read, changed and deleted, and the audit tells of each", async ({ team, newEndpoint, read }) => {
    const made = await newEndpoint({ events: ["request.failed"], headers: { "X-Env": "prod" }, tags: { env: "prod" } });
    expect(made).toMatchObject({ status: "enabled", events: ["request.failed"], header_names: ["X-Env"] });
    expect(made.secret).toMatch(/^whsec_/);
    const { secret: _secret, previous_valid_until: _until, ...shown } = made;
    expect(await read(made.id)).toEqual(shown);
    const changed = await team.send("PATCH", `/v1/webhooks/${made.id}`, { url: "https://two.example/", events: null });
    expect(changed.body).toMatchObject({ url: "https://two.example/", events: null, tags: { env: "prod" } });
    expect((await team.send("DELETE", `/v1/webhooks/${made.id}`)).status).toBe(204);
    expect((await team.send("GET", `/v1/webhooks/${made.id}`)).status).toBe(404);
    const audit = await team.send<{ data: { action: string }[] }>("GET", "/v1/audit");
    const actions = audit.body.data.map(({ action }) => action).filter((action) => action.startsWith("webhook."));
    expect(actions).toEqual(["webhook.deleted", "webhook.changed", "webhook.created"]);
  });

  test.for([
    ["http://one.example/", "https://"],
    ["https://127.1/", "IP address"],
    ["https://2130706433/", "IP address"],
    ["https://[::1]/", "IP address"],
    ["https://metadata.internal/", "local name"],
    ["https://sluice.test/v1/requests", "this gateway"],
    ["https://user:pass@one.example/", "user name"],
    ["https://one.example:25/", "port"],
    ["https://one.example./", "dot"],
    ["nonsense", "not a URL"],
  ] as const)("is not made, nor changed, to be at %s", async ([url, why], { team, newEndpoint }) => {
    const { id } = await newEndpoint();
    for (const [method, path] of [
      ["POST", "/v1/webhooks"],
      ["PATCH", `/v1/webhooks/${id}`],
    ] as const) {
      const refused = await team.send<Problem>(method, path, { url });
      expect([refused.status, refused.body.code]).toEqual([400, "invalid_request"]);
      expect(refused.body.detail).toContain(why);
    }
  });

  test.for([
    ["webhook-signature", "x"],
    ["Host", "evil.example"],
    ["content-length", "1"],
    ["x-ok", "line\r\nbreak"],
    ["x-ok", "ünicode"],
    ["bad name", "x"],
  ] as const)("may not carry the header %s: %s", async ([name, value], { team }) => {
    const refused = await team.send<Problem>("POST", "/v1/webhooks", {
      url: "https://one.example/",
      headers: { [name]: value },
    });
    expect([refused.status, refused.body.code]).toEqual([400, "invalid_request"]);
  });

  test("is one of a limited number", async ({ team, newEndpoint }) => {
    for (let n = 0; n < ENDPOINTS_PER_TEAM_MAX; n++) await newEndpoint();
    const refused = await team.send<Problem>("POST", "/v1/webhooks", { url: "https://one.example/" });
    expect([refused.status, refused.body.code]).toEqual([409, "conflict"]);
  });
});

describe("a test event", () => {
  test("goes out signed and marked on the road of all others, with the endpoint's own headers", async ({
    receivers,
    newEndpoint,
    read,
    sendTest,
  }) => {
    const { id, secret } = await newEndpoint({
      events: ["request.failed"],
      headers: { Authorization: "Bearer abcdef" },
    });
    await sendTest(id);
    const [received] = receivers.received;
    if (received === undefined) throw new Error("nothing came");
    expectVerified(received, secret);
    expect(received.event).toMatchObject({ type: "webhook.test", data: { test: true, endpoint_id: id } });
    expect(received.headers.get("authorization")).toBe("Bearer abcdef");
    expect((await read(id)).health).toMatchObject({ failing_since: null });
  });

  test("that fails is tried again with the same id and bytes, and does not count against the endpoint", async ({
    team,
    receivers,
    newEndpoint,
    read,
    sendTest,
  }) => {
    const { id } = await newEndpoint();
    receivers.answer("one.example", 500);
    await sendTest(id);
    await passTime(6 * SECOND_MS);
    await ringTeam(team);
    const [first, second] = receivers.received;
    expect(receivers.received).toHaveLength(2);
    expect([second?.id, second?.body]).toEqual([first?.id, first?.body]);
    expect(second?.headers.get("webhook-timestamp")).not.toBe(first?.headers.get("webhook-timestamp"));
    expect((await read(id)).health).toMatchObject({ failing_since: null, failed_deliveries: 0 });
  });

  test("reaches a disabled endpoint too, so that it can be tried before it is enabled", async ({
    team,
    receivers,
    newEndpoint,
    sendTest,
  }) => {
    const { id } = await newEndpoint();
    expect((await team.send("POST", `/v1/webhooks/${id}/disable`)).body).toMatchObject({ status: "disabled" });
    await sendTest(id);
    expect(receivers.received).toHaveLength(1);
  });
});

describe("a rotation", () => {
  const rotate = (team: Team, id: string, overlapS?: number) =>
    team.send<{ secret: string; previous_valid_until: string | null; code?: string }>(
      "POST",
      `/v1/webhooks/${id}/rotate`,
      overlapS === undefined ? {} : { overlap_s: overlapS },
    );

  test("signs with both secrets during the overlap, the new one first, and with the new one alone after it", async ({
    team,
    receivers,
    newEndpoint,
    sendTest,
  }) => {
    const { id, secret: old } = await newEndpoint();
    receivers.answer("one.example", 500);
    await sendTest(id);
    const { body } = await rotate(team, id, 60);
    receivers.secrets.set("one.example", [body.secret]);
    await passTime(6 * SECOND_MS);
    await ringTeam(team);
    const [before, during] = receivers.received;
    if (!before || !during) throw new Error("two tries were expected");
    expect([verifies(during, old), verifies(during, body.secret)]).toEqual([true, true]);
    await passTime(6 * MINUTE_MS);
    await ringTeam(team);
    const after = receivers.received[2] ?? expect.unreachable("a third try was expected");
    expect(during.headers.get("webhook-signature")?.split(" ")).toHaveLength(2);
    expect(during.headers.get("webhook-signature")?.split(" ")[0]).not.toBe(before.headers.get("webhook-signature"));
    expect(after.headers.get("webhook-signature")?.split(" ")).toHaveLength(1);
    expectVerified(after, body.secret);
  });

  test("after a leak takes the old secret out of the very next try", async ({
    team,
    receivers,
    newEndpoint,
    sendTest,
  }) => {
    const { id, secret: old } = await newEndpoint();
    receivers.answer("one.example", 500);
    await sendTest(id);
    const { body } = await rotate(team, id, 0);
    receivers.secrets.set("one.example", [body.secret]);
    expect(body.previous_valid_until).toBeNull();
    await passTime(6 * SECOND_MS);
    await ringTeam(team);
    const last = receivers.received.at(-1);
    if (last === undefined) throw new Error("nothing came");
    expect([verifies(last, old), verifies(last, body.secret)]).toEqual([false, true]);
  });

  test("is refused while the last one's overlap lasts, but for a leak", async ({ team, newEndpoint }) => {
    const { id } = await newEndpoint();
    expect((await rotate(team, id)).status).toBe(200);
    const again = await rotate(team, id);
    expect([again.status, again.body.code]).toEqual([409, "conflict"]);
    const leaked = await rotate(team, id, 0);
    expect(leaked.status).toBe(200);
    const shown = await team.send("GET", `/v1/webhooks/${id}/secret`);
    expect(shown.body).toEqual({ secret: leaked.body.secret, previous_valid_until: null });
    await rotate(team, id, 60);
    await passTime(61 * SECOND_MS);
    expect((await rotate(team, id)).status).toBe(200);
  });
});

describe("an event of the team", () => {
  testNearLimit(
    "reaches every endpoint that asks for it, signed with its own secret, and no other",
    async ({ team, receivers, newEndpoint }) => {
      await team.send("PUT", "/v1/prices", { "**": { unit: "request", usd: "0.009" } });
      const all = await newEndpoint();
      const some = await newEndpoint({ url: "https://two.example/", events: ["limit.reached"] });
      await newEndpoint({ url: "https://three.example/", events: ["request.completed"] });
      await newEndpoint({ url: "https://four.example/", tags: { env: "prod" } });
      const { id } = await team.submit();
      await ringTeam(team);
      const [one, two] = [receivers.at("one.example")[0], receivers.at("two.example")[0]];
      if (!one || !two) throw new Error("both were to be told");
      expectVerified(one, all.secret);
      expectVerified(two, some.secret);
      expect(one.id).toBe(two.id);
      expect(one.event).toMatchObject({ type: "limit.reached", data: { limit_name: "money", percent: 80 } });
      expect(receivers.received).toHaveLength(2);
      await team.cancel(id);
    },
  );

  test("that one receiver never answers reaches the others, and admits go on meanwhile", async ({
    team,
    receivers,
    newEndpoint,
    sendTest,
  }) => {
    const stuck = Promise.withResolvers<Response>();
    const slow = await newEndpoint({ url: "https://slow.example/" });
    const quick = await newEndpoint({ url: "https://quick.example/" });
    receivers.answer("slow.example", () => stuck.promise);
    for (const { id } of [slow, slow, slow, slow, slow, quick]) await team.send("POST", `/v1/webhooks/${id}/test`);
    await ringTeam(team);
    expect([receivers.at("quick.example"), receivers.at("slow.example")].map(({ length }) => length)).toEqual([1, 1]);
    // While that one hangs: the next event for another receiver, and an admit.
    await sendTest(quick.id);
    const { id } = await team.submit();
    expect([receivers.at("quick.example"), receivers.at("slow.example")].map(({ length }) => length)).toEqual([2, 1]);
    receivers.answer("slow.example", 204);
    stuck.resolve(new Response(null, { status: 204 }));
    await eventually(async () => expect(receivers.at("slow.example")).toHaveLength(5));
    await team.cancel(id);
  });

  test("is not sent any more to an endpoint that answered 410; others and the feed are told why", async ({
    team,
    receivers,
    newEndpoint,
    read,
    sendTest,
  }) => {
    const gone = await newEndpoint({ url: "https://gone.example/" });
    await newEndpoint({ url: "https://watch.example/", events: ["endpoint.failing"] });
    receivers.answer("gone.example", 410);
    await sendTest(gone.id);
    await ringTeam(team);
    expect(await read(gone.id)).toMatchObject({ status: "disabled", disabled_reason: "gone" });
    expect(receivers.at("watch.example").map(({ event }) => event)).toMatchObject([
      { type: "endpoint.failing", data: { endpoint_id: gone.id, state: "disabled", reason: "it answered 410" } },
    ]);
  });

  test("whose try is cut off is sent again once its lease is over, with the same id and bytes", async ({
    team,
    receivers,
    newEndpoint,
    sendTest,
  }) => {
    const { id } = await newEndpoint();
    receivers.answer("one.example", () => new Promise(() => undefined));
    const delivery = await sendTest(id);
    const stub = teamFor(bindings, team.id);
    const cut = runInDurableObject(stub, (_instance, state) => state.abort("cut off by a test"));
    await expect(cut).rejects.toThrow("cut off by a test");
    receivers.answer("one.example", 204);
    await ringTeam(team);
    expect(receivers.received).toHaveLength(1);
    await passTime(DELIVER_TIMEOUT_MS + LEASE_SLACK_MS);
    await ringTeam(team);
    const [first, second] = receivers.received;
    expect(receivers.received).toHaveLength(2);
    expect([second?.id, second?.body]).toEqual([first?.id, first?.body]);
    expect(await deliveryOf(team, delivery)).toMatchObject({ state: "delivered", log: [{ status: 204 }] });
  });

  test("is tried for three days, then given up, and stays to be sent again", async ({
    team,
    receivers,
    newEndpoint,
    sendTest,
  }) => {
    const { id } = await newEndpoint();
    receivers.answer("one.example", 500);
    await sendTest(id);
    for (let tries = 1; tries < 12; tries++) {
      await passTime(30 * HOUR_MS);
      await ringTeam(team);
    }
    expect(receivers.received).toHaveLength(10);
    expect(new Set(receivers.received.map(({ id: each, body }) => each + body)).size).toBe(1);
  });
});

describe("the delivery of an event of the team", () => {
  test("is read with what was sent and every try, and replayed with the same id and bytes", async ({
    team,
    receivers,
    newEndpoint,
    sendTest,
  }) => {
    const { id } = await newEndpoint();
    const delivery = await sendTest(id);
    const shown = () => deliveryOf(team, delivery);
    const [first] = receivers.received;
    expect(await shown()).toMatchObject({
      ...{ endpoint: id, request: null, event_id: first?.id, event_type: "webhook.test", state: "delivered" },
      ...{ attempts: 1, next_attempt_at: null, sent: { body: first?.body, end: "whole" } },
      log: [{ status: 204, group: 0, replay: false, next: { at: null, why: "delivered" } }],
    });
    for (const [status, attempts] of [
      [500, 2],
      [204, 3],
    ] as const) {
      receivers.answer("one.example", status);
      const replayed = await team.send("POST", `/v1/deliveries/${delivery}/replay`);
      expect([replayed.status, replayed.body]).toMatchObject([202, { state: "pending", sent: { body: first?.body } }]);
      await ringTeam(team);
      expect(await shown()).toMatchObject({ state: "delivered", attempts, next_attempt_at: null });
    }
    expect(receivers.received.map((each) => [each.id, each.body])).toEqual(Array(3).fill([first?.id, first?.body]));
    expect((await shown()).log.map(({ group, replay, next }) => [group, replay, next.why])).toEqual([
      [0, false, "delivered"],
      [1, true, "replay_failed"],
      [2, true, "delivered"],
    ]);
  });

  test("a replay while a try is planned hastens it, and while one is under way adds none", async ({
    team,
    receivers,
    newEndpoint,
    sendTest,
  }) => {
    const { id } = await newEndpoint();
    receivers.answer("one.example", 500);
    const delivery = await sendTest(id);
    const replay = async () => {
      expect((await team.send("POST", `/v1/deliveries/${delivery}/replay`)).status).toBe(202);
    };
    expect((await deliveryOf(team, delivery)).next_attempt_at).not.toBeNull();
    const stuck = Promise.withResolvers<Response>();
    receivers.answer("one.example", () => stuck.promise);
    await replay();
    await ringTeam(team);
    expect(receivers.received).toHaveLength(2);
    expect((await deliveryOf(team, delivery)).next_attempt_at).toBeNull();
    await replay();
    stuck.resolve(new Response(null, { status: 500 }));
    await eventually(async () => expect((await deliveryOf(team, delivery)).log).toHaveLength(2));
    await ringTeam(team);
    expect(receivers.received).toHaveLength(2);
    expect(await deliveryOf(team, delivery)).toMatchObject({ state: "failing", attempts: 2 });
    receivers.answer("one.example", 204);
    await replay();
    await ringTeam(team);
    expect(await deliveryOf(team, delivery)).toMatchObject({ state: "delivered", attempts: 3 });
  });

  testNearLimit(
    "that fails when it is sent again does not count against its endpoint",
    async ({ team, receivers, newEndpoint, read }) => {
      await team.send("PUT", "/v1/prices", { "**": { unit: "request", usd: "0.009" } });
      const { id } = await newEndpoint({ events: ["limit.reached"] });
      const { id: request } = await team.submit();
      await ringTeam(team);
      const before = (await read(id)).health;
      const list = await team.send<{ data: { id: string }[] }>("GET", `/v1/webhooks/${id}/deliveries`);
      const [line] = list.body.data;
      receivers.answer("one.example", 500);
      await team.send("POST", `/v1/deliveries/${line?.id}/replay`);
      await ringTeam(team);
      expect(await deliveryOf(team, line?.id ?? "")).toMatchObject({ state: "delivered", attempts: 2 });
      expect((await read(id)).health).toEqual(before);
      await team.cancel(request);
    },
  );

  test("that nobody knows, or another team's, is 404 to whoever reads or replays it", async ({
    team,
    newEndpoint,
    sendTest,
  }) => {
    const { id } = await newEndpoint();
    const delivery = await sendTest(id);
    const stranger = await Team.create();
    for (const [method, path] of [
      ["GET", `/v1/deliveries/${delivery}`],
      ["POST", `/v1/deliveries/${delivery}/replay`],
    ] as const) {
      expect((await stranger.send(method, path)).status).toBe(404);
    }
    await team.send("DELETE", `/v1/webhooks/${id}`);
    expect((await team.send("POST", `/v1/deliveries/${delivery}/replay`)).status).toBe(409);
  });
});

describe("the operator's webhook", () => {
  const asOperator = (method: string, path: string) =>
    new Team("operator", bindings.ADMIN_TOKEN).send<{ secret: string; code: string; hint: string }>(method, path);

  test("has a secret that stays the same, and says which setting is missing when it is tested without an address", async () => {
    const [one, two] = [
      await asOperator("GET", "/v1/admin/webhook_secret"),
      await asOperator("GET", "/v1/admin/webhook_secret"),
    ];
    expect(one.body.secret).toMatch(/^whsec_/);
    expect(two.body).toEqual(one.body);
    const tested = await asOperator("POST", "/v1/admin/webhook_test");
    expect([tested.status, tested.body.code]).toEqual([409, "conflict"]);
    expect(tested.body.hint).toContain("OPERATOR_WEBHOOK_URL");
  });
});
