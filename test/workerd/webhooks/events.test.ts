// Every emitter of an event is driven with real values, and what it says is held against the union's schemas: as the feed
// shows it and as receivers get it. An event of the union that nobody emits fails here too.

import { runInDurableObject } from "cloudflare:test";
import { describe, expect } from "vitest";
import type { PauseReason } from "../../../src/contracts/account.ts";
import type { EndpointHealth } from "../../../src/contracts/team-webhooks.ts";
import { requireConfig } from "../../../src/platform/config.ts";
import { SECOND_MS } from "../../../src/platform/time.ts";
import { requestText } from "../../../src/requests/view/serialize.ts";
import { TeamDatabase } from "../../../src/team/database.ts";
import { checkEndpoints, recordReport } from "../../../src/team/endpoints/delivery-scheduler.ts";
import {
  ENDPOINT_DISABLE_AFTER_MS,
  ENDPOINT_NOTICE_AFTER_MS,
  ENDPOINT_WARN_AFTER_MS,
  NEW_HEALTH,
} from "../../../src/team/endpoints/endpoint-health.ts";
import { openStores, type TeamStores } from "../../../src/team/stores.ts";
import { nearlyFullEvent } from "../../../src/team/usage/size-watch.ts";
import { noticeOf } from "../../../src/upstream/outage-notice.ts";
import { withUnlistedHosts } from "../../../src/upstream/unlisted-hosts.ts";
import { endEvent, eventBody } from "../../../src/webhooks/event-body.ts";
import { anyEvent, feedLine } from "../../../src/webhooks/events.ts";
import { operatorTestEvent } from "../../../src/webhooks/operator.ts";
import { passTime } from "../../harness/clock.ts";
import { saveEndpoint } from "../../harness/deliveries.ts";
import { bindings } from "../../harness/env.ts";
import { test } from "../../harness/fixtures.ts";
import { endReported, LATER, MODEL_FAILED, onward, recordAt } from "../../harness/requests.ts";
import type { Team } from "../../harness/team.ts";
import { anEnd, SOMEBODY, type TeamObject } from "../../harness/team-object.ts";

function withStores<T>(team: Team, work: (stores: TeamStores) => T): Promise<T> {
  return runInDurableObject(bindings.TEAM.getByName(team.id), (_instance, state) => {
    return work(openStores(new TeamDatabase(state.storage.sql)));
  });
}

/** What Team has put on its way to endpoints. */
function outboxBodies(team: Team): Promise<string[]> {
  return runInDurableObject(bindings.TEAM.getByName(team.id), (_instance, state) => {
    const rows = state.storage.sql.exec<{ body: string }>("SELECT body FROM outbox").toArray();
    return rows.map(({ body }) => body);
  });
}

async function feed(team: Team): Promise<{ type: string; data: object }[]> {
  const answer = await team.send<{ data: { type: string; data: object }[] }>("GET", "/v1/events?limit=100");
  expect(answer.status).toBe(200);
  return answer.body.data;
}

/** The ends of four requests, as their trackers tell the team. */
async function endRequests(teamObject: TeamObject): Promise<void> {
  for (const outcome of ["completed", "failed", "canceled"] as const) {
    const eventType = `request.${outcome}` as const;
    await teamObject.stub.settle(anEnd(await teamObject.admitted(), "charge", { outcome, eventType }));
  }
  const lost = await teamObject.admitted();
  await teamObject.stub.settle(anEnd(lost, "keep", { outcome: "failed", eventType: "request.failed" }));
  await passTime(SECOND_MS);
  await teamObject.stub.settle(anEnd(lost, "charge", { eventType: "request.recovered" }));
}

/** One alert for each kind of scope that has any. */
async function reachLimits(team: Team, teamObject: TeamObject): Promise<void> {
  const scopes = ["team", "key", "user", "visitor", "ip", "tag:client"] as const;
  const limits = scopes.map((scope, n) => {
    return { name: `l${n}`, scope, per: "usd", limit: "0.01", window: n % 2 === 0 ? "1d" : "1h" } as const;
  });
  await teamObject.putPlan("default", { limits });
  await team.send("PUT", "/v1/prices", { "**": { unit: "request", usd: "0.01" } });
  await teamObject.admitted({ user: "ada", visitor: "v1", ip: "203.0.113.7", tags: { client: "acme" } });
}

/** Every state that an endpoint's failures are told in. */
async function failEndpoint(team: Team, teamObject: TeamObject, id: string): Promise<void> {
  const now = Date.now();
  const runs: EndpointHealth[] = [
    { ...NEW_HEALTH, failures: 2, failingSince: now - ENDPOINT_NOTICE_AFTER_MS },
    { ...NEW_HEALTH, failures: 2, failingSince: now - ENDPOINT_WARN_AFTER_MS, notified: "failing", lastSuccessAt: 1 },
    { ...NEW_HEALTH, failures: 2, failingSince: now - ENDPOINT_DISABLE_AFTER_MS, notified: "disabling_soon" },
  ];
  await withStores(team, (stores) => {
    for (const health of runs) {
      stores.endpoints.setHealth(id, health, now);
      checkEndpoints(stores, now);
    }
    stores.endpoints.setDisabled(id, null);
  });
  const sent = await teamObject.stub.endpoints.test(id, SOMEBODY);
  if (sent.kind === "refused") throw new Error(sent.refusal.detail);
  const { deliveryId } = sent;
  await withStores(team, (stores) => {
    const gone = { outcome: "gone", status: 410, category: "refused", attempts: 1, failedReplay: false } as const;
    recordReport(stores, { ...gone, deliveryId, requestId: null, at: now });
  });
}

