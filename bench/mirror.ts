// `npm run bench:mirror -- --rounds 3`: the same large file, copied by Sluice and by a Worker that does nothing but
// `FILES.put(key, response.body)`, in turns. Prints time and peak memory of both and their ratio, and writes them to
// docs/figures.md. Exit code 1 when a bar of the design does not hold. Linux only: memory is read in /proc.

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { eventually } from "../test/harness/eventually.ts";
import { MODEL } from "../test/harness/model.ts";
import { endChildrenOnSignal, freePorts, runtimesOf, workerRuntimes } from "../test/harness/process.ts";
import { type Sluice, startSluice } from "../test/harness/sluice.ts";
import { provenance, table, writeSection } from "./figures.ts";
import { median } from "./numbers.ts";
import { startYardstick } from "./yardstick.ts";

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "3" }, bytes: { type: "string", default: String(1024 ** 3) } },
});
const [rounds, bytes] = [Number(values.rounds), Number(values.bytes)];

const TIME_BAR = 1.5;
const MEMORY_BAR_MIB = 64;
const PATIENCE_MS = 600_000;
const BARE_CONFIG = "bench/bare-mirror/wrangler.toml";

/** When a copy began and ended (epoch ms). */
interface Span {
  from: number;
  to: number;
}
/** Time in ms, and the runtime's peak memory in MiB meanwhile. */
interface Copy {
  ms: number;
  peakMiB: number;
}
const SAMPLE_MS = 50;

endChildrenOnSignal();

const [barePort = 0] = await freePorts(1);
const running = await startSluice({}, { isPaced: true });
const bare = await startYardstick(BARE_CONFIG, barePort, running.stateDir);
try {
  report(await measure(running));
} finally {
  bare.stop();
  await running.stop();
}

async function measure(sluice: Sluice): Promise<{ sluice: Copy[]; bare: Copy[] }> {
  const found: { sluice: Copy[]; bare: Copy[] } = { sluice: [], bare: [] };
  for (let round = 1; round <= rounds; round++) {
    const [runtime = 0] = workerRuntimes(running.port);
    const [bareRuntime = 0] = runtimesOf(BARE_CONFIG, barePort);
    let source = "";
    found.sluice.push(
      await whileCopying(runtime, async () => {
        const copied = await copyBySluice(sluice);
        source = copied.source;
        return copied.span;
      }),
    );
    found.bare.push(await whileCopying(bareRuntime, () => copyBare(source)));
    console.log(`round ${round}:`, { sluice: found.sluice.at(-1), bare: found.bare.at(-1) });
  }
  return found;
}

/** One request whose output is the large file, from the moment that its output was known to the moment that it was stored. */
async function copyBySluice({ submit, read, sandbox, gatewayUrl }: Sluice): Promise<{ span: Span; source: string }> {
  const input = { prompt: `a film sandbox:file-huge:${bytes}`, image_size: { width: 64, height: 64 } };
  const id = await submit({ model: MODEL, input });
  const ended = await eventually(
    async () => {
      const request = await read<{
        status: string;
        files: { status: string; size: number }[];
        upstream: { request_id: string };
      }>(`/v1/requests/${id}?wait=30`);
      return request.status === "COMPLETED" ? request : null;
    },
    { what: "the request ends", patienceMs: PATIENCE_MS },
  );
  const [file] = ended.files;
  if (file?.status !== "stored" || file.size !== bytes) throw new Error(`not stored: ${JSON.stringify(file)}`);
  const { data } = await read<{ data: { at: string; event: string }[] }>(`/v1/requests/${id}/timeline`);
  const at = (names: string[]) => Date.parse(data.find(({ event }) => names.includes(event))?.at ?? "");
  const { files } = await sandbox<{ files: { path: string }[] }>("GET", `requests/${ended.upstream.request_id}`);
  const span = { from: at(["webhook", "result"]), to: at(["stored"]) };
  return { span, source: `${gatewayUrl}${files[0]?.path}` };
}

async function copyBare(source: string): Promise<Span> {
  const answer = await fetch(`${bare.url}/?source=${encodeURIComponent(source)}`, { method: "POST" });
  const copied = (await answer.json()) as { bytes: number } & Span;
  if (copied.bytes !== bytes) throw new Error(`the bare Worker stored ${copied.bytes} bytes`);
  return copied;
}

/** Memory is sampled, because it counts while the copy runs only: what follows it (settling, a digest) is another matter. */
async function whileCopying(pid: number, copy: () => Promise<Span>): Promise<Copy> {
  const samples: { at: number; kiB: number }[] = [];
  const timer = setInterval(() => {
    const kiB = Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
    samples.push({ at: Date.now(), kiB });
  }, SAMPLE_MS);
  const { from, to } = await copy().finally(() => clearInterval(timer));
  const during = samples.filter(({ at }) => at >= from && at <= to).map(({ kiB }) => kiB);
  return { ms: to - from, peakMiB: Math.round(Math.max(...during) / 1024) };
}

function report({ sluice, bare: theirs }: { sluice: Copy[]; bare: Copy[] }): void {
  const ratio = median(sluice.map(({ ms }) => ms)) / median(theirs.map(({ ms }) => ms));
  const moreMiB = (sluice[0]?.peakMiB ?? 0) - (theirs[0]?.peakMiB ?? 0);
  const rows = sluice.map((own, n) => {
    const other = theirs[n] ?? { ms: 0, peakMiB: 0 };
    return [n + 1, own.ms, other.ms, (own.ms / other.ms).toFixed(2), own.peakMiB, other.peakMiB];
  });
  const columns = ["round", "Sluice, ms", "bare, ms", "ratio", "Sluice, peak MiB", "bare, peak MiB"];
  const medians = ["**compared**", "", "", ratio.toFixed(2), `${moreMiB >= 0 ? "+" : ""}${moreMiB}`, ""];
  const result = `${table(columns, [...rows, medians])}

${(bytes / 1024 ** 2).toFixed(0)} MiB from the sandbox's CDN into the local bucket, in turns. Sluice: from the moment that the output was known to the moment
that the file was stored, in parts, each written down, with SHA-256 taken on the way (after 45 s it yields once and goes on by a range). Bare:
the put alone of a Worker that does nothing else. Memory: peak of the runtime's process meanwhile, the simulated bucket included, of the
first round: a process keeps what a round before made it take, and the digest of a copy that has yielded is taken after it. Bars: ratio
of the medians at most ${TIME_BAR}, at most ${MEMORY_BAR_MIB} MiB more. Sluice's own buffers are 256 KiB for such a copy and take nothing of the 48 MiB budget, which \`test/workerd/files/copy.test.ts\` holds by its
high-water mark for twenty copies at once of sources without a length.`;
  console.log(`\n${result}`);
  writeSection("Mirroring a large file", `${provenance(command())}\n\n${result}`);
  if (ratio > TIME_BAR || moreMiB > MEMORY_BAR_MIB) process.exitCode = 1;
}

function command(): string {
  return `npm run bench:mirror -- --rounds ${rounds} --bytes ${bytes}`;
}
