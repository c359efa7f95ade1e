// Delivery targets, reports and replays, and the endpoint health that follows from them. Team wraps each call in one
// transaction.

import type { Actor } from "../../contracts/team-keys.ts";
import type {
  Delivery,
  DeliveryReport,
  DeliveryTarget,
  DisabledReason,
  Endpoint,
  ReplayRoute,
} from "../../contracts/team-webhooks.ts";
import { refusal, refused } from "../../platform/errors.ts";
import { DAY_MS } from "../../platform/time.ts";
import { disablesEndpoint } from "../../webhooks/attempt.ts";
import { TEST_EVENT_TYPE } from "../../webhooks/event-types.ts";
import type { EventData } from "../../webhooks/events.ts";
import { DELIVERY_KEEP_MS } from "../../webhooks/retry-schedule.ts";
import { scrubLink } from "../../webhooks/scrub.ts";
import { withAttention } from "../attention.ts";
import { type EventStores, publishEvent } from "../publish-event.ts";
import type { TeamStores } from "../stores.ts";
import { checkAt, ENDPOINT_DISABLE_AFTER_MS, recordResult, verdictOf } from "./endpoint-health.ts";
import { targetOf, validSecrets } from "./endpoint-rules.ts";
import { isUnderWay } from "./outbox-store.ts";
import type { BacklogPacer } from "./recovery-pacer.ts";

export type HealthStores = EventStores & Pick<TeamStores, "audit" | "requests">;

/** Audit actor of automatic changes. */
const SYSTEM: Actor = { id: "system", ip: null };
const NOTICE_TYPE = "endpoint.failing";
/** Category of deliveries skipped when an endpoint was enabled without its backlog. */
export const SKIPPED = "skipped";

/** Current target of a delivery; test events also go to disabled endpoints. */
export function deliveryTarget(
  stores: Pick<TeamStores, "deliveries" | "endpoints" | "team">,
  pacer: BacklogPacer,
  deliveryId: string,
  now: number,
): DeliveryTarget {
  const delivery = stores.deliveries.findDelivery(deliveryId);
  if (delivery === null) return { kind: "gone", reason: "unknown" };
  if (delivery.endpointId === null) {
    const secrets = validSecrets(stores.team.webhookSecrets(), now);
    return { kind: "known", url: null, secrets, headers: {}, endpointId: null, notBefore: null };
  }
  if (delivery.state === "gone" && delivery.category === SKIPPED) return { kind: "gone", reason: SKIPPED };
  const found = stores.endpoints.findEndpoint(delivery.endpointId);
  const endpoint = found !== null && delivery.eventType === TEST_EVENT_TYPE ? { ...found, disabled: null } : found;
  const target = targetOf(endpoint, now);
  if (target.kind === "gone" || endpoint === null) return target;
  return { ...target, notBefore: pacer.turn(endpoint, deliveryId, now) };
}

/** Records a report. Idempotent for index and endpoint health. */
export function recordReport(stores: HealthStores, report: DeliveryReport): void {
  const delivery = stores.deliveries.findDelivery(report.deliveryId);
  if (delivery === null || (delivery.state === report.outcome && delivery.attempts === report.attempts)) return;
  stores.deliveries.recordReport(report);
  if (delivery.requestId !== null && report.outcome !== "failing") markAttention(stores, delivery.requestId);
  // No new attempt: a failed replay restores the state.
  if (delivery.attempts === report.attempts) return;
  const endpoint = delivery.endpointId === null ? null : stores.endpoints.findEndpoint(delivery.endpointId);
  if (endpoint !== null && endpoint.disabled === null) recordHealth(stores, endpoint, delivery, report);
}

/** Marks a request while the attempts at one of its deliveries are exhausted; a replay that is delivered ends that. */
function markAttention({ requests, deliveries }: HealthStores, requestId: string): void {
  const request = requests.findRequest(requestId);
  if (request === null || request.deletedAt !== null) return;
  const attention = withAttention(request.attention, "parkedDelivery", deliveries.hasParked(requestId));
  requests.save(request, { ...request, attention });
}

/**
 * Updates endpoint health. Ignored: test events, failed notices about failing endpoints (a notice about them would follow), and
 * failed replays of attempted deliveries, whose first failure was counted. `gone` without the receiver's response is not its
 * failure.
 */
function recordHealth(stores: HealthStores, endpoint: Endpoint, before: Delivery, report: DeliveryReport): void {
  const { outcome, at } = report;
  const isQuiet = before.eventType === TEST_EVENT_TYPE || before.eventType === NOTICE_TYPE;
  if (disablesEndpoint(report)) disable(stores, endpoint, "gone", at);
  else if (report.failedReplay && before.attempts > 0) return;
  else if (outcome === "gone" || (isQuiet && outcome !== "delivered")) return;
  else {
    const failed = before.attempts > 0 ? "failed_again" : "failed";
    const health = recordResult(endpoint.health, outcome === "delivered" ? "delivered" : failed, at);
    stores.endpoints.setHealth(endpoint.id, health, checkAt(health));
  }
}

