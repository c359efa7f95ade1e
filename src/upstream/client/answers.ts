// Interprets upstream replies: one pure function per call, from a reply to a closed set of answers.

import { similarModel } from "../../models/models.ts";
import type { Permit } from "../../net/byte-budget.ts";
import { isRawNumber, type JsonTree, numberOf, printTree, valueAt } from "../../platform/json.ts";
import { isJson } from "../../platform/json-scan.ts";
import { METADATA_MAX_BYTES } from "../../platform/validate.ts";
import type { RequestError } from "../../requests/machine/types.ts";
import {
  answeringParty,
  connectionMissing,
  falError,
  isUpstreamId,
  keyRefused,
  submitRefusal,
  textAt,
} from "./classify.ts";
import type { UpstreamReply } from "./exchange.ts";

/** Bytes of upstream logs kept per request; the newest lines win. */
export const LOGS_MAX_BYTES = 64 * 1024;

/** Why a call had no usable answer. `rate_limited` pauses the account, `connection_missing` triggers a new look-up. */
export type UpstreamFault =
  | "timeout"
  | "network"
  | "rate_limited"
  | "redirected"
  | "key_refused"
  | "connection_missing"
  | "gateway_failed"
  | "upstream_failed"
  | "unreadable"
  | "unexpected_answer";

export interface RetryLater {
  kind: "later";
  reason: UpstreamFault;
  retryAfterMs: number | null;
}

export type SubmitReply =
  | { kind: "taken"; upstreamId: string; queuePosition: number | null }
  | { kind: "refused"; error: RequestError }
  /** Certainly not queued: it may be sent again. */
  | { kind: "not_taken"; retryAfterMs: number | null; reason: UpstreamFault }
  /** It may have been taken: it must never be sent again. */
  | { kind: "unknown"; reason: UpstreamFault };

export type StatusAnswer =
  | { kind: "queued"; queuePosition: number | null; logs: string | null }
  | { kind: "running"; logs: string | null }
  /** Over, well or badly: only the result tells. `metrics` and `logs` are JSON text. */
  | { kind: "completed"; metrics: string | null; logs: string | null }
  | { kind: "gone" }
  | RetryLater;

export type ResultAnswer =
  /** Text as upstream spelled it, most often JSON. The permit over it is the caller's to release. */
  | { kind: "output"; text: string; contentType: string | null; permit: Permit; billableUnits: string | null }
  /** The answer is a file itself. The permit over its bytes is the caller's to release. */
  | { kind: "file"; bytes: Uint8Array<ArrayBuffer>; contentType: string; permit: Permit; billableUnits: string | null }
  | { kind: "failed"; error: RequestError }
  | { kind: "canceled" }
  | { kind: "pending" }
  | { kind: "gone" }
  | RetryLater;

export type CancelReply =
  /** Taken out of the queue: it never runs. */
  | { kind: "canceled" }
  /** Cancellation requested: it may still finish. */
  | { kind: "requested" }
  | { kind: "too_late" }
  | { kind: "gone" }
  | RetryLater;

export type ConnectionSearch =
  | { kind: "found"; connection: string }
  | { kind: "none" }
  | { kind: "refused"; error: RequestError }
  | RetryLater;

/** `failed`: nothing came back that fal would have said. */
export type ProbeAnswer = "ok" | "failed" | "key_refused" | "rate_limited";

/** What a header may carry as a connection id. */
const CONNECTION_ID = /^[A-Za-z0-9._:-]{1,128}$/;
/** fal's words while a result is not ready; clients compare them too (vercel/ai:packages/fal/src/fal-video-model.ts). */
const STILL_RUNNING = "Request is still in progress";
/** A path that the app does not have, told by the app itself (fal-ai/fal:projects/fal/src/fal/api/api.py). */
const NO_SUCH_PATH = /^Path .* not found$/;

/** fal does not have every id that is well-formed: the known model that a mistyped one is close to is part of the refusal. */
export function withSimilarModel(reply: SubmitReply, model: string): SubmitReply {
  if (reply.kind !== "refused" || reply.error.upstreamStatus !== 404) return reply;
  const meant = similarModel(model);
  if (meant === null) return reply;
  const message = `${reply.error.message.replace(/\.?$/, ".")} Did you mean "${meant}"?`;
  return { ...reply, error: { ...reply.error, message } };
}

