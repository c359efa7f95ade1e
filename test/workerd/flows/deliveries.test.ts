// The ends of requests on their way to a team's endpoints, seen from the team: lists, backlogs, bulk replays, notices.

import { evictDurableObject } from "cloudflare:test";
import { describe, expect } from "vitest";
import { teamFor } from "../../../src/platform/stubs.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from "../../../src/platform/time.ts";
import { introduceAccount } from "../../harness/account.ts";
import { passTime } from "../../harness/clock.ts";
import { bindings } from "../../harness/env.ts";
import { test as base } from "../../harness/fixtures.ts";
import { ringTeam } from "../../harness/objects.ts";
import { expectVerified, type Receivers, verifies } from "../../harness/receiver.ts";
import { Team } from "../../harness/team.ts";
import { ring, runToEnd } from "../../harness/tracker.ts";

interface Summary {
  id: string;
  endpoint: string | null;
  request: string | null;
  event_id: string;
  event_type: string;
  state: string;
  attempts: number;
  last_status: number | null;
  last_category: string | null;
  replay: string | null;
}
interface Page {
  data: Summary[];
  next_cursor: string | null;
}
interface Replay {
  id: string;
  state: string;
  replayed: number;
  expired: number;
  refused: number;
}

const test = base.extend("newEndpoint", async ({ team, receivers }) => {
  return (host: string, body: Record<string, unknown> = {}) => newEndpointOf(team, receivers, host, body);
});
test.beforeEach(async ({ team }) => introduceAccount(team));

async function newEndpointOf(
  team: Team,
  receivers: Receivers,
  host: string,
  body: Record<string, unknown>,
): Promise<{ id: string; secret: string }> {
  const endpoint = { url: `https://${host}/hook`, ...body };
  const made = await team.send<{ id: string; secret: string }>("POST", "/v1/webhooks", endpoint);
  expect(made.status).toBe(201);
  receivers.secrets.set(host, [made.body.secret]);
  return made.body;
}

/** A request that has ended, with its deliveries tried once and reported. */
async function anEnd(team: Team, more: Record<string, unknown> = {}): Promise<string> {
  const { id } = await team.submit("a cat", more);
  await passTime(5 * SECOND_MS);
  await runToEnd(team, id);
  for (let n = 0; n < 3; n++) await ring(id);
  return id;
}

const deliveries = async (team: Team, query = "") => (await team.send<Page>("GET", `/v1/deliveries${query}`)).body.data;
const endpointNow = async (team: Team, id: string) =>
  (await team.send<Record<string, unknown>>("GET", `/v1/webhooks/${id}`)).body;

/** Rings the team until a bulk replay is over. */
async function finished(team: Team, id: string): Promise<Replay> {
  for (let n = 0; n < 20; n++) {
    const { body } = await team.send<Replay>("GET", `/v1/deliveries/replay/${id}`);
    if (body.state !== "running") return body;
    await ringTeam(team);
    await passTime(5 * SECOND_MS);
  }
  throw new Error("the replay did not end");
}

