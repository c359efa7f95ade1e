// The first page of the list, kept current: rows that are shown change in place, new ones wait behind a count so that nothing moves
// under the reader's eyes. Ends come from the event feed; new requests are seen by reading the page again while something is open.

import { useEffect, useRef, useState } from "preact/hooks";
import { callApi } from "../../api/client.ts";
import { type Resource, useResource } from "../../api/resource.ts";
import type { FeedEvent, PageOf, RequestSummary } from "../../api/types.ts";
import { me, who } from "../../session/me.ts";
import { may } from "../../session/permissions.ts";

/** Between two reads while something is open. */
const REREAD_MS = 15_000;
/** The feed is held open this long; the API holds at most 60 s. */
const HOLD_S = 55;
/** Before the feed is asked again after a failure. */
const FEED_PAUSE_MS = 10_000;
/** Without a move of the reader, nothing is polled: each poll keeps the team's object in memory. */
const IDLE_MS = 10 * 60_000;

export interface LiveList {
  resource: Resource<PageOf<RequestSummary>>;
  rows: RequestSummary[];
  /** Requests that came since, not shown yet. */
  newRows: number;
  showNew: () => void;
  isLive: boolean;
}

/** `path`: the page to read; `isFirst`: only the first page is live. */
export function useLiveList(path: string, isFirst: boolean): LiveList {
  const resource = useResource<PageOf<RequestSummary>>(path);
  const [shown, setShown] = useState<{ path: string; ids: readonly string[] } | null>(null);
  const { data, reload } = resource;
  useEffect(() => {
    if (data !== null && (shown === null || shown.path !== path || shown.ids.length === 0)) {
      setShown({ path, ids: data.data.map(({ id }) => id) });
    }
  }, [data, path, shown]);
  const hasOpen = data?.data.some(({ status }) => status === "open") ?? false;
  const isLive = isFirst && me.value !== null;
  useRereads(isLive, hasOpen, reload);
  const kept = shown?.path === path ? new Set(shown.ids) : null;
  const all = data?.data ?? [];
  // Rows before the first shown one are new; without a match everything is.
  const firstKept = kept === null ? 0 : all.findIndex(({ id }) => kept.has(id));
  const newRows = firstKept === -1 ? all.length : firstKept;
  return {
    resource,
    rows: newRows === all.length ? all : all.slice(newRows),
    newRows: newRows === all.length ? 0 : newRows,
    showNew: () => setShown({ path, ids: all.map(({ id }) => id) }),
    isLive,
  };
}

function useRereads(isLive: boolean, hasOpen: boolean, reload: () => Promise<void>): void {
  const lastInput = useRef(Date.now());
  useEffect(() => {
    if (!isLive) return;
    const controller = new AbortController();
    const { signal } = controller;
    const isWatched = () => !document.hidden && Date.now() - lastInput.current < IDLE_MS;
    const noteInput = () => {
      lastInput.current = Date.now();
    };
    for (const name of ["pointermove", "keydown", "scroll"])
      addEventListener(name, noteInput, { signal, passive: true });
    const onShown = () => {
      if (document.hidden) return;
      noteInput();
      void reload();
    };
    document.addEventListener("visibilitychange", onShown, { signal });
    const timer = setInterval(() => {
      if (hasOpen && isWatched()) void reload();
    }, REREAD_MS);
    if (may(who.value, "team")) void followFeed(signal, isWatched, reload);
    return () => {
      clearInterval(timer);
      controller.abort();
    };
  }, [isLive, hasOpen, reload]);
}

/** Reads the list again after each event of a request. */
async function followFeed(signal: AbortSignal, isWatched: () => boolean, reload: () => Promise<void>): Promise<void> {
  let after = "latest";
  while (!signal.aborted) {
    if (!isWatched()) {
      await pause(FEED_PAUSE_MS, signal);
      continue;
    }
    const held = after === "latest" ? "" : `&wait=${HOLD_S}`;
    const answer = await callApi<{ data: FeedEvent[]; next_cursor: string }>(
      "GET",
      `/v1/events?after=${after}${held}`,
      { signal },
    );
    if (signal.aborted) return;
    if (!answer.ok) {
      await pause(FEED_PAUSE_MS, signal);
      continue;
    }
    after = answer.data.next_cursor;
    if (answer.data.data.some(({ type }) => type.startsWith("request."))) await reload();
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      done();
    });
  });
}
