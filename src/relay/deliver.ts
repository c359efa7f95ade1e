// One delivery of an event: guarded, signed as Standard Webhooks v1, posted, and its answer sorted. Keeps nothing; whoever
// calls keeps id and body, so that a repeat says the same. Imports net and limits; never requests.
// Accepted loss: a receiver that took it while its answer got lost is told again, with the same id.

import { Webhook } from "standardwebhooks";
import { DELIVER_REPLY_READ_MAX_BYTES, DELIVER_RETRY_AFTER_MAX_MS, DELIVER_TIMEOUT_MS } from "../limits.ts";
import { callOut } from "../net/fetch.ts";
import { type GuardRules, mayCall } from "../net/guard.ts";
import { retryAfterMs } from "../net/retry-after.ts";

export interface Delivery {
  url: string;
  /** The same at every try; without dots, which part the signed text. */
  eventId: string;
  /** JSON text, sent as it is. */
  body: string;
  /** `whsec_…`, newest first. All of them sign, so that a receiver may hold any of them during a rotation. */
  secrets: readonly string[];
  /** Epoch ms of this try: receivers refuse a time stamp that is more than five minutes old. */
  nowMs: number;
  guard: GuardRules;
}

/** Reasons are categories for people and logs: they quote neither the URL nor the answer. */
export type DeliverAnswer =
  | { kind: "taken"; status: number }
  /** `retryAfterMs` is the receiver's wish. */
  | { kind: "later"; reason: string; retryAfterMs: number | null }
  /** No later try can do better: the receiver wants no more (410), or the URL guard refuses. */
  | { kind: "gone"; reason: string };

/** Posts an event once. Only a 2xx is a yes; a 3xx is a failure like any other and is not followed. */
export async function deliver({ url, eventId, body, secrets, nowMs, guard }: Delivery): Promise<DeliverAnswer> {
  const verdict = mayCall(url, guard);
  if (!verdict.ok) return { kind: "gone", reason: `refused by the URL guard: ${verdict.reason}` };
  const init = { method: "POST", headers: signedHeaders(eventId, body, secrets, nowMs), body };
  const call = await callOut(verdict.url.href, init, { timeoutMs: DELIVER_TIMEOUT_MS });
  if (call.kind === "failed") return { kind: "later", reason: call.reason, retryAfterMs: null };
  try {
    await drain(call.response.body, DELIVER_REPLY_READ_MAX_BYTES);
    return sorted(call.response, nowMs);
  } finally {
    call.end();
  }
}

/**
 * Headers of Standard Webhooks v1: `webhook-id`, `webhook-timestamp` in seconds, `webhook-signature` with one entry for
 * each secret. Source: standard-webhooks/standard-webhooks:spec/standard-webhooks.md
 */
function signedHeaders(
  eventId: string,
  body: string,
  secrets: readonly string[],
  nowMs: number,
): Record<string, string> {
  if (secrets.length === 0) throw new Error("a delivery needs a secret to be signed with");
  const signatures = secrets.map((secret) => new Webhook(secret).sign(eventId, new Date(nowMs), body));
  return {
    "content-type": "application/json",
    "user-agent": "Sluice-Webhooks/1",
    "webhook-id": eventId,
    "webhook-timestamp": String(Math.floor(nowMs / 1000)),
    "webhook-signature": signatures.join(" "),
  };
}

function sorted({ status, headers }: Response, nowMs: number): DeliverAnswer {
  if (status >= 200 && status < 300) return { kind: "taken", status };
  if (status === 410) return { kind: "gone", reason: "HTTP 410" };
  const reason = status >= 300 && status < 400 ? `redirect (HTTP ${status})` : `HTTP ${status}`;
  const wish = retryAfterMs(headers.get("retry-after"), nowMs, DELIVER_RETRY_AFTER_MAX_MS);
  return { kind: "later", reason, retryAfterMs: wish };
}

/**
 * Reads a short answer to its end, so that the receiver does not see a broken connection, and cancels the rest of a long
 * one. Nothing is kept, hence no byte permit. A fault here changes nothing: the status has decided.
 */
async function drain(body: ReadableStream<Uint8Array> | null, maxBytes: number): Promise<void> {
  if (body === null) return;
  const reader = body.getReader();
  try {
    for (let bytes = 0; bytes < maxBytes; ) {
      const { done, value } = await reader.read();
      if (done) return;
      bytes += value.byteLength;
    }
  } catch {
    return;
  }
  reader.cancel().catch(() => undefined);
}
