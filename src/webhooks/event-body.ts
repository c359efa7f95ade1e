// Builds event bodies: `{ type, timestamp, data }` as JSON text. The text is built once and stored, because every attempt must
// send the same bytes. Pure.

import { objectText, RawText } from "../platform/json.ts";
import { endEventType } from "./event-types.ts";
import type { AnyEventType, EventData, TypedEvent } from "./events.ts";

/**
 * Above this size an event carries id, status and links only: receivers limit bodies, and the body is stored for all attempts.
 */
export const EVENT_BODY_MAX_BYTES = 256 * 1024;

/** Body format. An event stores one text for each format in use. */
export type EventFormat = "standard" | "fal";

/** Body of an event other than the end of a request. */
export function eventBody({ type, at, data }: { at: number } & TypedEvent<AnyEventType>): string {
  return JSON.stringify({ type, timestamp: new Date(at).toISOString(), data });
}

export interface EndEventInput {
  outcome: "completed" | "failed" | "canceled";
  /** The request had failed with `submit_uncertain` and its result was found later. */
  recovered: boolean;
  /** Time of the event, epoch ms; not the time of a delivery. */
  endedAt: number;
  /** JSON text of the request object; numbers keep their source text. */
  requestText: string;
  /** `requestText` has no output because of its size. */
  outputOmitted: boolean;
}

/** Body of a request event. Above EVENT_BODY_MAX_BYTES `data` holds `id`, `status` and `links` only. */
export function endEvent({ outcome, recovered, endedAt, requestText, outputOmitted }: EndEventInput): string {
  const type = endEventType(outcome, recovered);
  const timestamp = new Date(endedAt).toISOString();
  const body = objectText({ type, timestamp, data: new RawText(requestText) });
  if (!outputOmitted && fits(body)) return body;
  // The three fields contain no numbers, so JSON.parse loses no precision.
  const { id, status, links } = JSON.parse(requestText) as EventData<typeof type>;
  const thin: EventData<typeof type> = { id, status, links };
  return objectText({ type, timestamp, data: thin });
}

/** The end of a request as fal's webhook reports it. `output` and `detail` are JSON text. */
export type FalEnd =
  /** `output` null: it is larger than an event may be. */
  { kind: "ok"; output: string | null } | { kind: "error"; status: number; detail: string };

/**
 * Body in fal's format (fal.ai/docs/documentation/model-apis/inference/webhooks). If the output is too large, `payload` is null
 * and `payload_error` says so. A request has one fal run, so both ids are equal.
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

/** More characters than the limit means more bytes, so such text needs no encoding. */
function fits(body: string): boolean {
  return body.length <= EVENT_BODY_MAX_BYTES && new TextEncoder().encode(body).byteLength <= EVENT_BODY_MAX_BYTES;
}
