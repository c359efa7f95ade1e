// Holds: the Worker keeps a client waiting; the tracker only tells it, over a hibernatable socket, that something changed.
// A pending RPC would keep the object billed. On the socket's close, and every few seconds, the state is read again: a
// broken hold is never an error.

import { HOLD_REREAD_MS } from "../limits.ts";
import type { RequestTracker } from "./tracker.ts";
import { hasEnded, type RequestView, type Watch } from "./types.ts";

type TrackerStub = DurableObjectStub<RequestTracker>;

/**
 * The request's views, one for each change, the present one first; ends after the end or at `until` (epoch ms). Nothing is
 * yielded for a request this team cannot see. `following` makes polls show progress; `waiting` is for the end alone. A consumer that stops early closes the hold.
 */
export async function* changes(
  stub: TrackerStub,
  team: string,
  until: number,
  watch: Exclude<Watch, "none">,
): AsyncGenerator<RequestView> {
  const bell = await openBell(stub, team, watch);
  let seen = "";
  try {
    for (;;) {
      const rung = bell.next();
      const view = (await stub.read(team)) as RequestView | null;
      if (view === null) return;
      const mark = `${view.state.revision}.${view.timelineSeq}`;
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
  stub: TrackerStub,
  team: string,
  until: number,
  enough: (view: RequestView) => boolean | Promise<boolean>,
): Promise<RequestView | null> {
  let last: RequestView | null = null;
  for await (const view of changes(stub, team, until, "waiting")) {
    last = view;
    if (await enough(view)) break;
  }
  return last;
}

interface Bell {
  /** Resolves at the next ring, or when there will be none. */
  next(): Promise<void>;
  close(): void;
}

async function openBell(stub: TrackerStub, team: string, watch: Watch): Promise<Bell> {
  let ring: () => void = () => {};
  let pending = Promise.resolve();
  const rearm = (): void => {
    pending = new Promise((resolve) => {
      ring = resolve;
    });
  };
  rearm();
  const socket = await connect(stub, team, watch);
  socket?.addEventListener("message", () => ring());
  socket?.addEventListener("close", () => ring());
  socket?.addEventListener("error", () => ring());
  return {
    next() {
      rearm();
      return pending;
    },
    close() {
      socket?.close();
    },
  };
}

/** Null when no socket is to be had: the hold then lives on its re-reads. */
async function connect(stub: TrackerStub, team: string, watch: Watch): Promise<WebSocket | null> {
  try {
    const headers = { Upgrade: "websocket", "Sluice-Team": team, "Sluice-Watch": watch };
    const answer = await stub.fetch("https://tracker/hold", { headers });
    answer.webSocket?.accept();
    return answer.webSocket;
  } catch {
    return null;
  }
}

function after(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