describe("the end of a request", () => {
  test("is delivered to every endpoint that asks and to its own URL, each signed with its own secret, by one id", async ({
    team,
    receivers,
    newEndpoint,
  }) => {
    const all = await newEndpoint("all.example");
    const tagged = await newEndpoint("tagged.example", { tags: { env: "prod" } });
    await newEndpoint("other.example", { tags: { env: "dev" } });
    await newEndpoint("failed.example", { events: ["request.failed"] });
    const own = await team.send<{ secret: string }>("GET", "/v1/team/webhook_secret");
    receivers.secrets.set("own.example", [own.body.secret]);
    const request = await anEnd(team, { tags: { env: "prod" }, webhook_url: "https://own.example/" });
    const secrets = { "all.example": all.secret, "tagged.example": tagged.secret, "own.example": own.body.secret };
    for (const [host, secret] of Object.entries(secrets)) {
      const [received] = receivers.at(host);
      expectVerified(received ?? expect.unreachable(`nothing at ${host}`), secret);
    }
    expect(receivers.received).toHaveLength(3);
    expect(new Set(receivers.received.map(({ id }) => id)).size).toBe(1);
    const listed = await deliveries(team);
    expect(listed.map(({ state, request: of }) => [state, of])).toEqual(listed.map(() => ["delivered", request]));
    expect(new Set(listed.map(({ endpoint }) => endpoint))).toEqual(new Set([all.id, tagged.id, null]));
    const feed = await team.send<{ data: { id: string }[] }>("GET", "/v1/events?types=request.completed");
    expect(feed.body.data.at(-1)?.id).toBe(receivers.received[0]?.id);
  });

  test("is signed for its own URL with both of the team's secrets in an overlap, and with the new one alone after a leak", async ({
    team,
    receivers,
  }) => {
    const secret = async () => (await team.send<{ secret: string }>("GET", "/v1/team/webhook_secret")).body.secret;
    const rotate = (overlap_s: number) => team.send("POST", "/v1/team/webhook_secret/rotate", { overlap_s });
    const old = await secret();
    expect((await rotate(3_600)).status).toBe(200);
    const next = await secret();
    receivers.secrets.set("own.example", [old, next]);
    await anEnd(team, { webhook_url: "https://own.example/" });
    expect([old, next].map((each) => verifies(receivers.received[0] ?? expect.unreachable(), each))).toEqual([
      true,
      true,
    ]);
    expect((await rotate(3_600)).status).toBe(409);
    expect((await rotate(0)).status).toBe(200);
    const last = await secret();
    receivers.secrets.set("own.example", [last]);
    await anEnd(team, { webhook_url: "https://own.example/" });
    const verdicts = [old, next, last].map((each) => verifies(receivers.received[1] ?? expect.unreachable(), each));
    expect(verdicts).toEqual([false, false, true]);
  });

  test("that is not taken is listed as undelivered, by endpoint, state and page", async ({
    team,
    receivers,
    newEndpoint,
  }) => {
    const { id } = await newEndpoint("down.example");
    await newEndpoint("up.example");
    receivers.answer("down.example", 500);
    for (let n = 0; n < 3; n++) await anEnd(team);
    const undelivered = await deliveries(team, "?state=undelivered");
    expect(undelivered.map(({ endpoint, state, last_status }) => [endpoint, state, last_status])).toEqual(
      undelivered.map(() => [id, "failing", 500]),
    );
    expect(undelivered).toHaveLength(3);
    const first = (await team.send<Page>("GET", `/v1/webhooks/${id}/deliveries?state=failing&limit=2`)).body;
    const second = (
      await team.send<Page>("GET", `/v1/webhooks/${id}/deliveries?state=failing&limit=2&cursor=${first.next_cursor}`)
    ).body;
    expect([...first.data, ...second.data].map((each) => each.id)).toEqual(undelivered.map((each) => each.id));
    expect(second.next_cursor).toBeNull();
    expect(await deliveries(team, "?state=delivered")).toHaveLength(3);
    expect((await team.send("GET", "/v1/deliveries?cursor=x")).status).toBe(400);
    expect(await endpointNow(team, id)).toMatchObject({ health: { failed_deliveries: 3 } });
  });
});

describe("an end whose delivery has to wait", () => {
  test("goes out although its team has no request left to post", async ({ receivers }) => {
    const team = await Team.create({
      limits: [{ name: "day", scope: "team", per: "request", limit: 1, window: "1d" }],
    });
    await newEndpointOf(team, receivers, "one.example", { events: ["request.completed"] });
    receivers.answer("one.example", 500);
    const request = await anEnd(team);
    const refused = await team.send("POST", "/v1/requests", {
      model: "fal-ai/flux/schnell",
      input: { prompt: "one more" },
    });
    expect(refused.status).toBe(402);
    receivers.answer("one.example", 204);
    await passTime(MINUTE_MS);
    await ring(request);
    expect(receivers.types("one.example")).toEqual(["request.completed", "request.completed"]);
  });

  test("is listed while nothing rings for two hours, and then told at once, each by one id", async ({
    team,
    receivers,
    newEndpoint,
  }) => {
    await newEndpoint("one.example");
    receivers.answer("one.example", 500);
    const requests = [await anEnd(team), await anEnd(team)];
    const until = receivers.received.length;
    await passTime(2 * HOUR_MS);
    expect((await deliveries(team, "?state=undelivered")).map(({ request }) => request)).toEqual(requests.toReversed());
    receivers.answer("one.example", 204);
    for (const request of requests) {
      await ring(request);
      await passTime(SECOND_MS);
    }
    for (const request of requests) await ring(request);
    expect(receivers.received.slice(until).map(({ event }) => event.data.id)).toEqual(requests);
    expect(new Set(receivers.received.map(({ id }) => id)).size).toBe(2);
    expect(await deliveries(team, "?state=undelivered")).toEqual([]);
  });
});

