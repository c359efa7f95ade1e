// `npm run bench:cost`: what Cloudflare would bill for a million requests, from the calls, rows, alarms, bucket operations and
// time of some hundred. They go through Sluice with a meter around it (bench/metered). Writes the parts to docs/figures.md.
// Exit code 1 when the bill is above a bar of the design.

import { parseArgs } from "node:util";
import { pause } from "../test/harness/eventually.ts";
import { MODEL } from "../test/harness/model.ts";
import { endChildrenOnSignal, workerRuntimes } from "../test/harness/process.ts";
import { type Sluice, startSluice } from "../test/harness/sluice.ts";
import { cpuMsOf } from "./cpu.ts";
import { provenance, table, writeSection } from "./figures.ts";
import { ALARMS_RUNG_MS, quietTally } from "./metered/reading.ts";
import type { Count, Tally } from "./metered/tally.ts";
import * as price from "./prices.ts";

const { values } = parseArgs({ options: { requests: { type: "string", default: "200" } } });
const requests = Number(values.requests);

const WARM_UPS = 5;
/** Below the account's pace of ten a second, so that nothing waits in its queue. */
const SUBMIT_GAP_MS = 150;
/** What fal takes to answer a call, as seen from a Worker; objects that wait for it are billed meanwhile. */
const LATENCY_MS = 100;
/** What a million requests may cost, logs included, and what keeping them for a month. */
const RUNNING_BAR_USD = 22;
const STORAGE_BAR_USD = 4;
const OBJECT_CALLS_BAR = 7.1;
const MILLION = 1_000_000;
const EMPTY: Omit<Count, "bytes"> = {
  requests: 0,
  alarms: 0,
  alarmsSet: 0,
  rowsRead: 0,
  rowsWritten: 0,
  activeMs: 0,
};
const CLASSES = ["Team", "RequestTracker", "UpstreamAccount"] as const;

interface Reading extends Tally {
  cpuMs: number;
}

endChildrenOnSignal();

const running = await startSluice({}, { main: "bench/metered/index.ts", isPaced: true });
const headers = { Authorization: `Bearer ${running.key}`, "Content-Type": "application/json" };
try {
  await measure(running);
} finally {
  await running.stop();
}

async function measure({ url, sandbox }: Sluice): Promise<void> {
  const settings = { latency_ms: LATENCY_MS, run_ms: { image: 1_000 }, queue_ms: { image: 300 } };
  await sandbox("PATCH", "settings", settings);
  for (let n = 0; n < WARM_UPS; n++) await submit();
  const before = await quiet(url);

  const ids: string[] = [];
  for (let n = 0; n < requests; n++) {
    ids.push(await submit());
    await pause(SUBMIT_GAP_MS);
  }
  await pause(ALARMS_RUNG_MS);
  const ended = await quiet(url);

  let [pictureBytes, pictureUrl] = [0, ""];
  for (const id of ids) {
    const request = await running.read<{ status: string; files: { status: string; size: number; url: string }[] }>(
      `/v1/requests/${id}`,
    );
    const [file] = request.files;
    if (request.status !== "COMPLETED" || file?.status !== "stored") throw new Error(`${id} is ${request.status}`);
    [pictureBytes, pictureUrl] = [pictureBytes + file.size / requests, file.url];
    const view = await fetch(pictureUrl);
    await view.arrayBuffer();
  }
  const seen = await quiet(url);
  for (const id of ids) {
    const answer = await fetch(`${url}/v1/requests/${id}`, { method: "DELETE", headers });
    if (answer.status !== 204) throw new Error(`a deletion was answered ${answer.status}: ${await answer.text()}`);
  }
  const gone = await quiet(url);
  report([spent(before, ended), spent(ended, seen), spent(seen, gone)], ended, before, pictureBytes);
}

function submit(): Promise<string> {
  return running.submit({ model: MODEL, input: { prompt: "a tiny cute cat", image_size: "square" } });
}

