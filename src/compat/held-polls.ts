// Holds status polls until the status changes, so that unmodified clients make a tenth of their calls and learn of the end sooner. The
// last status sent to each caller is cached in this isolate; only a caller that already has the current one is held, and while there is
// room (http/holds.ts). Accepted loss: another isolate sends it again.

import type { Caller } from "../http/auth.ts";
import { tryHold } from "../http/holds.ts";
import { LruMap } from "../platform/lru-map.ts";
import { SECOND_MS } from "../platform/time.ts";
import { hasEnded, type RequestView } from "../requests/machine/types.ts";
import { type Watched, waitForRequest } from "../requests/service/wait-for-change.ts";

/** Maximum cached statuses; those beyond it that were asked for longest ago are sent again. */
const SENT_STATUSES_MAX = 5_000;

/** The last status sent, by caller and request. */
const sentStatuses = new LruMap<string>(SENT_STATUSES_MAX);

export interface StatusHold {
  watched: Watched;
  /** Whose sent statuses are cached, and whose calls wait. */
  caller: Caller;
  holdS: number;
  /** Callers that read log lines follow the progress; others wait for the end. */
  watch: "waiting" | "following";
  serialize: (view: RequestView) => string;
}

/** The view for a status call: at once if its status is new to the caller, else after the next change or `holdS`. Null: deleted. */
export async function holdStatus(
  view: RequestView,
  { watched, caller, holdS, watch, serialize }: StatusHold,
): Promise<RequestView | null> {
  const name = `${caller.keyId} ${watched.id} ${watch}`;
  const known = sentStatuses.get(name);
  const isNew = (next: RequestView): boolean => hasEnded(next.state.stage) || serialize(next) !== known;
  const until = Date.now() + holdS * SECOND_MS;
  const hold = holdS === 0 || isNew(view) ? null : tryHold(caller);
  const last = hold === null ? view : await waitForRequest(watched, hold, until, isNew, watch);
  if (last === null || hasEnded(last.state.stage)) sentStatuses.delete(name);
  else sentStatuses.set(name, serialize(last));
  return last;
}

/** The view for a result call: waits up to `holdS` for the end. Null: deleted. */
export async function holdResult(
  view: RequestView,
  { watched, caller, holdS }: Pick<StatusHold, "watched" | "caller" | "holdS">,
): Promise<RequestView | null> {
  const hold = holdS === 0 || hasEnded(view.state.stage) ? null : tryHold(caller);
  if (hold === null) return view;
  const until = Date.now() + holdS * SECOND_MS;
  return waitForRequest(watched, hold, until, ({ state }) => hasEnded(state.stage));
}
