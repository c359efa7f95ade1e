// Tries a plan out: on one request, decided as an admission decides it and with the counters of now, and on requests of the past.
// Reads only.

import type { PastPage, PastQuery, PlanTest, PlanTestAnswer } from "../../contracts/team-plans.ts";
import { type Refusal, type Refused, refusal, refused } from "../../platform/errors.ts";
import { limitsOf } from "../quota/caller-limits.ts";
import { check, limitStates, type QuotaAnswer } from "../quota/limits.ts";
import { countedMicro, offerUnder } from "../quota/offer.ts";
import { matchesModel } from "../quota/plan.ts";
import { keyModelRefusal, quotaRefusal } from "../quota/refusals.ts";
import type { TeamStores } from "../stores.ts";
import { inputFilesDemand, inputFilesFault } from "../uploads/input-files.ts";

/** Lines of one page of past requests, which Team reads in one turn. */
const PAST_PAGE_ROWS = 1_000;

/** Visitor and address of a test that names none: no page's visitor and no address is called so. */
const NOBODY = "plan-test";

export type PlanTestStores = Pick<TeamStores, "counters" | "keys" | "prices" | "requests" | "team" | "uploads">;

export function testPlan(stores: PlanTestStores, test: PlanTest, now: number): PlanTestAnswer | Refused {
  const key = stores.keys.findKey(test.keyId);
  if (key === null) return refused(refusal("not_found", `No key found with id "${test.keyId}".`));
  const { plan, name, model, tags, measures } = test;
  // A page's key is used by visitors only, and what is asked for a visitor comes by a token.
  const isVisitor = key.kind === "publishable" || test.visitor !== null;
  const [visitor, ip] = [isVisitor ? (test.visitor ?? NOBODY) : null, test.ip ?? NOBODY];
  const read = (id: string) => stores.counters.readCounter(id);
  const { caps } = stores.team.team();
  const kind = isVisitor ? ("token" as const) : ("secret" as const);
  const subjects = { keyId: key.id, user: key.user ?? test.user, visitor, ip, network: null, tags };
  const limits = limitsOf({ plan, caps, kind }, subjects);
  const answer = {
    kind: "tested" as const,
    ...{ refusal: null, exceeded: [], price: null, estimatedMicro: null },
    limits: limitStates(limits, read, subjects, now),
  };
  if (measures === null) return answer;
  const rules = { planName: name, plan, caps };
  const keyFault = keyModelFault(key, model);
  const offer = offerUnder(rules, stores.prices.current(), { model, tags, isVisitor, measures }, keyFault);
  if (offer.kind === "refused") return { ...answer, refusal: offer.refusal };
  const { price, estimatedMicro } = offer;
  const filesFault = inputFilesFault(stores, test.files, { kind, planName: name, plan }, now);
  if (filesFault !== null) return { ...answer, price, estimatedMicro, refusal: filesFault };
  const demand = {
    requests: 1,
    usdMicro: countedMicro(plan, estimatedMicro),
    ...inputFilesDemand(test.files),
  } as const;
  const quota: QuotaAnswer = check(limits, read, subjects, demand, now);
  if (quota.kind === "ok") return { ...answer, price, estimatedMicro };
  const exceeded = quota.violated.map((violation) => violation.name);
  return { ...answer, price, estimatedMicro, exceeded, refusal: quotaRefusal(quota, name, subjects) };
}

function keyModelFault({ name, models }: { name: string; models: string[] | null }, model: string): Refusal | null {
  return models === null || matchesModel(models, model) ? null : keyModelRefusal(name, model);
}

/** What a limit counts by itself depends on who asked: all but requests of secret keys are counted once they are admitted. */
export function pastRequests({ requests, keys }: Pick<TeamStores, "keys" | "requests">, query: PastQuery): PastPage {
  const secret = new Set(keys.all().flatMap(({ id, kind }) => (kind === "secret" ? [id] : [])));
  const page = requests.past(query, PAST_PAGE_ROWS);
  const data = page.data.map(
    (line) => ({ ...line, counts: secret.has(line.keyId) ? "completed" : "admitted" }) as const,
  );
  return { ...page, data };
}
