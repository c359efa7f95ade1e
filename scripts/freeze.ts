// `npm run freeze -- 2`: keeps what this version of the code stores and how its objects talk, for the code that comes after it. Writes
// test/workerd/upgrade/states/2.json, from a walk, and test/contracts/2/, the declarations of what crosses between objects.

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url).href);
/** The contracts of the four objects; what they name comes with them. */
const CONTRACTS = ["team", "tracker", "account", "sweeper"].map((name) => `contracts/${name}.d.ts`);
const RELATIVE_IMPORT = /(?:from|import\()\s*"(\.[^"]+)"/g;

const [version = "", only] = process.argv.slice(2);
if (!/^[1-9]\d*$/.test(version)) throw new Error("the version's number is missing: npm run freeze -- 2");
if (only !== "--states") freezeContracts(`${ROOT}test/contracts/${version}`);
if (only !== "--contracts") recordStates();

function freezeContracts(folder: string): void {
  const emitted = mkdtempSync(join(tmpdir(), "sluice-contracts-"));
  try {
    const asDeclarations = ["--noEmit", "false", "--declaration", "--emitDeclarationOnly"];
    run("tsc", ["-p", ".", ...asDeclarations, "--removeComments", "--rootDir", "src", "--outDir", emitted]);
    rmSync(folder, { recursive: true, force: true });
    for (const [file, text] of named(emitted)) {
      mkdirSync(dirname(join(folder, file)), { recursive: true });
      writeFileSync(join(folder, file), text);
    }
  } finally {
    rmSync(emitted, { recursive: true, force: true });
  }
}

/** The contracts and everything that they name, by path. A name that is not there would silently be any type: reading throws. */
function named(root: string): Map<string, string> {
  const found = new Map<string, string>();
  const left = [...CONTRACTS];
  for (let file = left.pop(); file !== undefined; file = left.pop()) {
    if (found.has(file)) continue;
    const text = readFileSync(join(root, file), "utf8");
    found.set(file, text);
    for (const [, path = ""] of text.matchAll(RELATIVE_IMPORT)) {
      left.push(normalize(join(dirname(file), path.replace(/\.ts$/, ".d.ts"))));
    }
  }
  return found;
}

function recordStates(): void {
  const file = "test/workerd/upgrade/record.test.ts";
  run("vitest", ["run", "--project", "workerd", file, "--update"], { FREEZE: version });
}

function run(command: string, parameters: string[], variables: Record<string, string> = {}): void {
  const env = { ...process.env, ...variables };
  execFileSync(`${ROOT}node_modules/.bin/${command}`, parameters, { cwd: ROOT, stdio: "inherit", env });
}
