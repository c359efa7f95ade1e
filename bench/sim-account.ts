// `npm run bench:sim`: the account's desk on a virtual clock, at loads that no machine here could make: 10,000 in flight, 100
// users, one of whom owns half. Prints a table for docs/scale.md.

import { type Load, lastEndsS, START_AT, simulate } from "../test/support/share-sim.ts";
import { table } from "./figures.ts";

const base = { rps: 10, slots: 40, answerMs: 150, polls: 0, pollGapMs: 20_000, runMs: () => 8_000 };
const users = (sizes: readonly number[]) => sizes.map((requests, n) => ({ name: `u${n}`, requests, atMs: 0 }));
const LOADS: [string, Load][] = [
  ["10,000 at once, 100 users, slots 40", { ...base, users: users(Array(100).fill(100)) }],
  ["the same, slots 10,000", { ...base, slots: 10_000, users: users(Array(100).fill(100)) }],
  ["the same, webhooks lost", { ...base, slots: 10_000, polls: 2, users: users(Array(100).fill(100)) }],
  ["1,000 at once, one of 11 owns half", { ...base, slots: 1_000, users: users([500, ...Array<number>(10).fill(50)]) }],
];

const rows = LOADS.map(([name, load]) => {
  const startedAt = performance.now();
  const run = simulate(load, 48 * 3_600_000);
  const ms = performance.now() - startedAt;
  const ends = [...lastEndsS(run).values()].sort((a, b) => a - b);
  const inFlight = Math.max(0, ...run.requests.map(({ toldPosition }) => toldPosition ?? 0));
  const callsPerS = run.calls.length / ((Math.max(...run.calls) - START_AT) / 1_000);
  const [first = 0, last = 0] = [ends[0], ends.at(-1)];
  return [
    ...[name, Math.round(last), Math.round(first), (run.requests.length / last).toFixed(2), callsPerS.toFixed(2)],
    ...[inFlight, run.looks, (ms / run.calls.length).toFixed(2)],
  ];
});
const COLUMNS = [
  "load",
  "all ended, s",
  "first user through, s",
  "ended/s",
  "calls/s",
  "longest line",
  "looks at the queue",
];
console.log(table([...COLUMNS, "CPU per call, ms"], rows));
