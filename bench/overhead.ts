// `npm run bench:overhead`: how long a submit takes beside a Worker that only passes it on, and how many statuses of ended
// requests are read a second beside fal's own server proxy. All by one launcher (`wrangler dev`), in turns. Prints ratios with
// the counts behind them and writes them to docs/figures.md. Exit code 1 when a bar of the design does not hold.

import { mkdtempSync, rmSync } from "node:fs";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { launch, type Running } from "../scripts/launcher.ts";
import { eventually, pause } from "../test/harness/eventually.ts";
import { children, endChildrenOnSignal, freePorts } from "../test/harness/process.ts";
import { cpuMsOf } from "./cpu.ts";
import { provenance, table, writeSection } from "./figures.ts";
import { median, quantile } from "./numbers.ts";
import { startQuickUpstream } from "./quick-upstream.ts";
import { startYardstick } from "./yardstick.ts";

const { values } = parseArgs({
  options: {
    submits: { type: "string", default: "80" },
    rounds: { type: "string", default: "6" },
    seconds: { type: "string", default: "4" },
    only: { type: "string" },
  },
});
const [submits, rounds, seconds] = [Number(values.submits), Number(values.rounds), Number(values.seconds)];

/** Time of a submit over the bare Worker's, by how long the upstream takes in ms. */
const SUBMIT_BARS = new Map([
  [100, 1.2],
  [0, 4.5],
]);
/** Status reads a second over the proxy's, by how long the proxy's upstream takes in ms. Ours need none. */
const READ_BARS = new Map([
  [0, 0.9],
  [50, 1.3],
]);
/** Between two submits: what is left to do behind the last one (alarms, timelines) does not meet the next. */
const SUBMIT_GAP_MS = 60;
const WARM_UPS = 10;
const READERS = 16;
const ENDED_REQUESTS = 20;
const PATIENCE_MS = 120_000;
const BODY = JSON.stringify({ prompt: "a tiny cute cat", image_size: "square", num_images: 1 });

interface Call {
  url: string;
  method: "GET" | "POST";
  headers: Readonly<Record<string, string>>;
  body?: string;
}

endChildrenOnSignal();

const agent = new Agent({ keepAlive: true, maxSockets: READERS });
const folder = mkdtempSync(join(tmpdir(), "sluice-overhead-"));
const [port = 0, otherPort = 0, upstreamPort = 0, sandboxPort = 0] = await freePorts(4);
const upstreamHost = `127.0.0.1:${upstreamPort}`;
const upstream = await startQuickUpstream(upstreamPort);
try {
  const submitted = values.only === "reads" ? new Map() : await submitTimes();
  const read = values.only === "submits" ? null : await statusReads();
  report(submitted, read);
} finally {
  await upstream.stop();
  agent.destroy();
  rmSync(folder, { recursive: true, force: true });
}

/** Times of submits in ms, by the upstream's delay in ms. */
type SubmitTimes = Map<number, { sluice: number[]; bare: number[] }>;

/** The same call to both, in turns, one at a time, to an upstream that nothing else uses. */
async function submitTimes(): Promise<SubmitTimes> {
  const variables = { MATON_GATEWAY_URL: `http://${upstreamHost}`, MATON_API_KEY: "a-key" };
  const running = await launch(
    {
      ...variables,
      STATE_DIR: join(folder, "submits"),
      PORT: String(port),
      PUBLIC_URL: `http://localhost:${port}`,
      // None of them ends here, and none is polled before a minute has gone. The pace of ten a second is not what is measured.
      MATON_CONTROL_URL: `http://${upstreamHost}`,
      MATON_CONNECTION: "a-connection",
      UPSTREAM_SLOTS: "1000",
      UPSTREAM_RPS: "100",
    },
    () => undefined,
  );
  const bare = await startYardstick("bench/pass-through/wrangler.toml", otherPort, folder, variables);
  try {
    const post = (url: string): Call => {
      const headers = { Authorization: `Bearer ${running.key}`, "Content-Type": "application/json" };
      return { url, method: "POST", headers, body: BODY };
    };
    const ours = post(`${running.url}/maton/fal-ai/fal-ai/flux/schnell`);
    const theirs = post(`${bare.url}/fal-ai/fal-ai/flux/schnell`);
    const found: SubmitTimes = new Map();
    for (let n = 0; n < WARM_UPS; n++) await inTurns([ours, theirs]);
    for (const delayMs of SUBMIT_BARS.keys()) {
      upstream.answerAfter(delayMs);
      const times = { sluice: [] as number[], bare: [] as number[] };
      for (let n = 0; n < submits; n++) {
        const [own = 0, other = 0] = await inTurns([ours, theirs]);
        times.sluice.push(own);
        times.bare.push(other);
      }
      found.set(delayMs, times);
    }
    return found;
  } finally {
    upstream.answerAfter(0);
    bare.stop();
    await running.stop();
  }
}

