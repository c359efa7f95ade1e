// Keeps a poller waiting until there is news, so that unmodified clients need a tenth of their calls and hear of the end
// sooner. What a caller was last told is remembered in this isolate: only who knows the present state already is held.
// Accepted loss: another isolate tells it once more.

import { SECOND_MS } from "../platform/time.ts";
import { hasEnded, type RequestView } from "../requests/machine/types.ts";
import { type Watched, waitForRequest } from "../requests/service/watch.ts";

/** Status texts that an isolate remembers having told; past this it forgets all, and tells them once more. */
const COMPAT_TOLD_MAX = 5_000;

/** The last status text told, by caller and request. */
const told = new Map<string, string>();

export interface StatusHold {
  watched: Watched;
  /** Names the caller: what one was told is no news to that one alone. */
  keyId: string;
  holdS: number;
  /** Somebody who reads log lines follows the progress; others wait for the end. */
  watch: "waiting" | "following";
  spell: (view: RequestView) => string;
}

/** The view to answer a status call with: at once when it is news, else after the next change or `holdS`. Null: deleted meanwhile. */
export async function newsOf(
  view: RequestView,
  { watched, keyId, holdS, watch, spell }: StatusHold,
): Promise<RequestView | null> {
  const name = `${keyId} ${watched.id} ${watch}`;
  const known = told.get(name);
  const isNews = (next: RequestView): boolean => hasEnded(next.state.stage) || spell(next) !== known;
  const until = Date.now() + holdS * SECOND_MS;
  const last = holdS === 0 || isNews(view) ? view : await waitForRequest(watched, until, isNews, watch);
  if (told.size >= COMPAT_TOLD_MAX) told.clear();
  if (last === null || hasEnded(last.state.stage)) told.delete(name);
  else told.set(name, spell(last));
  return last;
}

/** The view to answer a result call with: waits for the end for `holdS`. Null: deleted meanwhile. */
export async function endOf(view: RequestView, watched: Watched, holdS: number): Promise<RequestView | null> {
  if (holdS === 0 || hasEnded(view.state.stage)) return view;
  const until = Date.now() + holdS * SECOND_MS;
  return waitForRequest(watched, until, ({ state }) => hasEnded(state.stage));
}
