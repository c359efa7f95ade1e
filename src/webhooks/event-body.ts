// The event that customers get at the end of a request: `{ type, timestamp, data }` as JSON text. The text is built once
// and kept, because every try must send the same bytes. Pure.

import { objectText, RawText } from "../platform/json.ts";
import { endEventType } from "./event-types.ts";
import type { AnyEventType, EventData, TypedEvent } from "./events.ts";

/** An event above this carries id, status and links only: receivers cap bodies, and the body is kept for all tries. */
export const EVENT_BODY_MAX_BYTES = 256 * 1024;

/** In whose shape a receiver reads an event. An event keeps one text for each shape that somebody reads. */
export type EventFormat = "standard" | "fal";

/** The body of an event that is not the end of a request. Whoever tries again keeps the text, or what it is made of. */
export function eventBody({ type, at, data }: { at: number } & TypedEvent<AnyEventType>): string {
  return JSON.stringify({ type, timestamp: new Date(at).toISOString(), data });
}

export interface EndEventInput {
  outcome: "completed" | "failed" | "canceled";
  /** It had been told as failed (submit_uncertain) and was proven afterwards. */
  recovered: boolean;
  /** When it happened, epoch ms: not the time of a delivery. */
  endedAt: number;
  /** JSON text of the request object; its numbers are sent as they are written there. */
  requestText: string;
  /** The output was not put into `requestText` because of its size, so the text must not pass for the whole. */
  outputOmitted: boolean;
}

/** The body text. Above EVENT_BODY_MAX_BYTES `data` is thin: `id`, `status` and `links`, where the rest is to be read. */
export function endEvent({ outcome, recovered, endedAt, requestText, outputOmitted }: EndEventInput): string {
  const type = endEventType(outcome, recovered);
  const timestamp = new Date(endedAt).toISOString();
  const body = objectText({ type, timestamp, data: new RawText(requestText) });
  if (!outputOmitted && fits(body)) return body;
  // Plain numbers do no harm here: the three fields hold none.
  const { id, status, links } = JSON.parse(requestText) as EventData<typeof type>;
  const thin: EventData<typeof type> = { id, status, links };
  return objectText({ type, timestamp, data: thin });
}

/** What fal's own webhook would say of an end. `output` and `detail` are JSON text. */
export type FalEnd =
  /** `output` null: it is larger than an event may be. */
  { kind: "ok"; output: string | null } | { kind: "error"; status: number; detail: string };

/**
 * The body in fal's shape (fal.ai/docs/documentation/model-apis/inference/webhooks). An output that is too large leaves `payload`
 * null and says so in `payload_error`, as fal does when it cannot put one in. fal's runs are tried once here: both ids are the same.
 */
export function falEvent(requestId: string, end: FalEnd): string {
  const ids = { request_id: requestId, gateway_request_id: requestId };
  if (end.kind === "error") {
    const payload = new RawText(`{"detail":${end.detail}}`);
    return objectText({ ...ids, status: "ERROR", error: `Invalid status code: ${end.status}`, payload });
  }
  const whole = end.output && objectText({ ...ids, status: "OK", payload: new RawText(end.output) });
  if (whole && fits(whole)) return whole;
  const payload_error = "The output is too large for a webhook. Fetch the result with its request_id.";
  return objectText({ ...ids, status: "OK", payload: null, payload_error });
}

/** Text of more characters than the cap has more bytes too, and need not be encoded to know. */
function fits(body: string): boolean {
  return body.length <= EVENT_BODY_MAX_BYTES && new TextEncoder().encode(body).byteLength <= EVENT_BODY_MAX_BYTES;
}
