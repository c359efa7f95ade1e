// The configuration of local runs, tests and measurements: wrangler.toml without the brakes, whose local imitation writes a row for
// each call, and which bursts and tests would meet. Ignored by git, made anew at each start.

import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url).href);
/** Beside wrangler.toml, because both name files relative to themselves. */
export const LOCAL_CONFIG = "wrangler.local.toml";

/** Writes it, and gives its name. */
export function writeLocalConfig(): string {
  const text = withoutBrakes(readFileSync(`${ROOT}wrangler.toml`, "utf8"));
  const path = `${ROOT}${LOCAL_CONFIG}`;
  // A deployment that runs already watches the file: written anew, even with the same text, it would restart its Worker.
  if (existsSync(path) && readFileSync(path, "utf8") === text) return LOCAL_CONFIG;
  // Written aside: another start may be reading it.
  const written = `${path}.${process.pid}`;
  writeFileSync(written, text);
  renameSync(written, path);
  return LOCAL_CONFIG;
}

/** The text of a configuration without its `[[ratelimits]]`. */
export function withoutBrakes(config: string): string {
  return config.replaceAll(/^\[\[ratelimits\]\]\n(?:[a-z_]+ = .*\n)*/gm, "");
}
