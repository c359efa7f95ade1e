// Runs before the other scripts, on whatever Node is there. `ensure-install.mjs run` sees to the dependencies, which `npm start` and
// `npm run demo` need; `ensure-install.mjs all` to devDependencies as well. Installs with `npm ci` when a package of that set is
// missing or has another version than package-lock.json says. Plain JavaScript without dependencies, because nothing may be
// installed yet.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** What each set is for, and its size on Linux (docs/decisions/install.md). The flags hold against NODE_ENV and npm's own settings. */
const SETS = {
  run: { purpose: "running Sluice", size: "415 MB", flags: ["--omit=dev"] },
  all: { purpose: "running, testing and measuring Sluice", size: "780 MB", flags: ["--include=dev"] },
};

const root = fileURLToPath(new URL("..", import.meta.url));
const name = process.argv[2];
if (!Object.hasOwn(SETS, name)) throw new Error("usage: node scripts/ensure-install.mjs run|all");
const { purpose, size, flags } = SETS[name];

if (!isInstalled()) {
  console.log(`Installing what ${purpose} needs (${size}, npm ci ${flags.join(" ")}) …`);
  const options = [...flags, "--include=optional", "--no-audit", "--no-fund", "--loglevel=error"];
  const { status } = spawnSync("npm", ["ci", ...options], {
    cwd: root,
    stdio: "inherit",
    shell: process.platform === "win32",
  });
  if (status !== 0) process.exit(status ?? 1);
}

/** Whether what npm last installed has every package of the set, in the locked version. */
function isInstalled() {
  const installed = packagesOf("node_modules/.package-lock.json");
  if (installed === null) return false;
  return Object.entries(packagesOf("package-lock.json")).every(([path, locked]) => {
    if (path === "" || (name === "run" && locked.dev)) return true;
    const found = installed[path];
    if (found !== undefined) return found.version === locked.version;
    // Packages for other platforms are never installed.
    return locked.optional || (name === "run" && locked.devOptional);
  });
}

/** The packages of a lock file by path, or null without one. npm writes node_modules' own last, so an install that broke off has none. */
function packagesOf(file) {
  try {
    return JSON.parse(readFileSync(root + file, "utf8")).packages;
  } catch (fault) {
    if (fault.code === "ENOENT") return null;
    throw fault;
  }
}
