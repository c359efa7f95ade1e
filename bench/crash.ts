// `npm run bench:crash -- --kills 10`: limits with room for seven, many posts at once, the runtime killed amid them, once for
// each seed. With `--of account`: a busy account, its runtime killed over and over within each seed. Prints what was lost, doubled,
// oversold or leaked, and writes it to docs/figures.md; with `--add` below the seeds that are there. Exit code 1 when anything was.

import { parseArgs } from "node:util";
import { crashAccount, POSTS_PER_KILL, RPS, SLOTS } from "../test/harness/account-crash.ts";
import { judgeAccount } from "../test/harness/account-verdict.ts";
import { crashUnderLimits, PLACES } from "../test/harness/limit-crash.ts";
import { judge, type SeenTeam, strays, type Verdict } from "../test/harness/limit-verdict.ts";
import { endChildrenOnSignal } from "../test/harness/process.ts";
import { provenance, rowsOf, table, writeSection } from "./figures.ts";

const { values } = parseArgs({
  options: {
    of: { type: "string", default: "limits" },
    kills: { type: "string", default: "10" },
    seed: { type: "string", default: "1" },
    posts: { type: "string", default: "500" },
    "per-seed": { type: "string", default: "3" },
    add: { type: "boolean", default: false },
  },
});
const [kills, firstSeed] = [whole("kills"), whole("seed")];

endChildrenOnSignal();

/** What one seed showed: cells of its row, and the sentences under each kind of fault. */
interface SeedRun {
  cells: (string | number)[];
  faults: string[][];
}

switch (values.of) {
  case "limits":
    await ofLimits(whole("posts"));
    break;
  case "account":
    await ofAccount(whole("per-seed"));
    break;
  default:
    console.error("--of must be limits or account.");
    process.exit(2);
}

async function ofLimits(postsPerTeam: number): Promise<void> {
  const columns = ["killed after, ms", "answered by then", "let in by then", "accepted", "ended", "unproven"];
  const faults = ["lost", "doubled", "oversold", "wrong sums"];
  const title = "Crashes";
  const result = await eachSeed(title, kills, columns, faults, async (seed) => {
    const run = await crashUnderLimits(seed, postsPerTeam);
    const verdicts = run.teams.map((team) => judge(team, run.sent));
    const each = (pick: (verdict: Verdict) => number) => verdicts.map(pick).join(" + ");
    return {
      cells: [
        run.killedAfterMs,
        `${run.answeredBefore} of ${run.posts}`,
        run.letInBefore,
        each(({ accepted }) => accepted),
        each(({ completed }) => completed),
        each(({ unproven }) => unproven),
      ],
      faults: faultsOf(run.teams, run.sent),
    };
  });
  const command = `npm run bench:crash -- --kills ${kills} --seed ${firstSeed} --posts ${postsPerTeam}`;
  report(
    "Crashes",
    command,
    `${result}

Two teams have room for ${PLACES} each, one by a limit of ${PLACES} requests a day, one by a limit of 0.021 USD a day at 0.003 USD a
request (figures: first + second). ${postsPerTeam} posts to each arrive at once; workerd is killed with SIGKILL at a random moment and
comes back on the same state; posts without a clear answer are repeated under their idempotency key. *Unproven* are requests
that were cut off before the call left: nobody can know that, so they are not sent again, keep their reservation, and wait.`,
  );
}

async function ofAccount(perSeed: number): Promise<void> {
  const columns = ["kills", "at full slots", "during a pause", "accepted", "ended", "unproven"];
  columns.push("submit's answer lost", "forced 429");
  const faults = ["lost", "doubled", "oversold", "wrong sums", "slots or turns leaked", "over the pace"];
  const title = "Kills of a busy account";
  const result = await eachSeed(title, Math.ceil(kills / perSeed), columns, faults, async (seed) => {
    const run = await crashAccount(seed, perSeed);
    const { accepted, completed, unproven } = judge(run.team, run.sent);
    const { leaked, tooFast, stormed } = judgeAccount(run.account, RPS);
    const answersLost = run.team.requests.filter(({ answerLost }) => answerLost).length;
    const at = (wanted: string) => run.kills.filter(({ moment }) => moment === wanted).length;
    return {
      cells: [run.kills.length, at("slots full"), at("paused"), accepted, completed, unproven, answersLost, stormed],
      faults: [...faultsOf([run.team], run.sent), leaked, tooFast],
    };
  });
  const command = `npm run bench:crash -- --of account --kills ${kills} --per-seed ${perSeed} --seed ${firstSeed}${values.add ? " --add" : ""}`;
  report(
    "Kills of a busy account",
    command,
    `${result}

${POSTS_PER_KILL} requests of five users come with each kill, on ${SLOTS} slots, for about a second each. workerd is killed with SIGKILL
while turns are out, at full slots, during a pause after 429s, in turns, each at a random moment, and comes back on the same
state. *Submit's answer lost*: a kill fell between the call and its answer, so a webhook had to prove what became of it. *Slots or turns leaked*: what \`GET /v1/admin/upstream\` still shows when everything has ended. *Over the pace*: any 429 that
was not forced, an eleventh call in a second, a call during a pause that Retry-After had asked for.`,
  );
}

/** Runs every seed, says what each came to, and answers the table of all. */
async function eachSeed(
  title: string,
  seeds: number,
  columns: readonly string[],
  faultNames: readonly string[],
  run: (seed: number) => Promise<SeedRun>,
): Promise<string> {
  const rows: (string | number)[][] = values.add ? rowsOf(title).slice(0, -1) : [];
  for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
    const { cells, faults } = await run(seed);
    for (const fault of faults.flat()) console.error(`seed ${seed}: ${fault}`);
    rows.push([seed, ...cells, ...faults.map(({ length }) => length)]);
    console.log(`seed ${seed}: ${faultNames.map((name, n) => `${faults[n]?.length} ${name}`).join(", ")}`);
    if (faults.flat().length > 0) process.exitCode = 1;
  }
  const titles = ["seed", ...columns, ...faultNames];
  return table(titles, [...rows, ["**all**", ...sums(rows, titles.length).slice(1)]]);
}

/** Sums of the columns that hold numbers. */
function sums(rows: readonly (string | number)[][], columns: number): (string | number)[] {
  return Array.from({ length: columns }, (_, n) => {
    const cells = rows.map((row) => Number(row[n]));
    return cells.some(Number.isNaN) ? "" : cells.reduce((sum, cell) => sum + cell, 0);
  });
}

function report(title: string, command: string, result: string): void {
  console.log(`\n${result}`);
  writeSection(title, `${provenance(command)}\n\n${result}`);
}

function whole(name: "kills" | "seed" | "posts" | "per-seed"): number {
  const number = Number(values[name]);
  if (Number.isInteger(number) && number > 0) return number;
  console.error(`--${name} must be a positive integer.`);
  process.exit(2);
}

/** Accounting faults: lost, doubled, oversold, wrong sums. */
function faultsOf(teams: readonly SeenTeam[], sent: ReadonlyMap<string, number>): string[][] {
  const verdicts = teams.map((team) => judge(team, sent));
  const unknown = strays(teams, sent).map((id) => `${id} was sent upstream, and no post returned it`);
  return [
    [...verdicts.flatMap(({ lost }) => lost), ...unknown],
    verdicts.flatMap(({ doubled }) => doubled),
    verdicts.flatMap(({ oversold }) => oversold),
    verdicts.flatMap(({ wrongSums }) => wrongSums),
  ];
}
