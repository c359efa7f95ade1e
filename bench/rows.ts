// `npm run bench:rows`: who writes what, when: rows and alarms by object, step and table or key, of a plain request, one with a
// user, limits and retention, one with a second file, and a deletion; and how large a tracker's database is. Writes them to
// docs/figures.md. Exit code 1 when a bar of the design does not hold.

import { parseArgs } from "node:util";
import { pause } from "../test/harness/eventually.ts";
import { MODEL } from "../test/harness/model.ts";
import { endChildrenOnSignal } from "../test/harness/process.ts";
import { type Sluice, startSluice } from "../test/harness/sluice.ts";
import { provenance, table, writeSection } from "./figures.ts";
import { ALARMS_RUNG_MS, quietTally } from "./metered/reading.ts";
import { partsOfWriter, type Tally } from "./metered/tally.ts";

const { values } = parseArgs({
  options: { requests: { type: "string", default: "20" }, quick: { type: "boolean", default: false } },
});
const requests = Number(values.requests);
/** `--quick` leaves out what alarms do that stand a minute off. */
const waitMs = values.quick ? 0 : ALARMS_RUNG_MS;

const PLAIN_BAR = 12;
const LIMITED_BAR = 18;
const FILE_BAR = 1;
const DELETION_BAR = 5;
const TRACKER_BAR_KB = 20;

const WARM_UPS = 2;
/** Below the account's pace, so that nothing waits; a team's minute of many requests is rolled up once. */
const SUBMIT_GAP_MS = 200;
const INPUT = { prompt: "a tiny cute cat", image_size: "square" };
const OBJECTS = ["RequestTracker", "Team", "UpstreamAccount"] as const;
/** Every kind of counter that a submit moves, and days after which the request goes. */
const PLAN = {
  limits: [
    { name: "requests", scope: "user", per: "request", limit: 1_000_000, window: "1d" },
    { name: "spend", scope: "team", per: "usd", limit: "100000", window: "1mo" },
    { name: "open", scope: "key", per: "concurrent", limit: 1_000 },
  ],
  retention: { records_days: 30, files_days: 30, inputs_days: 7 },
};

endChildrenOnSignal();

const running = await startSluice({}, { main: "bench/metered/index.ts", isPaced: true });
try {
  await measure(running);
} finally {
  await running.stop();
}

/** What one request wrote on average: by writer, and in sum. */
interface Written {
  by: Map<string, number>;
  sum: number;
}

async function measure({ sandbox, url }: Sluice): Promise<void> {
  await sandbox("PATCH", "settings", { run_ms: { image: 1_000 }, queue_ms: { image: 300 } });
  await endedRequests(WARM_UPS, {});
  const start = await quietTally(url);
  const ids = await endedRequests(requests, {});
  const plainEnd = await afterAlarms(url);
  await expectEnded(ids, 1);
  const filesStart = await quietTally(url);
  const withTwo = await endedRequests(requests, { input: { ...INPUT, num_images: 2 } });
  const filesEnd = await afterAlarms(url);
  await expectEnded(withTwo, 2);
  for (const id of ids) await call("DELETE", `/v1/requests/${id}`);
  const deletedEnd = await afterAlarms(url);
  await call("PUT", "/v1/plans/limited", PLAN);
  const { secret } = await call<{ secret: string }>("POST", "/v1/keys", {
    name: "k",
    scopes: ["run"],
    plan: "limited",
  });
  await endedRequests(WARM_UPS, { user: "mina" }, secret);
  const limitedStart = await quietTally(url);
  const limitedIds = await endedRequests(requests, { user: "mina" }, secret);
  const limitedEnd = await afterAlarms(url);
  await expectEnded(limitedIds, 1);

  const trackerKb =
    ids.reduce((sum, id) => sum + (plainEnd.objects.RequestTracker?.bytes[id] ?? 0), 0) / requests / 1e3;
  report({
    plain: written(start, plainEnd),
    files: written(filesStart, filesEnd),
    deletion: written(filesEnd, deletedEnd),
    limited: written(limitedStart, limitedEnd),
    trackerKb,
  });
}

async function afterAlarms(url: string): Promise<Tally> {
  await pause(waitMs);
  return quietTally(url);
}

