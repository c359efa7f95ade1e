// What happens to the books when a request is admitted or quoted. The heart of every limit: who, may they, how
// much, what is reserved. Synchronous over the stores, with the clock passed in: Team wraps each call in one transaction.

import type {
  ActingFor,
  AdmitAnswer,
  AdmitInput,
  Credential,
  Identity,
  QuoteAnswer,
  QuoteInput,
} from "../contracts/team-access.ts";
import type { Measures } from "../models/measures.ts";
import { type Refusal, type Refused, refusal, refused } from "../platform/errors.ts";
import { IDEMPOTENCY_MS, SECOND_MS, UNSTARTED_SWEEP_MS } from "../platform/limits.ts";
import { microOf, moneyText } from "../platform/money.ts";
import { giveAlerts } from "./alerts.ts";
import { actingFault, scopeFault, teamFault, userFault } from "./auth/credentials.ts";
import { identify, keyAllowsModel } from "./auth/identity.ts";
import type { LedgerLine } from "./quota/ledger-store.ts";
import { check, type LimitState, limitStates, type Subjects, type Violation } from "./quota/limits.ts";
import { missingTags, modelAllowed, retentionOf } from "./quota/plan.ts";
import { estimate, type Price, priceFor } from "./quota/prices.ts";
import type { IndexedRequest } from "./request-index.ts";
import type { Books } from "./stores.ts";
import { bookInputFiles, inputFilesDemand, inputFilesFault } from "./uploads/input-files.ts";
import { usageKeys } from "./usage/usage.ts";

/** Every limit of the identity's plan that applies to these subjects, as it stands. */
export function limitsNow(books: Books, { plan }: Identity, subjects: Subjects, now: number): LimitState[] {
  return limitStates(plan.limits, (id) => books.ledger.counter(id), subjects, now);
}

/** Who acts and for whom they count, or why they may not. A credential that is good for one user counts for that one. */
export function actingAs(
  books: Books,
  acting: ActingFor,
  now: number,
): { kind: "known"; identity: Identity; subjects: Subjects } | Refused {
  const known = identify(books, acting.credential, now);
  if (known.kind === "refused") return known;
  const { identity } = known;
  const user = identity.user ?? acting.user;
  const fault = actingFault(identity.user, acting.user);
  if (fault !== null) return refused(fault);
  const { visitor, ip, tags } = acting;
  return { kind: "known", identity, subjects: { keyId: identity.keyId, user, visitor, ip, tags } };
}

/** Why nothing may be run or uploaded by this identity for this user now, or null. */
export function stoppedFault(books: Books, { scopes }: Identity, { user }: Subjects): Refusal | null {
  return (
    scopeFault(scopes, "run") ??
    teamFault(books.team.team().frozenAt) ??
    (user === null ? null : userFault(books.people.frozenAt(user)))
  );
}

/**
 * Decides about one submit and books it: credential, scope, replay, plan, model, tags, price, every limit of every scope,
 * index line, reservation. The same `requestId` again gives the same answer, because an RPC may be delivered twice. A
 * replay answers with the earlier request whatever the plan says by now, and takes nothing.
 */
export function admit(books: Books, input: AdmitInput, now: number): AdmitAnswer {
  const known = actingAs(books, input, now);
  if (known.kind === "refused") return known;
  const { identity, subjects } = known;
  const stopped = stoppedFault(books, identity, subjects);
  if (stopped !== null) return refused(stopped);

  const earlier = earlierRequest(books, input, identity, subjects, now);
  if (earlier !== null && "refusal" in earlier) return refused(earlier.refusal);
  if (earlier !== null) return admitted(books, identity, subjects, earlier, now);

  const { planName, plan, planHash } = identity;
  if (planHash !== input.planHash) return { kind: "plan_changed", name: planName, plan, hash: planHash };
  const { measures } = input;
  if (measures === null) return { kind: "plan_stands" };
  const offer = offerFor(books, { ...input, measures }, identity);
  if ("refusal" in offer) return refused(offer.refusal);
  const { price, estimatedMicro } = offer;

  const filesFault = inputFilesFault(books, input.files, identity, now);
  if (filesFault !== null) return refused(filesFault);
  const demand = { requests: 1, usdMicro: estimatedMicro, ...inputFilesDemand(input.files) } as const;
  const quota = check(plan.limits, (id) => books.ledger.counter(id), subjects, demand, now);
  if (quota.kind === "over") {
    const limits = limitsNow(books, identity, subjects, now);
    const names = quota.violated.map((each) => each.name);
    giveAlerts(books, limits, subjects, names, now);
    return { kind: "refused", refusal: quotaRefusal(quota, planName), limits };
  }

  const { requestId, model, tags } = input;
  books.ledger.writeCounters(quota.writes);
  const line: LedgerLine = {
    ...{ requestId, admittedAt: now, takes: quota.take, estimatedMicro, receipt: null },
    terms: { price, charge422: plan.charge_422, exact: plan.exact_cost },
  };
  books.ledger.insert(line);
  const { keyId, user } = subjects;
  const request: IndexedRequest = {
    ...{ id: requestId, keyId, user, model, tags, status: "open", createdAt: now },
    ...{ sweepAt: now + UNSTARTED_SWEEP_MS, endedAt: null, erasedAt: null },
  };
  books.index.insert(request);
  bookInputFiles(books, input, identity, subjects, now);
  books.usage.add(usageKeys({ bookedAt: now, model, user, keyId, tags }), { requests: 1 });
  rememberPost(books, input, identity, subjects, now);
  const answer = admitted(books, identity, subjects, { request, line, replayed: false }, now);
  giveAlerts(books, answer.limits, subjects, [], now);
  return answer;
}

