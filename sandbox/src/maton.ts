// Maton's gateway: authenticates, rate-limits and picks the app and connection, then passes the call to fal's queue. Checks in the
// documented order: credential, rate limit, app, connection.

import { type Call, flatMatonError, matonError } from "./call.ts";
import { APP, connections, connectionsOf } from "./connections.ts";
import { queue } from "./queue.ts";
import { randomFrom } from "./random.ts";
import type { Settings } from "./settings.ts";
import type { Connection } from "./store.ts";

const WINDOW_MS = 1_000;

/** Calls admitted in the last second, per account. In memory: a restart loses one second at most. */
export class RateWindow {
  readonly #admitted = new Map<string, number[]>();

  /** Whether the account may make a call at `now`: fewer than `rps` were admitted in the second before. */
  admit(account: string, now: number, rps: number): boolean {
    // Without this, a clock that was set back would keep future calls in the window.
    const recent = (this.#admitted.get(account) ?? []).filter((at) => at > now - WINDOW_MS && at <= now);
    const fits = recent.length < rps;
    if (fits) recent.push(now);
    this.#admitted.set(account, recent);
    return fits;
  }

  clear(): void {
    this.#admitted.clear();
  }
}

/** The account of a request's credential; null without a valid one. Its name does not reveal the key. */
function accountOf(request: Request, settings: Settings): string | null {
  const [, key] = /^Bearer +(\S+)$/i.exec(request.headers.get("authorization") ?? "") ?? [];
  return key !== undefined && settings.apiKeys.includes(key) ? randomFrom("account", key).hex(12) : null;
}

/** One call of the gateway: `/connections…`, or `/{app}/{native path}`. */
export async function maton(call: Call, window: RateWindow): Promise<Response> {
  const { settings, url } = call;
  const account = accountOf(call.request, settings);
  if (account === null) return matonError(settings, 401, "Invalid or missing API key");
  if (!window.admit(account, call.now, settings.rps)) return matonError(settings, 429, "Rate limit exceeded");
  if (settings.accountFault === "rate_limited") return matonError(settings, 429, "Rate limit exceeded");
  if (settings.accountFault === "failing") return matonError(settings, 500, "Internal server error");
  if (settings.accountFault === "dead") {
    return new Response("<html><h1>502 Bad Gateway</h1></html>", {
      status: 502,
      headers: { "content-type": "text/html" },
    });
  }
  const [, app = "", ...rest] = url.pathname.split("/");
  if (app === "connections") return connections(call, account, rest[0] === "" ? undefined : rest[0]);
  if (app !== APP) return matonError(settings, 400, `Unknown app: ${app}`);
  const connection = chooseConnection(call, account);
  if (connection instanceof Response) return connection;
  const answer = await queue({ ...call, path: rest.join("/"), connection });
  return settings.dropFalHeaders ? withoutFalHeaders(answer) : answer;
}

function chooseConnection(call: Call, account: string): Connection | Response {
  const own = connectionsOf(call, account);
  const wanted = call.request.headers.get("maton-connection");
  if (wanted !== null && !own.some(({ connectionId }) => connectionId === wanted)) {
    return flatMatonError(404, `Connection ${wanted} not found`);
  }
  const usable = own.filter(
    ({ connectionId, status }) => status === "ACTIVE" && (wanted === null || connectionId === wanted),
  );
  const chosen = call.settings.defaultConnection === "oldest" ? usable[0] : usable.at(-1);
  return chosen ?? matonError(call.settings, 400, `No active connection for ${APP}`);
}

function withoutFalHeaders(answer: Response): Response {
  const headers = new Headers([...answer.headers].filter(([name]) => !name.startsWith("x-fal-")));
  return new Response(answer.body, { status: answer.status, headers });
}