/** Ids of requests that ran until nothing happened any more. */
async function endedRequests(count: number, more: Record<string, unknown>, key = running.key): Promise<string[]> {
  const ids: string[] = [];
  for (let n = 0; n < count; n++) {
    const { id } = await call<{ id: string }>("POST", "/v1/requests", { model: MODEL, input: INPUT, ...more }, key);
    ids.push(id);
    await pause(SUBMIT_GAP_MS);
  }
  await quietTally(running.url);
  return ids;
}

/** Each has ended with its files stored. Asked after a reading: a read is a call of an object as well. */
async function expectEnded(ids: readonly string[], files: number): Promise<void> {
  for (const id of ids) {
    const request = await running.read<{ status: string; files: { status: string }[] }>(`/v1/requests/${id}`);
    const stored = request.files.filter(({ status }) => status === "stored").length;
    if (request.status !== "COMPLETED" || stored !== files) throw new Error(`${id}: ${JSON.stringify(request)}`);
  }
}

async function call<T>(method: string, path: string, body?: unknown, key = running.key): Promise<T> {
  const headers = { Authorization: `Bearer ${key}`, "Content-Type": "application/json" };
  const init = body === undefined ? { method, headers } : { method, headers, body: JSON.stringify(body) };
  const answer = await fetch(`${running.url}${path}`, init);
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path} was answered ${answer.status}: ${text}`);
  return (text === "" ? null : JSON.parse(text)) as T;
}

function written(from: Tally, to: Tally): Written {
  const by = new Map<string, number>();
  for (const [writer, rows] of Object.entries(to.writes)) {
    const each = (rows - (from.writes[writer] ?? 0)) / requests;
    if (each > 0) by.set(writer, each);
  }
  return { by, sum: [...by.values()].reduce((all, each) => all + each, 0) };
}

function ofObject({ by }: Written, name: string): number {
  return [...by].reduce((sum, [writer, rows]) => sum + (partsOfWriter(writer)[0] === name ? rows : 0), 0);
}

interface Found {
  plain: Written;
  limited: Written;
  files: Written;
  deletion: Written;
  trackerKb: number;
}

function report({ plain, limited, files, deletion, trackerKb }: Found): void {
  const shown = (value: number) => value.toFixed(2).replace(/\.?0+$/, "");
  const bars: [what: string, measured: number, bar: number][] = [
    ["rows and alarms, a plain request", plain.sum, PLAIN_BAR],
    ["with a user, three limits and retention", limited.sum, LIMITED_BAR],
    [
      "each further file, of its request's object",
      ofObject(files, "RequestTracker") - ofObject(plain, "RequestTracker"),
      FILE_BAR,
    ],
    ["a deletion", deletion.sum, DELETION_BAR],
    ["a tracker's database after the end, kB", trackerKb, TRACKER_BAR_KB],
  ];
  const all = [plain, limited, files, deletion];
  const writers = [...new Set(all.flatMap(({ by }) => [...by.keys()]))].sort();
  const cell = (rows: number | undefined) => (rows === undefined ? "" : shown(rows));
  const lines = writers.map((writer) => [...partsOfWriter(writer), ...all.map(({ by }) => cell(by.get(writer)))]);
  const sums = OBJECTS.map((name) => [`**${name}**`, "", "", ...all.map((each) => shown(ofObject(each, name)))]);
  const total = ["**together**", "", "", ...all.map(({ sum }) => `**${shown(sum)}**`)];
  const columns = ["object", "step", "table or key", "plain", "user, limits, retention", "two files", "deletion"];
  const result = `${table(
    ["figure", "measured", "bar"],
    bars.map(([what, found, bar]) => [what, shown(found), `<= ${bar}`]),
  )}

${table(columns, [...lines, ...sums, total])}

Rows a request, mean of ${requests}, one each ${SUBMIT_GAP_MS} ms, through \`bench/metered\`, which runs the statements of an \`exec\` one by one: a cursor tells the rows of the
last alone. A row of an index counts 1, a key 1, an alarm that is set 1. A step is the method of the object that was called last when it was written.
What a team rolls up each minute is shared by that minute's requests: one alone pays for it alone.
${values.quick ? "What alarms do a minute later is left out." : `Counted up to ${waitMs / 1_000} s after the last request.`}`;
  console.log(`\n${result}`);
  const command = `npm run bench:rows -- --requests ${requests}${values.quick ? " --quick" : ""}`;
  writeSection("Rows written", `${provenance(command)}\n\n${result}`);
  if (bars.some(([, found, bar]) => found > bar)) process.exitCode = 1;
}
