// `npm run bench:sim`: accounts on a virtual clock, at loads that no machine here could make: 10,000 in flight, 100 accounts with
// the teams that they share, lines that everybody watches. Prints the tables of docs/scale.md and draws docs/scale.svg.

import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type AccountLoad, type Load, lastEndsS, START_AT, simulate } from "../test/harness/share-sim.ts";
import { type Line, svgOf } from "./chart.ts";
import { table } from "./figures.ts";
import { COMING_MS, type Outcome, simulateWorld, type World } from "./sim-accounts.ts";

const SEED = 1;
const ACCOUNT: AccountLoad = { rps: 10, slots: 40, answerMs: 150, polls: 0, pollGapMs: 20_000, runMs: () => 8_000 };
const ONE: World = { accounts: 1, teams: 1, account: ACCOUNT, watched: false };
const MANY: World = { ...ONE, accounts: 100, account: { ...ACCOUNT, slots: 1_000 } };

console.log(`${bursts()}\n`);
console.log(`${rising()}\n`);
console.log(lines());

/** Thousands at once on one account, its objects free of cost: what the turns alone make of it. */
function bursts(): string {
  const users = (sizes: readonly number[]) => sizes.map((requests, n) => ({ name: `u${n}`, requests, atMs: 0 }));
  const loads: [string, Load][] = [
    ["10,000 at once, 100 users, slots 40", { ...ACCOUNT, users: users(Array(100).fill(100)) }],
    ["the same, slots 10,000", { ...ACCOUNT, slots: 10_000, users: users(Array(100).fill(100)) }],
    ["the same, webhooks lost", { ...ACCOUNT, slots: 10_000, polls: 2, users: users(Array(100).fill(100)) }],
    [
      "1,000 at once, one of 11 owns half",
      { ...ACCOUNT, slots: 1_000, users: users([500, ...Array<number>(10).fill(50)]) },
    ],
  ];
  const rows = loads.map(([name, load]) => {
    const startedAt = performance.now();
    const run = simulate(load, 48 * 3_600_000);
    const ms = performance.now() - startedAt;
    const ends = [...lastEndsS(run).values()].sort((a, b) => a - b);
    const longestLine = Math.max(0, ...run.requests.map(({ toldPosition }) => toldPosition ?? 0));
    const callsPerS = run.calls.length / ((Math.max(...run.calls) - START_AT) / 1_000);
    const [first = 0, last = 0] = [ends[0], ends.at(-1)];
    return [
      name,
      Math.round(last),
      Math.round(first),
      (run.requests.length / last).toFixed(2),
      callsPerS.toFixed(2),
      longestLine,
      (ms / run.calls.length).toFixed(2),
    ];
  });
  const columns = ["load", "all ended, s", "first user through, s", "ended/s", "calls/s", "longest line"];
  return table([...columns, "CPU per call, ms"], rows);
}

