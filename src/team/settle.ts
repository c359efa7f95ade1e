// Charges of requests: at their end, by manual settlement, or none if they never started. Each reservation is settled once. A
// decision makes the request's row whole and saves it once. Team wraps each call in one transaction.

import type { Settled, SettleInput, Verdict } from "../contracts/team-access.ts";
import type { ManualSettlement } from "../contracts/team-admin.ts";
import type { Actor } from "../contracts/team-keys.ts";
import { type Refusal, type Refused, refusal, refused } from "../platform/errors.ts";
import { moneyText } from "../platform/money.ts";
import { withAttention } from "./attention.ts";
import { type EventStores, NOTHING_PUBLISHED, type PublishedEnd, publishEnd } from "./publish-event.ts";
import { settleHolds } from "./quota/holds.ts";
import { type Charge, chargeOf } from "./quota/prices.ts";
import type { Receipt, TeamRequest } from "./requests/request-row.ts";
import { nextSweepAt } from "./requests/sweep-schedule.ts";
import type { TeamStores } from "./stores.ts";
import { recordedAt } from "./usage/usage.ts";

/** fal may bill a request that the model rejected; its webhooks do not say. */
const REFUSED_BY_MODEL = 422;

export type ReleaseStores = Pick<TeamStores, "counters" | "requests" | "uploads" | "usage">;
type SettleStores = EventStores & ReleaseStores;

/**
 * Settles an ended request: limits, charge, usage, index. Idempotent. The index follows the tracker: a request that failed as
 * uncertain (`keep`) may later complete, never the reverse. An unknown id is a released request.
 */
export function settleRequest(stores: SettleStores, input: SettleInput, now: number): Settled {
  const request = stores.requests.findRequest(input.requestId);
  if (request === null) {
    return { kind: "settled", chargedMicro: null, source: "unknown", verdict: input.reservation, ...NOTHING_PUBLISHED };
  }
  stores.uploads.endUses(request.id);
  const verdict = verdictOf(input, request);
  const settles = request.receipt === null && verdict !== "keep";
  const published = publishEnd(stores, request, input, settles, now);
  const ended = publishedAs(endedRequest(request, input), published, input.endedAt);
  if (request.receipt !== null) {
    stores.requests.save(request, ended);
    return settledAnswer(request.receipt, published);
  }
  const { terms, estimatedMicro } = request;
  const { units, measured, outputBytes } = input;
  const charge = chargeOf({ price: terms.price, estimate: estimatedMicro, units, measured, reservation: verdict });
  const settled =
    verdict === "keep"
      ? keptReserved(stores, ended, now)
      : chargedRequest(stores, ended, { verdict, charge, outputBytes, by: null }, now);
  stores.requests.save(request, settled);
  // The event of a new end tells the roll-up; a repeated end has none.
  const isRepeated = published.eventId === request.published?.eventId;
  if (settles && isRepeated) countSettlement(stores, settled, input.outcome);
  return { kind: "settled", chargedMicro: charge.micro, source: charge.source, verdict, ...published };
}

/** Settles a charge manually. A repetition returns the same answer; another settlement is refused. */
export function settleManually(
  stores: Pick<TeamStores, "audit" | "counters" | "requests" | "usage">,
  settlement: ManualSettlement,
  by: Actor,
  now: number,
): Settled | Refused {
  const { requestId, charged, usdMicro } = settlement;
  const request = stores.requests.findRequest(requestId);
  if (request === null) return refused(refusal("not_found", "No request found with this id."));
  const verdict = charged ? "charge" : "refund";
  const micro = charged ? (usdMicro ?? request.estimatedMicro) : 0;
  if (request.receipt !== null) {
    const same = request.receipt.by !== null && request.receipt.chargedMicro === micro;
    return same ? settledAnswer(request.receipt, NOTHING_PUBLISHED) : refused(alreadySettled(requestId));
  }
  if (request.status === "open") return refused(notEnded(requestId));
  // A given amount counts as billed by upstream.
  const source = micro === null ? "unknown" : charged && usdMicro !== null ? "units" : "reserved";
  const charge: Charge = { micro, source, above: micro !== null && micro > (request.estimatedMicro ?? micro) };
  const settled = chargedRequest(stores, request, { verdict, charge, outputBytes: null, by: by.id }, now);
  stores.requests.save(request, settled);
  countSettlement(stores, settled, request.status);
  const usd = micro === null ? null : moneyText(micro);
  stores.audit.note(by, "request.settled", requestId, { charged, usd }, now);
  return { kind: "settled", chargedMicro: micro, source, verdict, ...NOTHING_PUBLISHED };
}

