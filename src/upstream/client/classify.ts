// Maps fal's and Maton's errors and webhook bodies to Sluice's. Pure.

import { ERRORS, type ErrorCode } from "../../platform/errors.ts";
import { isRawNumber, type JsonTree, numberOf, parseTree, printTree, valueAt } from "../../platform/json.ts";
import { fieldsOf } from "../../platform/json-scan.ts";
import { SECOND_MS } from "../../platform/time.ts";
import type { RequestError } from "../../requests/machine/types.ts";

/** fal's error text kept per request: message for people, and its own JSON for callers and compatible replays. */
export const ERROR_MESSAGE_MAX_CHARS = 500;
export const ERROR_DETAIL_MAX_BYTES = 16 * 1024;
/** A 429 without Retry-After closes the account this long. */
export const RATE_LIMITED_PAUSE_MS = 2 * SECOND_MS;

/** What both vendors' answers are judged by. `body` is undefined where it is not JSON. */
export interface VendorAnswer {
  status: number;
  headers: Headers;
  body: JsonTree | undefined;
}

/** Characters kept of a `detail` text that is too long: each may take six bytes once it is escaped. */
const DETAIL_TEXT_MAX_CHARS = Math.floor(ERROR_DETAIL_MAX_BYTES / 6) - 1;
/** fal's ids are UUIDs; what is taken here is whatever is safe in a path. */
const UPSTREAM_ID = /^(?!\.+$)[A-Za-z0-9._-]{1,128}$/;
/** Every word that fal's queue puts into `status` (fal.ai/docs/documentation/model-apis/inference/queue). */
const QUEUE_STATUSES = /^(IN_QUEUE|IN_PROGRESS|COMPLETED|NOT_FOUND|OK|CANCELLATION_REQUESTED|ALREADY_COMPLETED)$/;
/** Headers that only fal sets (fal.ai/docs/documentation/model-apis/common-parameters). */
const FAL_HEADERS = ["x-fal-request-id", "x-fal-error-type", "x-fal-request-timeout-type"];
/** Error types of fal.ai/docs/documentation/model-apis/errors and …/request-errors that have a code of their own. */
const TYPE_CODES: ReadonlyMap<string, ErrorCode> = new Map([
  ["content_policy_violation", "content_refused"],
  ["file_download_error", "input_unreachable"],
  ["image_load_error", "input_unreachable"],
  ["request_timeout", "upstream_timeout"],
  ["startup_timeout", "upstream_timeout"],
  ["generation_timeout", "upstream_timeout"],
]);

export function isUpstreamId(value: unknown): value is string {
  return typeof value === "string" && UPSTREAM_ID.test(value);
}

/** The string in a field of an object, or null. */
export function textAt(body: JsonTree | undefined, key: string): string | null {
  const value = body === undefined ? undefined : valueAt(body, [key]);
  return typeof value === "string" ? value : null;
}

/**
 * Whose words an answer is. fal says `detail` or one of its queue words, Maton says `error` (text or object) or `message`
 * with `code` (maton-ai/api-gateway-skill:references/figma/README.md, …/vercel-ai-gateway/README.md). A model may word its
 * errors freely, so fal's headers decide before Maton's shapes do; whether Maton passes them on is not promised.
 */
export function answeringParty({ headers, body }: Pick<VendorAnswer, "headers" | "body">): "fal" | "maton" | "unknown" {
  if (body !== undefined && valueAt(body, ["detail"]) !== undefined) return "fal";
  if (QUEUE_STATUSES.test(textAt(body, "status") ?? "")) return "fal";
  if (FAL_HEADERS.some((name) => headers.has(name))) return "fal";
  if (body === undefined) return "unknown";
  const error = valueAt(body, ["error"]);
  if (typeof error === "string" || (error !== undefined && valueAt(error, ["message"]) !== undefined)) return "maton";
  return textAt(body, "message") !== null && valueAt(body, ["code"]) !== undefined ? "maton" : "unknown";
}

/**
 * A clear no to a submit. Maton's 400 means no active connection (or an unknown app, which ours is not), its 404 an unknown
 * one, its 401 a bad key (maton-ai/api-gateway-skill:SKILL.md). What a person has to mend at the account is retryable.
 */
