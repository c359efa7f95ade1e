// The examples of the API description (docs/api-examples.json), recorded: one team's walk through the API against the sandbox, with a
// fixed clock and seed. `npm run examples` records them anew.

import { expect } from "vitest";
import { SECOND_MS } from "../../src/platform/time.ts";
import { passTime } from "../harness/clock.ts";
import { ADMIN_TOKEN } from "../harness/env.ts";
import { eventually } from "../harness/eventually.ts";
import { test as base } from "../harness/fixtures.ts";
import { finish, held } from "../harness/holds.ts";
import type { Receivers } from "../harness/receiver.ts";
import { type Recorded, Recorder } from "../harness/recorder.ts";
import { Team } from "../harness/team.ts";
import { ring, runToEnd } from "../harness/tracker.ts";
import { aPng } from "../harness/upload-calls.ts";

/** Ahead of every real clock, so that no alarm rings by itself; examples show a year with the same calendar. */
const START = Date.UTC(2037, 2, 10, 9);
const YEARS = ["2037", "2026"] as const;
const MODEL = "fal-ai/flux/schnell";
const INPUT = { prompt: "a tiny cute cat", seed: 42 };

interface WithId {
  id: string;
  secret: string;
}

/** A team whose calls are recorded, and its operator's. Time goes on between calls, so that lists have an order. */
class Walk {
  readonly team: Team;
  readonly recorder: Recorder;

  private constructor(team: Team, recorder: Recorder) {
    this.team = team;
    this.recorder = recorder;
  }

  static async begin(): Promise<Walk> {
    const recorder = new Recorder(YEARS);
    await recorder.call("GET", "/healthz");
    await passTime(SECOND_MS);
    const { body } = await recorder.call<{ key: WithId }>("POST", "/v1/admin/teams", {
      key: ADMIN_TOKEN,
      body: { id: "acme", name: "Acme", manages_connections: true },
    });
    const walk = new Walk(new Team("acme", body.key.secret, body.key.id), recorder);
    await walk.as("GET", "/v1/team");
    await recorder.call("GET", "/v1/me", { as: "unauthenticated" });
    return walk;
  }

  /** A call with the team's admin key. */
  async as<T = WithId>(
    method: string,
    path: string,
    body?: unknown,
    more: { as?: string; headers?: Record<string, string>; key?: string } = {},
  ): Promise<Recorded<T>> {
    await passTime(SECOND_MS);
    const { key } = this.team;
    return this.recorder.call<T>(method, path, { key, ...(body === undefined ? {} : { body }), ...more });
  }

  async operator<T = WithId>(method: string, path: string, body?: unknown): Promise<Recorded<T>> {
    await passTime(SECOND_MS);
    return this.recorder.call<T>(method, path, { key: ADMIN_TOKEN, ...(body === undefined ? {} : { body }) });
  }
}

const test = base.extend("walk", async ({ upstream: _upstream }) => Walk.begin());
test.override({ startsAt: START });

async function changePlans(walk: Walk): Promise<void> {
  await walk.as("POST", "/v1/plans", { name: "crawler", from: "agent", max_cost_per_request: "0.2" });
  await walk.as("GET", "/v1/plans/crawler");
  await walk.as("PATCH", "/v1/plans/crawler", { input: { max: { num_images: 1 } } });
  await walk.as("GET", "/v1/plans/crawler/versions");
  await walk.as("POST", "/v1/plans/crawler/restore", { version: 1 });
  const request = { model: MODEL, input: { prompt: "a cat", num_images: 4 } };
  await walk.as("POST", "/v1/plans/test", { plan: "demo", request }, { as: "refused" });
  const terms = { input: { force: { num_images: 1 } } };
  await walk.as("POST", "/v1/plans/test", { plan: terms, request }, { as: "changed" });
  await walk.as("POST", "/v1/plans/replay", { plan: "demo", from: "2026-11-01" });
  await walk.as("DELETE", "/v1/plans/crawler");
}

