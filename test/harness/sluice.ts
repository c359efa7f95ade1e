// A whole Sluice with its sandbox, as `npm start` runs it: for tests that let real clients loose on it, and for measurements. Real
// processes, real time, own ports and state.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { launch } from "../../scripts/launcher.ts";
import { freePorts } from "./process.ts";

/** One call that the sandbox's gateway got. */
export interface GatewayCall {
  kind: string;
  status: number;
}

export interface Sluice {
  url: string;
  port: number;
  /** Maton's gateway, played by the sandbox, with the one key that it takes. */
  gatewayUrl: string;
  gatewayKey: string;
  /** An admin key of a team without limits. */
  key: string;
  adminToken: string;
  stateDir: string;
  /** The sandbox's door. */
  sandbox<T = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<T>;
  /** How many calls the gateway got so far. */
  gatewayCalls(): Promise<number>;
  /** Posts a request that has to be accepted, and gives its id. */
  submit(body: Record<string, unknown>): Promise<string>;
  /** What the API answers to the key. */
  read<T>(path: string): Promise<T>;
  stop(): Promise<void>;
}

export interface SluiceOptions {
  /** Another entry than the Worker's own. */
  main?: string;
  /** The folder that its state is kept in. */
  stateIn?: string;
  /** Whether Maton's pace holds. Mostly it is for other tests: every client has the gateway to itself. */
  isPaced?: boolean;
}

export async function startSluice(
  variables: Record<string, string> = {},
  { main, stateIn = tmpdir(), isPaced = false }: SluiceOptions = {},
): Promise<Sluice> {
  const stateDir = mkdtempSync(join(stateIn, "sluice-"));
  const [port = 0, sandboxPort = 0] = await freePorts(2);
  const places = { STATE_DIR: stateDir, PORT: String(port), SANDBOX_PORT: String(sandboxPort) };
  const running = await launch({ ...places, ...variables }, () => undefined, main);
  const gatewayUrl = running.sandboxUrl ?? "";
  const headers = { Authorization: `Bearer ${running.key}`, "Content-Type": "application/json" };
  const sandbox = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const init = body === undefined ? { method } : { method, body: JSON.stringify(body) };
    const answer = await fetch(`${gatewayUrl}/_sandbox/${path}`, init);
    if (!answer.ok) throw new Error(`sandbox ${method} ${path}: ${answer.status}`);
    return (await answer.json()) as T;
  };
  if (!isPaced) await sandbox("PATCH", "settings", { rps: 1_000 });
  return {
    ...{ url: running.url, port, gatewayUrl, gatewayKey: "sandbox-maton-key", key: running.key },
    ...{ adminToken: running.adminToken, stateDir, sandbox },
    gatewayCalls: async () => (await sandbox<{ total: number }>("GET", "calls")).total,
    submit: async (body) => {
      const answer = await fetch(`${running.url}/v1/requests`, { method: "POST", headers, body: JSON.stringify(body) });
      if (answer.status !== 202) throw new Error(`a post was answered ${answer.status}: ${await answer.text()}`);
      return ((await answer.json()) as { id: string }).id;
    },
    read: async <T>(path: string) => {
      const answer = await fetch(`${running.url}${path}`, { headers });
      if (!answer.ok) throw new Error(`${path} was answered ${answer.status}`);
      return (await answer.json()) as T;
    },
    stop: async () => {
      await running.stop();
      rmSync(stateDir, { recursive: true, force: true });
    },
  };
}
