// What happens to the books when a request is admitted, acked, settled or released. The heart of every limit.
// Synchronous over the two stores, with the clock passed in: Team wraps each call in one transaction. No I/O of its own.

import { type Refusal, refusal } from "../errors.ts";
import { IDEMPOTENCY_MS, KEY_LAST_USED_STEP_MS, UNSTARTED_SWEEP_MS } from "../limits.ts";
import { keyFault, scopeFault, UNKNOWN_KEY } from "./credentials.ts";
import type { IdempotencyName, IndexedRequest, LedgerStore } from "./ledger-store.ts";
import { modelAllowed, type Plan } from "./plan.ts";
import { checkQuota, type LimitState, limitStates, type Subjects, settleReservation } from "./quota.ts";
import type { TeamStore } from "./team-store.ts";
import type { AdmitAnswer, AdmitInput, KeySummary, NamedPlan, SettleInput } from "./types.ts";

export interface Books {
  team: TeamStore;
  ledger: LedgerStore;
}

/** The key with this digest if it may be used now. Notes its use, but seldom. */
export function usableKey(books: Books, digest: string, now: number): KeySummary | { refusal: Refusal } {
  const key = books.team.keyByDigest(digest);
  if (key === null) return { refusal: UNKNOWN_KEY };
  const fault = keyFault(key, now);
  if (fault !== null) return { refusal: fault };
  if (now - (key.lastUsedAt ?? 0) >= KEY_LAST_USED_STEP_MS) books.team.markKeyUsed(key.id, now);
  return key;
}

/** The plan that a team uses. A chosen plan exists, because plans are never deleted and only existing ones are chosen. */
export function planInUse(books: Books): NamedPlan {
  const name = books.team.team().plan;
  const plan = books.team.plan(name);
  if (plan === null) throw new Error("the team's plan does not exist");
  return { name, plan };
}

/** Every limit of a plan for these subjects, as it stands. */
export function limitsNow(books: Books, plan: Plan, subjects: Subjects, now: number): LimitState[] {
  return limitStates(plan.limits, (id) => books.ledger.used(id), subjects, now);
}

/**
 * Decides about one submit and books it: key, scope, replay, model, every limit of every scope, index line, reservation.
 * The same `requestId` again gives the same answer, because an RPC may be delivered twice. A replay by idempotency key
 * answers with the earlier request whatever the plan says by now, and takes nothing.
 */
export function admit(books: Books, input: AdmitInput, now: number): AdmitAnswer {
  const key = usableKey(books, input.digest, now);
  if ("refusal" in key) return { kind: "refused", refusal: key.refusal };
  const scope = scopeFault(key.scopes, "run");
  if (scope !== null) return { kind: "refused", refusal: scope };

  const { ledger } = books;
  const inUse = planInUse(books);
  const subjects: Subjects = { keyId: key.id, user: input.user };
  const admitted = (request: IndexedRequest, replayed: boolean): AdmitAnswer => ({
    kind: "admitted",
    requestId: request.id,
    keyId: request.keyId,
    user: request.user,
    replayed,
    holdS: inUse.plan.hold_s,
    admittedAt: request.createdAt,
    limits: limitsNow(books, inUse.plan, subjects, now),
  });

  const sameCall = ledger.request(input.requestId);
  if (sameCall !== null) return admitted(sameCall, false);

  const name = idempotencyName(key.id, input);
  const earlier = name === null ? null : ledger.idempotency(name);
  if (earlier !== null && earlier.expiresAt > now) {
    if (earlier.bodyHash !== input.bodyHash) return { kind: "refused", refusal: bodyDiffers(earlier.requestId) };
    const request = ledger.request(earlier.requestId);
    if (request !== null) return admitted(request, true);
  }

  if (!modelAllowed(inUse.plan, input.model))
    return { kind: "refused", refusal: modelRefusal(input.model, inUse.name) };
  const quota = checkQuota(inUse.plan.limits, (id) => ledger.used(id), subjects, now);
  if (quota.kind === "over") {
    const limits = limitsNow(books, inUse.plan, subjects, now);
    return { kind: "refused", refusal: quotaRefusal(quota.violated, inUse.name), limits };
  }

  const request: IndexedRequest = {
    id: input.requestId,
    keyId: key.id,
    user: input.user,
    model: input.model,
    tags: input.tags,
    status: "open",
    createdAt: now,
    sweepAt: now + UNSTARTED_SWEEP_MS,
    endedAt: null,
  };
  ledger.take(quota.take);
  ledger.insertRequest(request);
  ledger.insertReservation(request.id, quota.take);
  if (name !== null) {
    const { bodyHash } = input;
    ledger.putIdempotency(name, { requestId: request.id, bodyHash, expiresAt: now + IDEMPOTENCY_MS });
  }
  return admitted(request, false);
}

/**
 * Books the end of a request. What it took is settled once; the status follows what the tracker says, because a request that
 * failed as uncertain (`keep`) may yet be proven to have completed, but never back. An unknown id is a released request.
 */
export function settle(books: Books, input: SettleInput, now: number): void {
  const { ledger } = books;
  const request = ledger.request(input.requestId);
  const reservation = ledger.reservation(input.requestId);
  if (request === null || reservation === null) return;
  const settlement = settleReservation(reservation, input.reservation);
  if (settlement.kind === "settled") {
    ledger.giveBack(settlement.giveBack);
    ledger.markSettled(request.id, now);
  }
  const recovered = request.status === "failed" && input.outcome !== "failed";
  if (request.status === "open" || recovered) ledger.endRequest(request.id, input.outcome, input.endedAt);
}

/** Undoes an admit whose request is known never to have started, nor ever to start. A request that started is left alone. */
export function release(books: Books, requestId: string): void {
  const request = books.ledger.request(requestId);
  const reservation = books.ledger.reservation(requestId);
  if (request === null || reservation === null || request.sweepAt === null) return;
  const settlement = settleReservation(reservation, "refund");
  if (settlement.kind === "settled") books.ledger.giveBack(settlement.giveBack);
  books.ledger.removeRequest(request);
}

function idempotencyName(keyId: string, input: AdmitInput): IdempotencyName | null {
  if (input.idempotencyKey === null) return null;
  return { keyId, user: input.user, idempotencyKey: input.idempotencyKey };
}

function bodyDiffers(requestId: string): Refusal {
  return refusal("idempotency_mismatch", "This idempotency key came before, with another body.", {
    hint: "Use a new key for a new request, or send the first body again to get the first request.",
    requestId,
  });
}

/** Why a plan does not run a model. Also the answer where a caller asks about that model. */
export function modelRefusal(model: string, plan: string): Refusal {
  return refusal("model_not_allowed", `Plan "${plan}" does not include model "${model}".`, {
    hint: `GET /v1/models lists what you may run; an admin changes it with PUT /v1/plans/${plan}.`,
  });
}

function quotaRefusal(violated: Refusal["violated"] & object, plan: string): Refusal {
  const names = violated.map(({ name, used, limit, resetAt }) => {
    return `"${name}" (${used} of ${limit} requests, resets ${new Date(resetAt).toISOString()})`;
  });
  return refusal("quota_exceeded", `Used up: ${names.join(", ")}.`, {
    hint: `Wait for the reset, or have an admin raise the limit in plan "${plan}". Retrying earlier does not help.`,
    violated,
  });
}