/** A 5xx, a 408, a redirect, a lost or unreadable answer: each may hide a yes, and fal knows no idempotency key. */
export function submitAnswer(reply: UpstreamReply): SubmitReply {
  if (reply.kind === "failed") {
    if (reply.sent === "no") return { kind: "not_taken", retryAfterMs: null, reason: reply.reason };
    return { kind: "unknown", reason: reply.reason };
  }
  const { status } = reply;
  if (status === 429) return { kind: "not_taken", retryAfterMs: reply.retryAfterMs, reason: "rate_limited" };
  if (status >= 400 && status < 500 && status !== 408) {
    return { kind: "refused", error: submitRefusal({ ...reply, body: bodyOf(reply) }) };
  }
  if (!isSuccess(status)) return { kind: "unknown", reason: faultReasonOf(reply) };
  const body = bodyOf(reply);
  const upstreamId = textAt(body, "request_id");
  if (!isUpstreamId(upstreamId)) return { kind: "unknown", reason: faultReasonOf(reply) };
  return { kind: "taken", upstreamId, queuePosition: queuePosition(body) };
}

/** fal's 404 is the end; everything else that is not one of its three words is asked again. */
export function statusAnswer(reply: UpstreamReply): StatusAnswer {
  if (reply.kind === "failed") return later(reply);
  const body = bodyOf(reply);
  if (isSuccess(reply.status)) {
    const logs = cappedLogs(body);
    switch (textAt(body, "status")) {
      case "IN_QUEUE":
        return { kind: "queued", queuePosition: queuePosition(body), logs };
      case "IN_PROGRESS":
        return { kind: "running", logs };
      case "COMPLETED":
        return { kind: "completed", metrics: metricsText(body), logs };
    }
  }
  return isGone(reply) ? { kind: "gone" } : later(reply);
}

/**
 * fal replays the model's own status and body. What only the account or the way there can be blamed for is *later*, because
 * the result is not lost: 401, 403, 429, Maton's errors, a 5xx that fal did not word.
 */
export function resultAnswer(reply: UpstreamReply): ResultAnswer {
  if (reply.kind === "failed" || (reply.kind === "unread" && reply.why === "broken")) return later(reply);
  const { status, headers } = reply;
  if (isSuccess(status)) return successfulResult(reply);
  const body = bodyOf(reply);
  if (status === 499) return { kind: "canceled" };
  if (status === 400 && textAt(body, "detail")?.startsWith(STILL_RUNNING)) return { kind: "pending" };
  if (isGone(reply)) return { kind: "gone" };
  const accountTrouble = status === 401 || status === 403 || status === 408 || status === 429;
  if (status < 400 || accountTrouble || answeringParty({ headers, body }) !== "fal") return later(reply);
  return { kind: "failed", error: falError({ status, headers, body }, "result") };
}

/** Only fal's plain yes counts as canceled: anything weaker may still run and be billed, and the polls tell. */
export function cancelAnswer(reply: UpstreamReply): CancelReply {
  if (reply.kind === "failed") return later(reply);
  const body = bodyOf(reply);
  const statusText = textAt(body, "status");
  if (isSuccess(reply.status)) {
    const isConfirmed = statusText === "OK" || (body !== undefined && valueAt(body, ["success"]) === true);
    return { kind: reply.status === 200 && isConfirmed ? "canceled" : "requested" };
  }
  if (reply.status === 400 && statusText === "ALREADY_COMPLETED") return { kind: "too_late" };
  return isGone(reply) ? { kind: "gone" } : later(reply);
}

/**
 * The oldest ACTIVE connection to fal: with several, one that is added later changes nothing. Filtered here too, because a
 * gateway that ignored the query would hand out another vendor's.
 */
export function connectionAnswer(reply: UpstreamReply): ConnectionSearch {
  if (reply.kind === "failed") return later(reply);
  const { status } = reply;
  const body = bodyOf(reply);
  if (isSuccess(status)) {
    const list = body === undefined ? undefined : valueAt(body, ["connections"]);
    if (!Array.isArray(list)) return later(reply);
    const oldest = list.filter(isActive).sort(byCreation)[0];
    const connection = oldest === undefined ? null : textAt(oldest, "connection_id");
    return connection === null ? { kind: "none" } : { kind: "found", connection };
  }
  if (status < 400 || status >= 500 || status === 408 || status === 429) return later(reply);
  return { kind: "refused", error: status <= 403 && status >= 401 ? keyRefused(status) : connectionMissing(status) };
}

/** Whatever fal itself says below 500 means that calls come through; so does Maton's word on the connection, which others mend. */
export function probeAnswer(reply: UpstreamReply): ProbeAnswer {
  const trouble = faultReasonOf(reply);
  switch (trouble) {
    case "rate_limited":
      return "rate_limited";
    case "key_refused":
      return reply.kind !== "failed" && reply.status === 403 ? "ok" : "key_refused";
    case "connection_missing":
    case "unexpected_answer":
      return "ok";
    case "timeout":
    case "network":
    case "redirected":
    case "gateway_failed":
    case "upstream_failed":
    case "unreadable":
      return "failed";
  }
}

