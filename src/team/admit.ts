// Admission of requests and cost quotes. Team wraps each call in one transaction.

import type { AdmitAnswer, AdmitInput, Identity, QuoteAnswer, QuoteInput } from "../contracts/team-access.ts";
import type { Credential } from "../contracts/team-keys.ts";
import { type Refusal, type Refused, refused } from "../platform/errors.ts";
import { DEFAULT_ACCOUNT } from "../platform/stubs.ts";
import { SECOND_MS } from "../platform/time.ts";
import { type AlertStores, publishAlerts } from "./alerts.ts";
import { type IdentityStores, identify, keyAllowsModel } from "./auth/identity.ts";
import { actingAs, alertSubjects, frozenFault, limitsNow } from "./callers.ts";
import { IDEMPOTENCY_MS } from "./idempotency-store.ts";
import { isBrowserCredential, limitsOf, shownLimits } from "./quota/caller-limits.ts";
import { type CounterWrite, check, type LimitState, type Subjects } from "./quota/limits.ts";
import { countedMicro, modelRuleFault, offerUnder } from "./quota/offer.ts";
import { listedValues, retentionOf } from "./quota/plan.ts";
import { amountOutOfRange, estimate, priceFor } from "./quota/prices.ts";
import {
  amountRefusal,
  deletedRefusal,
  idempotencyRefusal,
  keyModelRefusal,
  newTagValuesRefusal,
  quotaRefusal,
  TEAM_FULL,
} from "./quota/refusals.ts";
import { countTagValues } from "./quota/tag-values.ts";
import type { TeamRequest } from "./requests/request-row.ts";
import type { TeamStores } from "./stores.ts";
import { inputFilesDemand, inputFilesFault, recordInputFiles } from "./uploads/input-files.ts";
import type { Room } from "./usage/size-watch.ts";

type AdmitStores = AlertStores &
  IdentityStores &
  Pick<TeamStores, "counters" | "idempotency" | "prices" | "requests" | "uploads">;

/**
 * Admits or refuses a submit: credential, scope, replay, plan, model, tags, price, limits, then its row and holds. Idempotent
 * by `requestId`, because an RPC may be delivered twice. A replay returns the earlier request regardless of the current plan
 * and reserves nothing.
 */
export function admit(stores: AdmitStores, input: AdmitInput, room: Room, now: number): AdmitAnswer {
  const known = actingAs(stores, input, now);
  if (known.kind === "refused") return known;
  const { identity, subjects } = known;
  const stopped = frozenFault(stores, identity, subjects);
  if (stopped !== null) return refused(stopped);

  const earlier = earlierRequest(stores, input, identity, subjects, now);
  if (earlier !== null && "refusal" in earlier) return refused(earlier.refusal);
  if (earlier !== null) return admitted(identity, subjects, earlier, limitsNow(stores, identity, subjects, now));

  if (room === "none") return refused(TEAM_FULL);
  const { planName, plan, planHash } = identity;
  if (planHash !== input.planHash) return { kind: "plan_changed", name: planName, plan, hash: planHash };
  const { measures } = input;
  if (measures === null) return { kind: "plan_stands" };
  const keyFault = keyModelFault(stores, input.credential, identity, input.model);
  const asked = { model: input.model, tags: input.tags, isVisitor: input.visitor !== null, measures };
  const offer = offerUnder(identity, stores.prices.current(), asked, keyFault);
  if (offer.kind === "refused") return offer;
  const { price, estimatedMicro } = offer;

  const filesFault = inputFilesFault(stores, input.files, identity, now);
  if (filesFault !== null) return refused(filesFault);
  const tagValues = newTagValues(stores, input, identity, now);
  if (tagValues.kind === "refused") return tagValues;
  const usdMicro = countedMicro(plan, estimatedMicro);
  const demand = { requests: 1, usdMicro, ...inputFilesDemand(input.files) } as const;
  const read = (id: string) => stores.counters.readCounter(id);
  const quota = check(limitsOf(identity, subjects), read, subjects, demand, now);
  if (quota.kind === "over") {
    const limits = limitsNow(stores, identity, subjects, now);
    const names = quota.violated.map((each) => each.name);
    publishAlerts(stores, limits, alertSubjects(identity, subjects), names, now);
    const refusal = quotaRefusal(quota, planName, subjects);
    return { kind: "refused", refusal, limits: shownLimits(limits, subjects) };
  }

  stores.counters.writeCounters([...quota.writes, ...tagValues.writes]);
  const { keyId, user } = subjects;
  const request: TeamRequest = {
    id: input.requestId,
    place: stores.requests.nextPlace(now),
    account: DEFAULT_ACCOUNT,
    keyId,
    keyName: identity.keyName,
    user,
    model: input.model,
    tags: input.tags,
    status: "open",
    createdAt: now,
    sweepAt: null,
    endedAt: null,
    deletedAt: null,
    published: null,
    holds: quota.holds,
    terms: {
      price,
      charge422: plan.charge_422,
      exact: plan.exact_cost,
      fileLinkS: plan.file_link_s,
      filesDays: retentionOf(plan).filesDays,
    },
    estimatedMicro,
    receipt: null,
    errorCode: null,
    durationMs: null,
    files: { count: 0, type: null, path: null },
    attention: 0,
  };
  stores.requests.insert(request);
  recordInputFiles(stores, input, identity, subjects, now);
  recordSubmit(stores, input, identity, subjects, now);
  const limits = limitsNow(stores, identity, subjects, now);
  publishAlerts(stores, limits, alertSubjects(identity, subjects), [], now);
  return admitted(identity, subjects, { request, replayed: false }, limits);
}

