// One request, followed while it is open: by its event stream, and by held reads where streams break. Stands still while hidden.

import { useEffect } from "preact/hooks";
import { callApi, openStream } from "../../api/client.ts";
import { readEvents } from "../../api/event-stream.ts";
import { type Resource, useResource } from "../../api/resource.ts";
import type { RequestObject, TimelineLine } from "../../api/types.ts";

/** Streams that break this soon, twice, are not worth opening again. */
const QUICK_BREAK_MS = 10_000;
const HELD_READ_S = 30;
const PAUSE_MS = 2_000;

export interface Followed {
  request: Resource<RequestObject>;
  timeline: Resource<{ data: TimelineLine[] }>;
}

export function isEnded({ stage }: Pick<RequestObject, "stage">): boolean {
  return stage === "completed" || stage === "failed" || stage === "canceled";
}

export function useFollowed(id: string): Followed {
  const request = useResource<RequestObject>(`/v1/requests/${id}?logs=1`);
  const timeline = useResource<{ data: TimelineLine[] }>(`/v1/requests/${id}/timeline`);
  const isOpen = request.data !== null && !isEnded(request.data);
  const { reload: readRequest } = request;
  const { reload: readTimeline } = timeline;
  useEffect(() => {
    if (!isOpen) return;
    let controller = new AbortController();
    const read = () => Promise.all([readRequest(), readTimeline()]);
    const start = () => {
      controller.abort();
      controller = new AbortController();
      if (!document.hidden) void follow(id, read, controller.signal);
    };
    const onShown = () => {
      start();
      if (!document.hidden) void read();
    };
    start();
    document.addEventListener("visibilitychange", onShown);
    return () => {
      document.removeEventListener("visibilitychange", onShown);
      controller.abort();
    };
  }, [id, isOpen, readRequest, readTimeline]);
  return { request, timeline };
}

async function follow(id: string, read: () => Promise<unknown>, signal: AbortSignal): Promise<void> {
  let lastId = "";
  let quickBreaks = 0;
  while (!signal.aborted && quickBreaks < 2) {
    const openedAt = Date.now();
    const stream = await openStream(
      `/v1/requests/${id}/events`,
      lastId === "" ? {} : { "Last-Event-ID": lastId },
      signal,
    );
    if (stream !== null) {
      for await (const event of readEvents(stream)) {
        lastId = event.id;
        if (event.event !== "log") await read();
        if (event.event === "end" || event.event === "deleted") return;
      }
    }
    if (Date.now() - openedAt < QUICK_BREAK_MS) quickBreaks += 1;
    else quickBreaks = 0;
  }
  while (!signal.aborted) {
    const answer = await callApi<RequestObject>("GET", `/v1/requests/${id}?wait=${HELD_READ_S}`, { signal });
    if (signal.aborted) return;
    if (answer.ok) await read();
    if (answer.ok && isEnded(answer.data)) return;
    if (!answer.ok) await new Promise((done) => setTimeout(done, PAUSE_MS));
  }
}
