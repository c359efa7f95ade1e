// `npm run bench:crash -- --kills 10`: limits with room for seven, many posts at once, the runtime killed amid them, once for
// each seed. Prints what was lost, doubled or oversold, and writes it to docs/figures.md. Exit code 1 when anything was.

import { parseArgs } from "node:util";
import { type CrashRun, crashUnderLimits, PLACES } from "../test/support/limit-crash.ts";
import { judge, strays, type Verdict } from "../test/support/limit-verdict.ts";
import { children } from "../test/support/process.ts";
import { provenance, table, writeSection } from "./figures.ts";

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "10" },
    seed: { type: "string", default: "1" },
    posts: { type: "string", default: "500" },
  },
});
const [kills, firstSeed, postsPerTeam] = [whole("kills"), whole("seed"), whole("posts")];

// wrangler's processes are groups of their own, which Ctrl-C does not reach.
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    for (const { pid } of children()) process.kill(pid, "SIGKILL");
    process.exit(1);
  });
}

const COLUMNS = ["seed", "killed after, ms", "answered by then", "let in by then", "accepted", "ended", "unproven"];
const FAULTS = ["lost", "doubled", "oversold", "wrong books"];
const rows: (string | number)[][] = [];
const totals = FAULTS.map(() => 0);
for (let seed = firstSeed; seed < firstSeed + kills; seed++) {
  const run = await crashUnderLimits(seed, postsPerTeam);
  const verdicts = run.teams.map((team) => judge(team, run.sent));
  const faults = faultsOf(run, verdicts);
  for (const fault of faults.flat()) console.error(`seed ${seed}: ${fault}`);
  const each = (pick: (verdict: Verdict) => number) => verdicts.map(pick).join(" + ");
  rows.push([
    ...[seed, run.killedAfterMs, `${run.answeredBefore} of ${run.posts}`, run.letInBefore],
    ...[each(({ accepted }) => accepted), each(({ completed }) => completed), each(({ unproven }) => unproven)],
    ...faults.map(({ length }) => length),
  ]);
  for (const [n, { length }] of faults.entries()) totals[n] = (totals[n] ?? 0) + length;
  console.log(`seed ${seed}: ${FAULTS.map((name, n) => `${faults[n]?.length} ${name}`).join(", ")}`);
}

const command = `npm run bench:crash -- --kills ${kills} --seed ${firstSeed} --posts ${postsPerTeam}`;
const result = `${table([...COLUMNS, ...FAULTS], [...rows, ["**all**", "", "", "", "", "", "", ...totals]])}

Two teams have room for ${PLACES} each, one by a limit of ${PLACES} requests a day, one by a limit of 0.021 USD a day at 0.003 USD a
request (figures: first + second). ${postsPerTeam} posts to each arrive at once; workerd is killed with SIGKILL at a random moment and
comes back on the same state; posts without a clear answer are repeated under their idempotency key. *Unproven* are requests
that were cut off before the call left: nobody can know that, so they are not sent again, keep their reservation, and wait.`;
console.log(`\n${result}`);
writeSection("Crashes", `${provenance(command)}\n\n${result}`);
if (totals.some((total) => total > 0)) process.exitCode = 1;

function whole(name: "kills" | "seed" | "posts"): number {
  const number = Number(values[name]);
  if (Number.isInteger(number) && number > 0) return number;
  console.error(`--${name} must be a whole number above 0.`);
  process.exit(2);
}

/** The faults of a run under each of FAULTS. */
function faultsOf(run: CrashRun, verdicts: readonly Verdict[]): string[][] {
  const unknown = strays(run.teams, run.sent).map((id) => `${id} was sent upstream, and no post was answered with it`);
  return [
    [...verdicts.flatMap(({ lost }) => lost), ...unknown],
    ...[verdicts.flatMap(({ doubled }) => doubled), verdicts.flatMap(({ oversold }) => oversold)],
    verdicts.flatMap(({ wrongBooks }) => wrongBooks),
  ];
}
