// `npm run bench:bundle`: how large the Worker is that a deploy uploads, what its parts weigh, and the CPU time of its start.
// Writes them to docs/figures.md. Exit code 1 when the start takes longer than its bar, or the bundle outgrows what was decided.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { provenance, table, writeSection } from "./figures.ts";
import { median } from "./numbers.ts";

const { values } = parseArgs({ options: { starts: { type: "string", default: "9" } } });
const starts = Number(values.starts);

const START_BAR_MS = 50;
/** docs/decisions/bundle.md: what the design asked for, and what is held instead. */
const DESIGN_GZIP_KIB = 150;
const GZIP_BAR_KIB = 215;

/** Each library, with the names under which src/ imports it. */
const LIBRARIES: Readonly<Record<string, readonly string[]>> = {
  zod: ["zod"],
  hono: ["hono", "hono/factory", "hono/router/trie-router"],
  picomatch: ["picomatch"],
  jose: ["jose"],
  standardwebhooks: ["standardwebhooks"],
  "magic-bytes.js": ["magic-bytes.js"],
};

const root = fileURLToPath(new URL("..", import.meta.url).href);
const folder = mkdtempSync(join(tmpdir(), "sluice-bundle-"));
const nothing = join(folder, "nothing.cjs");
writeFileSync(nothing, "module.exports = {};\n");
try {
  const whole = sizeWithout([]);
  const parts = Object.entries(LIBRARIES).map(([name, imports]) => [name, sizeWithout(imports)] as const);
  const own = sizeWithout(Object.values(LIBRARIES).flat());
  const ours = Array.from({ length: starts }, () => startMs(root));
  const bare = Array.from({ length: 3 }, () => startMs(`${root}bench/pass-through`));

  const less = (size: Size) => [(whole.kiB - size.kiB).toFixed(1), (whole.gzipKiB - size.gzipKiB).toFixed(1)];
  const rows = [
    ["**all of it**", whole.kiB.toFixed(1), whole.gzipKiB.toFixed(1)],
    ["src/, without any library", own.kiB.toFixed(1), own.gzipKiB.toFixed(1)],
    ...parts.map(([name, size]) => [name, ...less(size)]),
  ];
  const result = `${table(["part", "minified, KiB", "gzip, KiB"], rows)}

Sizes as \`wrangler deploy --dry-run\` counts them. A library's line is what the bundle loses without it; compressed together, parts
share, so that the lines do not add up. Bar of the design: ${DESIGN_GZIP_KIB} KiB gzip; held instead: ${GZIP_BAR_KIB} KiB
([why](decisions/bundle.md)).

${table(
  ["start-up", "median, ms", "fastest, ms", "slowest, ms"],
  [
    ["Sluice", ...spread(ours)],
    ["a Worker of ten lines", ...spread(bare)],
  ],
)}

CPU time of the module's evaluation in workerd by \`wrangler check startup\`: samples of V8's profiler that were not idle, garbage
collection and the profiler's own cost included; ${starts} new processes (three of the other), on this machine's CPU, not on Cloudflare's. Bar: ${START_BAR_MS} ms.`;
  console.log(result);
  writeSection("Bundle and start-up", `${provenance(`npm run bench:bundle -- --starts ${starts}`)}\n\n${result}`);
  if (whole.gzipKiB > GZIP_BAR_KIB || median(ours) > START_BAR_MS) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

interface Size {
  kiB: number;
  gzipKiB: number;
}

/** The bundle with each of these imports replaced by an empty module. */
function sizeWithout(imports: readonly string[]): Size {
  const aliases = imports.flatMap((name) => ["--alias", `${name}:${nothing}`]);
  const said = wrangler(["deploy", "--dry-run", "--outdir", join(folder, "out"), ...aliases]);
  const [, kiB, gzipKiB] = /Total Upload: ([\d.]+) KiB \/ gzip: ([\d.]+) KiB/.exec(said) ?? [];
  if (kiB === undefined || gzipKiB === undefined) throw new Error(`wrangler printed no size: ${said}`);
  return { kiB: Number(kiB), gzipKiB: Number(gzipKiB) };
}

/** CPU time of one start, in ms: every sample of the profile that was not idle, as wrangler's own summary counts them. */
function startMs(of: string): number {
  const profile = join(folder, "start.cpuprofile");
  wrangler(["check", "startup", "--outfile", profile], of);
  const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(profile, "utf8")) as {
    nodes: { id: number; callFrame: { functionName: string } }[];
    samples: number[];
    timeDeltas: number[];
  };
  const idle = new Set(nodes.filter(({ callFrame }) => callFrame.functionName === "(idle)").map(({ id }) => id));
  const activeUs = timeDeltas.filter((_, n) => !idle.has(samples[n] ?? -1)).reduce((sum, each) => sum + each, 0);
  return activeUs / 1_000;
}

function spread(found: readonly number[]): string[] {
  return [median(found), Math.min(...found), Math.max(...found)].map((ms) => ms.toFixed(1));
}

function wrangler(args: readonly string[], cwd = root): string {
  return execFileSync(`${root}node_modules/.bin/wrangler`, args, {
    cwd,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, CLOUDFLARE_CF_FETCH_ENABLED: "false", WRANGLER_SEND_METRICS: "false" },
  });
}
