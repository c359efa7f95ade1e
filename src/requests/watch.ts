// Holds: the Worker keeps a client waiting; the tracker only tells it, over a hibernatable socket, that something changed.
// A pending RPC would keep the object billed. On the socket's close, and every few seconds, the state is read again: a
// broken hold is never an error.

import type { Env } from "../env.ts";
import { HOLD_REREAD_MS, STUB_RETRY_MS, STUB_TRIES } from "../limits.ts";
import type { RequestTracker } from "./tracker.ts";
import { hasEnded, type RequestView, type Watch } from "./types.ts";

/** Which request is watched. Its tracker is asked on a fresh stub each time: one that broke (a deploy, a crash) stays broken. */
export interface Watched {
  env: Pick<Env, "TRACKER">;
  id: string;
  team: string;
}

/**
 * The request's views, one for each change, the present one first; ends after the end or at `until` (epoch ms). Nothing is
 * yielded for a request this team cannot see. `following` makes polls show progress; `waiting` is for the end alone. A consumer that stops early closes the hold.
 */
export async function* changes(
  watched: Watched,
  until: number,
  watch: Exclude<Watch, "none">,
): AsyncGenerator<RequestView> {
  let bell = await openBell(watched, watch);
  let seen = "";
  try {
    for (;;) {
      if (bell.isBroken()) bell = await openBell(watched, watch);
      const rung = bell.next();
      const view = (await askTracker(watched, (tracker) => tracker.read(watched.team))) as RequestView | null;
      if (view === null) return;
      const mark = `${view.state.revision}.${view.timelineSeq}.${view.logs}`;
      if (mark !== seen) yield view;
      seen = mark;
      if (hasEnded(view.state.stage)) return;
      const left = until - Date.now();
      if (left <= 0) return;
      await Promise.race([rung, after(Math.min(left, HOLD_REREAD_MS))]);
    }
  } finally {
    bell.close();
  }
}

/** Waits until `enough` says so or `until` has come, and answers the last view; null for a request this team cannot see. */
export async function hold(
  watched: Watched,
  until: number,
  enough: (view: RequestView) => boolean | Promise<boolean>,
): Promise<RequestView | null> {
  let last: RequestView | null = null;
  for await (const view of changes(watched, until, "waiting")) {
    last = view;
    if (await enough(view)) break;
  }
  return last;
}

interface Bell {
  /** Resolves at the next ring, or when there will be none. */
  next(): Promise<void>;
  isBroken(): boolean;
  close(): void;
}

async function openBell(watched: Watched, watch: Watch): Promise<Bell> {
  let ring: () => void = () => {};
  let pending = Promise.resolve();
  const rearm = (): void => {
    pending = new Promise((resolve) => {
      ring = resolve;
    });
  };
  rearm();
  const socket = await connect(watched, watch);
  let broken = socket === null;
  const breaks = (): void => {
    broken = true;
    ring();
  };
  socket?.addEventListener("message", () => ring());
  socket?.addEventListener("close", breaks);
  socket?.addEventListener("error", breaks);
  return {
    next() {
      rearm();
      return pending;
    },
    isBroken: () => broken,
    close() {
      socket?.close();
    },
  };
}

/** Null when no socket is to be had: the hold then lives on its re-reads. */
async function connect(watched: Watched, watch: Watch): Promise<WebSocket | null> {
  try {
    const headers = { Upgrade: "websocket", "Sluice-Team": watched.team, "Sluice-Watch": watch };
    const answer = await trackerOf(watched).fetch("https://tracker/hold", { headers });
    answer.webSocket?.accept();
    return answer.webSocket;
  } catch {
    return null;
  }
}

/** Asks the watched tracker; one that is just being replaced is asked again. Only for what may be asked twice. */
export async function askTracker<T>(
  watched: Watched,
  ask: (tracker: DurableObjectStub<RequestTracker>) => T,
): Promise<Awaited<T>> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await ask(trackerOf(watched));
    } catch (fault) {
      if (attempt >= STUB_TRIES) throw fault;
      await after(attempt * STUB_RETRY_MS);
    }
  }
}

function trackerOf({ env, id }: Watched): DurableObjectStub<RequestTracker> {
  return env.TRACKER.get(env.TRACKER.idFromString(id));
}

function after(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
