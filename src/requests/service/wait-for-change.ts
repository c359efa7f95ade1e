// Waits for changes of a request: the tracker signals them over a change socket and the Worker rereads the state, also periodically
// and when the socket closes, so a broken socket is never an error.

import type { Env } from "../../platform/bindings.ts";
import { type ChangeSocket, openChangeSocket, sleep } from "../../platform/change-socket.ts";
import type { CallHold } from "../../platform/hold-counter.ts";
import { askTracker, trackerOf } from "../../platform/stubs.ts";
import { SECOND_MS } from "../../platform/time.ts";
import type { Watch } from "../machine/events.ts";
import { hasEnded, type RequestView, type Viewer } from "../machine/types.ts";

/** Longest `wait` of a caller. */
export const WAIT_MAX_S = 60;
/** With an open socket the state is reread this often, rarely enough for the object to hibernate. */
export const WATCH_REREAD_MS = 30 * SECOND_MS;
/** How long a client that waits for the end also waits for the settlement: normally milliseconds. */
const SETTLED_WAIT_MS = 2 * SECOND_MS;
/** The same without a socket. */
export const WATCH_POLL_MS = 5 * SECOND_MS;

/** The watched request. Each call uses a fresh stub, because a broken one (deploy, crash) stays broken. */
export interface Watched {
  env: Pick<Env, "TRACKER">;
  id: string;
  viewer: Viewer;
}

/**
 * The request's views, one for each change, the present one first; ends after the end or at `until` (epoch ms). Nothing is
 * yielded for a request that this viewer cannot see, and no more once it is deleted: then `not_visible` is returned. `following` makes polls show progress; `waiting` is for the end alone. A
 * consumer that stops early closes the hold, which ends with the watch. A tracker that cannot be reached is asked again until
 * `until`.
 */
export async function* watchRequest(
  watched: Watched,
  hold: CallHold,
  until: number,
  watch: Exclude<Watch, "none">,
): AsyncGenerator<RequestView, "over" | "not_visible", undefined> {
  let socket = await openTrackerSocket(watched, watch);
  let seen = "";
  let finalRead = false;
  try {
    for (;;) {
      hold.renew(Date.now());
      if (socket.isBroken()) socket = await openTrackerSocket(watched, watch);
      const changed = socket.nextChange();
      const read = await readView(watched);
      if (read.kind === "not_visible") return "not_visible";
      if (read.kind === "read") {
        const { view } = read;
        const { queuePosition, waiting } = view.state;
        const version = `${view.state.revision}.${view.timelineSeq}.${queuePosition}.${waiting?.reason}.${view.logs}`;
        if (version !== seen) yield view;
        seen = version;
        if (hasEnded(view.state.stage)) {
          // The cost is known shortly after the end.
          if (view.state.settledAt !== null || finalRead) return "over";
          finalRead = true;
          await Promise.race([changed, sleep(SETTLED_WAIT_MS)]);
          continue;
        }
      }
      const left = until - Date.now();
      if (left <= 0) return "over";
      await Promise.race([changed, sleep(Math.min(left, socket.isBroken() ? WATCH_POLL_MS : WATCH_REREAD_MS))]);
    }
  } finally {
    socket.close();
    hold.release();
  }
}

/**
 * Waits until `enough` says so or `until` has come, and answers the last view; null for a request that this viewer cannot
 * see, or can no more because it was deleted meanwhile.
 */
export async function waitForRequest(
  watched: Watched,
  hold: CallHold,
  until: number,
  enough: (view: RequestView) => boolean | Promise<boolean>,
  watch: Exclude<Watch, "none"> = "waiting",
): Promise<RequestView | null> {
  const views = watchRequest(watched, hold, until, watch);
  let last: RequestView | null = null;
  try {
    for (;;) {
      const next = await views.next();
      if (next.done) return next.value === "over" ? last : null;
      last = next.value;
      if (await enough(last)) return last;
    }
  } finally {
    await views.return("over");
  }
}

type ReadView = { kind: "read"; view: RequestView } | { kind: "not_visible" | "unreachable" };

async function readView(watched: Watched): Promise<ReadView> {
  try {
    const view = await askTracker(watched.env, watched.id, (tracker) => tracker.read(watched.viewer));
    return view === null ? { kind: "not_visible" } : { kind: "read", view };
  } catch {
    return { kind: "unreachable" };
  }
}

function openTrackerSocket(watched: Watched, watch: Watch): Promise<ChangeSocket> {
  const headers = { Upgrade: "websocket", "Sluice-Viewer": asciiJson(watched.viewer), "Sluice-Watch": watch };
  return openChangeSocket(async () => trackerOf(watched.env, watched.id)?.fetch("https://tracker/hold", { headers }));
}

/** JSON that a header can carry: user names may hold any character. */
function asciiJson(viewer: Viewer): string {
  return JSON.stringify(viewer).replaceAll(
    /[^ -~]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