export function submitRefusal(answer: VendorAnswer): RequestError {
  const { status, body } = answer;
  const speaker = answeringParty(answer);
  if (speaker === "fal") return falError(answer, "submit");
  if (status === 401 || (speaker === "maton" && (status === 402 || status === 403))) {
    return keyRefused(status);
  }
  if (speaker === "maton" && (status === 400 || (status === 404 && /connection/i.test(printTree(body ?? null))))) {
    return connectionMissing(status);
  }
  return { ...accountError("upstream_refused", ERRORS.upstream_refused.title, status), retryable: false };
}

/** There is no active connection to fal, so nothing can be sent. `status` is Maton's, where it said so. */
export function connectionMissing(status: number | null): RequestError {
  return accountError("connection_missing", "The Maton account has no active fal.ai connection.", status);
}

/** Maton did not take our key, or not for this. */
export function keyRefused(status: number): RequestError {
  return accountError("misconfigured", "Maton rejected the gateway's API key.", status);
}

function accountError(code: ErrorCode, message: string, upstreamStatus: number | null): RequestError {
  return { code, message, detail: null, retryable: true, charged: false, upstreamStatus };
}

/**
 * fal's refusal of a submit, or the failure of a model, as ours. fal bills nothing from 500 up, and a 422 when it used the
 * GPU (fal.ai/docs/documentation/model-apis/pricing); billable units, where shown, settle it.
 */
export function falError({ status, headers, body }: VendorAnswer, when: "submit" | "result"): RequestError {
  const types = errorTypes(headers, body);
  const code = codeOf(status, types, headers, body);
  const atAccount = code === "upstream_locked" || (code === "upstream_refused" && (status === 401 || status === 403));
  const detail = body === undefined ? undefined : valueAt(body, ["detail"]);
  return {
    code,
    message: messageOf(body) ?? ERRORS[code].title,
    detail: detail === undefined ? null : cappedDetail(detail),
    retryable: retryHint(headers) ?? (atAccount || ERRORS[code].retryable),
    charged: status >= 500 || when === "submit" ? false : chargedUnits(headers),
    upstreamStatus: status,
    ...upstreamType(types),
  };
}

/** Names longer than fal's longest are no names. */
function upstreamType([type]: readonly string[]): { upstreamType?: string } {
  return type !== undefined && /^[a-z0-9_.]{1,64}$/i.test(type) ? { upstreamType: type } : {};
}

function codeOf(status: number, types: readonly string[], headers: Headers, body: JsonTree | undefined): ErrorCode {
  const typed = types.map((type) => TYPE_CODES.get(type)).find((code) => code !== undefined);
  if (typed !== undefined) return typed;
  if (status === 504 || headers.has("x-fal-request-timeout-type")) return "upstream_timeout";
  if (status >= 500) return "upstream_failed";
  if (status === 422) return "invalid_input";
  if (status === 403 && /\blocked\b/i.test(textAt(body, "detail") ?? "")) return "upstream_locked";
  return "upstream_refused";
}

function errorTypes(headers: Headers, body: JsonTree | undefined): string[] {
  const detail = body === undefined ? undefined : valueAt(body, ["detail"]);
  const entries = Array.isArray(detail) ? detail : [];
  const all = [
    ...entries.map((entry) => textAt(entry, "type")),
    textAt(body, "error_type"),
    headers.get("x-fal-error-type"),
  ];
  return all.filter((type) => type !== null);
}

/** The same hint under its older and its newer name; both are in circulation. */
function retryHint(headers: Headers): boolean | null {
  const text = (headers.get("x-fal-needs-retry") ?? headers.get("x-fal-retryable"))?.toLowerCase();
  if (text === "1" || text === "true") return true;
  return text === "0" || text === "false" ? false : null;
}

function chargedUnits(headers: Headers): boolean | "unknown" {
  const units = headers.get("x-fal-billable-units");
  return units !== null && /^[0-9]+(\.[0-9]+)?$/.test(units) ? Number(units) > 0 : "unknown";
}