describe("a disabled endpoint", () => {
  test("gets nothing, keeps its backlog, and is sent it with the same ids when it is enabled so", async ({
    team,
    receivers,
    newEndpoint,
  }) => {
    const { id, secret } = await newEndpoint("one.example");
    await team.send("POST", `/v1/webhooks/${id}/disable`);
    const requests = [await anEnd(team), await anEnd(team)];
    expect(receivers.received).toEqual([]);
    const missed = await deliveries(team, "?state=undelivered");
    expect(missed.map(({ state, last_category }) => [state, last_category])).toEqual([
      ["gone", "disabled"],
      ["gone", "disabled"],
    ]);
    const enabled = await team.send<{ status: string; replay: Replay }>("POST", `/v1/webhooks/${id}/enable`, {
      backlog: "send",
    });
    expect(enabled.body).toMatchObject({ status: "enabled", replay: { state: "running" } });
    expect(await finished(team, enabled.body.replay.id)).toMatchObject({ state: "done", replayed: 2, refused: 0 });
    for (const request of requests) await ring(request);
    await passTime(2 * SECOND_MS);
    for (const request of requests) await ring(request);
    expect(receivers.received.map(({ id: each }) => each).sort()).toEqual(
      missed.map(({ event_id }) => event_id).sort(),
    );
    for (const received of receivers.received) expectVerified(received, secret);
  });

  test("starts with what comes next when it is enabled without its backlog", async ({
    team,
    receivers,
    newEndpoint,
  }) => {
    const { id } = await newEndpoint("one.example");
    receivers.answer("one.example", 500);
    const before = await anEnd(team);
    expect(receivers.received).toHaveLength(1);
    await team.send("POST", `/v1/webhooks/${id}/disable`);
    await team.send("POST", `/v1/webhooks/${id}/enable`, { backlog: "skip" });
    receivers.answer("one.example", 204);
    await passTime(MINUTE_MS);
    await ring(before);
    expect(receivers.received).toHaveLength(1);
    await anEnd(team);
    expect(receivers.received).toHaveLength(2);
    expect((await team.send("POST", `/v1/webhooks/${id}/enable`, {})).status).toBe(400);
  });

  test("is not sent what was on its way when it is deleted", async ({ team, receivers, newEndpoint }) => {
    const { id } = await newEndpoint("one.example");
    receivers.answer("one.example", 500);
    const request = await anEnd(team);
    await team.send("DELETE", `/v1/webhooks/${id}`);
    await passTime(MINUTE_MS);
    for (let n = 0; n < 2; n++) await ring(request);
    expect(receivers.received).toHaveLength(1);
    expect(await deliveries(team, "?state=gone")).toHaveLength(1);
  });
});

describe("a bulk replay", () => {
  test("sends again what its filter finds, each with its id, and says how far it has come", async ({
    team,
    receivers,
    newEndpoint,
  }) => {
    const { id } = await newEndpoint("one.example");
    await newEndpoint("two.example");
    const requests = [await anEnd(team), await anEnd(team)];
    const [before] = await deliveries(team, `?endpoint=${id}`);
    receivers.received.length = 0;
    const filter = { endpoint: id, state: "delivered" };
    const begun = await team.send<Replay>("POST", "/v1/deliveries/replay", { filter });
    expect([begun.status, begun.body.state]).toEqual([202, "running"]);
    expect(await finished(team, begun.body.id)).toMatchObject({ state: "done", replayed: 2, expired: 0 });
    for (const request of requests) await ring(request);
    expect(receivers.at("one.example")).toHaveLength(2);
    expect(receivers.at("two.example")).toHaveLength(0);
    expect(receivers.received.map((each) => each.id)).toContain(before?.event_id);
    expect((await deliveries(team, `?endpoint=${id}`))[0]).toMatchObject({ replay: begun.body.id });
  });

  test("is begun once by a double click, and can be stopped", async ({ team, newEndpoint }) => {
    await newEndpoint("one.example");
    await anEnd(team);
    const filter = { state: "delivered" };
    const [one, two] = await Promise.all(
      [1, 2].map(() => team.send<Replay>("POST", "/v1/deliveries/replay", { filter })),
    );
    expect(one?.body.id).toBe(two?.body.id);
    expect([one?.status, two?.status].sort()).toEqual([200, 202]);
    const stopped = await team.send<Replay>("POST", `/v1/deliveries/replay/${one?.body.id}/cancel`);
    expect(stopped.body).toMatchObject({ state: "canceled", replayed: 0 });
    await ringTeam(team);
    expect((await finished(team, stopped.body.id)).state).toBe("canceled");
  });

  test("sends nothing of a request that was deleted, and goes on with the others", async ({
    team,
    receivers,
    newEndpoint,
  }) => {
    await newEndpoint("one.example");
    const [gone, kept] = [await anEnd(team), await anEnd(team)];
    expect((await team.send("DELETE", `/v1/requests/${gone}`)).status).toBeLessThan(300);
    receivers.received.length = 0;
    const begun = await team.send<Replay>("POST", "/v1/deliveries/replay", { filter: { state: "delivered" } });
    expect(await finished(team, begun.body.id)).toMatchObject({ state: "done", replayed: 1, expired: 0 });
    await ring(kept);
    expect(receivers.received).toHaveLength(1);
  });

  test("goes on where it was after the team's object is cut off, and sends events of the team too", async ({
    team,
    receivers,
    newEndpoint,
  }) => {
    const { id } = await newEndpoint("one.example");
    await team.send("POST", `/v1/webhooks/${id}/test`);
    await ringTeam(team);
    const [sent] = receivers.received;
    const begun = await team.send<Replay>("POST", "/v1/deliveries/replay", { filter: { state: "delivered" } });
    await evictDurableObject(teamFor(bindings, team.id));
    expect(await finished(team, begun.body.id)).toMatchObject({ state: "done", replayed: 1 });
    await ringTeam(team);
    expect(receivers.received.map((each) => [each.id, each.body])).toEqual([
      [sent?.id, sent?.body],
      [sent?.id, sent?.body],
    ]);
  });
});

