// `npm run bench:bundle`: how large the Worker is that a deploy uploads, what its parts weigh, and the CPU time of its start beside
// that of another commit, in turns. Writes them to docs/figures.md. Exit code 1 when the start takes longer than its bar, or the
// bundle outgrows what was decided.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { provenance, table, writeSection } from "./figures.ts";
import { median } from "./numbers.ts";

/** The last commit in which the start evaluated every schema. */
const EAGER_COMMIT = "52bdeb3";
const { values } = parseArgs({
  options: { starts: { type: "string", default: "9" }, against: { type: "string", default: EAGER_COMMIT } },
});
const [starts, against] = [Number(values.starts), values.against];

/** CPU time of a start over that of the other commit: half of the eager one's, and no creep from one change to the next. */
const START_BAR = against === EAGER_COMMIT ? 0.55 : 1.1;
/** A tripwire, not an aim (docs/decisions/bundle.md). */
const GZIP_BAR_KIB = 300;

/** Each library, with the names under which src/ imports it. */
const LIBRARIES: Readonly<Record<string, readonly string[]>> = {
  zod: ["zod"],
  hono: ["hono", "hono/factory", "hono/router/trie-router"],
  jose: ["jose"],
  standardwebhooks: ["standardwebhooks"],
  "magic-bytes.js": ["magic-bytes.js"],
};

const root = fileURLToPath(new URL("..", import.meta.url).href);
const folder = mkdtempSync(join(tmpdir(), "sluice-bundle-"));
const other = join(folder, "other");
const nothing = join(folder, "nothing.cjs");
writeFileSync(nothing, "module.exports = {};\n");
try {
  const whole = sizeWithout([]);
  const parts = Object.entries(LIBRARIES).map(([name, imports]) => [name, sizeWithout(imports)] as const);
  const own = sizeWithout(Object.values(LIBRARIES).flat());
  git("worktree", "add", "--detach", other, against);
  symlinkSync(`${root}node_modules`, join(other, "node_modules"));
  const [ours, theirs] = [[], []] as [number[], number[]];
  for (let n = 0; n < starts; n++) {
    theirs.push(startMs(other));
    ours.push(startMs(root));
  }
  const ratio = median(ours) / median(theirs);

  const less = (size: Size) => [(whole.kiB - size.kiB).toFixed(1), (whole.gzipKiB - size.gzipKiB).toFixed(1)];
  const rows = [
    ["**all of it**", whole.kiB.toFixed(1), whole.gzipKiB.toFixed(1)],
    ["src/, without any library", own.kiB.toFixed(1), own.gzipKiB.toFixed(1)],
    ...parts.map(([name, size]) => [name, ...less(size)]),
  ];
  const result = `${table(["part", "minified, KiB", "gzip, KiB"], rows)}

Sizes as \`wrangler deploy --dry-run\` counts them. A library's line is what the bundle loses without it; compressed together, parts
share, so that the lines do not add up. Tripwire: ${GZIP_BAR_KIB} KiB gzip ([why](decisions/bundle.md)).

${table(
  ["start-up", "median, ms", "fastest, ms", "slowest, ms", `median over ${against}`, "bar"],
  [
    ["Sluice", ...spread(ours), `**${ratio.toFixed(2)}**`, `<= ${START_BAR}`],
    [`Sluice at ${against}`, ...spread(theirs), "1", ""],
  ],
)}

CPU time of the module's evaluation in workerd by \`wrangler check startup\`: samples of V8's profiler that were not idle, garbage
collection and the profiler's own cost included; ${starts} new processes of each, in turns, on this machine's CPU, not on Cloudflare's.`;
  console.log(result);
  writeSection(
    "Bundle and start-up",
    `${provenance(`npm run bench:bundle -- --starts ${starts} --against ${against}`)}\n\n${result}`,
  );
  if (whole.gzipKiB > GZIP_BAR_KIB || ratio > START_BAR) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
  git("worktree", "prune");
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

function git(...args: string[]): void {
  execFileSync("git", args, { cwd: root, stdio: ["ignore", "ignore", "pipe"] });
}

function wrangler(args: readonly string[], cwd = root): string {
  return execFileSync(`${root}node_modules/.bin/wrangler`, args, {
    cwd,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, CLOUDFLARE_CF_FETCH_ENABLED: "false", WRANGLER_SEND_METRICS: "false" },
  });
}