function successfulResult(reply: Extract<UpstreamReply, { status: number }>): ResultAnswer {
  const billableUnits = reply.headers.get("x-fal-billable-units");
  if (reply.kind === "unread") {
    return reply.why === "too_large" ? unstorable(reply) : later(reply);
  }
  if (reply.kind === "bytes") {
    const { bytes, contentType, permit } = reply;
    if (bytes.length > 0) return { kind: "file", bytes, contentType, permit, billableUnits };
    return { kind: "output", text: "null", contentType: null, permit, billableUnits };
  }
  const contentType = reply.headers.get("content-type");
  // No model answers with a page; something between fal and us does.
  if (/^\s*text\/html\b/i.test(contentType ?? "") && !isJson(reply.text)) return later(reply);
  if (reply.status === 202 && isStillRunning(textAt(reply.body, "status"))) return { kind: "pending" };
  // Text that is not JSON is still what was paid for. An empty body is null.
  const text = reply.text === "" ? "null" : reply.text;
  return { kind: "output", text, contentType, permit: reply.permit, billableUnits };
}

function isStillRunning(status: string | null): boolean {
  return status === "IN_QUEUE" || status === "IN_PROGRESS";
}

function unstorable({ status, capBytes }: { status: number; capBytes: number }): ResultAnswer {
  const error: RequestError = {
    code: "storage_failed",
    message: `The result exceeds ${capBytes} bytes and was not stored.`,
    detail: null,
    retryable: false,
    charged: "unknown",
    upstreamStatus: status,
  };
  return { kind: "failed", error };
}

function later(reply: UpstreamReply): RetryLater {
  return {
    kind: "later",
    reason: faultReasonOf(reply),
    retryAfterMs: reply.kind === "failed" ? null : reply.retryAfterMs,
  };
}

function faultReasonOf(reply: UpstreamReply): UpstreamFault {
  if (reply.kind === "failed") return reply.reason;
  const { status, headers } = reply;
  const speaker = answeringParty({ headers, body: bodyOf(reply) });
  if (status === 429) return "rate_limited";
  if (status >= 500 || status === 408) return speaker === "fal" ? "upstream_failed" : "gateway_failed";
  if (status === 401 || status === 403) return "key_refused";
  if (speaker === "maton" && (status === 400 || status === 404)) return "connection_missing";
  if (status >= 300 && status < 400) return "redirected";
  return reply.kind === "read" ? "unexpected_answer" : "unreadable";
}

/** fal's 404, except an app's own for a path it does not have: that one is the model's answer. */
function isGone(reply: Extract<UpstreamReply, { status: number }>): boolean {
  if (reply.status !== 404) return false;
  const body = bodyOf(reply);
  if (textAt(body, "status") === "NOT_FOUND") return true;
  const detail = textAt(body, "detail");
  return detail !== null && !NO_SUCH_PATH.test(detail);
}

function bodyOf(reply: Extract<UpstreamReply, { status: number }>): JsonTree | undefined {
  return reply.kind === "read" ? reply.body : undefined;
}

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}

function queuePosition(body: JsonTree | undefined): number | null {
  const value = body === undefined ? undefined : valueAt(body, ["queue_position"]);
  const position = numberOf(value);
  return Number.isSafeInteger(position) && position >= 0 ? position : null;
}

/** fal sends `{}` before there is anything to say. */
function metricsText(body: JsonTree | undefined): string | null {
  const metrics = body === undefined ? undefined : valueAt(body, ["metrics"]);
  if (metrics === null || typeof metrics !== "object" || isRawNumber(metrics)) return null;
  const text = printTree(metrics);
  return text.length <= METADATA_MAX_BYTES ? text : null;
}

/** The log lines as a JSON array; above the cap the newest stay. Null where none were sent. */
function cappedLogs(body: JsonTree | undefined): string | null {
  const logs = body === undefined ? undefined : valueAt(body, ["logs"]);
  if (!Array.isArray(logs)) return null;
  const kept: string[] = [];
  let bytes = 2;
  for (const line of logs.map(printTree).reverse()) {
    bytes += new TextEncoder().encode(line).byteLength + 1;
    if (bytes > LOGS_MAX_BYTES) break;
    kept.unshift(line);
  }
  return `[${kept.join(",")}]`;
}

function isActive(connection: JsonTree): boolean {
  const app = textAt(connection, "app");
  const id = textAt(connection, "connection_id") ?? "";
  return textAt(connection, "status") === "ACTIVE" && (app === null || app === "fal-ai") && CONNECTION_ID.test(id);
}

/** ISO times compare as text. A connection without one comes last. */
function byCreation(a: JsonTree, b: JsonTree): number {
  const [left, right] = [a, b].map(
    (each) => `${textAt(each, "creation_time") ?? "~"} ${textAt(each, "connection_id")}`,
  );
  return (left ?? "") < (right ?? "") ? -1 : 1;
}
