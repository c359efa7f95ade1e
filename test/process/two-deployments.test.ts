// Two deployments on one bucket, as a staging Worker with the bucket of production: two whole Workers with objects of their own in
// one runtime, one R2. Whatever the second one is told, the files of the first stay. Both have the brakes of wrangler.toml, which
// local runs go without.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { freePorts } from "../harness/process.ts";

type Deployment = "production" | "staging";

const ADMIN_TOKEN = "test-admin-token-of-at-least-32-bytes";
const TEXT = "a file of production";
/** What the brakes let through in ten seconds, of this machine and of each key: more than the first test needs. */
const CALLS_MAX = 50;

let folder: string;
let url: string;
let running: ChildProcess;

/** A copy of the Worker's own configuration under another name, with absolute paths. */
function configOf(deployment: Deployment): string {
  const variables = {
    ADMIN_TOKEN,
    SIGNING_KEY: `signing-key-of-${deployment}-of-at-least-32-bytes`,
    MATON_API_KEY: "key",
    PUBLIC_URL: url,
  };
  const lines = Object.entries(variables).map(([name, value]) => `${name} = "${value}"`);
  const own = readFileSync("wrangler.toml", "utf8")
    .replace('name = "sluice"', `name = "${deployment}"`)
    .replaceAll(/limit = \d+/g, `limit = ${CALLS_MAX}`)
    .replace('main = "src/index.ts"', `main = "${resolve("src/index.ts")}"`)
    .replace('directory = "console/dist"', `directory = "${resolve("console/dist")}"`);
  return `${own}\n[vars]\n${lines.join("\n")}\n`;
}

/** Hands each call to the deployment that a header names. */
const FRONT = `export default { fetch: (request, env) => env[request.headers.get("X-Deployment")].fetch(request) };`;
const FRONT_CONFIG = `name = "front"
main = "front.js"
compatibility_date = "2026-10-15"
services = [{ binding = "production", service = "production" }, { binding = "staging", service = "staging" }]
`;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "two-deployments-"));
  const [port = 0] = await freePorts(1);
  url = `http://127.0.0.1:${port}`;
  writeFileSync(join(folder, "front.js"), FRONT);
  writeFileSync(join(folder, "front.toml"), FRONT_CONFIG);
  for (const each of ["production", "staging"] as const) writeFileSync(join(folder, `${each}.toml`), configOf(each));
  const configs = ["front", "production", "staging"].flatMap((name) => ["--config", join(folder, `${name}.toml`)]);
  const fixed = ["--ip", "127.0.0.1", "--inspector-port", "0", "--show-interactive-dev-session=false"];
  running = spawn(
    resolve("node_modules/.bin/wrangler"),
    ["dev", ...configs, "--port", String(port), "--persist-to", join(folder, "state"), ...fixed],
    {
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
      env: { ...process.env, CLOUDFLARE_CF_FETCH_ENABLED: "false", WRANGLER_SEND_METRICS: "false" },
    },
  );
  await new Promise<void>((ready, fail) => {
    let output = "";
    const read = (data: Buffer) => {
      output += data.toString();
      if (output.includes("Ready on")) ready();
    };
    running.stdout?.on("data", read);
    running.stderr?.on("data", read);
    running.on("exit", () => fail(new Error(output.slice(-4_000))));
  });
});

afterAll(async () => {
  const gone = new Promise((done) => running.once("exit", done));
  if (running.pid !== undefined) process.kill(-running.pid, "SIGTERM");
  await gone;
  rmSync(folder, { recursive: true, force: true });
});

async function ask<T>(
  deployment: Deployment,
  method: string,
  path: string,
  { key = ADMIN_TOKEN, body }: { key?: string; body?: unknown } = {},
): Promise<{ status: number; body: T }> {
  const headers = { "X-Deployment": deployment, Authorization: `Bearer ${key}`, "Content-Type": "application/json" };
  const answer = await fetch(`${url}${path}`, {
    method,
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: (await answer.json()) as T };
}

async function newTeam(deployment: Deployment, id = "acme"): Promise<string> {
  const made = await ask<{ key: { secret: string } }>(deployment, "POST", "/v1/admin/teams", { body: { id } });
  expect(made.status).toBe(201);
  return made.body.key.secret;
}

test("the second of two deployments on one bucket sweeps nothing, and removing its team of the same name leaves the first one's files", async () => {
  const key = await newTeam("production");
  const made = await ask<{ upload_url: string; file_url: string }>("production", "POST", "/v1/uploads", {
    key,
    body: { file_name: "note.txt", content_type: "text/plain" },
  });
  const headers = { "X-Deployment": "production", "Content-Type": "text/plain" };
  const put = await fetch(made.body.upload_url, { method: "PUT", headers, body: TEXT });
  expect(put.ok, await put.text()).toBe(true);

  await newTeam("staging");
  const refused = await ask<{ detail: string; hint: string }>("staging", "POST", "/v1/admin/sweep");
  expect(refused.status).toBe(409);
  expect(refused.body.detail).toContain("belongs to another deployment");
  expect((await ask("staging", "DELETE", "/v1/admin/teams/acme")).status).toBe(202);
  await expect
    .poll(async () => (await ask("staging", "GET", "/v1/admin/teams/acme/removal")).status, { timeout: 60_000 })
    .toBe(404);

  const file = await fetch(made.body.file_url, { headers: { "X-Deployment": "production" } });
  expect([file.status, await file.text()]).toEqual([200, TEXT]);
  expect((await ask("production", "POST", "/v1/admin/sweep")).status).toBe(202);
});

test("the brakes of wrangler.toml are ones that the runtime gives, and turn a flood away with 429", async () => {
  const key = await newTeam("production", "braked");
  const statuses = new Set<number>();
  for (let n = 0; n < 4 * CALLS_MAX && !statuses.has(429); n++)
    statuses.add((await ask("production", "GET", "/v1/me", { key })).status);
  expect([...statuses]).toEqual([200, 429]);
});
