// The runtime is killed while requests are under way: each ends, fal is asked for each at most once, and its file is there.
// Real processes, real time. KILLS says how often (3), KILL_SEED repeats a run.

import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launch, type Running } from "../../scripts/launcher.ts";
import { chanceOf } from "../harness/chance.ts";
import { eventually, pause } from "../harness/eventually.ts";
import { children, freePorts, isRunning, workerRuntimes } from "../harness/process.ts";
import type { RequestObject } from "../harness/request-object.ts";

const KILLS = Number(process.env.KILLS ?? 3);
const SEED = Number(process.env.KILL_SEED ?? Date.now() % 1_000_000);
const REQUESTS_PER_KILL = 5;
/** In this time after a round's first submit the kill comes: requests are then anywhere between submit and delivery. */
const KILL_WITHIN_MS = 2_000;
/** How long the sandbox keeps each answer back, so that kills fall into calls. */
const LATENCY_MS = 300;

type ToldRequest = RequestObject & { webhook: { status: string } };
interface SandboxRequest {
  request_id: string;
  webhook_url: string;
}

const chance = chanceOf(SEED);
const stateDir = mkdtempSync(join(tmpdir(), "sluice-kill-"));
const seen = new Set<number>();
/** What the receiver was told: the ids of the events, by request. */
const told = new Map<string, string[]>();
let receiver: Server;
let environment: Record<string, string> = {};
let running: Running;

beforeAll(async () => {
  const [port = 0, sandboxPort = 0, receiverPort = 0] = await freePorts(3);
  receiver = createServer((request, response) => {
    let body = "";
    request.on("data", (data) => {
      body += data;
    });
    request.on("end", () => {
      const { data } = JSON.parse(body) as { data: { id: string } };
      told.set(data.id, [...(told.get(data.id) ?? []), String(request.headers["webhook-id"])]);
      response.end();
    });
  });
  await new Promise<void>((done) => receiver.listen(receiverPort, "localhost", done));
  environment = {
    STATE_DIR: stateDir,
    PORT: String(port),
    SANDBOX_PORT: String(sandboxPort),
    RELAY_ALLOW_HOSTS: `localhost:${receiverPort}`,
  };
  await start();
  // A test has no time for the long gaps between fal's tries at a webhook.
  const settings = { latency_ms: LATENCY_MS, jitter: 0.9, webhook_gap_first_ms: 500, webhook_gap_max_ms: 2_000 };
  await fetch(`${running.sandboxUrl}/_sandbox/settings`, { method: "PATCH", body: JSON.stringify(settings) });
});

afterAll(async () => {
  await stop();
  await new Promise((done) => receiver.close(done));
  rmSync(stateDir, { recursive: true, force: true });
});

async function start(): Promise<void> {
  running = await launch(environment, () => undefined);
  for (const { pid } of children()) seen.add(pid);
}

/** Stops everything, and sees to it that nothing stays. */
async function stop(): Promise<void> {
  for (const { pid } of children()) seen.add(pid);
  await running.stop();
  await eventually(async () => ([...seen].some(isRunning) ? null : true), {
    what: "no process stays",
  });
}

async function kill(): Promise<void> {
  const victims = workerRuntimes(Number(environment.PORT));
  expect(victims.length).toBeGreaterThan(0);
  for (const pid of victims) process.kill(pid, "SIGKILL");
  await eventually(async () => (victims.some(isRunning) ? null : true), {
    what: "the runtime dies",
  });
}

async function isUp(): Promise<true | null> {
  try {
    return (await fetch(`${running.url}/healthz`, { signal: AbortSignal.timeout(1_000) })).ok || null;
  } catch {
    return null;
  }
}

/** A call of the API; null when it did not come through, as while the runtime is down. */
async function call<T>(path: string, init: RequestInit = {}): Promise<T | null> {
  const headers = { Authorization: `Bearer ${running.key}`, "Content-Type": "application/json", ...init.headers };
  try {
    const answer = await fetch(`${running.url}${path}`, { ...init, headers, signal: AbortSignal.timeout(15_000) });
    return answer.ok ? ((await answer.json()) as T) : null;
  } catch {
    return null;
  }
}