async function setUpAccess(walk: Walk): Promise<void> {
  await walk.as("PUT", "/v1/plans/demo", {
    limits: [
      { name: "visitor-day", scope: "visitor", per: "request", limit: 3, window: "1d" },
      { name: "demo-money", scope: "key", per: "usd", limit: "2", window: "1d" },
    ],
    models: { allow: [MODEL] },
    input: { max: { num_images: 1 }, forbid: ["sync_mode"] },
    unknown_price: "refuse",
  });
  await walk.as(
    "PUT",
    "/v1/plans/default",
    {
      limits: [{ name: "user-day", scope: "user", per: "request", limit: 2, window: "1d" }],
    },
    { as: "only a limit" },
  );
  await walk.as("GET", "/v1/plans");
  await changePlans(walk);
  await walk.as("PUT", "/v1/team", { plan: "default" });
  await walk.as("PATCH", "/v1/team", { name: "Acme Studios" });
  const { body: key } = await walk.as(
    "POST",
    "/v1/keys",
    { name: "Backend", scopes: ["run", "read"] },
    { as: "secret" },
  );
  await walk.as(
    "POST",
    "/v1/keys",
    { kind: "publishable", name: "Demo page", plan: "demo", origins: ["https://demo.example"] },
    { as: "publishable" },
  );
  await walk.as("GET", "/v1/keys");
  await walk.as("GET", `/v1/keys/${key.id}`);
  await walk.as("PATCH", `/v1/keys/${key.id}`, { name: "Backend of Acme", models: ["fal-ai/**"] });
  await walk.as("POST", `/v1/keys/${key.id}/freeze`);
  await walk.as("POST", `/v1/keys/${key.id}/resume`);
  await walk.as("POST", `/v1/keys/${key.id}/rotate`, { overlap_s: 3_600 });
  await walk.as("DELETE", `/v1/keys/${key.id}`);
  await walk.as("POST", "/v1/tokens", { user: "ada", ttl_s: 600 });
  await walk.as("PUT", "/v1/issuers/auth0", {
    preset: "auth0",
    issuer: "https://acme.eu.auth0.com/",
    audience: ["https://api.acme.example"],
  });
  await walk.as("GET", "/v1/issuers");
  await walk.as("POST", "/v1/team/jwt/test", { token: "not-a-token" });
  await walk.as("DELETE", "/v1/issuers/auth0");
  await walk.as("POST", "/v1/team/freeze");
  await walk.as("POST", "/v1/team/resume");
}

async function setUpMoney(walk: Walk): Promise<void> {
  await walk.as("GET", "/v1/models");
  await walk.as("GET", `/v1/models/${MODEL}`);
  await walk.as("POST", "/v1/estimate", { model: MODEL, input: { ...INPUT, num_images: 2 } });
  await walk.as("GET", "/v1/prices");
  await walk.as("PATCH", "/v1/prices", { "fal-ai/flux/schnell": { usd: "0.004" } });
  const video = { unit: "second", usd: "0.4", fields: ["duration"], max: 8, default: 8 };
  await walk.as("PUT", "/v1/prices/acme/video", video);
  await walk.as("GET", "/v1/prices/acme/video");
  await walk.as("PATCH", "/v1/prices/acme/video", { usd: "0.35" });
  await walk.as("DELETE", "/v1/prices/acme/video");
  await walk.as("PUT", "/v1/prices", {
    [MODEL]: { unit: "megapixel", usd: "0.003" },
    "fal-ai/veo3/**": { unit: "second", usd: "0.4", fields: ["duration"] },
  });
  await walk.as("GET", "/v1/prices/history");
  await walk.as("PUT", "/v1/team/alerts", { usd_percents: [80, 100] });
  await walk.as("GET", "/v1/team/alerts");
}

async function setUpWebhooks(walk: Walk, receivers: Receivers): Promise<string> {
  const { body: own } = await walk.as<{ secret: string }>("GET", "/v1/team/webhook_secret");
  receivers.secrets.set("own.example", [own.secret]);
  const { body: endpoint } = await walk.as("POST", "/v1/webhooks", {
    url: "https://app.example/hooks",
    events: ["request.completed", "request.failed"],
  });
  receivers.secrets.set("app.example", [endpoint.secret]);
  await walk.as("GET", "/v1/webhooks");
  await walk.as("GET", `/v1/webhooks/${endpoint.id}`);
  await walk.as("POST", `/v1/webhooks/${endpoint.id}/test`);
  await walk.as("PATCH", `/v1/webhooks/${endpoint.id}`, { description: "The app's backend" });
  await walk.as("GET", `/v1/webhooks/${endpoint.id}/secret`);
  await walk.as("POST", `/v1/webhooks/${endpoint.id}/disable`);
  await walk.as("POST", `/v1/webhooks/${endpoint.id}/enable`, { backlog: "skip" });
  return endpoint.id;
}