/** One line for people: "image_url: Failed to download the file; num_images: Input should be …". Null where fal says none. */
function messageOf(body: JsonTree | undefined): string | null {
  const detail = body === undefined ? undefined : valueAt(body, ["detail"]);
  const text = Array.isArray(detail)
    ? detail
        .map(entryText)
        .filter((entry) => entry !== "")
        .join("; ")
    : (textAt(body, "detail") ?? textAt(body, "message") ?? textAt(body, "error") ?? "");
  if (text.trim() === "") return null;
  if (text.length <= ERROR_MESSAGE_MAX_CHARS) return text;
  return `${text.slice(0, ERROR_MESSAGE_MAX_CHARS - 1).replace(/[\uD800-\uDBFF]$/, "")}…`;
}

function entryText(entry: JsonTree): string {
  const message = typeof entry === "string" ? entry : (textAt(entry, "msg") ?? "");
  const loc = valueAt(entry, ["loc"]);
  const field = (Array.isArray(loc) ? loc : [])
    .map((step) => (!Number.isNaN(numberOf(step)) ? `[${numberOf(step)}]` : `.${String(step)}`))
    .join("")
    .replace(/^\.body\b/, "")
    .replace(/^\./, "");
  return field === "" || message === "" ? message : `${field}: ${message}`;
}

/**
 * fal's `detail` as JSON text. Above the cap it loses the caller's own `input` copies first, then its last entries; a text
 * is cut; anything else that large is dropped. The same detail always comes out the same, whichever road brought it.
 */
function cappedDetail(detail: JsonTree): string | null {
  const whole = printTree(detail);
  if (fits(whole)) return whole;
  if (typeof detail === "string") return JSON.stringify(detail.slice(0, DETAIL_TEXT_MAX_CHARS).toWellFormed());
  if (!Array.isArray(detail)) return null;
  const kept = detail.map(withoutInput);
  while (kept.length > 0 && !fits(printTree(kept))) kept.length = Math.floor(kept.length / 2);
  return kept.length === 0 ? null : printTree(kept);
}

function withoutInput(entry: JsonTree): JsonTree {
  if (entry === null || typeof entry !== "object" || Array.isArray(entry) || isRawNumber(entry)) return entry;
  return Object.fromEntries(Object.entries(entry).filter(([key]) => key !== "input"));
}

function fits(text: string): boolean {
  return new TextEncoder().encode(text).byteLength <= ERROR_DETAIL_MAX_BYTES;
}

/** What a webhook's body says. `announced`: it is over, but the result has to be fetched to know how. */
export type Report =
  | { kind: "output"; requestId: string; payload: string }
  | { kind: "error"; requestId: string; error: RequestError }
  | { kind: "canceled"; requestId: string }
  | { kind: "announced"; requestId: string }
  | { kind: "malformed" };

/**
 * Reads a webhook body (fal.ai/docs/documentation/model-apis/inference/webhooks). `payload` is JSON text with its numbers as
 * written. Everything is keyed on `request_id`: `gateway_request_id` changes when fal runs a request again.
 */
export function parseReport(text: string): Report {
  const fields = fieldsOf(text);
  if (fields === null) return { kind: "malformed" };
  const textOf = (name: string) => {
    const value = parseTree(fields.get(name) ?? "null")?.tree;
    return typeof value === "string" ? value : null;
  };
  const requestId = textOf("request_id") ?? undefined;
  if (!isUpstreamId(requestId)) return { kind: "malformed" };
  const payload = fields.get("payload") ?? "null";
  switch (textOf("status")) {
    case "OK":
      return payload === "null" ? { kind: "announced", requestId } : { kind: "output", requestId, payload };
    case "ERROR":
      return errorReport(requestId, textOf("error") ?? "", parseTree(payload)?.tree ?? null);
    default:
      return { kind: "malformed" };
  }
}

/** The status stands only in the text "Invalid status code: N"; without it the payload's validator shape still tells. */
function errorReport(requestId: string, text: string, payload: JsonTree): Report {
  const named = /\bstatus code:? ([1-5][0-9]{2})\b/i.exec(text)?.[1];
  const status = named === undefined ? null : Number(named);
  if (status === 499) return { kind: "canceled", requestId };
  if (status === null && !Array.isArray(valueAt(payload, ["detail"]))) return { kind: "announced", requestId };
  const error = falError({ status: status ?? 422, headers: new Headers(), body: payload }, "result");
  return { kind: "error", requestId, error: { ...error, upstreamStatus: status } };
}