/** What a request would cost, by the plan that the edge applied. Reserves nothing. */
export function quote(books: Books, input: QuoteInput, now: number): QuoteAnswer {
  const known = identify(books, input.credential, now);
  if (known.kind === "refused") return known;
  const { planName, plan, planHash } = known.identity;
  if (planHash !== input.planHash) return { kind: "plan_changed", name: planName, plan, hash: planHash };
  if (input.measures === null) return { kind: "plan_stands" };
  const fault = modelFault(books, input.credential, known.identity, input.model);
  if (fault !== null) return refused(fault);
  const price = priceFor(books.prices.current(), input.model);
  return { kind: "quoted", price, estimatedMicro: estimate(price, input.measures) };
}

interface EarlierRequest {
  request: IndexedRequest;
  line: LedgerLine;
  replayed: boolean;
}

/** The request that this post already made: the same call again, its idempotency key, or its content within `dedupe_s`. */
function earlierRequest(
  books: Books,
  input: AdmitInput,
  identity: Identity,
  { keyId, user }: Subjects,
  now: number,
): EarlierRequest | { refusal: Refusal } | null {
  const find = (id: string, replayed: boolean): EarlierRequest | { refusal: Refusal } | null => {
    const request = books.index.request(id);
    const line = books.ledger.line(id);
    if (request === null || line === null) return null;
    return request.erasedAt === null ? { request, line, replayed } : { refusal: deletedPost(id) };
  };
  const sameCall = find(input.requestId, false);
  if (sameCall !== null) return sameCall;
  const { idempotencyKey, bodyHash } = input;
  if (idempotencyKey !== null) {
    const row = books.replays.byKey({ keyId, user, idempotencyKey });
    if (row === null || row.expiresAt <= now) return null;
    const found = find(row.requestId, true);
    return found === null || row.bodyHash === bodyHash ? found : { refusal: bodyDiffers(row.requestId) };
  }
  if (identity.plan.dedupe_s === 0) return null;
  const equal = books.replays.byContent({ keyId, user, bodyHash });
  const found = equal === null ? null : find(equal.requestId, true);
  if (equal === null || found === null || "refusal" in found) return null;
  const { status } = found.request;
  // A visitor who reloads the page in the middle of a long run wants that run, however long it takes.
  if (equal.expiresAt <= now) return input.visitor !== null && status === "open" ? found : null;
  // Who posts again after a failure wants another try.
  return status === "open" || status === "completed" ? found : null;
}

/** An idempotency key is the caller's own word on what is the same, so content is compared only without one. */
function rememberPost(
  books: Books,
  { requestId, idempotencyKey, bodyHash }: AdmitInput,
  { plan }: Identity,
  { keyId, user }: Subjects,
  now: number,
): void {
  if (idempotencyKey !== null) {
    const expiresAt = now + IDEMPOTENCY_MS;
    books.replays.putKey({ keyId, user, idempotencyKey }, { requestId, bodyHash, expiresAt });
  } else if (plan.dedupe_s > 0) {
    books.replays.putContent({ keyId, user, bodyHash }, requestId, now + plan.dedupe_s * SECOND_MS);
  }
}

/** Price and worst case of a submit, or what the plan has against it before any limit is looked at. */
function offerFor(
  books: Books,
  input: AdmitInput & { measures: Measures },
  identity: Identity,
): { price: Price | null; estimatedMicro: number | null } | { refusal: Refusal } {
  const { plan, planName } = identity;
  const modelIs = modelFault(books, input.credential, identity, input.model);
  if (modelIs !== null) return { refusal: modelIs };
  const missing = missingTags(plan, input.tags);
  if (missing.length > 0) return { refusal: tagsRefusal(missing, planName) };
  const price = priceFor(books.prices.current(), input.model);
  const estimatedMicro = estimate(price, input.measures);
  if (estimatedMicro === null && plan.unknown_price === "refuse") {
    return { refusal: priceRefusal(input.model, planName, price) };
  }
  const mostMicro = plan.max_cost_per_request === null ? null : microOf(plan.max_cost_per_request);
  if (mostMicro !== null && estimatedMicro !== null && estimatedMicro > mostMicro) {
    return { refusal: tooDear(estimatedMicro, mostMicro, planName) };
  }
  return { price, estimatedMicro };
}