/** The bodies that tell of the ends of requests, each whole and thin. */
async function endBodies(): Promise<string[]> {
  const proven = onward(
    recordAt("uncertain"),
    { type: "timed_out" },
    endReported({ kind: "error", error: MODEL_FAILED }),
  );
  expect(proven.state.recoveredAt).not.toBeNull();
  const records = [recordAt("completed"), recordAt("failed"), recordAt("canceled"), proven];
  const bodies = records.map(async ({ state, files }) => {
    const { stage, recoveredAt } = state;
    if (stage !== "completed" && stage !== "failed" && stage !== "canceled") throw new Error("it has not ended");
    const output = stage === "completed" ? ({ at: "row", text: '{"images":[]}' } as const) : null;
    const view = { state, files, output, payload: null, logs: null, timelineSeq: 1 };
    const text = await requestText(bindings.FILES, requireConfig(bindings), view, { logs: false });
    const end = { outcome: stage, recovered: recoveredAt !== null, endedAt: LATER, requestText: text };
    return [false, true].map((outputOmitted) => endEvent({ ...end, outputOmitted }));
  });
  return (await Promise.all(bodies)).flat();
}

const PAUSES: PauseReason[] = ["locked", "key_refused", "failing"];
const closed = (why: PauseReason) => ({ why, since: Date.now(), probeAt: Date.now(), probes: 0 });

/** What the operator is told, of the account, of a team's size, of media hosts and as a test. */
function operatorBodies(team: Team): string[] {
  const types = ["upstream.paused", "upstream.resumed"] as const;
  const notices = PAUSES.flatMap((why) => types.map((type) => noticeOf(type, closed(why), null, Date.now())));
  const full = nearlyFullEvent(team.id, 8_100_000, 10_000_000, Date.now());
  const found = { hosts: ["v4.fal.media"], requestId: "a".repeat(64) };
  const hosts = withUnlistedHosts({ toldAt: {}, due: [] }, found, Date.now())?.due.map(({ event }) => event) ?? [];
  return [...notices, full, ...hosts, operatorTestEvent(Date.now())].map(eventBody);
}

async function pauseUpstream(teamObject: TeamObject): Promise<void> {
  for (const why of PAUSES) {
    const { type, data } = noticeOf("upstream.paused", closed(why), null, Date.now());
    if (type === "upstream.paused") await teamObject.stub.events.publish({ type, data });
  }
}

const typesOf = (options: readonly { shape: { type: { value: string } } }[]) =>
  options.map(({ shape }) => shape.type.value);
const seen = (events: readonly { type: string }[]) => [...new Set(events.map(({ type }) => type))].sort();

describe("what every emitter says", () => {
  test("fits its schema, in the feed and in deliveries, and no event is without an emitter", async ({
    team,
    teamObject,
  }) => {
    await saveEndpoint(team, { url: "https://hears.example/" });
    const failing = await saveEndpoint(team, { url: "https://fails.example/", description: "It fails." });
    await endRequests(teamObject);
    await reachLimits(team, teamObject);
    await pauseUpstream(teamObject);
    await failEndpoint(team, teamObject, failing.id);

    const lines = (await feed(team)).map((each) => feedLine().parse(each));
    expect(seen(lines)).toEqual(typesOf(feedLine().options).sort());
    const about = (type: string) => lines.flatMap((each) => (each.type === type ? [each.data] : []));
    expect(new Set(about("limit.reached").map((data) => ("scope" in data ? data.scope : "")))).toEqual(
      new Set(["team", "key", "user", "tag:client"]),
    );
    expect(about("endpoint.failing")).toMatchObject([
      { state: "failing", reason: "only failures" },
      { state: "disabling_soon", reason: "only failures" },
      { state: "disabled", reason: "only failures" },
      { state: "disabled", reason: "it answered 410" },
    ]);

    const bodies = [...(await outboxBodies(team)), ...(await endBodies()), ...operatorBodies(team)];
    const events = bodies.map((body) => anyEvent().parse(JSON.parse(body)));
    expect(seen(events)).toEqual(typesOf(anyEvent().options).sort());
  });

  test("has a sentence in the union for each event", () => {
    for (const { description } of [...anyEvent().options, ...feedLine().options])
      expect(description).toMatch(/^[A-Z].*\.$/);
  });
});

describe("a payload", () => {
  const timestamp = "2026-11-05T06:07:08.090Z";
  const request = { id: "r1", model: "fal-ai/x", status: "COMPLETED", links: {} };

  test.each<[string, object]>([
    ["of another event", { type: "limit.reached", timestamp, data: { test: true } }],
    ["with a field too many", { type: "webhook.test", timestamp, data: { test: true, extra: 1 } }],
    ["of another end", { type: "request.failed", timestamp, data: request }],
    [
      "of a request without its model, which is not thin either",
      {
        ...{ type: "request.completed", timestamp },
        data: { id: "r1", status: "COMPLETED", links: {}, output: 1 },
      },
    ],
    ["of an event that nobody knows", { type: "request.vanished", timestamp, data: request }],
  ])("%s does not fit", (_what, event) => {
    expect(anyEvent().safeParse(event).success).toBe(false);
  });
});
