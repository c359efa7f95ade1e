// The event stream of one request: every change, upstream's log lines, keep-alive comments, and `end` (or `deleted`) last. Resumes after
// Last-Event-ID. It waits on a change socket, which keeps no object in memory.

import { askTracker } from "../../../platform/stubs.ts";
import { HOUR_MS, isoTime } from "../../../platform/time.ts";
import { hasEnded, type RequestView, statusOf, type TimelineEntry } from "../../../requests/machine/types.ts";
import { watchRequest } from "../../../requests/service/wait-for-change.ts";
import { requestText } from "../../../requests/view/serialize.ts";
import { viewerOf } from "../../auth.ts";
import { byteStream, EVENT_STREAM, EVENT_STREAM_HEADERS, SSE_COMMENT_MS, withComments } from "../../event-stream.ts";
import { openHold } from "../../holds.ts";
import { noSuchRequest } from "../../no-such-request.ts";
import { defineRoute } from "../../route.ts";
import { requestId } from "./schemas.ts";

/** Maximum duration of an event stream; clients reconnect with Last-Event-ID. */
export const EVENT_STREAM_MAX_MS = HOUR_MS;

export const requestEvents = defineRoute({
  method: "GET",
  path: "/v1/requests/:id/events",
  summary: "Stream a request's events (server-sent events)",
  access: "view",
  params: requestId,
  headers: (z) => z.looseObject({ "last-event-id": z.string().optional() }),
  answers: {
    200: { description: "`update` and `log` events, then `end` or `deleted`.", contentType: EVENT_STREAM },
    204: { description: "`Last-Event-ID` is that of `end`: there is nothing to come, and clients stop." },
  },
  errors: ["not_found", "gone", "rate_limited"],
  async handle({ params, headers, caller, env, config }) {
    const viewer = viewerOf(caller);
    const watched = { env, id: params.id, viewer };
    const known = await askTracker(env, params.id, (tracker) => tracker.read(viewer));
    if (known === null) return { refusal: await noSuchRequest(env, params.id, viewer) };
    if (headers["last-event-id"]?.endsWith(END_MARK) && hasEnded(known.state.stage)) return { status: 204 };
    const held = openHold(caller);
    if (held.kind === "refused") return { refusal: held.refusal };
    const serializeEnd = (view: RequestView): Promise<string> => requestText(env.FILES, config(), view, { logs: true });
    const events = eventTexts(
      watchRequest(watched, held.hold, Date.now() + EVENT_STREAM_MAX_MS, "following"),
      async (seq) => (await askTracker(env, params.id, (tracker) => tracker.timeline(viewer, seq))) ?? [],
      serializeEnd,
      parseEventId(headers["last-event-id"]),
    );
    const body = byteStream(withComments(events, SSE_COMMENT_MS));
    return { response: new Response(body, { headers: EVENT_STREAM_HEADERS }) };
  },
});

/** Ends the id of `end`: a client that connects again with it has everything. */
const END_MARK = ".end";

/** A position in the stream: the last timeline entry, and the number of log lines sent. */
interface StreamPosition {
  seq: number;
  logLines: number;
}

/** Parses an event id, `12.3` or `12.3.end`; anything else starts from the beginning. */
function parseEventId(lastEventId: string | undefined): StreamPosition {
  const [, seq = "0", logLines = "0"] = /^([0-9]{1,9})\.([0-9]{1,9})(?:\.end)?$/.exec(lastEventId ?? "") ?? [];
  return { seq: Number(seq), logLines: Number(logLines) };
}

/** The events as text, from a position on: a client that reconnects receives each missed event once. */
async function* eventTexts(
  views: AsyncGenerator<RequestView, "over" | "not_visible">,
  timelineAfter: (seq: number) => Promise<TimelineEntry[]>,
  serializeEnd: (view: RequestView) => Promise<string>,
  start: StreamPosition,
): AsyncGenerator<string> {
  let { seq, logLines } = start;
  let last: RequestView | null = null;
  try {
    for (;;) {
      const next = await views.next();
      if (next.done) {
        if (last === null) return;
        const { state } = last;
        if (next.value === "not_visible")
          yield eventText("deleted", JSON.stringify({ id: state.id }), { seq, logLines });
        else if (hasEnded(state.stage)) yield eventText("end", await serializeEnd(last), { seq, logLines });
        return;
      }
      const view = next.value;
      last = view;
      for (const entry of await timelineAfter(seq)) {
        seq = entry.seq;
        const { at, stage, what, detail } = entry;
        const position = entry.stage === view.state.stage ? view.state.queuePosition : null;
        const update = { at: isoTime(at), event: what, stage, status: statusOf(stage), queue_position: position };
        yield eventText("update", JSON.stringify({ ...update, detail: detail ?? {} }), { seq, logLines });
      }
      const lines = JSON.parse(view.logs ?? "[]") as unknown[];
      for (const line of lines.slice(logLines))
        yield eventText("log", JSON.stringify(line), { seq, logLines: ++logLines });
    }
  } finally {
    await views.return("over");
  }
}

function eventText(event: string, data: string, { seq, logLines }: StreamPosition): string {
  const mark = event === "end" ? END_MARK : "";
  return `id: ${seq}.${logLines}${mark}\nevent: ${event}\ndata: ${data}\n\n`;
}
