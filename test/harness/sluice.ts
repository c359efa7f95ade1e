// A whole Sluice with its sandbox, as `npm start` runs it, for tests that let real clients loose on it. Real processes, real
// time, own ports and state. One launch per file.

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
  /** Maton's gateway, played by the sandbox, with the one key that it takes. */
  gatewayUrl: string;
  gatewayKey: string;
  /** An admin key of a team without limits. */
  key: string;
  adminToken: string;
  /** The sandbox's control API. */
  sandbox<T = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<T>;
  /** How many calls the gateway got so far. */
  gatewayCalls(): Promise<number>;
  stop(): Promise<void>;
}

export async function startSluice(variables: Record<string, string> = {}): Promise<Sluice> {
  const stateDir = mkdtempSync(join(tmpdir(), "sluice-clients-"));
  const [port = 0, sandboxPort = 0] = await freePorts(2);
  const places = { STATE_DIR: stateDir, PORT: String(port), SANDBOX_PORT: String(sandboxPort) };
  const running = await launch({ ...places, ...variables }, () => undefined);
  const gatewayUrl = running.sandboxUrl ?? "";
  const sandbox = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const init = body === undefined ? { method } : { method, body: JSON.stringify(body) };
    const answer = await fetch(`${gatewayUrl}/_sandbox/${path}`, init);
    if (!answer.ok) throw new Error(`sandbox ${method} ${path}: ${answer.status}`);
    return (await answer.json()) as T;
  };
  // Maton's pace is for other tests: here every client has the gateway to itself.
  await sandbox("PATCH", "settings", { rps: 1_000 });
  return {
    ...{ url: running.url, gatewayUrl, gatewayKey: "sandbox-maton-key", key: running.key },
    ...{ adminToken: running.adminToken, sandbox },
    gatewayCalls: async () => (await sandbox<{ total: number }>("GET", "calls")).total,
    stop: async () => {
      await running.stop();
      rmSync(stateDir, { recursive: true, force: true });
    },
  };
}
