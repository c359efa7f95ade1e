// A team as it looks after a day of work, made through the API: requests of every end, people, keys of every kind, plans, and
// endpoints of which one fails. For tests and pictures of the console.

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { eventually } from "./eventually.ts";
import { type Sluice, startSluice } from "./sluice.ts";

const MODEL = "fal-ai/flux/schnell";
const DAY_MS = 86_400_000;

export interface ConsoleScene {
  sluice: Sluice;
  /** Ids of what screens are opened with. */
  completed: string;
  failed: string;
  halfStored: string;
  uncertain: string;
  running: string;
  key: string;
  endpoint: string;
  delivery: string;
  stop(): Promise<void>;
}

export async function openScene(): Promise<ConsoleScene> {
  const receiver = await startReceiver();
  const host = `localhost:${(receiver.address() as AddressInfo).port}`;
  const sluice = await startSluice({ RELAY_ALLOW_HOSTS: host });
  const ask = async <T>(method: string, path: string, body?: unknown, key = sluice.key): Promise<T> => {
    const answer = await fetch(sluice.url + path, {
      method,
      headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    const text = await answer.text();
    return (text === "" ? null : JSON.parse(text)) as T;
  };
  await ask("PUT", "/v1/plans/default", {
    limits: [
      { name: "team-day", scope: "team", per: "usd", limit: "0.1", window: "1d" },
      { name: "team-month", scope: "team", per: "usd", limit: "300", window: "1mo" },
      { name: "user-hour", scope: "user", per: "request", limit: 60, window: "1h" },
      { name: "open", scope: "team", per: "concurrent", limit: 40 },
    ],
  });
  await ask("PUT", "/v1/plans/members", {
    limits: [{ name: "member-month", scope: "user", per: "usd", limit: "60", window: "1mo" }],
    require_tags: ["client"],
  });
  await ask("PATCH", "/v1/plans/members", { max_cost_per_request: "2", input: { max: { num_images: 4 } } });
  const make = (terms: Record<string, unknown>) => ask<{ id: string; secret: string }>("POST", "/v1/keys", terms);
  const web = await make({ name: "web-app", scopes: ["run", "read"] });
  const cron = await make({ name: "nightly-cron", scopes: ["run"] });
  const studio = await make({
    ...{ name: "studio", scopes: ["run", "read"], user: "mia", plan: "members" },
    expires_at: new Date(Date.now() + 40 * DAY_MS).toISOString(),
  });
  const page = await make({
    kind: "publishable",
    plan: "default",
    name: "Cat maker",
    origins: ["https://demo.example"],
  });
  const old = await make({ name: "old-laptop" });
  await ask("DELETE", `/v1/keys/${old.id}`);
  await ask("POST", `/v1/keys/${page.id}/freeze`);
  await ask("POST", "/v1/webhooks", { url: `http://${host}/hooks/sluice`, description: "Orders service" });
  const dead = await ask<{ id: string }>("POST", "/v1/webhooks", {
    ...{ url: `http://${host}/dead`, description: "Legacy CRM", events: ["request.completed", "request.failed"] },
  });
  const submit = async (prompt: string, key: string, more: Record<string, unknown> = {}) => {
    const body = { model: MODEL, input: { prompt }, ...more };
    return (await ask<{ id: string }>("POST", "/v1/requests", body, key)).id;
  };
  const prompts = ["a tiny cute cat", "a lighthouse at dusk", "an isometric office", "a fox in a suit", "paper boats"];
  for (const [n, prompt] of prompts.entries()) {
    await submit(prompt, web.secret, { user: n % 2 === 0 ? "ada" : "eve", tags: { client: "acme" } });
    await submit(prompt, studio.secret, { tags: { client: n % 2 === 0 ? "acme" : "globex" } });
  }
  const failed = await submit("sandbox:refused", web.secret, { user: "ada", model: "fal-ai/fast-sdxl" });
  const canceled = await submit("sandbox:slow:600000", web.secret, { user: "ada" });
  const halfStored = await submit("sandbox:file-404:1", web.secret, {
    ...{ user: "eve", input: { prompt: "sandbox:file-404:1", num_images: 2 } },
  });
  const running = await submit("sandbox:slow:600000", studio.secret, { tags: { client: "globex" } });
  const uncertain = await submit("sandbox:submit-drop,webhook-lost,slow:600000", cron.secret);
  const completed = await submit("a harbour at night", web.secret, { user: "ada", webhook_url: `http://${host}/own` });
  const reaches = (id: string, ...stages: string[]) =>
    eventually(async () => {
      const { stage } = await sluice.read<{ stage: string }>(`/v1/requests/${id}`);
      return stages.includes(stage) ? true : null;
    });
  await Promise.all([reaches(failed, "failed"), reaches(completed, "completed"), reaches(halfStored, "completed")]);
  await reaches(canceled, "queued", "running");
  await ask("POST", `/v1/requests/${canceled}/cancel`);
  const delivery = await eventually(async () => {
    const list = await sluice.read<{ data: { id: string }[] }>(`/v1/deliveries?endpoint=${dead.id}&state=failing`);
    return list.data[0]?.id ?? null;
  });
  return {
    ...{ sluice, completed, failed, halfStored, uncertain, running, key: web.id, endpoint: dead.id, delivery },
    stop: async () => {
      await sluice.stop();
      await new Promise((done) => receiver.close(done));
    },
  };
}

/** Takes what is sent to it, except under /dead. */
async function startReceiver(): Promise<Server> {
  const server = createServer((request, response) => {
    const isDead = request.url?.startsWith("/dead") ?? false;
    request.resume().on("end", () => {
      response.writeHead(isDead ? 500 : 204).end(isDead ? 'ERROR: relation "orders" does not exist' : "");
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return server;
}