async function quiet(url: string): Promise<Reading> {
  return { ...(await quietTally(url)), cpuMs: cpuMsOf(workerRuntimes(running.port)) };
}

/** What one request took between two readings. */
interface Spent {
  invocations: number;
  cpuMs: number;
  logLines: number;
  classes: Record<string, Omit<Count, "bytes">>;
  classA: number;
  classB: number;
}

function spent(from: Reading, to: Reading): Spent {
  const each = (name: string, field: keyof Omit<Count, "bytes">) =>
    ((to.objects[name]?.[field] ?? 0) - (from.objects[name]?.[field] ?? 0)) / requests;
  const operations = (names: readonly string[]) =>
    names.reduce((sum, name) => sum + (to.bucket[name] ?? 0) - (from.bucket[name] ?? 0), 0) / requests;
  const classes = CLASSES.map((name) => {
    const count = {
      requests: each(name, "requests"),
      alarms: each(name, "alarms"),
      alarmsSet: each(name, "alarmsSet"),
      rowsRead: each(name, "rowsRead"),
      rowsWritten: each(name, "rowsWritten"),
      activeMs: each(name, "activeMs"),
    };
    return [name, count] as const;
  });
  return {
    invocations: (to.invocations - from.invocations) / requests,
    cpuMs: (to.cpuMs - from.cpuMs) / requests,
    logLines: (to.logLines - from.logLines) / requests,
    classes: Object.fromEntries(classes),
    classA: operations(price.R2_CLASS_A),
    classB: operations(price.R2_CLASS_B),
  };
}

/** Lines of a bill: what, how many of it a request, USD a million requests. */
type Line = readonly [what: string, count: number, usd: number];

function bill(one: Spent): Line[] {
  const counts = Object.values(one.classes);
  const sum = (pick: (count: Omit<Count, "bytes">) => number) => counts.reduce((all, each) => all + pick(each), 0);
  const line = (what: string, count: number, usd: number): Line => [what, count, count * usd * MILLION];
  const gbSeconds = (sum(({ activeMs }) => activeMs) / 1_000) * price.OBJECT_GB;
  return [
    line("Worker calls", one.invocations, price.WORKER_REQUEST_USD),
    line("CPU ms (upper bound)", one.cpuMs, price.WORKER_CPU_MS_USD),
    line(
      "object calls",
      sum((each) => each.requests),
      price.OBJECT_REQUEST_USD,
    ),
    line(
      "alarms run",
      sum(({ alarms }) => alarms),
      price.OBJECT_REQUEST_USD,
    ),
    line("object time, GB-s", gbSeconds, price.OBJECT_GB_SECOND_USD),
    line(
      "rows read",
      sum(({ rowsRead }) => rowsRead),
      price.ROW_READ_USD,
    ),
    line(
      "rows written",
      sum(({ rowsWritten }) => rowsWritten),
      price.ROW_WRITTEN_USD,
    ),
    line(
      "alarms set (a row each)",
      sum(({ alarmsSet }) => alarmsSet),
      price.ROW_WRITTEN_USD,
    ),
    line("R2 class A (writes)", one.classA, price.R2_CLASS_A_USD),
    line("R2 class B (reads)", one.classB, price.R2_CLASS_B_USD),
    line("lines of the log", one.logLines, price.LOG_LINE_USD),
  ];
}

