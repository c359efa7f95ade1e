// Reports hosts that an output named media on and that are not copied from, so that the operator hears of them. An isolate reports
// a host once a day; the account object remembers for the deployment.

import { unlistedHost } from "../../files/find-in-text.ts";
import type { FileSource } from "../../files/request-file.ts";
import type { Env } from "../../platform/bindings.ts";
import type { Config } from "../../platform/config.ts";
import { faultName, logEvent } from "../../platform/log.ts";
import { LruMap } from "../../platform/lru-map.ts";
import { accountFor } from "../../platform/stubs.ts";
import { DAY_MS } from "../../platform/time.ts";

/** Hosts that an isolate remembers. */
const HOSTS_MAX = 500;

const reportedAt = new LruMap<number>(HOSTS_MAX);

/** `origin`: this deployment's own as the request was submitted, where the configuration names none. Never rejects. */
export async function reportUnlistedHosts(
  env: Env,
  { PUBLIC_URL, BASE_URL }: Pick<Config, "PUBLIC_URL" | "BASE_URL">,
  { requestId, files, origin }: { requestId: string; files: readonly FileSource[]; origin: string | null },
): Promise<void> {
  const own = new Set([PUBLIC_URL, BASE_URL, origin ?? undefined].map((url) => hostOf(url)));
  const now = Date.now();
  const hosts = new Set<string>();
  for (const file of files) {
    const host = unlistedHost(file);
    if (host === null || own.has(host)) continue;
    const before = reportedAt.get(host);
    if (before === undefined || now - before >= DAY_MS || now < before) hosts.add(host);
  }
  if (hosts.size === 0) return;
  for (const host of hosts) {
    reportedAt.set(host, now);
    logEvent("files.host_unlisted", { request: requestId, host });
  }
  try {
    await accountFor(env).reportUnlistedHosts({ requestId, hosts: [...hosts] });
  } catch (fault) {
    for (const host of hosts) reportedAt.delete(host);
    logEvent("account.unreachable", { error: faultName(fault) });
  }
}

function hostOf(base: string | undefined): string | null {
  const url = URL.parse(base ?? "");
  return url === null ? null : url.protocol === "https:" ? url.host : url.origin;
}