async function inTurns(calls: readonly Call[]): Promise<number[]> {
  const times: number[] = [];
  for (const call of calls) {
    await pause(SUBMIT_GAP_MS);
    const from = performance.now();
    const { status, text } = await send(call);
    times.push(performance.now() - from);
    if (status !== 200) throw new Error(`a submit was answered ${status}: ${text}`);
  }
  return times;
}

/** Of one round: reads per second, and the CPU time of one, in ms: of who answers, who asks, and the upstream. */
interface Round {
  perSecond: number;
  cpuMs: number;
}

/** The rounds; the proxy's by its upstream's delay in ms. */
interface Reads {
  compatible: Round[];
  v1: Round[];
  proxy: Map<number, Round[]>;
}

/** Statuses of twenty requests that have ended, by sixteen readers at once, in turns of some seconds. */
async function statusReads(): Promise<Reads> {
  const running = await launch(
    { STATE_DIR: join(folder, "reads"), PORT: String(port), SANDBOX_PORT: String(sandboxPort) },
    () => undefined,
  );
  const ours = children().map(({ pid }) => pid);
  const proxy = await startYardstick("bench/server-proxy/wrangler.toml", otherPort, folder, {
    UPSTREAM_HOST: upstreamHost,
  });
  const theirs = children()
    .map(({ pid }) => pid)
    .filter((pid) => !ours.includes(pid));
  try {
    const ids = await endedRequests(running);
    const headers = { Authorization: `Bearer ${running.key}` };
    const get = (url: string, more: Readonly<Record<string, string>> = {}): Call => {
      return { url, method: "GET", headers: { ...headers, ...more } };
    };
    const compatible = ids.map((id) => get(`${running.url}/fal/queue/fal-ai/flux/requests/${id}/status`));
    const v1 = ids.map((id) => get(`${running.url}/v1/requests/${id}`));
    const proxied = ids.map((id) => {
      const target = `http://${upstreamHost}/fal-ai/flux/requests/${id}/status`;
      return get(`${proxy.url}/api/fal/proxy`, { Authorization: "Bearer a-session", "x-fal-target-url": target });
    });
    for (const calls of [compatible, v1, proxied]) await round(calls, []);
    const found: Reads = { compatible: [], v1: [], proxy: new Map([...READ_BARS.keys()].map((ms) => [ms, []])) };
    for (let n = 0; n < rounds; n++) {
      for (const [delayMs, times] of found.proxy) {
        found.compatible.push(await round(compatible, ours));
        upstream.answerAfter(delayMs);
        times.push(await round(proxied, theirs));
        upstream.answerAfter(0);
      }
      found.v1.push(await round(v1, ours));
    }
    return found;
  } finally {
    upstream.answerAfter(0);
    proxy.stop();
    await running.stop();
  }
}

async function endedRequests(running: Running): Promise<string[]> {
  const quick = { image: 0, video: 0, audio: 0, other: 0 };
  const settings = JSON.stringify({ queue_ms: quick, run_ms: quick });
  await fetch(`${running.sandboxUrl}/_sandbox/settings`, { method: "PATCH", body: settings });
  const headers = { Authorization: `Bearer ${running.key}`, "Content-Type": "application/json" };
  const ids: string[] = [];
  for (let n = 0; n < ENDED_REQUESTS; n++) {
    const url = `${running.url}/v1/requests`;
    const body = JSON.stringify({ model: "fal-ai/flux/schnell", input: JSON.parse(BODY) });
    const { id } = JSON.parse((await send({ url, method: "POST", headers, body })).text) as { id: string };
    await eventually(
      async () => {
        const { text } = await send({ url: `${url}/${id}?wait=20`, method: "GET", headers });
        return (JSON.parse(text) as { status: string }).status === "COMPLETED" ? true : null;
      },
      { what: "a request ends", patienceMs: PATIENCE_MS },
    );
    ids.push(id);
  }
  return ids;
}

async function round(calls: readonly Call[], answering: readonly number[]): Promise<Round> {
  const cpuMs = () => cpuMsOf([process.pid, ...answering]);
  const [from, cpuFrom] = [performance.now(), cpuMs()];
  const until = from + seconds * 1_000;
  let done = 0;
  const reader = async (first: number) => {
    for (let n = first; performance.now() < until; n++) {
      const call = calls[n % calls.length];
      if (call === undefined) return;
      const { status, text } = await send(call);
      if (status !== 200 || !text.includes("COMPLETED")) throw new Error(`a status was answered ${status}: ${text}`);
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: READERS }, (_, n) => reader(n)));
  return { perSecond: done / ((performance.now() - from) / 1_000), cpuMs: (cpuMs() - cpuFrom) / done };
}

