// `npm run bench:growth`: rows that each call of the road reads with none, 1,000 and 10,000 rows stored, owed or waiting, as the tests
// that hold them flat count them in the runtime. Prints a table and writes it to docs/figures.md.

import { spawnSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { provenance, table, writeSection } from "./figures.ts";

const FILES = ["test/workerd/team/rows.test.ts", "test/workerd/upstream/rows.test.ts"];

interface Report {
  testResults: { assertionResults: { meta: { growth?: { call: string; reads: number[] }[] } }[] }[];
}

const output = join(tmpdir(), `sluice-growth-${process.pid}.json`);
const vitest = ["vitest", "run", "--project", "workerd", ...FILES, "--reporter=json", `--outputFile=${output}`];
const { status } = spawnSync("npx", vitest, { stdio: ["ignore", "ignore", "inherit"] });
if (status !== 0) {
  console.error("A call reads more rows when more is stored, or a test could not run.");
  process.exit(1);
}
const report = JSON.parse(readFileSync(output, "utf8")) as Report;
rmSync(output);
const found = report.testResults.flatMap(({ assertionResults }) =>
  assertionResults.flatMap(({ meta }) => meta.growth ?? []),
);
const result = `${table(
  ["call", "with none", "with 1,000", "with 10,000"],
  found.map(({ call, reads }) => [call, ...reads]),
)}

Rows read by one call. The team has four limits, and so many ended requests, events, deliveries that are owed to one endpoint, used
uploads, sums, counters, keys of repeats and lines of the audit; so many submits of twenty teams wait at the account, which is locked.
A key of the key-value store counts as one row.`;
console.log(result);
writeSection("Growth", `${provenance("npm run bench:growth")}\n\n${result}`);
