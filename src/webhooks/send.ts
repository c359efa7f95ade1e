// Sends one delivery: URL guard, Standard Webhooks v1 signature, POST, classification. Stateless. A receiver that accepted a
// delivery whose response was lost gets it again with the same id.

import { Webhook } from "standardwebhooks";
import { callOut } from "../net/fetch.ts";
import { type GuardRules, mayCall } from "../net/guard.ts";
import { SECOND_MS } from "../platform/time.ts";
import type { AttemptAnswer } from "./attempt.ts";
import { classifyBlocked, classifyNetworkError, classifyResponse } from "./classify.ts";
import { deliveryHeaders } from "./headers.ts";
import { readReply } from "./receiver-reply.ts";
import { scrubLink } from "./scrub.ts";

/** Timeout of one attempt, response included. */
export const DELIVER_TIMEOUT_MS = 15 * SECOND_MS;

export interface OutgoingDelivery {
  url: string;
  /** The same at every attempt; without dots, which separate the signed parts. */
  eventId: string;
  /** JSON text, sent unchanged. */
  body: string;
  /** `whsec_…`, newest first. All of them sign, so that a receiver may hold any during a rotation. */
  secrets: readonly string[];
  /** Custom headers of the endpoint; reserved ones win. */
  headers?: Readonly<Record<string, string>>;
  /** Epoch ms. The time of this attempt is signed: receivers reject timestamps older than five minutes. */
  now: () => number;
  guard: GuardRules;
}

/** Posts an event once. Sends nothing if the URL guard refuses. */
export async function deliver(delivery: OutgoingDelivery): Promise<AttemptAnswer> {
  const { eventId, body, secrets, headers = {}, now, guard } = delivery;
  const at = now();
  const signature = signatures(eventId, body, secrets, at);
  const verdict = mayCall(delivery.url, guard);
  const seen = { at, url: scrubLink(delivery.url), status: null, reply: null, location: null };
  if (!verdict.ok) return { ...seen, ...classifyBlocked(verdict.reason), ms: 0 };
  const init = { method: "POST", headers: deliveryHeaders(headers, { eventId, nowMs: at, signature }), body };
  const call = await callOut(verdict.url.href, init, { timeoutMs: DELIVER_TIMEOUT_MS });
  if (call.kind === "failed") return { ...seen, ...classifyNetworkError(call), ms: now() - at };
  try {
    const { response } = call;
    const known = [...secrets, ...Object.values(headers).flatMap((value) => value.split(" "))];
    const reply = await readReply(response.body, known);
    const location = locationOf(response, verdict.url);
    const { status } = response;
    return { ...seen, ...classifyResponse(status, response.headers, now()), status, reply, location, ms: now() - at };
  } finally {
    call.end();
  }
}

/**
 * `webhook-signature` of Standard Webhooks v1: one entry for each secret.
 * Source: standard-webhooks/standard-webhooks:spec/standard-webhooks.md
 */
function signatures(eventId: string, body: string, secrets: readonly string[], nowMs: number): string {
  if (secrets.length === 0) throw new Error("a delivery requires at least one signing secret");
  return secrets.map((secret) => new Webhook(secret).sign(eventId, new Date(nowMs), body)).join(" ");
}

function locationOf({ status, headers }: Response, from: URL): string | null {
  const location = status >= 300 && status < 400 ? headers.get("location") : null;
  const target = location === null ? null : URL.parse(location, from.href);
  return target === null ? null : scrubLink(target.href);
}
