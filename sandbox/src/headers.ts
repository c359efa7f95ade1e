// The request headers that fal's queue supports, validated as fal does: an invalid one is 400 bad_request. Pure.

import { isRecord } from "./json.ts";

export interface QueueOptions {
  /** Time within which the run must start. */
  startTimeoutMs: number | null;
  noRetry: boolean;
  /** Lifetime of the request's files, when the caller sets it. */
  fileTtlMs: number | null;
  /** `fal_webhook`. */
  webhookUrl: string | null;
  /** `fal_max_queue_length`. */
  maxQueueLength: number | null;
}

export type OptionsAnswer = { ok: true; options: QueueOptions } | { ok: false; detail: string };

/** Official clients refuse an `X-Fal-Request-Timeout` of one second or less (fal-ai/fal-js:libs/client/src/headers.ts). */
const REQUEST_TIMEOUT_ABOVE_S = 1;
/** fal's common-parameters page: the newer header's minimum is just above this. */
const START_TIMEOUT_ABOVE_S = 0.1;

/** Reads headers and query of a submit. Unknown priorities and bad retry configurations are ignored, as at fal. */
export function readQueueOptions(headers: Headers, query: URLSearchParams): OptionsAnswer {
  const timeout = readSeconds(headers, "x-fal-request-timeout", REQUEST_TIMEOUT_ABOVE_S);
  if (!timeout.ok) return timeout;
  const startTimeout = readSeconds(headers, "x-fal-request-start-timeout", START_TIMEOUT_ABOVE_S);
  if (!startTimeout.ok) return startTimeout;
  const lifecycle = readLifecycle(headers.get("x-fal-object-lifecycle-preference"));
  if (!lifecycle.ok) return lifecycle;
  const webhookUrl = query.get("fal_webhook");
  if (webhookUrl !== null && !isWebUrl(webhookUrl)) return bad("fal_webhook must be an http(s) URL");
  const length = query.get("fal_max_queue_length");
  if (length !== null && !/^[0-9]{1,9}$/.test(length)) return bad("fal_max_queue_length must be an integer");
  const seconds = startTimeout.value ?? timeout.value;
  return {
    ok: true,
    options: {
      startTimeoutMs: seconds === null ? null : Math.round(seconds * 1_000),
      noRetry: ["1", "true", "yes"].includes(headers.get("x-fal-no-retry")?.toLowerCase() ?? ""),
      fileTtlMs: lifecycle.value === null ? null : lifecycle.value * 1_000,
      webhookUrl,
      maxQueueLength: length === null ? null : Number(length),
    },
  };
}

type Read = { ok: true; value: number | null } | { ok: false; detail: string };

function bad(detail: string): { ok: false; detail: string } {
  return { ok: false, detail };
}

function readSeconds(headers: Headers, name: string, above: number): Read {
  const text = headers.get(name);
  if (text === null) return { ok: true, value: null };
  if (!/^[0-9]+(\.[0-9]+)?$/.test(text)) return bad(`${name} must be a number of seconds`);
  const value = Number(text);
  return value > above ? { ok: true, value } : bad(`${name} must be above ${above} seconds`);
}

function readLifecycle(text: string | null): Read {
  if (text === null) return { ok: true, value: null };
  const refused = bad("x-fal-object-lifecycle-preference must be a JSON object with expiration_duration_seconds");
  try {
    const value: unknown = JSON.parse(text);
    if (!isRecord(value)) return refused;
    const seconds = value.expiration_duration_seconds ?? null;
    if (seconds === null) return { ok: true, value: null };
    return typeof seconds === "number" && Number.isInteger(seconds) && seconds > 0
      ? { ok: true, value: seconds }
      : refused;
  } catch {
    return refused;
  }
}

function isWebUrl(text: string): boolean {
  return /^https?:\/\//i.test(text) && URL.canParse(text);
}