/** Counts new values of tags that a browser's caller chose and the plan does not list; a secret key is trusted with its own. */
function newTagValues(
  { counters }: Pick<TeamStores, "counters">,
  { tags }: AdmitInput,
  { kind, keyId, plan, planName, tags: fixed }: Identity,
  now: number,
): { kind: "ok"; writes: CounterWrite[] } | Refused {
  if (!isBrowserCredential(kind)) return { kind: "ok", writes: [] };
  const chosen = Object.entries(tags).filter(
    ([name]) => !Object.hasOwn(fixed, name) && listedValues(plan.tag_values, name) === null,
  );
  const answer = countTagValues(Object.fromEntries(chosen), keyId, (id) => counters.readCounter(id), now);
  if (answer.kind === "ok") return answer;
  return refused(newTagValuesRefusal(answer.tag, answer.limit, answer.resetAt, planName));
}

/** Estimated cost under the plan that the edge applied. Reserves nothing. */
export function quote(
  stores: IdentityStores & Pick<TeamStores, "prices">,
  input: QuoteInput,
  now: number,
): QuoteAnswer {
  const known = identify(stores, input.credential, now);
  if (known.kind === "refused") return known;
  const { planName, plan, planHash } = known.identity;
  if (planHash !== input.planHash) return { kind: "plan_changed", name: planName, plan, hash: planHash };
  if (input.measures === null) return { kind: "plan_stands" };
  const fault =
    modelRuleFault(known.identity, input.model)?.refusal ??
    keyModelFault(stores, input.credential, known.identity, input.model);
  if (fault !== null) return refused(fault);
  const price = priceFor(stores.prices.current(), input.model);
  const outside = amountOutOfRange(price, input.measures);
  if (price !== null && outside !== null) return refused(amountRefusal(price, outside));
  return { kind: "quoted", price, estimatedMicro: estimate(price, input.measures) };
}

interface EarlierRequest {
  request: TeamRequest;
  replayed: boolean;
}

/**
 * The request that an earlier submit created: the same call, the same idempotency key, or the same content within `dedupe_s`.
 */
function earlierRequest(
  stores: Pick<TeamStores, "idempotency" | "requests">,
  input: AdmitInput,
  identity: Identity,
  { keyId, user }: Subjects,
  now: number,
): EarlierRequest | { refusal: Refusal } | null {
  const find = (id: string, replayed: boolean): EarlierRequest | { refusal: Refusal } | null => {
    const request = stores.requests.findRequest(id);
    if (request === null) return null;
    return request.deletedAt === null ? { request, replayed } : { refusal: deletedRefusal(id) };
  };
  const sameCall = find(input.requestId, false);
  if (sameCall !== null) return sameCall;
  const { idempotencyKey, bodyHash } = input;
  if (idempotencyKey !== null) {
    const row = stores.idempotency.findByKey({ keyId, user, idempotencyKey });
    if (row === null || row.expiresAt <= now) return null;
    const found = find(row.requestId, true);
    return found === null || row.bodyHash === bodyHash ? found : { refusal: idempotencyRefusal(row.requestId) };
  }
  if (identity.plan.dedupe_s === 0) return null;
  const equal = stores.idempotency.findByContent({ keyId, user, bodyHash });
  const found = equal === null ? null : find(equal.requestId, true);
  if (equal === null || found === null || "refusal" in found) return null;
  const { status } = found.request;
  // A visitor who reloads the page during a long run gets that run.
  if (equal.expiresAt <= now) return input.visitor !== null && status === "open" ? found : null;
  // A repetition after a failure is a new attempt.
  return status === "open" || status === "completed" ? found : null;
}

/** An idempotency key defines equality itself, so content is compared only without one. */
function recordSubmit(
  stores: Pick<TeamStores, "idempotency">,
  { requestId, idempotencyKey, bodyHash }: AdmitInput,
  { plan }: Identity,
  { keyId, user }: Subjects,
  now: number,
): void {
  if (idempotencyKey !== null) {
    const expiresAt = now + IDEMPOTENCY_MS;
    stores.idempotency.putKey({ keyId, user, idempotencyKey }, { requestId, bodyHash, expiresAt });
  } else if (plan.dedupe_s > 0) {
    stores.idempotency.putContent({ keyId, user, bodyHash }, requestId, now + plan.dedupe_s * SECOND_MS);
  }
}

function admitted(
  identity: Identity,
  subjects: Subjects,
  { request, replayed }: EarlierRequest,
  limits: readonly LimitState[],
): Extract<AdmitAnswer, { kind: "admitted" }> {
  const { plan } = identity;
  return {
    kind: "admitted",
    requestId: request.id,
    terms: {
      user: request.user,
      keyId: request.keyId,
      createdAt: request.createdAt,
      cost: { estimatedMicro: request.estimatedMicro, price: request.terms.price, exact: request.terms.exact },
      retention: retentionOf(plan),
      fileLinkS: plan.file_link_s,
      whenPaused: plan.when_paused,
    },
    replayed,
    limits: shownLimits(limits, subjects),
  };
}

/** Why the key of this credential does not run a model, or null. The plan is asked separately. */
function keyModelFault(
  stores: Pick<TeamStores, "keys">,
  credential: Credential,
  identity: Identity,
  model: string,
): Refusal | null {
  return keyAllowsModel(stores, credential, identity, model) ? null : keyModelRefusal(identity.keyName, model);
}
