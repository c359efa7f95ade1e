// The event stream of one request: every change as it happens, upstream's log lines, a comment now and then, `end` (or `deleted`) last.
// Resumes after Last-Event-ID. The stream is told by holds; it keeps no object awake.

import * as z from "zod";
import { askTracker } from "../../../platform/stubs.ts";
import { HOUR_MS, isoTime } from "../../../platform/time.ts";
import { hasEnded, type RequestView, statusOf, type TimelineEntry } from "../../../requests/machine/types.ts";
import { watchRequest } from "../../../requests/service/watch.ts";
import { requestText } from "../../../requests/view/serialize.ts";
import { viewerOf } from "../../auth.ts";
import { byteStream, EVENT_STREAM, EVENT_STREAM_HEADERS, SSE_COMMENT_MS, withComments } from "../../event-stream.ts";
import { noSuchRequest } from "../../no-such-request.ts";
import { defineRoute } from "../../route.ts";
import { requestId } from "./schemas.ts";

/** An event stream ends after this; clients come back with Last-Event-ID by themselves. */
export const EVENT_STREAM_MAX_MS = HOUR_MS;

export const requestEvents = defineRoute({
  method: "GET",
  path: "/v1/requests/:id/events",
  summary: "Follow a request as server-sent events",
  access: "read",
  params: requestId,
  headers: z.looseObject({ "last-event-id": z.string().optional() }),
  answers: {
    200: { description: "`update`, `log` and `end` events; `deleted` ends it too.", contentType: EVENT_STREAM },
  },
  errors: ["not_found", "gone"],
  async handle({ params, headers, caller, env, config }) {
    const viewer = viewerOf(caller);
    const watched = { env, id: params.id, viewer };
    if (!(await askTracker(env, params.id, (tracker) => tracker.read(viewer)))) {
      return { refusal: await noSuchRequest(env, params.id, viewer) };
    }
    const spellEnd = (view: RequestView): Promise<string> => requestText(env.FILES, config(), view, { logs: true });
    const events = eventTexts(
      watchRequest(watched, Date.now() + EVENT_STREAM_MAX_MS, "following"),
      async (seq) => (await askTracker(env, params.id, (tracker) => tracker.timeline(viewer, seq))) ?? [],
      spellEnd,
      heardBefore(headers["last-event-id"]),
    );
    const body = byteStream(withComments(events, SSE_COMMENT_MS));
    return { response: new Response(body, { headers: EVENT_STREAM_HEADERS }) };
  },
});

/** How much a client has heard: the timeline up to a line, and so many log lines. */
interface Heard {
  seq: number;
  logLines: number;
}

/** An event's id, `12.3`, says what was heard with it; text that is none of ours means nothing was. */
function heardBefore(lastEventId: string | undefined): Heard {
  const [, seq = "0", logLines = "0"] = /^([0-9]{1,9})\.([0-9]{1,9})$/.exec(lastEventId ?? "") ?? [];
  return { seq: Number(seq), logLines: Number(logLines) };
}

/** The events as text. A client that comes back hears what it missed, once. */
async function* eventTexts(
  views: AsyncGenerator<RequestView, "over" | "not_visible">,
  timelineAfter: (seq: number) => Promise<TimelineEntry[]>,
  spellEnd: (view: RequestView) => Promise<string>,
  before: Heard,
): AsyncGenerator<string> {
  let { seq, logLines } = before;
  let last: RequestView | null = null;
  try {
    for (;;) {
      const next = await views.next();
      if (next.done) {
        if (last === null) return;
        const { state } = last;
        if (next.value === "not_visible")
          yield eventText("deleted", JSON.stringify({ id: state.id }), { seq, logLines });
        else if (hasEnded(state.stage)) yield eventText("end", await spellEnd(last), { seq, logLines });
        return;
      }
      const view = next.value;
      last = view;
      for (const entry of await timelineAfter(seq)) {
        seq = entry.seq;
        const { at, stage, what, detail } = entry;
        const position = entry.stage === view.state.stage ? view.state.queuePosition : null;
        const told = { at: isoTime(at), event: what, stage, status: statusOf(stage), queue_position: position };
        yield eventText("update", JSON.stringify({ ...told, detail: detail ?? {} }), { seq, logLines });
      }
      const lines = JSON.parse(view.logs ?? "[]") as unknown[];
      for (const line of lines.slice(logLines))
        yield eventText("log", JSON.stringify(line), { seq, logLines: ++logLines });
    }
  } finally {
    await views.return("over");
  }
}

function eventText(event: string, data: string, { seq, logLines }: Heard): string {
  return `id: ${seq}.${logLines}\nevent: ${event}\ndata: ${data}\n\n`;
}
