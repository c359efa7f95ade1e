// Starts the Workers that measurements compare Sluice with, by the launcher that starts Sluice itself: `wrangler dev`.

import { spawn } from "node:child_process";
import { eventually } from "../test/harness/eventually.ts";

const READY_MS = 60_000;

export interface Yardstick {
  url: string;
  stop(): void;
}

/** One `wrangler dev` of this configuration on this port; resolves when it answers. */
export async function startYardstick(
  config: string,
  port: number,
  stateDir: string,
  variables: Readonly<Record<string, string>> = {},
): Promise<Yardstick> {
  const child = spawn(
    "node_modules/.bin/wrangler",
    [
      "dev",
      "--config",
      config,
      "--ip",
      "127.0.0.1",
      "--port",
      String(port),
      "--inspector-port",
      "0",
      "--persist-to",
      `${stateDir}/yardstick`,
      "--show-interactive-dev-session=false",
      ...Object.entries(variables).flatMap(([name, value]) => ["--var", `${name}:${value}`]),
    ],
    { stdio: "ignore", env: { ...process.env, CLOUDFLARE_CF_FETCH_ENABLED: "false", WRANGLER_SEND_METRICS: "false" } },
  );
  const url = `http://localhost:${port}`;
  const answers = async () => {
    return fetch(`${url}/nothing`).then(
      () => true,
      () => null,
    );
  };
  try {
    await eventually(answers, { what: `${config} answers`, patienceMs: READY_MS });
  } catch (fault) {
    child.kill("SIGTERM");
    throw fault;
  }
  return { url, stop: () => void child.kill("SIGTERM") };
}
