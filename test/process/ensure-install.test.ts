// scripts/ensure-install.mjs in a project of two lock files without packages, with an `npm` that only writes down its arguments.

import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { afterEach, beforeEach, expect, test } from "vitest";

const LOCKED = {
  "": { name: "project" },
  "node_modules/served": { version: "1.0.0" },
  "node_modules/vitest": { version: "5.0.0", dev: true },
  "node_modules/types": { version: "2.0.0", devOptional: true },
  "node_modules/node-linux": { version: "24.0.0", optional: true },
  "node_modules/node-other": { version: "24.0.0", optional: true },
};
const { "node_modules/served": served, "node_modules/node-linux": node } = LOCKED;
const ONLY_RUN = { "node_modules/served": served, "node_modules/node-linux": node };
const { "": _root, "node_modules/node-other": _foreign, ...ALL } = LOCKED;

let project: string;

beforeEach(() => {
  project = mkdtempSync(`${tmpdir()}/sluice-install-`);
  for (const folder of ["scripts", "bin", "node_modules"]) mkdirSync(`${project}/${folder}`);
  cpSync("scripts/ensure-install.mjs", `${project}/scripts/ensure-install.mjs`);
  writeFileSync(`${project}/package-lock.json`, JSON.stringify({ packages: LOCKED }));
  writeFileSync(`${project}/bin/npm`, `#!/bin/sh\necho "$@" > ${project}/called\n`);
  chmodSync(`${project}/bin/npm`, 0o755);
});

afterEach(() => rmSync(project, { recursive: true, force: true }));

/** What npm is called with when these packages are installed; null when it is not called. */
function installs(set: "run" | "all", packages: object | null): string | null {
  const lock = `${project}/node_modules/.package-lock.json`;
  if (packages !== null) writeFileSync(lock, JSON.stringify({ packages }));
  execFileSync(process.execPath, [`${project}/scripts/ensure-install.mjs`, set], {
    env: { PATH: `${project}/bin:${process.env.PATH}`, NODE_ENV: "production" },
    stdio: "pipe",
  });
  return existsSync(`${project}/called`) ? readFileSync(`${project}/called`, "utf8") : null;
}

test("without an install each set is installed with its own flags, whatever NODE_ENV says", () => {
  expect(installs("run", null)).toMatch(/^ci --omit=dev --include=optional /);
  expect(installs("all", null)).toMatch(/^ci --include=dev --include=optional /);
});

test("an install of all serves both sets", () => {
  expect(installs("run", ALL)).toBeNull();
  expect(installs("all", ALL)).toBeNull();
});

test("an install without devDependencies serves the demo, and the tests add theirs", () => {
  expect(installs("run", ONLY_RUN)).toBeNull();
  expect(installs("all", ONLY_RUN)).toMatch(/^ci --include=dev /);
});

test.each(["node_modules/served", "node_modules/node-linux"])(
  "another version of %s than the lock file's is installed again",
  (path) => {
    expect(installs("run", { ...ALL, [path]: { version: "0.9.0" } })).toMatch(/^ci --omit=dev /);
  },
);

test("an outdated test tool is no reason to install before the demo", () => {
  const outdated = { ...ALL, "node_modules/vitest": { version: "4.0.0" } };
  expect(installs("run", outdated)).toBeNull();
  expect(installs("all", outdated)).toMatch(/^ci --include=dev /);
});

test("a package of optional use that only devDependencies ask for is missed by the tests alone", () => {
  const { "node_modules/types": _types, ...rest } = ALL;
  expect(installs("run", rest)).toBeNull();
  expect(installs("all", rest)).toMatch(/^ci --include=dev /);
});
