// The examples of the API description (docs/api-examples.json), recorded: one team's walk through the API against the sandbox, with a
// fixed clock and seed. `npm run examples` records them anew.

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { SECOND_MS } from "../../src/platform/time.ts";
import { freezeClocks, passTime } from "../harness/clock.ts";
import { ADMIN_TOKEN } from "../harness/env.ts";
import { eventually } from "../harness/eventually.ts";
import { finish, held } from "../harness/holds.ts";
import { Receivers } from "../harness/receiver.ts";
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

let recorder: Recorder;
let team: Team;

beforeEach(async () => {
  await freezeClocks(START);
  recorder = new Recorder(YEARS);
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** A call of the team with its admin key. Time goes on between calls, so that lists have an order. */
async function as<T = WithId>(
  method: string,
  path: string,
  body?: unknown,
  more: { as?: string; headers?: Record<string, string>; key?: string } = {},
): Promise<Recorded<T>> {
  await passTime(SECOND_MS);
  return recorder.call<T>(method, path, { key: team.key, ...(body === undefined ? {} : { body }), ...more });
}

async function operator<T = WithId>(method: string, path: string, body?: unknown): Promise<Recorded<T>> {
  await passTime(SECOND_MS);
  return recorder.call<T>(method, path, { key: ADMIN_TOKEN, ...(body === undefined ? {} : { body }) });
}

async function makeTeam(): Promise<void> {
  await recorder.call("GET", "/healthz");
  const { body } = await operator<{ key: WithId }>("POST", "/v1/admin/teams", {
    id: "acme",
    name: "Acme",
    manages_connections: true,
  });
  team = new Team("acme", body.key.secret, body.key.id);
  await as("GET", "/v1/team");
  await recorder.call("GET", "/v1/me", { as: "unauthenticated" });
}

async function setUpAccess(): Promise<void> {
  await as("PUT", "/v1/plans/demo", {
    limits: [
      { name: "visitor-day", scope: "visitor", per: "request", limit: 3, window: "1d" },
      { name: "demo-money", scope: "key", per: "usd", limit: "2", window: "1d" },
    ],
    models: { allow: [MODEL] },
    input: { max: { num_images: 1 }, forbid: ["sync_mode"] },
    unknown_price: "refuse",
  });
  await as(
    "PUT",
    "/v1/plans/default",
    {
      limits: [{ name: "user-day", scope: "user", per: "request", limit: 2, window: "1d" }],
    },
    { as: "only a limit" },
  );
  await as("GET", "/v1/plans");
  await as("PUT", "/v1/team", { plan: "default" });
  const { body: key } = await as("POST", "/v1/keys", { name: "Backend", scopes: ["run", "read"] }, { as: "secret" });
  await as(
    "POST",
    "/v1/keys",
    { kind: "publishable", name: "Demo page", plan: "demo", origins: ["https://demo.example"] },
    { as: "publishable" },
  );
  await as("GET", "/v1/keys");
  await as("POST", `/v1/keys/${key.id}/freeze`);
  await as("POST", `/v1/keys/${key.id}/resume`);
  await as("POST", `/v1/keys/${key.id}/rotate`, { overlap_s: 3_600 });
  await as("DELETE", `/v1/keys/${key.id}`);
  await as("POST", "/v1/tokens", { user: "ada", ttl_s: 600 });
  await as("PUT", "/v1/issuers/auth0", {
    preset: "auth0",
    issuer: "https://acme.eu.auth0.com/",
    audience: ["https://api.acme.example"],
  });
  await as("GET", "/v1/issuers");
  await as("POST", "/v1/team/jwt/test", { token: "not-a-token" });
  await as("DELETE", "/v1/issuers/auth0");
  await as("POST", "/v1/team/freeze");
  await as("POST", "/v1/team/resume");
}

async function setUpMoney(): Promise<void> {
  await as("GET", "/v1/models");
  await as("GET", `/v1/models/${MODEL}`);
  await as("POST", "/v1/estimate", { model: MODEL, input: { ...INPUT, num_images: 2 } });
  await as("GET", "/v1/prices");
  await as("PUT", "/v1/prices", {
    [MODEL]: { unit: "megapixel", usd: "0.003" },
    "fal-ai/veo3/**": { unit: "second", usd: "0.4", fields: ["duration"] },
  });
  await as("GET", "/v1/prices/history");
  await as("PUT", "/v1/team/alerts", { usd_percents: [80, 100] });
  await as("GET", "/v1/team/alerts");
}

async function setUpWebhooks(receivers: Receivers): Promise<string> {
  const { body: own } = await as<{ secret: string }>("GET", "/v1/team/webhook_secret");
  receivers.secrets.set("own.example", [own.secret]);
  const { body: endpoint } = await as("POST", "/v1/webhooks", {
    url: "https://app.example/hooks",
    events: ["request.completed", "request.failed"],
  });
  receivers.secrets.set("app.example", [endpoint.secret]);
  await as("GET", "/v1/webhooks");
  await as("GET", `/v1/webhooks/${endpoint.id}`);
  await as("POST", `/v1/webhooks/${endpoint.id}/test`);
  await as("PATCH", `/v1/webhooks/${endpoint.id}`, { description: "The app's backend" });
  await as("GET", `/v1/webhooks/${endpoint.id}/secret`);
  await as("POST", `/v1/webhooks/${endpoint.id}/disable`);
  await as("POST", `/v1/webhooks/${endpoint.id}/enable`, { backlog: "skip" });
  return endpoint.id;
}

async function runRequests(): Promise<string> {
  const body = {
    model: MODEL,
    input: INPUT,
    user: "ada",
    tags: { env: "prod" },
    metadata: { order: 17 },
    webhook_url: "https://own.example/hook",
  };
  const headers = { "Idempotency-Key": "order-17" };
  const { body: made } = await as("POST", "/v1/requests", body, { as: "accepted", headers });
  await as("POST", "/v1/requests", body, { as: "replayed", headers });
  await as("GET", `/v1/requests/${made.id}`, undefined, { as: "in queue" });
  await runToEnd(team, made.id);
  const { headers: read } = await as("GET", `/v1/requests/${made.id}`, undefined, { as: "completed" });
  await as("GET", `/v1/requests/${made.id}`, undefined, {
    as: "not modified",
    headers: { "If-None-Match": read.get("ETag") ?? "" },
  });
  await as("GET", `/v1/requests/${made.id}/events`);
  await as("GET", `/v1/requests/${made.id}/timeline`);
  await as("GET", `/v1/requests/${made.id}/input`);
  await as("POST", `/v1/requests/${made.id}/cancel`, undefined, { as: "already ended" });

  const waiting = as(
    "POST",
    "/v1/requests",
    { model: MODEL, input: INPUT, user: "grace" },
    {
      as: "completed within the wait",
      headers: { Prefer: "wait=30" },
    },
  );
  const second = await eventually(async () => {
    const { body: list } = await team.send<{ data: WithId[] }>("GET", "/v1/requests?user=grace");
    return list.data[0]?.id ?? null;
  });
  await held(second, 1);
  await finish(second);
  await waiting;

  const third = { model: MODEL, input: { ...INPUT, prompt: "a cat sandbox:refused" }, user: "ada" };
  const failing = await team.send<WithId>("POST", "/v1/requests", third);
  await runToEnd(team, failing.body.id);
  await as("GET", `/v1/requests/${failing.body.id}`, undefined, { as: "failed" });
  await as("POST", "/v1/requests", { model: MODEL, input: INPUT, user: "ada" }, { as: "limit used up" });
  await as("POST", "/v1/requests", { model: MODEL, input: { prompt: 7 } }, { as: "invalid input" });
  await as("GET", `/v1/requests/${"0".repeat(64)}`, undefined, { as: "not found" });

  const open = await team.send<WithId>("POST", "/v1/requests", { model: MODEL, input: INPUT, user: "linus" });
  await as("POST", `/v1/requests/${open.body.id}/cancel`, undefined, { as: "canceled" });
  await ring(open.body.id);
  await as("POST", "/v1/requests/cancel", { filter: { user: "linus" } });
  await as("GET", "/v1/requests?limit=2");
  await as("GET", "/v1/me?user=ada");
  return made.id;
}

async function useFiles(id: string): Promise<void> {
  const { body: share } = await as("POST", `/v1/requests/${id}/shares`, { expires_in_s: 86_400 });
  await as("GET", `/v1/requests/${id}/shares`);
  await as("DELETE", `/v1/requests/${id}/shares/${share.id}`);
  await as("DELETE", `/v1/requests/${id}/shares`);
  const announced = { file_name: "cat.png", content_type: "image/png" };
  const { body: upload } = await as<WithId & { upload_url: string }>("POST", "/v1/uploads", announced);
  await passTime(SECOND_MS);
  await recorder.call("PUT", upload.upload_url, { body: aPng(2_048), headers: { "Content-Type": "image/png" } });
  await as("GET", "/v1/uploads");
  await as("GET", `/v1/uploads/${upload.id}`);
  await as("DELETE", `/v1/uploads/${upload.id}`);
}

async function readWhatHappened(id: string, endpoint: string): Promise<void> {
  await as("GET", `/v1/requests/${id}/deliveries`);
  const { body: list } = await as<{ data: WithId[] }>("GET", "/v1/deliveries?limit=2");
  const delivery = list.data.at(-1)?.id ?? "";
  await as("GET", `/v1/deliveries/${delivery}`);
  await as("POST", `/v1/deliveries/${delivery}/replay`);
  await as("GET", `/v1/webhooks/${endpoint}/deliveries?limit=2`);
  const { body: replay } = await as("POST", "/v1/deliveries/replay", { filter: { endpoint, state: "delivered" } });
  await as("GET", `/v1/deliveries/replay/${replay.id}`);
  await as("POST", `/v1/deliveries/replay/${replay.id}/cancel`);
  await as("GET", "/v1/events?limit=3");
  await as("GET", "/v1/requests/count?status=completed");
  await as("GET", "/v1/usage?group_by=day,tag:client", undefined, { as: "json" });
  await as("GET", "/v1/usage?group_by=user&format=csv", undefined, { as: "csv" });
  await as("GET", "/v1/audit?limit=3");
  await as("GET", "/v1/connections");
  await as("GET", "/v1/users/ada");
  await as("POST", "/v1/users/ada/freeze?create=true");
  await as("POST", "/v1/users/ada/resume");
  await operator("GET", "/v1/admin/upstream");
  await operator("GET", "/v1/admin/webhook_secret");
  await operator("PATCH", "/v1/admin/teams/acme", { manages_connections: false });
}

async function useCompatible(): Promise<void> {
  const { body } = await as<{ request_id: string }>("POST", `/fal/queue/${MODEL}`, INPUT);
  const { request_id: id } = body;
  await runToEnd(team, id);
  await as("GET", `/fal/queue/fal-ai/flux/requests/${id}/status`);
  await as("GET", `/fal/queue/fal-ai/flux/requests/${id}`);
  const { body: maton } = await as<{ request_id: string }>("POST", `/maton/fal-ai/${MODEL}`, INPUT);
  await runToEnd(team, maton.request_id);
  await as("GET", `/maton/fal-ai/fal-ai/flux/requests/${maton.request_id}`);
}

async function remove(id: string, endpoint: string): Promise<void> {
  await as("DELETE", `/v1/requests/${id}`);
  await as("GET", `/v1/requests/${id}`, undefined, { as: "gone" });
  await as("DELETE", "/v1/users/grace");
  await as("GET", "/v1/users/grace/removal");
  await as("POST", `/v1/webhooks/${endpoint}/rotate`, { overlap_s: 86_400 });
  await as("DELETE", `/v1/webhooks/${endpoint}`);
  await as("POST", "/v1/team/webhook_secret/rotate", { overlap_s: 86_400 });
  await operator("DELETE", "/v1/admin/teams/acme");
  await operator("GET", "/v1/admin/teams/acme/removal");
}

test("docs/api-examples.json is what the API answers on this walk", async () => {
  const receivers = Receivers.open();
  await makeTeam();
  await setUpAccess();
  await setUpMoney();
  const endpoint = await setUpWebhooks(receivers);
  const id = await runRequests();
  await useFiles(id);
  await readWhatHappened(id, endpoint);
  await useCompatible();
  await remove(id, endpoint);
  for (const delivery of receivers.received) recorder.delivery(delivery);
  await expect(recorder.file()).toMatchFileSnapshot("../../docs/api-examples.json");
});