/** Submits as a careful client does: the same again, under one idempotency key, until it is answered. */
function submit(n: string): Promise<string> {
  const body = JSON.stringify({
    model: "fal-ai/flux/schnell",
    input: { prompt: `cat ${n}`, image_size: "square" },
    webhook_url: `http://${environment.RELAY_ALLOW_HOSTS}/hook`,
  });
  return eventually(
    async () => {
      const headers = { "Idempotency-Key": `kill-${SEED}-${n}` };
      return (await call<RequestObject>("/v1/requests", { method: "POST", headers, body }))?.id ?? null;
    },
    { what: `an answer to submit ${n}` },
  );
}

test.skipIf(!existsSync("/proc/self/stat"))(
  `${KILLS} kills of the runtime lose nothing and pay for nothing twice (seed ${SEED})`,
  { timeout: 90_000 + KILLS * 30_000 },
  async () => {
    const submits: Promise<string>[] = [];
    for (let round = 1; round <= KILLS; round++) {
      const killAfterMs = Math.floor(chance() * KILL_WITHIN_MS);
      for (let n = 0; n < REQUESTS_PER_KILL; n++) {
        const afterMs = Math.floor((chance() * KILL_WITHIN_MS) / 2);
        submits.push(pause(afterMs).then(() => submit(`${round}.${n}`)));
      }
      await pause(killAfterMs);
      await kill();
      // The last time nobody brings the runtime back: everything is stopped and started anew on the same state.
      if (round < KILLS) await eventually(isUp, { what: "the runtime is back" });
      else await stop().then(start);
    }
    const ids = await Promise.all(submits);
    expect(new Set(ids).size).toBe(KILLS * REQUESTS_PER_KILL);

    // A call whose caller was killed may still come to something upstream.
    await pause(4 * LATENCY_MS);
    const sent = await sentUpstream();
    expect([...sent.keys()].filter((id) => !ids.includes(id))).toEqual([]);
    const requests = await Promise.all(ids.map((id) => ended(id, sent.has(id))));
    for (const request of requests) {
      const times = (await sentUpstream()).get(request.id) ?? 0;
      // Cut off before it left: nobody can know that, so it is not sent again, and waits to be proven by a webhook.
      if (request.stage === "uncertain") expect({ ...request, times }).toMatchObject({ times: 0 });
      else await expectKept(request, times);
    }
    expect(requests.filter((request) => request.status === "COMPLETED").length).toBeGreaterThan(0);
  },
);

/** How often the sandbox took a submit of each request, by our id. */
async function sentUpstream(): Promise<Map<string, number>> {
  const answer = await fetch(`${running.sandboxUrl}/_sandbox/requests`);
  const { requests } = (await answer.json()) as { requests: SandboxRequest[] };
  const times = new Map<string, number>();
  for (const { webhook_url } of requests) {
    const id = /\/hooks\/fal\/([0-9a-f]{64})\//.exec(webhook_url)?.[1] ?? "";
    times.set(id, (times.get(id) ?? 0) + 1);
  }
  return times;
}

/** The request once it has ended and told so; or once it is uncertain and fal never had test. */
async function ended(id: string, wasSent: boolean): Promise<ToldRequest> {
  let last: ToldRequest | null = null;
  try {
    return await eventually(
      async () => {
        last = (await call<ToldRequest>(`/v1/requests/${id}`)) ?? last;
        if (last?.stage === "uncertain" && !wasSent) return last;
        return last?.webhook.status === "delivered" ? last : null;
      },
      { what: "the end" },
    );
  } catch (fault) {
    const timeline = await call(`/v1/requests/${id}/timeline`);
    throw new Error(`a request did not end: ${JSON.stringify({ last, timeline })}`, { cause: fault });
  }
}

async function expectKept(request: RequestObject, times: number): Promise<void> {
  expect(request).toMatchObject({ status: "COMPLETED", files: [{ status: "stored" }] });
  expect({ ...request, times }).toMatchObject({ times: 1 });
  expect(new Set(told.get(request.id)).size).toBe(1);
  const [file] = request.files;
  const answer = await fetch(file?.url ?? "");
  const bytes = Buffer.from(await answer.arrayBuffer());
  expect([answer.status, bytes.length]).toEqual([200, file?.size]);
  const digest = createHash("sha256").update(bytes).digest("hex");
  // A copy that was found after a kill has its digest a moment later.
  if (file?.sha256 !== null) expect(file?.sha256).toBe(digest);
}