/** Undoes the admission of a request that never started and never will. */
export function release(stores: ReleaseStores, requestId: string, now: number): void {
  const request = stores.requests.findRequest(requestId);
  if (request === null || request.status !== "open") return;
  const read = (id: string) => stores.counters.readCounter(id);
  const { writes } = settleHolds(request.holds, "undo", { usdMicro: 0, outputBytes: 0 }, read, now);
  stores.counters.writeCounters(writes);
  if (stores.usage.isAdmitCounted(request.place)) {
    stores.usage.add({ ...request, recordedAt: recordedAt(request.createdAt, now) }, { requests: -1 });
  }
  stores.uploads.endUses(requestId);
  stores.requests.deleteRequest(requestId);
}

/** The plan decides on a 422; fal does not say whether it billed one. */
function verdictOf({ reservation, failure }: SettleInput, { terms }: TeamRequest): Verdict {
  const refusedByModel = failure !== null && failure.status === REFUSED_BY_MODEL;
  return refusedByModel && reservation === "charge" && !terms.charge422 ? "refund" : reservation;
}

/** The request with what its tracker says about its end, if that end is a new one. */
function endedRequest(request: TeamRequest, input: SettleInput): TeamRequest {
  const recovered = request.status === "failed" && input.outcome !== "failed";
  if (request.status !== "open" && !recovered) return request;
  const { outcome: status, endedAt, failure, durationMs, files } = input;
  const { stored: count, first } = files;
  const kept = request.deletedAt === null ? { type: first?.type ?? null, path: first?.path ?? null } : null;
  return {
    ...request,
    status,
    endedAt,
    errorCode: failure?.code ?? null,
    durationMs,
    files: { count, ...(kept ?? { type: null, path: null }) },
    attention: withAttention(request.attention, "failedFile", files.failed > 0),
  };
}

function publishedAs(request: TeamRequest, { eventId }: PublishedEnd, endedAt: number): TeamRequest {
  return eventId === null ? request : { ...request, published: { endedAt, eventId } };
}

/** The charge is unknown: only the concurrent hold is released, and the tracker is asked again. */
function keptReserved(stores: Pick<TeamStores, "counters">, request: TeamRequest, now: number): TeamRequest {
  const read = (id: string) => stores.counters.readCounter(id);
  const { writes, open } = settleHolds(request.holds, "keep", { usdMicro: null, outputBytes: null }, read, now);
  stores.counters.writeCounters(writes);
  const attention = withAttention(request.attention, "unsettledCharge", true);
  return { ...request, holds: open, attention, sweepAt: nextSweepAt(request.status, now) };
}

interface ChargeRecord {
  verdict: Exclude<Verdict, "keep">;
  charge: Charge;
  outputBytes: number | null;
  by: string | null;
}

/** The request with its receipt. Its counters are corrected; nothing is held or asked any more. */
function chargedRequest(
  stores: Pick<TeamStores, "counters">,
  request: TeamRequest,
  { verdict, charge, outputBytes, by }: ChargeRecord,
  now: number,
): TeamRequest {
  const read = (id: string) => stores.counters.readCounter(id);
  const actual = { usdMicro: charge.micro, outputBytes };
  stores.counters.writeCounters(settleHolds(request.holds, verdict, actual, read, now).writes);
  return {
    ...request,
    holds: [],
    receipt: { settledAt: now, verdict, chargedMicro: charge.micro, source: charge.source, by },
    attention: withAttention(request.attention, "unsettledCharge", false),
    sweepAt: null,
  };
}

/** Counts a settlement that no event tells the roll-up. */
function countSettlement(
  { usage }: Pick<TeamStores, "usage">,
  { receipt, createdAt, estimatedMicro, ...request }: TeamRequest,
  outcome: SettleInput["outcome"],
): void {
  if (receipt === null) throw new Error("a settled request has a receipt");
  const { settledAt, verdict, chargedMicro } = receipt;
  const { id: requestId, model, user, keyId, tags } = request;
  const settled = { outcome, admittedAt: createdAt, settledAt, chargedMicro, estimatedMicro };
  usage.addSettlement({ requestId, model, user, keyId, tags, ...settled, isRefunded: verdict === "refund" });
}

function settledAnswer({ chargedMicro, source, verdict }: Receipt, published: PublishedEnd): Settled {
  return { kind: "settled", chargedMicro, source, verdict, ...published };
}

function alreadySettled(requestId: string): Refusal {
  return refusal("conflict", "The charge of this request is already settled.", {
    hint: "GET /v1/requests/{id} returns the charge as `cost`.",
    requestId,
  });
}

function notEnded(requestId: string): Refusal {
  return refusal("conflict", "The request has not ended: its charge is settled when it ends.", {
    hint: "Only requests that failed with `submit_uncertain` are settled manually.",
    requestId,
  });
}