function report(stages: readonly [Spent, Spent, Spent], ended: Reading, before: Reading, pictureBytes: number): void {
  const [toEnd, seen, gone] = stages.map(bill);
  if (toEnd === undefined || seen === undefined || gone === undefined) throw new Error("three stages");
  const total = (lines: readonly Line[]) => lines.reduce((sum, [, , usd]) => sum + usd, 0);
  const count = (value: number) => (value >= 100 ? value.toFixed(0) : value.toFixed(value < 0.1 ? 4 : 2));
  const usd = (value: number) => value.toFixed(2);
  const rows = toEnd.map(([what, each, cost], n) => {
    const others = [seen[n], gone[n]].flatMap((line) => (line === undefined ? [] : [count(line[1]), usd(line[2])]));
    return [what, count(each), usd(cost), ...others];
  });
  rows.push(["**together, USD**", "", `**${usd(total(toEnd))}**`, "", usd(total(seen)), "", usd(total(gone))]);
  const columns = ["a request, USD a million", "submit to end", "USD", "one read, one view", "USD", "deletion", "USD"];

  const byClass = CLASSES.map((name) => {
    const { requests: calls, alarms, alarmsSet, rowsRead, rowsWritten, activeMs } = stages[0].classes[name] ?? EMPTY;
    return [name, ...[calls, alarms, alarmsSet, rowsRead, rowsWritten, activeMs].map(count)];
  });
  const classColumns = ["submit to end", "calls", "alarms run", "alarms set", "rows read", "rows written", "ms active"];

  const trackerBytes = bytesOf(ended, "RequestTracker") - bytesOf(before, "RequestTracker");
  const teamBytes = bytesOf(ended, "Team") - bytesOf(before, "Team");
  const monthOf = (bytes: number, gbMonth: number) => usd((bytes / 1e9) * gbMonth * MILLION);
  const kept = [
    ["tracker's database", trackerBytes / requests, price.OBJECT_GB_MONTH_USD],
    ["the team's rows", teamBytes / requests, price.OBJECT_GB_MONTH_USD],
    ["the picture in R2", pictureBytes, price.R2_GB_MONTH_USD],
  ] as const;
  const keptRows = kept.map(([what, bytes, gbMonth]) => [what, (bytes / 1e3).toFixed(1), monthOf(bytes, gbMonth)]);
  const storageUsd = kept.reduce((sum, [, bytes, gbMonth]) => sum + (bytes / 1e9) * gbMonth * MILLION, 0);
  const objectCalls = CLASSES.reduce((sum, name) => sum + (stages[0].classes[name]?.requests ?? 0), 0);
  const bars: [what: string, measured: number, bar: number][] = [
    ["running a million requests, logs included, USD", total(toEnd), RUNNING_BAR_USD],
    ["storage of a million requests, USD a month", storageUsd, STORAGE_BAR_USD],
    ["calls of objects a request", objectCalls, OBJECT_CALLS_BAR],
  ];
  const barRows = bars.map(([what, found, bar]) => [what, usd(found), `<= ${bar}`]);

  const result = `${table(["figure", "measured", "bar"], barRows)}

${table(columns, rows)}

${table(classColumns, byClass)}

${table(["kept for a month", "kB a request", "USD a million"], keptRows)}

${requests} requests of \`${MODEL}\` by the webhook path, one picture each, through \`bench/metered\`: the same Worker with every call, statement,
key, alarm, bucket operation and line of the log counted on its way, up to ${ALARMS_RUNG_MS / 1_000} s after the last request, so that alarms a minute off are in it.
Prices as of ${price.PRICES_AS_OF}, beyond what a paid plan includes, in \`bench/prices.ts\` with their pages. Rows are what the storage's cursors say of each
statement, indexes included; \`npm run bench:rows\` says who writes them. An object's time is that in which a call or an alarm was in it, with an upstream that
answers in ${LATENCY_MS} ms; objects here are a thread away and disks are near, so that production takes longer. CPU is that of the whole runtime,
objects and storage included, which Cloudflare bills in part only.`;
  console.log(`\n${result}`);
  writeSection("Cost", `${provenance(`npm run bench:cost -- --requests ${requests}`)}\n\n${result}`);
  if (bars.some(([, found, bar]) => found > bar)) process.exitCode = 1;
}

function bytesOf({ objects }: Reading, name: string): number {
  return Object.values(objects[name]?.bytes ?? {}).reduce((sum, bytes) => sum + bytes, 0);
}
