// Builds the static assets in console/dist whose sources changed since they were built. wrangler runs it before dev and deploy
// ([build] in wrangler.toml), vitest.config.ts before tests, with the sandbox as one script; so no command serves old pages, and
// none builds twice. Plain JavaScript, because wrangler may be run by an older Node than the one that the parts are built on.
// Usage: node scripts/ensure-built.mjs [part …]; without arguments what the Worker serves.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Each part: files and folders it is made from, one file that it makes, and the script that makes it. */
const PARTS = {
  pages: {
    sources: ["console/pages", "console/public", "console/tokens.css", "docs/openapi.json"],
    makes: "console/dist/index.html",
    script: ["console/pages/run.ts"],
  },
  console: {
    sources: [
      ...["console/src", "console/index.html", "console/build.ts", "console/vite.config.ts", "console/tokens.css"],
      // What the console's script contains of the Worker (scripts/check/console.ts).
      ...[
        "src/team/auth/key-text.ts",
        "src/team/audit/differences.ts",
        "src/team/quota/presets.ts",
        "src/platform/ids.ts",
      ],
    ],
    makes: "console/dist/console/index.html",
    script: ["console/build.ts"],
  },
  sandbox: {
    sources: ["sandbox/src", "sandbox/wrangler.toml"],
    makes: ".build/sandbox/index.js",
    script: [
      ...["node_modules/wrangler/bin/wrangler.js", "deploy", "--dry-run"],
      ...["--config", "sandbox/wrangler.toml", "--outdir", "../.build/sandbox"],
    ],
  },
};
const SERVED = ["pages", "console"];
/** What every part depends on: versions of the builders, and this list. */
const COMMON = ["package-lock.json", "scripts/ensure-built.mjs"];

const root = fileURLToPath(new URL("..", import.meta.url));
const ownNode = `${root}node_modules/.bin/node`;
const node = existsSync(ownNode) ? ownNode : process.execPath;

for (const name of process.argv.length > 2 ? process.argv.slice(2) : SERVED) {
  const { sources, makes, script } = PARTS[name];
  const stamp = `${root}.build/${name}.sha256`;
  const hash = hashOf([...sources, ...COMMON]);
  if (existsSync(root + makes) && existsSync(stamp) && readFileSync(stamp, "utf8") === hash) continue;
  const { status } = spawnSync(node, script, { cwd: root, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
  mkdirSync(`${root}.build`, { recursive: true });
  writeFileSync(stamp, hash);
}

/** A hash over the paths and bytes of these files and folders. */
function hashOf(paths) {
  const hash = createHash("sha256");
  for (const path of paths.flatMap(filesIn))
    hash
      .update(`${path}\0`)
      .update(readFileSync(root + path))
      .update("\0");
  return hash.digest("hex");
}

function filesIn(path) {
  if (!statSync(root + path).isDirectory()) return [path];
  return readdirSync(root + path)
    .sort()
    .flatMap((name) => filesIn(`${path}/${name}`));
}
