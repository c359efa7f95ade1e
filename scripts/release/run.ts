// `npm run release:check -- v0.1.0` fails unless the tag, package.json, the constant of the code and CHANGELOG.md agree.
// `npm run release:notes -- v0.1.0` prints that release's part of CHANGELOG.md.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { VERSION } from "../../src/platform/version.ts";
import { releaseFaults, releaseNotes } from "./changelog.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url).href);
const TAG = /^v\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?$/;

const [what, tag = ""] = process.argv.slice(2);
if (!TAG.test(tag)) throw new Error("the tag is missing: npm run release:check -- v0.1.0");
const changelog = readFileSync(`${ROOT}CHANGELOG.md`, "utf8");

if (what === "check") {
  const { version } = JSON.parse(readFileSync(`${ROOT}package.json`, "utf8")) as { version: string };
  const versions = new Map([
    ["package.json", version],
    ["src/platform/version.ts", VERSION],
  ]);
  const faults = releaseFaults(tag, versions, changelog);
  for (const fault of faults) console.error(fault);
  if (faults.length > 0) process.exitCode = 1;
} else if (what === "notes") {
  const notes = releaseNotes(tag, changelog);
  if (notes === null) throw new Error(`CHANGELOG.md has no release ${tag}`);
  console.log(notes);
} else throw new Error("usage: node scripts/release/run.ts check|notes v0.1.0");