function admitted(
  books: Books,
  identity: Identity,
  subjects: Subjects,
  { request, line, replayed }: EarlierRequest,
  now: number,
): Extract<AdmitAnswer, { kind: "admitted" }> {
  const { id: requestId, keyId, user, createdAt: admittedAt } = request;
  const { estimatedMicro, terms } = line;
  return {
    kind: "admitted",
    ...{ requestId, keyId, user, replayed, admittedAt },
    holdS: identity.plan.hold_s,
    cost: { estimatedMicro, price: terms.price, exact: terms.exact },
    retention: retentionOf(identity.plan),
    fileLinkS: identity.plan.file_link_s,
    limits: limitsNow(books, identity, subjects, now),
  };
}

/** Why this credential does not run a model under this plan, or null. Also the answer where a caller asks about it. */
function modelFault(books: Books, credential: Credential, identity: Identity, model: string): Refusal | null {
  if (!modelAllowed(identity.plan, model)) return modelRefusal(model, identity.planName);
  if (keyAllowsModel(books, credential, identity, model)) return null;
  return refusal("model_not_allowed", `Key "${identity.keyName}" does not include model "${model}".`, {
    hint: "GET /v1/models lists what you may run.",
  });
}

/** Why a plan does not run a model. */
export function modelRefusal(model: string, plan: string): Refusal {
  return refusal("model_not_allowed", `Plan "${plan}" does not include model "${model}".`, {
    hint: `GET /v1/models lists what you may run; an admin changes it with PUT /v1/plans/${plan}.`,
  });
}

function bodyDiffers(requestId: string): Refusal {
  return refusal("idempotency_mismatch", "This idempotency key came before, with another body.", {
    hint: "Use a new key for a new request, or send the first body again to get the first request.",
    requestId,
  });
}

/** A post whose request is there no more: nothing is made in its place, because the caller believes that it was made. */
export function deletedPost(requestId: string): Refusal {
  const hint = "Use a new idempotency key for a new request.";
  return refusal("gone", "The request that this post made was deleted.", { hint, requestId });
}

function tagsRefusal(missing: readonly string[], plan: string): Refusal {
  const names = missing.map((name) => `\`${name}\``).join(", ");
  const example = missing.map((name) => `"${name}": "…"`).join(", ");
  return refusal("invalid_request", `Plan "${plan}" asks for a tag on each request; missing: ${names}.`, {
    hint: `Send \`"tags": { ${example} }\`, or the header Sluice-Tags.`,
  });
}

function priceRefusal(model: string, plan: string, price: Price | null): Refusal {
  const why = price === null ? "has no price" : `has a price per ${price.unit}, which this input leaves open`;
  const give = price === null ? "An admin gives it one with PUT /v1/prices." : "Say in the input how much is wanted.";
  return refusal("price_unknown", `Model "${model}" ${why}, and plan "${plan}" refuses what it cannot price.`, {
    hint: give,
  });
}

function tooDear(estimated: number, most: number, plan: string): Refusal {
  const detail = `This request may cost ${moneyText(estimated)} USD, and plan "${plan}" allows ${moneyText(most)} each.`;
  return refusal("quota_exceeded", detail, {
    hint: "Ask for less in the input. Sending the same again does not help: stop, and ask who pays.",
    violated: [{ name: "max_cost_per_request", per: "usd", limit: most, used: estimated, resetAt: null }],
  });
}

/** What a caller reads of limits that are over. */
export function quotaRefusal(
  {
    code,
    violated,
    retryAfterS,
  }: { code: "quota_exceeded" | "rate_limited"; violated: Violation[]; retryAfterS?: number },
  plan: string,
): Refusal {
  const names = violated.map((each) => violationText(each));
  if (code === "rate_limited") {
    return refusal(code, `Too fast: ${names.join(", ")}.`, {
      hint: `Wait ${retryAfterS ?? 1} s and send it again.`,
      ...{ violated, ...(retryAfterS === undefined ? {} : { retryAfterS }) },
    });
  }
  return refusal(code, `Used up: ${names.join(", ")}.`, {
    hint: `Retrying earlier does not help: stop, and ask a person. An admin can raise the limit in plan "${plan}".`,
    violated,
  });
}

function violationText({ name, per, used, limit, resetAt }: Violation): string {
  const reset = `resets ${new Date(resetAt).toISOString()}`;
  switch (per) {
    case "usd":
      return `"${name}" (${moneyText(used)} of ${moneyText(limit)} USD, ${reset})`;
    case "request":
      return `"${name}" (${used} of ${limit} requests, ${reset})`;
    case "output_byte":
      return `"${name}" (${used} of ${limit} bytes, ${reset})`;
    case "upload":
      return `"${name}" (${used} of ${limit} uploads, ${reset})`;
    case "upload_byte":
      return `"${name}" (${used} of ${limit} uploaded bytes, ${reset})`;
    case "concurrent":
      return `"${name}" (${used} of ${limit} open at once)`;
  }
}