/** By Node's plain client over kept connections: `fetch` costs more than what is measured. */
function send({ url, method, headers, body }: Call): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent, method, headers }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("error", reject);
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

function report(submitted: SubmitTimes, read: Reads | null): void {
  const ms = (numbers: readonly number[], part: number) => quantile(numbers, part).toFixed(1);
  const rows: string[][] = [];
  let holds = true;
  for (const [delayMs, { sluice, bare }] of submitted) {
    const bar = SUBMIT_BARS.get(delayMs) ?? 0;
    const ratio = median(sluice) / median(bare);
    holds &&= ratio <= bar;
    rows.push([
      `answers ${afterMs(delayMs)}`,
      String(submits),
      ms(sluice, 0.5),
      ms(bare, 0.5),
      `**${ratio.toFixed(2)}**`,
      `<= ${bar}`,
      ms(sluice, 0.95),
      ms(bare, 0.95),
    ]);
  }
  const columns = ["upstream", "submits each", "Sluice, ms", "bare, ms", "ratio", "bar", "Sluice 95 %", "bare 95 %"];
  const parts: string[] = [];
  if (rows.length > 0) {
    parts.push(`${table(columns, rows)}

Medians of the same POST, one at a time and in turns: to \`/maton\` of Sluice, and to a Worker that adds the key and passes it on. Both
run under \`wrangler dev\`, with ${SUBMIT_GAP_MS} ms between two calls and \`UPSTREAM_RPS=100\`, so that the account's pace holds nobody up.`);
  }
  if (read !== null) {
    const reads = readTable(read);
    holds &&= reads.holds;
    parts.push(reads.text);
  }
  const result = parts.join("\n\n");
  console.log(`\n${result}`);
  if (!holds) process.exitCode = 1;
  // A run of one half measures for whoever started it; the page has both.
  if (parts.length < 2) return;
  const command = `npm run bench:overhead -- --submits ${submits} --rounds ${rounds} --seconds ${seconds}`;
  writeSection("Overhead", `${provenance(command)}\n\n${result}`);
}

function readTable({ compatible, v1, proxy }: Reads): { text: string; holds: boolean } {
  const speeds = (found: readonly Round[]) => found.map(({ perSecond }) => perSecond);
  const cpu = (found: readonly Round[]) => median(found.map(({ cpuMs }) => cpuMs)).toFixed(2);
  const over = (found: readonly Round[], other: readonly Round[]) => median(speeds(found)) / median(speeds(other));
  const measured = (found: readonly Round[]) => {
    const [least, most] = [Math.min(...speeds(found)), Math.max(...speeds(found))].map(Math.round);
    return [Math.round(median(speeds(found))), `${least} to ${most}`, cpu(found)];
  };
  const rows = [
    [
      "Sluice, `/fal/queue/…/status`",
      ...measured(compatible),
      ...[...proxy.values()].map((other) => `**${over(compatible, other).toFixed(2)}**`),
    ],
    ["Sluice, `/v1/requests/{id}`", ...measured(v1), ...[...proxy.values()].map((other) => over(v1, other).toFixed(2))],
    ...[...proxy].map(([ms, found]) => [
      `fal's server proxy, status, upstream ${afterMs(ms)}`,
      ...measured(found),
      ...[...proxy.keys()].map((other) => (other === ms ? "1" : "")),
    ]),
    ["bar", "", "", "", ...[...READ_BARS.values()].map((bar) => `>= ${bar}`)],
  ];
  const overColumns = [...proxy.keys()].map((ms) => `over the proxy, upstream ${afterMs(ms)}`);
  const text = `${table(["status reads of ended requests", "a second, median", "span", "CPU ms a read", ...overColumns], rows)}

${rounds} turns of ${seconds} s each, ${READERS} readers over kept connections, ${ENDED_REQUESTS} requests. The proxy is \`@fal-ai/server-proxy\` 1.2.1 as a Worker
in Hono, under the same launcher; its upstream is a thread of the measuring process. A read of ours asks no upstream. Both have static assets beside them,
which costs either the same step before each call: under \`wrangler dev\` that is a Worker of its own. CPU: all processes of one side, the one that
asks and the upstream's thread; unlike the speed it hardly depends on what else the machine does.`;
  const holds = [...READ_BARS].every(([ms, bar]) => over(compatible, proxy.get(ms) ?? []) >= bar);
  return { text, holds };
}

function afterMs(ms: number): string {
  return ms === 0 ? "at once" : `after ${ms} ms`;
}
