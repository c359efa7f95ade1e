// `npm run bench`: the measurements that take a minute or two each, one after the other; says where the figures are, which bars
// did not hold, and which measurements take longer. Exit code 1 when a bar did not hold.

import { spawnSync } from "node:child_process";

const SHORT = ["bundle", "overhead", "cost", "relay"];
const LONG = [
  ["bench:burst -- --shape equal", "three minutes for each shape (equal, half, lost)"],
  ["bench:crash -- --kills 10", "half a minute for each kill"],
  ["bench:mirror -- --rounds 3", "some minutes, and 2 GiB of disk"],
  ["bench:objects", "two minutes"],
  ["bench:sim", "some minutes of one processor; docs/scale.svg and the tables of docs/scale.md"],
] as const;

const missed: string[] = [];
for (const name of SHORT) {
  console.log(`\n=== npm run bench:${name}\n`);
  const { status } = spawnSync(process.execPath, [`bench/${name}.ts`], {
    stdio: "inherit",
  });
  if (status !== 0) missed.push(name);
}
console.log("\nFigures, with how they came to be: docs/figures.md. Not run, because they take longer:");
for (const [command, why] of LONG) console.log(`  npm run ${command}   ${why}`);
if (missed.length > 0) {
  console.log(`\nA bar did not hold, or it failed: ${missed.join(", ")}.`);
  process.exitCode = 1;
}
