// The configuration of local runs, tests and measurements: wrangler.toml without the brakes, whose local imitation writes a row for
// each call, and which bursts and tests would meet. Ignored by git, made anew at each start.

import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url).href);
/** Beside wrangler.toml, because both name files relative to themselves. */
export const LOCAL_CONFIG = "wrangler.local.toml";

/** Writes it, and gives its name. */
export function writeLocalConfig(): string {
  // Written aside: another start may be reading it.
  const written = `${ROOT}${LOCAL_CONFIG}.${process.pid}`;
  writeFileSync(written, withoutBrakes(readFileSync(`${ROOT}wrangler.toml`, "utf8")));
  renameSync(written, `${ROOT}${LOCAL_CONFIG}`);
  return LOCAL_CONFIG;
}

/** The text of a configuration without its `[[ratelimits]]`. */
export function withoutBrakes(config: string): string {
  return config.replaceAll(/^\[\[ratelimits\]\]\n(?:[a-z_]+ = .*\n)*/gm, "");
}
