// `npm run bench:objects`: what one call of a Team, an account and a tracker costs in the runtime itself, SQLite and all. One
// object takes one call after another, so this says how many it takes in a second. Prints a table and writes it to
// docs/figures.md; the simulation's own copy of it is bench/service-times.ts.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { endChildrenOnSignal, freePorts } from "../test/harness/process.ts";
import { provenance, table, writeSection } from "./figures.ts";
import { median } from "./numbers.ts";
import type { Measured } from "./objects/index.ts";
import { startYardstick } from "./yardstick.ts";

const { values } = parseArgs({ options: { calls: { type: "string", default: "1000" } } });
const calls = Number(values.calls);
const ROUNDS = 3;
/** An account asks after slots that somebody waits for after a minute; its measurement has to be over by then. */
const LINES = [100, 1_000, 3_000];
const asked = [
  { object: "team", calls, waiting: 0 },
  ...LINES.map((waiting) => ({ object: "account", calls: Math.min(calls, 200), waiting })),
  // The last one: it leaves a line behind.
  { object: "tracker", calls, waiting: 0 },
];

endChildrenOnSignal();
const stateDir = mkdtempSync(join(tmpdir(), "sluice-objects-"));
const [port = 0] = await freePorts(1);
const worker = await startYardstick("bench/objects/wrangler.toml", port, stateDir);
try {
  const rows: (string | number)[][] = [];
  for (const each of asked) {
    const rounds: Record<string, Measured>[] = [];
    for (let n = 0; n < ROUNDS; n++) rounds.push(await measure(each));
    for (const call of Object.keys(rounds[0] ?? {})) {
      const ms = rounds.flatMap((found) => found[call] ?? []).map((found) => found.ms / found.calls);
      const middle = median(ms);
      const inLine = each.object === "account" ? each.waiting : "";
      const row = [
        `\`${call}\``,
        inLine,
        each.calls,
        round(middle),
        Math.round(1_000 / middle),
        ms.map(round).join(", "),
      ];
      rows.push(row);
      console.log(...row);
    }
  }
  const columns = ["call", "submits in line", "calls", "ms each", "calls a second", "ms each, by round"];
  const result = `${table(columns, rows)}

Twenty calls at a time from a Worker in the same process, which therefore counts too. The team has four limits and twenty users;
the account's slots are all taken, so each look at the line goes through all of it. \`tracker.start\` is the first step of as many
different requests: their own rows, \`team.started\` and \`account.requestGrant\` are in it, and only the Team and the account are shared.`;
  console.log(`\n${result}`);
  writeSection("Calls of the objects", `${provenance(`npm run bench:objects -- --calls ${calls}`)}\n\n${result}`);
} finally {
  worker.stop();
  rmSync(stateDir, { recursive: true, force: true });
}

async function measure({ object, calls: count, waiting }: (typeof asked)[number]): Promise<Record<string, Measured>> {
  const answer = await fetch(`${worker.url}/${object}?calls=${count}&waiting=${waiting}`);
  if (!answer.ok) throw new Error(`${object} was answered ${answer.status}`);
  return (await answer.json()) as Record<string, Measured>;
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}
