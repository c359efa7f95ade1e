// Charges of requests: at their end, by manual settlement, or none if they never started. Each reservation is settled once.
// Team wraps each call in one transaction.

import type { Outcome, Settled, SettleInput, Verdict } from "../contracts/team-access.ts";
import type { ManualSettlement, UsageSums } from "../contracts/team-admin.ts";
import type { Actor } from "../contracts/team-keys.ts";
import { type Refusal, type Refused, refusal, refused } from "../platform/errors.ts";
import { moneyText } from "../platform/money.ts";
import { type EventStores, NOTHING_PUBLISHED, type PublishedEnd, publishEnd } from "./publish-event.ts";
import type { LedgerLine, Receipt } from "./quota/ledger-store.ts";
import { settleHolds } from "./quota/limits.ts";
import { type Charge, chargeOf } from "./quota/prices.ts";
import type { IndexedRequest } from "./request-index.ts";
import type { TeamStores } from "./stores.ts";
import { usageKeys } from "./usage/usage.ts";

/** fal may bill a request that the model rejected; its webhooks do not say. */
const REFUSED_BY_MODEL = 422;

export type ReleaseStores = Pick<TeamStores, "ledger" | "requests" | "uploads" | "usage">;
type SettleStores = EventStores & ReleaseStores;

/**
 * Settles an ended request: limits, charge, usage, index. Idempotent. The index follows the tracker: a request that failed as
 * uncertain (`keep`) may later complete, never the reverse. An unknown id is a released request.
 */
export function settleRequest(stores: SettleStores, input: SettleInput, now: number): Settled {
  const request = stores.requests.findRequest(input.requestId);
  const line = stores.ledger.findLine(input.requestId);
  if (request === null || line === null) {
    return { kind: "settled", chargedMicro: null, source: "unknown", verdict: input.reservation, ...NOTHING_PUBLISHED };
  }
  const recovered = request.status === "failed" && input.outcome !== "failed";
  if (request.status === "open" || recovered) stores.requests.endRequest(request.id, input.outcome, input.endedAt);
  stores.uploads.endUses(request.id);
  const published = publishEnd(stores, request, input, now);
  if (line.receipt !== null) return settledAnswer(line.receipt, published);

  const verdict = verdictOf(input, line);
  const { units, measured, outputBytes, outcome } = input;
  const { terms, estimatedMicro } = line;
  const charge = chargeOf({ price: terms.price, estimate: estimatedMicro, units, measured, reservation: verdict });
  if (verdict === "keep") keepReserved(stores, line, now);
  else recordCharge(stores, { request, line, verdict, charge, outputBytes, outcome, by: null }, now);
  return { kind: "settled", chargedMicro: charge.micro, source: charge.source, verdict, ...published };
}

/** Settles a charge manually. A repetition returns the same answer; another settlement is refused. */
export function settleManually(
  stores: Pick<TeamStores, "audit" | "ledger" | "requests" | "usage">,
  settlement: ManualSettlement,
  by: Actor,
  now: number,
): Settled | Refused {
  const { requestId, charged, usdMicro } = settlement;
  const request = stores.requests.findRequest(requestId);
  const line = stores.ledger.findLine(requestId);
  if (request === null || line === null) return refused(refusal("not_found", "No request found with this id."));
  const verdict = charged ? "take" : "refund";
  const micro = charged ? (usdMicro ?? line.estimatedMicro) : 0;
  if (line.receipt !== null) {
    const same = line.receipt.by !== null && line.receipt.chargedMicro === micro;
    return same ? settledAnswer(line.receipt, NOTHING_PUBLISHED) : refused(alreadySettled(requestId));
  }
  if (request.status === "open") return refused(notEnded(requestId));
  // A given amount counts as billed by upstream.
  const source = micro === null ? "unknown" : charged && usdMicro !== null ? "units" : "reserved";
  const charge: Charge = { micro, source, above: micro !== null && micro > (line.estimatedMicro ?? micro) };
  recordCharge(stores, { request, line, verdict, charge, outputBytes: null, outcome: request.status, by: by.id }, now);
  const usd = micro === null ? null : moneyText(micro);
  stores.audit.note(by, "request.settled", requestId, { charged, usd }, now);
  return { kind: "settled", chargedMicro: micro, source, verdict, ...NOTHING_PUBLISHED };
}

/** Undoes the admission of a request that never started and never will. */
export function release(stores: ReleaseStores, requestId: string, now: number): void {
  const request = stores.requests.findRequest(requestId);
  const line = stores.ledger.findLine(requestId);
  if (request === null || line === null || request.status !== "open") return;
  const read = (id: string) => stores.ledger.readCounter(id);
  const { writes } = settleHolds(line.holds, "refund", { usdMicro: 0, outputBytes: 0 }, read, now);
  stores.ledger.writeCounters(writes);
  stores.usage.add(usageKeys({ ...request, recordedAt: recordedAt(request.createdAt, now) }), { requests: -1 });
  stores.ledger.deleteLine(requestId);
  stores.uploads.endUses(requestId);
  stores.requests.deleteRequest(requestId);
}

/** The plan decides on a 422; fal does not say whether it billed one. */
function verdictOf({ reservation, failure }: SettleInput, { terms }: LedgerLine): Verdict {
  const refusedByModel = failure !== null && failure.status === REFUSED_BY_MODEL;
  return refusedByModel && reservation === "take" && !terms.charge422 ? "refund" : reservation;
}

/** The charge is unknown: only the concurrent hold is released. */
function keepReserved(stores: Pick<TeamStores, "ledger">, line: LedgerLine, now: number): void {
  const read = (id: string) => stores.ledger.readCounter(id);
  const { writes, open } = settleHolds(line.holds, "keep", { usdMicro: null, outputBytes: null }, read, now);
  stores.ledger.writeCounters(writes);
  stores.ledger.setHolds(line.requestId, open);
}

interface ChargeRecord {
  request: IndexedRequest;
  line: LedgerLine;
  verdict: Exclude<Verdict, "keep">;
  charge: Charge;
  outputBytes: number | null;
  outcome: Outcome;
  by: string | null;
}

function recordCharge(
  stores: Pick<TeamStores, "ledger" | "usage">,
  { request, line, verdict, charge, outputBytes, outcome, by }: ChargeRecord,
  now: number,
): void {
  const read = (id: string) => stores.ledger.readCounter(id);
  const actual = { usdMicro: charge.micro, outputBytes };
  stores.ledger.writeCounters(settleHolds(line.holds, verdict, actual, read, now).writes);
  stores.ledger.settleLine(line.requestId, {
    settledAt: now,
    verdict,
    chargedMicro: charge.micro,
    source: charge.source,
    by,
  });
  const at = recordedAt(request.createdAt, now);
  const sums: Partial<UsageSums> = {
    [outcome]: 1,
    refunded: verdict === "refund" ? 1 : 0,
    refundedMicro: verdict === "refund" ? (line.estimatedMicro ?? 0) : 0,
    unknownCost: charge.micro === null ? 1 : 0,
    aboveEstimate: charge.above ? 1 : 0,
    late: at === request.createdAt ? 0 : 1,
    chargedMicro: charge.micro ?? 0,
  };
  stores.usage.add(usageKeys({ ...request, recordedAt: at }), sums);
}

/** Usage counts on the day of admission, unless that month (UTC) is over: closed months do not change. */
function recordedAt(admittedAt: number, now: number): number {
  const monthOf = (at: number) => new Date(at).toISOString().slice(0, 7);
  return monthOf(admittedAt) === monthOf(now) ? admittedAt : now;
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
