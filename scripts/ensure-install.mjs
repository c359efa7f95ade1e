// Runs before the other scripts, on any Node version. `ensure-install.mjs run` installs the dependencies, for `npm start` and
// `npm run demo`; `ensure-install.mjs all` devDependencies too. Runs `npm ci` when a package is missing or its version differs from
// package-lock.json. Plain JavaScript without imports, because nothing may be installed yet.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Purpose of each set, and its size on Linux (docs/decisions/install.md). The flags override NODE_ENV and npm's settings. */
const SETS = {
  run: { purpose: "running Sluice", size: "455 MB", flags: ["--omit=dev"] },
  all: { purpose: "running, testing and measuring Sluice", size: "795 MB", flags: ["--include=dev"] },
};

const root = fileURLToPath(new URL("..", import.meta.url));
const name = process.argv[2];
if (!Object.hasOwn(SETS, name)) throw new Error("usage: node scripts/ensure-install.mjs run|all");
const { purpose, size, flags } = SETS[name];

if (!isInstalled()) {
  console.log(`Installing dependencies for ${purpose} (${size}, npm ci ${flags.join(" ")}) …`);
  const options = [...flags, "--include=optional", "--no-audit", "--no-fund", "--loglevel=error"];
  const { status } = spawnSync("npm", ["ci", ...options], {
    cwd: root,
    stdio: "inherit",
    shell: process.platform === "win32",
  });
  if (status !== 0) process.exit(status ?? 1);
}

/** Whether every package of the set is installed in the locked version. */
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

/** The packages of a lock file by path, or null without one. npm writes node_modules' own last, so an interrupted install has none. */
function packagesOf(file) {
  try {
    return JSON.parse(readFileSync(root + file, "utf8")).packages;
  } catch (fault) {
    if (fault.code === "ENOENT") return null;
    throw fault;
  }
}
