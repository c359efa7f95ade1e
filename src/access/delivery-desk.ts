// What becomes of deliveries: where they go, what their tries came to, who sends one again. Endpoints' health follows what is
// heard here. Synchronous over the stores, with the clock passed in: Team wraps each call in one transaction.

import { refusal } from "../errors.ts";
import { DELIVERY_KEEP_MS } from "../limits.ts";
import type { Actor } from "./admin-types.ts";
import type { Books } from "./books.ts";
import { checkAt, type Heard, heard } from "./endpoint-health.ts";
import { targetOf } from "./endpoints.ts";
import type { DeliveryReport, DeliveryTarget, Endpoint, ReplayRoad } from "./webhook-types.ts";

/** A receiver that answers so wants no more, ever. */
const GONE_STATUS = 410;

export function deliveryTarget(books: Books, deliveryId: string, now: number): DeliveryTarget {
  const delivery = books.deliveries.byId(deliveryId);
  if (delivery === null) return { kind: "gone", reason: "unknown" };
  if (delivery.endpointId !== null) return targetOf(books.endpoints.byId(delivery.endpointId), null, now);
  const secrets = [books.team.webhookSecret()];
  return { kind: "known", url: null, secrets, headers: {}, endpointId: null, notBefore: null };
}

/** The same again changes nothing: neither the index nor what is counted of the endpoint. */
export function deliveryReported(books: Books, report: DeliveryReport): void {
  const delivery = books.deliveries.byId(report.deliveryId);
  if (delivery === null || (delivery.state === report.outcome && delivery.attempts === report.attempts)) return;
  books.deliveries.report(report);
  const endpoint = delivery.endpointId === null ? null : books.endpoints.byId(delivery.endpointId);
  if (endpoint === null || endpoint.disabled !== null) return;
  const failed = delivery.state === "failing" ? "failed_again" : "failed";
  noteHealth(books, endpoint, report, report.outcome === "delivered" ? "delivered" : failed);
}

function noteHealth(books: Books, endpoint: Endpoint, { outcome, status, at }: DeliveryReport, what: Heard): void {
  if (outcome === "gone" && status !== GONE_STATUS) return;
  const health = heard(endpoint.health, what, at);
  books.endpoints.setHealth(endpoint.id, health, checkAt(health));
  if (outcome === "gone") books.endpoints.setDisabled(endpoint.id, { at, reason: "gone" });
}

/** Puts a delivery on its way once more. Who sends it asks `deliveryTarget` as ever. */
export function beginReplay(
  books: Books,
  { deliveryId, replayId, by }: { deliveryId: string; replayId: string | null; by: Actor },
  now: number,
): ReplayRoad {
  const delivery = books.deliveries.byId(deliveryId);
  if (delivery === null) {
    const hint = `Deliveries are kept for ${DELIVERY_KEEP_MS / 86_400_000} days; GET /v1/deliveries lists them.`;
    return {
      kind: "refused",
      refusal: refusal("not_found", "There is no such delivery, or it has expired.", { hint }),
    };
  }
  if (delivery.endpointId !== null) {
    const target = targetOf(books.endpoints.byId(delivery.endpointId), null, now);
    if (target.kind === "gone") {
      const hint = target.reason === "disabled" ? `POST /v1/webhooks/${delivery.endpointId}/enable first.` : undefined;
      const detail = `The delivery's endpoint is ${target.reason}.`;
      return { kind: "refused", refusal: refusal("conflict", detail, hint === undefined ? {} : { hint }) };
    }
  }
  books.deliveries.reopen(deliveryId, replayId, now);
  if (replayId === null) books.audit.note(by, "delivery.replayed", deliveryId, {}, now);
  if (delivery.requestId === null) throw new Error("events of the team are not delivered yet");
  return { kind: "tracker", requestId: delivery.requestId };
}