async function runRequests(walk: Walk): Promise<string> {
  const body = {
    model: MODEL,
    input: INPUT,
    user: "ada",
    tags: { env: "prod" },
    metadata: { order: 17 },
    webhook_url: "https://own.example/hook",
  };
  const headers = { "Idempotency-Key": "order-17" };
  const { body: made } = await walk.as("POST", "/v1/requests", body, { as: "accepted", headers });
  await walk.as("POST", "/v1/requests", body, { as: "replayed", headers });
  await walk.as("GET", `/v1/requests/${made.id}`, undefined, { as: "in queue" });
  await runToEnd(walk.team, made.id);
  const { headers: read } = await walk.as("GET", `/v1/requests/${made.id}`, undefined, { as: "completed" });
  await walk.as("GET", `/v1/requests/${made.id}`, undefined, {
    as: "not modified",
    headers: { "If-None-Match": read.get("ETag") ?? "" },
  });
  await walk.as("GET", `/v1/requests/${made.id}/events`);
  await walk.as("GET", `/v1/requests/${made.id}/timeline`);
  await walk.as("GET", `/v1/requests/${made.id}/input`);
  await walk.as("POST", `/v1/requests/${made.id}/cancel`, undefined, { as: "already ended" });

  const waiting = walk.as(
    "POST",
    "/v1/requests",
    { model: MODEL, input: INPUT, user: "grace" },
    {
      as: "completed within the wait",
      headers: { Prefer: "wait=30" },
    },
  );
  const second = await eventually(async () => {
    const { body: list } = await walk.team.send<{ data: WithId[] }>("GET", "/v1/requests?user=grace");
    return list.data[0]?.id ?? null;
  });
  await held(second, 1);
  await finish(second);
  await waiting;

  const third = { model: MODEL, input: { ...INPUT, prompt: "a cat sandbox:refused" }, user: "ada" };
  const failing = await walk.team.send<WithId>("POST", "/v1/requests", third);
  await runToEnd(walk.team, failing.body.id);
  await walk.as("GET", `/v1/requests/${failing.body.id}`, undefined, { as: "failed" });
  await walk.as("POST", "/v1/requests", { model: MODEL, input: INPUT, user: "ada" }, { as: "limit used up" });
  await walk.as("POST", "/v1/requests", { model: MODEL, input: { prompt: 7 } }, { as: "invalid input" });
  await walk.as("GET", `/v1/requests/${"0".repeat(64)}`, undefined, { as: "not found" });

  const open = await walk.team.send<WithId>("POST", "/v1/requests", { model: MODEL, input: INPUT, user: "linus" });
  await walk.as("POST", `/v1/requests/${open.body.id}/cancel`, undefined, { as: "canceled" });
  await ring(open.body.id);
  await walk.as("POST", "/v1/requests/cancel", { filter: { user: "linus" } });
  await walk.as("GET", "/v1/requests?limit=2");
  await walk.as("GET", "/v1/me?user=ada");
  return made.id;
}

async function useFiles(walk: Walk, id: string): Promise<void> {
  const { body: share } = await walk.as("POST", `/v1/requests/${id}/shares`, { expires_in_s: 86_400 });
  await walk.as("GET", `/v1/requests/${id}/shares`);
  await walk.as("DELETE", `/v1/requests/${id}/shares/${share.id}`);
  await walk.as("DELETE", `/v1/requests/${id}/shares`);
  const announced = { file_name: "cat.png", content_type: "image/png" };
  const { body: upload } = await walk.as<WithId & { upload_url: string }>("POST", "/v1/uploads", announced);
  await passTime(SECOND_MS);
  await walk.recorder.call("PUT", upload.upload_url, { body: aPng(2_048), headers: { "Content-Type": "image/png" } });
  await walk.as("GET", "/v1/uploads");
  await walk.as("GET", `/v1/uploads/${upload.id}`);
  await walk.as("DELETE", `/v1/uploads/${upload.id}`);
}

