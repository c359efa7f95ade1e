// The workflow files of GitHub Actions: they may read the repository only, run what package.json has, and take actions by commit.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";

const FOLDER = ".github/workflows/";
/** What npm itself brings; everything else is `npm run` and a script of package.json. */
const OWN_COMMANDS = ["ci", "test", "audit"];
/** Jobs that may write, with what they may write. They run no code of the repository. */
const WRITERS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "release.yml publish": { contents: "write", "id-token": "write", attestations: "write" },
};

interface Step {
  uses?: string;
  run?: string;
  with?: Record<string, unknown>;
}
interface Workflow {
  on: Record<string, unknown>;
  permissions?: unknown;
  jobs: Record<string, { permissions?: unknown; "timeout-minutes"?: number; steps: Step[] }>;
}

const files = readdirSync(FOLDER);
const textOf = (file: string) => readFileSync(`${FOLDER}${file}`, "utf8");
const workflowOf = (file: string) => parse(textOf(file)) as Workflow;
const jobs = files.flatMap((file) =>
  Object.entries(workflowOf(file).jobs).map(([name, job]) => ({ id: `${file} ${name}`, job })),
);
const steps = jobs.flatMap(({ id, job }) => job.steps.map((step) => ({ id, ...step })));
const { scripts } = JSON.parse(readFileSync("package.json", "utf8")) as { scripts: Record<string, string> };

test("there are workflows for every change, for every night and for a release", () => {
  expect(files.toSorted()).toEqual(["ci.yml", "nightly.yml", "release.yml"]);
});

test.for(files)(
  "%s may only read, and does not run with the rights of the repository for a stranger's change",
  (file) => {
    const { on, permissions } = workflowOf(file);
    expect(permissions).toEqual({ contents: "read" });
    expect(Object.keys(on)).not.toContain("pull_request_target");
    expect(textOf(file)).not.toMatch(/\bsecrets\./);
  },
);

test("a job that may write is known by name, and runs no code of the repository", () => {
  const writers = jobs.filter(({ job }) => job.permissions !== undefined);
  expect(Object.fromEntries(writers.map(({ id, job }) => [id, job.permissions]))).toEqual(WRITERS);
  const theirs = steps.filter(({ id }) => id in WRITERS);
  expect(
    theirs.filter(({ uses, run }) => /checkout/.test(uses ?? "") || /\bnp[mx]\b|\bnode\b/.test(run ?? "")),
  ).toEqual([]);
});

test("every job has an end", () => {
  expect(jobs.filter(({ job }) => !Number.isInteger(job["timeout-minutes"])).map(({ id }) => id)).toEqual([]);
});

test("every action is taken by the hash of its commit, with its version beside it, and one version of each", () => {
  const uses = files.flatMap((file) => [...textOf(file).matchAll(/uses: *(.+)/g)].map(([, used = ""]) => used));
  expect(uses.filter((used) => !/^actions\/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(used))).toEqual([]);
  const versions = Map.groupBy(uses, (used) => used.split("@")[0]);
  expect([...versions].filter(([, each]) => new Set(each).size > 1)).toEqual([]);
});

test("no checkout leaves its token behind", () => {
  const checkouts = steps.filter(({ uses }) => uses?.startsWith("actions/checkout@"));
  expect(checkouts.length).toBeGreaterThan(0);
  expect(checkouts.filter((step) => step.with?.["persist-credentials"] !== false)).toEqual([]);
});

test("every npm command is a script of package.json or npm's own, and what npx runs is installed or has its version", () => {
  const runs = steps.flatMap(({ run }) => (run === undefined ? [] : [run]));
  const faults = runs.flatMap((run) => {
    const [, script] = /^npm run (?:--silent )?(\S+)/.exec(run) ?? [];
    if (script !== undefined) return script in scripts ? [] : [`${run}: no such script`];
    const [, own] = /^npm (\S+)/.exec(run) ?? [];
    if (own !== undefined) return OWN_COMMANDS.includes(own) ? [] : [`${run}: not npm's`];
    const [, binary] = /^npx (?:--yes )?(\S+)/.exec(run) ?? [];
    if (binary === undefined) return [];
    return /@\d+\.\d+\.\d+$/.test(binary) || existsSync(`node_modules/.bin/${binary}`) ? [] : [`${run}: not installed`];
  });
  expect(runs.length).toBeGreaterThan(10);
  expect(faults).toEqual([]);
});

test("nothing is deployed or published by a workflow", () => {
  const runs = steps.map(({ run = "" }) => run);
  expect(
    runs.filter((run) => /\bpublish\b/.test(run) || (/wrangler deploy/.test(run) && !run.includes("--dry-run"))),
  ).toEqual([]);
});