/** Loads that rise until something bends: the table of the knees, and the picture. */
function rising(): string {
  const steps = [0.5, 1, 2, 3, 4, 4.5, 4.75, 5, 5.5, 6, 7, 8, 9, 9.5, 10, 11, 12];
  const fewSteps = [0.5, 1, 2, 2.25, 2.5, 2.75, 3, 4, 6, 8, 9, 9.5, 10, 12];
  const webhooksLost = { ...ACCOUNT, slots: 1_000, polls: 2 };
  const shapes: { name: string; colour: string; world: World; steps: readonly number[]; drawn: boolean }[] = [
    { name: "one account, 40 slots", colour: "#c2410c", world: ONE, steps, drawn: true },
    {
      name: "one account, 1,000 slots",
      colour: "#15803d",
      steps,
      drawn: true,
      world: { ...ONE, account: { ...ACCOUNT, slots: 1_000 } },
    },
    {
      name: "1,000 slots, webhooks lost",
      colour: "#7c3aed",
      steps: [...steps, 2.5, 3.25, 3.5],
      drawn: true,
      world: { ...ONE, account: webhooksLost },
    },
    { name: "100 accounts, one team", colour: "#1d4ed8", world: MANY, steps: fewSteps, drawn: true },
    { name: "100 accounts, ten teams", colour: "#000", world: { ...MANY, teams: 10 }, steps: fewSteps, drawn: false },
  ];
  const found = shapes.map(({ world, steps: loads, ...shape }) => {
    const outcomes = loads.toSorted((a, b) => a - b).map((perS) => ({ perS, ...simulateWorld(world, { perS }, SEED) }));
    return { ...shape, outcomes, knee: kneeOf(outcomes) };
  });
  draw(found.filter(({ drawn }) => drawn));
  const at = (outcomes: readonly Rising[], perS: number) => outcomes.find((each) => each.perS === perS);
  const rows = found.map(({ name, outcomes, knee }) => {
    const [calm, high, highest] = [at(outcomes, 1), at(outcomes, 6), at(outcomes, 12)];
    const seconds = (outcome: Outcome | undefined) => (outcome === undefined ? "" : (outcome.p95Ms / 1_000).toFixed(1));
    const busy = highest === undefined ? ["", ""] : [highest.teamBusy.toFixed(2), highest.accountBusy.toFixed(2)];
    return [name, knee?.toFixed(1) ?? "none", seconds(calm), seconds(high), seconds(highest), ...busy];
  });
  const columns = ["what", "knee, requests/s and account", "p95 at 1/s, s", "at 6/s, s", "at 12/s, s"];
  return table([...columns, "Team's work at 12/s", "account's work at 12/s"], rows);
}

interface Rising extends Outcome {
  perS: number;
}

/** Where the 95 % wait as long again as a run takes; null where they never do. */
function kneeOf(outcomes: readonly Rising[]): number | null {
  const limit = (outcomes[0]?.p95Ms ?? 0) + ACCOUNT.runMs();
  const n = outcomes.findIndex(({ p95Ms }) => p95Ms > limit);
  const [before, after] = [outcomes[n - 1], outcomes[n]];
  if (before === undefined || after === undefined) return null;
  const part = (limit - before.p95Ms) / (after.p95Ms - before.p95Ms);
  return before.perS + part * (after.perS - before.perS);
}

function draw(
  found: readonly { name: string; colour: string; outcomes: readonly Rising[]; knee: number | null }[],
): void {
  const drawn: Line[] = found.map(({ name, colour, outcomes, knee }) => ({
    name,
    colour,
    points: outcomes.map(({ perS, p95Ms }) => ({ x: perS, y: p95Ms / 1_000 })),
    knee: knee === null ? null : { x: knee, text: `${knee.toFixed(1)}/s` },
  }));
  const svg = svgOf({
    title: `Where it bends: ${COMING_MS / 60_000} minutes of requests that run for 8 s`,
    xTitle: "requests a second that come to each account",
    yTitle: "from post to end, 95 of 100 requests take no longer",
    xMarks: [0, 2, 4, 6, 8, 10, 12],
    yMarks: [
      { at: 5, text: "5 s" },
      { at: 10, text: "10 s" },
      { at: 30, text: "30 s" },
      { at: 60, text: "1 min" },
      { at: 180, text: "3 min" },
      { at: 600, text: "10 min" },
    ],
    lines: drawn,
  });
  writeFileSync(fileURLToPath(new URL("../docs/scale.svg", import.meta.url).href), svg);
}

/** Lines of submits at full slots, unwatched and with a reader for each: where the account's object is what holds up. */
function lines(): string {
  const rows = [1_000, 3_000, 5_000].map((atOnce) => {
    const [alone, watched] = [false, true].map((isWatched) =>
      simulateWorld({ ...ONE, teams: 100, watched: isWatched }, { atOnce }, SEED),
    );
    const figures = (outcome: Outcome | undefined) =>
      outcome === undefined ? [] : [outcome.endedPerS.toFixed(2), outcome.accountBusy.toFixed(2)];
    return [atOnce, ...figures(alone), ...figures(watched)];
  });
  const columns = ["come at once, slots 40", "ended/s", "account's work"];
  return table([...columns, "ended/s, all watched", "account's work, all watched"], rows);
}
