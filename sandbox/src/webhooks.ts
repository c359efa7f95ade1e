// fal's webhooks: the deliveries of a request, their bodies and signatures, and when a failed one is retried. fake-upstream.ts
// sends them.

import type { Outcomes } from "./outcomes.ts";
import { randomFrom } from "./random.ts";
import { cancelledResult, type Result, renderResult, startTimeoutResult } from "./results.ts";
import type { Settings } from "./settings.ts";
import { FORGER, signatureHeaders } from "./signing.ts";
import type { DeliveryVariant, UpstreamRequest } from "./store.ts";

/** Ten minutes: beyond the five that verifiers tolerate. */
const STALE_S = 600;

export interface PlannedDelivery {
  id: string;
  variant: DeliveryVariant;
  dueAt: number;
}

/** The deliveries of a request that ends at `endsAt`. A faulty one replaces the valid one. */
export function planDeliveries(id: string, outcomes: Outcomes, endsAt: number, settings: Settings): PlannedDelivery[] {
  const dueAt = outcomes["webhook-late"] ? endsAt + settings.webhookLateMs : endsAt;
  return variantsOf(outcomes).map((variant, n) => ({
    id: randomFrom(settings.seed, "delivery", id, n).uuid(),
    variant,
    dueAt: dueAt + (outcomes["webhook-error-then-ok"] ? n : 0),
  }));
}

function variantsOf(outcomes: Outcomes): DeliveryVariant[] {
  if (outcomes["webhook-lost"] || outcomes["status-404"]) return [];
  if (outcomes["webhook-error-then-ok"]) return ["error", "ok"];
  if (outcomes["webhook-forged"]) return ["forged"];
  if (outcomes["webhook-stale"]) return ["stale"];
  if (outcomes["webhook-other-user"]) return ["other_user"];
  const variant = outcomes["webhook-null"] || outcomes["binary-result"] ? "null" : "ok";
  return outcomes["webhook-twice"] ? [variant, variant] : [variant];
}

/** The result of a request, however it ended. */
export function resultOf(request: UpstreamRequest): Result {
  switch (request.timing.end) {
    case "finished":
      return request.result;
    case "start_timeout":
      return startTimeoutResult();
    case "cancelled":
      return cancelledResult();
  }
}

/** The body of a delivery; the result is embedded as it is, byte for byte. */
export async function webhookBody(request: UpstreamRequest, variant: DeliveryVariant): Promise<string> {
  const result = resultOf(request);
  const head = `"request_id":${JSON.stringify(request.id)},"gateway_request_id":${JSON.stringify(request.gatewayId)}`;
  if (variant === "error") {
    const payload = JSON.stringify({ detail: "Internal Server Error" });
    return `{${head},"status":"ERROR","error":"Invalid status code: 500","payload":${payload}}`;
  }
  const failed = result.status >= 400;
  const status = failed
    ? `"status":"ERROR","error":${JSON.stringify(`Invalid status code: ${result.status}`)}`
    : `"status":"OK"`;
  if (variant === "null") {
    return `{${head},${status},"payload":null,"payload_error":"Response payload is not JSON serializable"}`;
  }
  const { body } = await renderResult(result);
  return `{${head},${status},"payload":${typeof body === "string" ? body : "null"}}`;
}

export interface DeliveryToSign {
  requestId: string;
  body: string;
  userId: string;
  variant: DeliveryVariant;
  /** Milliseconds; signatures carry whole seconds. */
  now: number;
}

/** The headers of a delivery. */
export async function deliveryHeaders(settings: Settings, delivery: DeliveryToSign): Promise<Record<string, string>> {
  const timestampS = Math.floor(delivery.now / 1_000) - (delivery.variant === "stale" ? STALE_S : 0);
  const userId = delivery.variant === "other_user" ? `${delivery.userId}_other` : delivery.userId;
  const signer = delivery.variant === "forged" ? FORGER : "current";
  const { requestId, body } = delivery;
  const signature = await signatureHeaders(settings, signer, { requestId, userId, timestampS, body });
  return { "content-type": "application/json", ...signature };
}

export type AttemptOutcome = { kind: "status"; status: number } | { kind: "unreachable" } | { kind: "timeout" };

/**
 * What follows an attempt: the end, or the next one. Only 2xx acknowledges; a redirect is a permanent failure and is not followed;
 * anything else is retried with exponential backoff until the stored result expires.
 */
export function afterAttempt(
  outcome: AttemptOutcome,
  attempts: number,
  now: number,
  expiresAt: number,
  settings: Settings,
): { doneAt: number } | { dueAt: number } {
  if (outcome.kind === "status" && outcome.status >= 200 && outcome.status < 400) return { doneAt: now };
  const gap = Math.min(settings.webhookGapMaxMs, settings.webhookGapFirstMs * 2 ** Math.min(30, attempts - 1));
  if (attempts >= settings.webhookAttemptsMax || now + gap > expiresAt) return { doneAt: now };
  return { dueAt: now + gap };
}

/** Whether fal would drop this target: a local host name or a private IP address. */
export function isPrivateTarget(url: string): boolean {
  const host = new URL(url).hostname;
  return (
    /^(localhost|.*\.local|.*\.localhost|\[.*\])$/i.test(host) ||
    (/^[0-9.]+$/.test(host) && /^(0|10|127|169\.254|192\.168|172\.(1[6-9]|2[0-9]|3[01]))\./.test(host))
  );
}