/** Sends notices about runs of failures and disables endpoints when due. */
export function checkEndpoints(stores: HealthStores, now: number): void {
  for (const endpoint of stores.endpoints.toCheck(now)) {
    const { id, health } = endpoint;
    const verdict = endpoint.disabled === null ? verdictOf(health, now) : "nothing";
    switch (verdict) {
      case "nothing":
        stores.endpoints.setHealth(id, health, endpoint.disabled === null ? laterThan(checkAt(health), now) : null);
        break;
      case "notify_failing":
      case "notify_disabling_soon": {
        const changed = {
          ...health,
          notified: verdict === "notify_failing" ? ("failing" as const) : ("disabling_soon" as const),
        };
        stores.endpoints.setHealth(id, changed, checkAt(changed));
        notice(stores, endpoint, changed.notified, now);
        break;
      }
      case "disable":
        disable(stores, endpoint, "failing", now);
        break;
      default:
        verdict satisfies never;
    }
  }
}

/** A due check without a change must not be due again at once. */
function laterThan(at: number | null, now: number): number | null {
  return at !== null && at > now ? at : null;
}

function disable(
  stores: HealthStores,
  endpoint: Endpoint,
  reason: Exclude<DisabledReason, "by_hand">,
  now: number,
): void {
  stores.endpoints.setDisabled(endpoint.id, { at: now, reason });
  stores.endpoints.setHealth(endpoint.id, endpoint.health, null);
  stores.audit.note(SYSTEM, "webhook.disabled", endpoint.id, { reason }, now);
  notice(stores, endpoint, reason === "gone" ? "disabled_gone" : "disabled_failing", now);
}

type Notice = "failing" | "disabling_soon" | "disabled_failing" | "disabled_gone";

/** Publishes a notice to the feed and to the other subscribed endpoints. The URL is scrubbed. */
function notice(stores: HealthStores, { id, url, description, health }: Endpoint, what: Notice, now: number): void {
  const isoTime = (at: number | null) => (at === null ? null : new Date(at).toISOString());
  const { failingSince, lastSuccessAt, failures } = health;
  const isOver = what === "disabled_failing" || what === "disabled_gone";
  const data: EventData<typeof NOTICE_TYPE> = {
    endpoint_id: id,
    url: scrubLink(url),
    description,
    state: isOver ? "disabled" : what,
    reason: what === "disabled_gone" ? "it answered 410" : "only failures",
    failing_since: isoTime(failingSince),
    last_success_at: isoTime(lastSuccessAt),
    failed_deliveries: failures,
    disables_at: isOver || failingSince === null ? null : isoTime(failingSince + ENDPOINT_DISABLE_AFTER_MS),
  };
  publishEvent(stores, { type: NOTICE_TYPE, data, about: id }, now);
}

/** Starts a replay. The sender resolves `deliveryTarget` as usual. */
export function beginReplay(
  stores: Pick<TeamStores, "audit" | "deliveries" | "endpoints" | "outbox">,
  { deliveryId, replayId, by }: { deliveryId: string; replayId: string | null; by: Actor },
  now: number,
): ReplayRoute {
  const delivery = stores.deliveries.findDelivery(deliveryId);
  if (delivery === null) {
    const hint = `Deliveries are deleted after ${DELIVERY_KEEP_MS / DAY_MS} days. GET /v1/deliveries lists them.`;
    return refused(refusal("not_found", "No delivery found with this id.", { hint }));
  }
  if (delivery.endpointId !== null) {
    const target = targetOf(stores.endpoints.findEndpoint(delivery.endpointId), now);
    if (target.kind === "gone") {
      const hint = target.reason === "disabled" ? `POST /v1/webhooks/${delivery.endpointId}/enable first.` : undefined;
      const detail = `The delivery's endpoint is ${target.reason}.`;
      return refused(refusal("conflict", detail, hint === undefined ? {} : { hint }));
    }
  }
  if (replayId === null) stores.audit.note(by, "delivery.replayed", deliveryId, {}, now);
  const row = delivery.requestId === null ? stores.outbox.findOutboxRow(deliveryId) : null;
  // An attempt in progress counts as the replay.
  if (row !== null && isUnderWay(row, now)) return { kind: "sent" };
  stores.deliveries.reopen(deliveryId, replayId, now);
  if (delivery.requestId !== null) return { kind: "tracker", requestId: delivery.requestId };
  // A pending attempt is only moved forward; its schedule continues.
  if (row !== null) stores.outbox.put({ ...row, dueAt: now, replay: row.dueAt === null || row.replay });
  return { kind: "sent" };
}