describe("an endpoint that only fails", () => {
  const states = (receivers: Receivers) => receivers.at("watch.example").map(({ event }) => event.data.state);

  test("is told of after an hour, again a day before the end, and disabled after five days, through another endpoint", async ({
    team,
    receivers,
    newEndpoint,
  }) => {
    const { id } = await newEndpoint("down.example", { events: ["request.completed", "endpoint.failing"] });
    await newEndpoint("watch.example", { events: ["endpoint.failing"] });
    receivers.answer("down.example", 500);
    await anEnd(team);
    await anEnd(team);
    await passTime(HOUR_MS);
    await ringTeam(team);
    expect(states(receivers)).toEqual(["failing"]);
    expect(receivers.types("down.example")).not.toContain("endpoint.failing");
    await passTime(3 * DAY_MS);
    await ringTeam(team);
    expect(states(receivers)).toEqual(["failing"]);
    await passTime(DAY_MS);
    await ringTeam(team);
    await passTime(DAY_MS);
    await ringTeam(team);
    expect(states(receivers)).toEqual(["failing", "disabling_soon", "disabled"]);
    expect(await endpointNow(team, id)).toMatchObject({ status: "disabled", disabled_reason: "failing" });
    const feed = await team.send<{ data: { data: { state: string } }[] }>("GET", "/v1/events?types=endpoint.failing");
    expect(feed.body.data.map(({ data }) => data.state)).toEqual(["failing", "disabling_soon", "disabled"]);
  });

  test("has its notices in the feed when the other endpoint is down as well, and they tell of no notices", async ({
    team,
    receivers,
    newEndpoint,
  }) => {
    await newEndpoint("down.example", { events: ["request.completed"] });
    await newEndpoint("watch.example", { events: ["endpoint.failing"] });
    receivers.answer("down.example", 500);
    receivers.answer("watch.example", 500);
    await anEnd(team);
    for (let hours = 0; hours < 12; hours++) {
      await passTime(HOUR_MS);
      await ringTeam(team);
    }
    const feed = await team.send<{ data: { data: { url: string } }[] }>("GET", "/v1/events?types=endpoint.failing");
    expect(feed.body.data.map(({ data }) => data.url)).toEqual(["https://down.example/hook"]);
  });

  test("is tried once a second in an outage, whatever is due at once", async ({ team, receivers, newEndpoint }) => {
    await newEndpoint("down.example");
    receivers.answer("down.example", 500);
    const requests = [await anEnd(team), await anEnd(team), await anEnd(team)];
    await passTime(6 * MINUTE_MS);
    receivers.received.length = 0;
    for (const tried of [1, 2, 3]) {
      for (const request of requests) await ring(request);
      expect(receivers.received).toHaveLength(tried);
      await passTime(SECOND_MS);
    }
  });

  test("is not told of when it recovers within the hour", async ({ team, receivers, newEndpoint }) => {
    const { id } = await newEndpoint("down.example");
    receivers.answer("down.example", 500);
    const request = await anEnd(team);
    receivers.answer("down.example", 204);
    await passTime(MINUTE_MS);
    for (let n = 0; n < 2; n++) await ring(request);
    await passTime(2 * HOUR_MS);
    await ringTeam(team);
    expect(await endpointNow(team, id)).toMatchObject({ health: { failing_since: null, failed_deliveries: 0 } });
    const feed = await team.send<{ data: unknown[] }>("GET", "/v1/events?types=endpoint.failing");
    expect(feed.body.data).toEqual([]);
  });
});