async function readWhatHappened(walk: Walk, id: string, endpoint: string): Promise<void> {
  await walk.as("GET", `/v1/requests/${id}/deliveries`);
  const { body: list } = await walk.as<{ data: WithId[] }>("GET", "/v1/deliveries?limit=2");
  const delivery = list.data.at(-1)?.id ?? "";
  await walk.as("GET", `/v1/deliveries/${delivery}`);
  await walk.as("POST", `/v1/deliveries/${delivery}/replay`);
  await walk.as("GET", `/v1/webhooks/${endpoint}/deliveries?limit=2`);
  const { body: replay } = await walk.as("POST", "/v1/deliveries/replay", { filter: { endpoint, state: "delivered" } });
  await walk.as("GET", `/v1/deliveries/replay/${replay.id}`);
  await walk.as("POST", `/v1/deliveries/replay/${replay.id}/cancel`);
  await walk.as("GET", "/v1/events?limit=3");
  await walk.as("GET", "/v1/requests/count?status=completed");
  await walk.as("GET", "/v1/usage?group_by=day,tag:client", undefined, { as: "json" });
  await walk.as("GET", "/v1/usage?group_by=user&format=csv", undefined, { as: "csv" });
  await walk.as("GET", "/v1/usage/months/2025-01");
  await walk.as("POST", "/v1/usage/months/2025-01/close");
  await walk.as("GET", "/v1/usage/archive");
  await walk.as("GET", "/v1/users?sort=last&limit=2");
  await walk.as("GET", "/v1/audit?limit=3");
  await walk.as("GET", "/v1/connections");
  await walk.as("GET", "/v1/users/ada");
  await walk.as("POST", "/v1/users/ada/freeze?create=true");
  await walk.as("POST", "/v1/users/ada/resume");
  await walk.operator("GET", "/v1/admin/upstream");
  await walk.operator("GET", "/v1/admin/webhook_secret");
  await walk.operator("PATCH", "/v1/admin/teams/acme", { manages_connections: false });
}

async function useCompatible(walk: Walk): Promise<void> {
  const { body } = await walk.as<{ request_id: string }>("POST", `/fal/queue/${MODEL}`, INPUT);
  const { request_id: id } = body;
  await runToEnd(walk.team, id);
  await walk.as("GET", `/fal/queue/fal-ai/flux/requests/${id}/status`);
  await walk.as("GET", `/fal/queue/fal-ai/flux/requests/${id}`);
  const { body: maton } = await walk.as<{ request_id: string }>("POST", `/maton/fal-ai/${MODEL}`, INPUT);
  await runToEnd(walk.team, maton.request_id);
  await walk.as("GET", `/maton/fal-ai/fal-ai/flux/requests/${maton.request_id}`);
}

async function remove(walk: Walk, id: string, endpoint: string): Promise<void> {
  await walk.as("DELETE", `/v1/requests/${id}`);
  await walk.as("GET", `/v1/requests/${id}`, undefined, { as: "gone" });
  await walk.as("DELETE", "/v1/users/grace");
  await walk.as("GET", "/v1/users/grace/removal");
  await walk.as("POST", `/v1/webhooks/${endpoint}/rotate`, { overlap_s: 86_400 });
  await walk.as("DELETE", `/v1/webhooks/${endpoint}`);
  await walk.as("POST", "/v1/team/webhook_secret/rotate", { overlap_s: 86_400 });
  await walk.operator("DELETE", "/v1/admin/teams/acme");
  await walk.operator("GET", "/v1/admin/teams/acme/removal");
}

test("docs/api-examples.json is what the API answers on this walk", async ({ walk, receivers }) => {
  await setUpAccess(walk);
  await setUpMoney(walk);
  const endpoint = await setUpWebhooks(walk, receivers);
  const id = await runRequests(walk);
  await useFiles(walk, id);
  await readWhatHappened(walk, id, endpoint);
  await useCompatible(walk);
  await remove(walk, id, endpoint);
  for (const delivery of receivers.received) walk.recorder.delivery(delivery);
  await expect(walk.recorder.file()).toMatchFileSnapshot("../../docs/api-examples.json");
});
