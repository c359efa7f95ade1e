// The one admit-and-start road that every surface takes: the plan's rules on the input, Team.admit, then the tracker's start,
// retried until it is certain what became of it. A 5xx after a paid start would make every client post again, so 503 is
// said only once it is closed.

import type { RequestSpec } from "../../contracts/request-spec.ts";
import type { AdmitAnswer, AdmitInput, PlanInUse, QuoteAnswer, QuoteInput } from "../../contracts/team-access.ts";
import type { InlineFile } from "../../files/inline-files.ts";
import type { StoredText } from "../../files/stored-text.ts";
import { keepText } from "../../files/stored-text.ts";
import type { Measures } from "../../models/measures.ts";
import type { Env } from "../../platform/bindings.ts";
import { requireConfig } from "../../platform/config.ts";
import { type Refusal, type Refused, refusal } from "../../platform/errors.ts";
import { type JsonTree, printTree } from "../../platform/json.ts";
import { faultName, logEvent } from "../../platform/log.ts";
import { accountFor, askTeam, newRequestId, trackerFor } from "../../platform/stubs.ts";
import { SECOND_MS } from "../../platform/time.ts";
import type { LimitState } from "../../team/quota/limits.ts";
import type { Price } from "../../team/quota/prices.ts";

import { deletedRefusal } from "../../team/quota/refusals.ts";

import { begun } from "../machine/record.ts";
import type { RequestView, StartInput } from "../machine/types.ts";
import { filesOf, storeInline } from "./input-files.ts";
import { askUnderPlan, type PlanChanged } from "./plan-rules.ts";

/** How long the edge retries `start` on fresh stubs after an admit, before it closes the request and says 503. */
const START_RETRY_MS = 10 * SECOND_MS;

/** A submit as the edge read it. */
export interface SubmitInput extends Pick<AdmitInput, "credential" | "visitor" | "ip" | "idempotencyKey" | "bodyHash"> {
  team: string;
  /** The plan that applies, as far as the edge knows; Team has the last word. */
  plan: PlanInUse;
  spec: RequestSpec;
  /** The model's input as it was sent. */
  input: JsonTree;
}

export type SubmitOutcome =
  | { kind: "accepted"; view: RequestView; replayed: boolean; limits: LimitState[] }
  | { kind: "refused"; refusal: Refusal; limits: LimitState[] };

/** What a request would cost; money in micro-USD, null = not known. */
export interface Quote {
  kind: "quoted";
  estimatedMicro: number | null;
  price: Price | null;
  measures: Measures;
}

/** Admits and starts. Production ends a Worker whose client leaves, so the road runs inside `waitUntil` and is awaited. */
export function submitRequest(
  env: Env,
  execution: Pick<ExecutionContext, "waitUntil">,
  submit: SubmitInput,
): Promise<SubmitOutcome> {
  const road = admitAndStart(env, submit);
  execution.waitUntil(road.catch(() => undefined));
  return road;
}

/** Prices a request as a submit of it would be, its limits aside. Reserves nothing. */
export async function quoteRequest(
  env: Env,
  wish: Pick<SubmitInput, "team" | "plan" | "input"> & Pick<QuoteInput, "credential" | "model">,
): Promise<Quote | Refused> {
  const { team, credential, model } = wish;
  const judgeable = { spec: { model, webhookUrl: null }, input: wish.input };
  const ask = async (planHash: string, ruled: { measures: Measures } | null): Promise<QuoteAnswer> => {
    const measures = ruled?.measures ?? null;
    return askTeam(env, team, (stub) => stub.quote({ credential, model, planHash, measures }));
  };
  const { answer, judged } = await askUnderPlan<Exclude<QuoteAnswer, PlanChanged>>(wish.plan, judgeable, ask);
  if (judged.kind === "refused") return answer.kind === "refused" ? answer : judged;
  if (answer.kind === "plan_stands")
    throw new Error("Team confirmed the plan, but the plan's rules accepted the input");
  return answer.kind === "refused" ? answer : { ...answer, measures: judged.measures };
}

/** A post under a plan that would rather not wait, while upstream is paused: refused before anything is reserved. */
async function refusedWhilePaused(env: Env, { plan, idempotencyKey }: SubmitInput): Promise<SubmitOutcome | null> {
  // A replay is answered whatever is closed; should it be the first of its key, its tracker refuses it, free.
  if (plan.plan.when_paused !== "refuse" || idempotencyKey !== null) return null;
  const pause = await accountFor(env).currentPause();
  if (pause === null) return null;
  const detail = `The model provider has been paused since ${new Date(pause.since).toISOString()} (${pause.why}). Nothing was charged.`;
  const retryAfterS = Math.max(1, Math.ceil((pause.until - Date.now()) / SECOND_MS));
  return { kind: "refused", refusal: refusal("upstream_paused", detail, { retryAfterS }), limits: [] };
}

async function admitAndStart(env: Env, submit: SubmitInput): Promise<SubmitOutcome> {
  const paused = await refusedWhilePaused(env, submit);
  if (paused !== null) return paused;
  const { team, spec } = submit;
  const requestId = newRequestId(env);
  const config = requireConfig(env);
  let inline: InlineFile[] = [];
  const ask = async (planHash: string, ruled: { tree: JsonTree; measures: Measures } | null): Promise<AdmitAnswer> => {
    const found = await filesOf(config, team, requestId, ruled?.tree ?? null);
    if (found.kind === "refused") return found;
    const { files } = found;
    inline = found.inline;
    return askTeam(env, team, (stub) =>
      stub.admit({ ...postOf(submit), requestId, planHash, measures: ruled?.measures ?? null, files }),
    );
  };
  const { answer: admitted, judged } = await askUnderPlan<Exclude<AdmitAnswer, PlanChanged>>(submit.plan, submit, ask);
  if (admitted.kind === "refused") {
    return { kind: "refused", refusal: admitted.refusal, limits: "limits" in admitted ? (admitted.limits ?? []) : [] };
  }
  if (judged.kind === "refused") {
    const view = admitted.kind === "admitted" ? await startedBefore(env, team, admitted.requestId) : null;
    if (view === null || admitted.kind !== "admitted") return { ...judged, limits: [] };
    return { kind: "accepted", view, replayed: true, limits: admitted.limits };
  }
  if (admitted.kind === "plan_stands")
    throw new Error("Team confirmed the plan, but the plan's rules accepted the input");
  const { requestId: id, terms, replayed, limits } = admitted;
  if (replayed && inline.length > 0) {
    // Its files lie in R2 already, or were let go since: an input is stored by the start that takes it.
    const view = await startedBefore(env, team, id);
    if (view !== null) return { kind: "accepted", view, replayed, limits };
  }
  const started = await startUntilCertain(env, { id, team, spec, terms }, async () => {
    await storeInline({ bucket: env.FILES, config }, { team, request: id }, judged.tree, inline);
    return printTree(judged.tree);
  });
  if (started.kind === "started") return { kind: "accepted", view: started.view, replayed, limits };
  if (started.kind === "gone") return { kind: "refused", refusal: deletedRefusal(id), limits };
  await askTeam(env, team, (stub) => stub.release(id));
  logEvent("submit.closed", { request: id, team });
  const detail = "The request could not be started and was closed. Nothing was sent or charged. Retry the request.";
  return { kind: "refused", refusal: refusal("internal", detail, { requestId: id, status: 503 }), limits: [] };
}

/** The part of a submit that Team decides on. */
function postOf({
  credential,
  visitor,
  ip,
  idempotencyKey,
  bodyHash,
  spec,
}: SubmitInput): Omit<AdmitInput, "requestId" | "planHash" | "measures" | "files"> {
  const { model, user, tags } = spec;
  return { credential, visitor, ip, idempotencyKey, bodyHash, model, user, tags };
}

/** The request that an earlier post made, where today's rules would refuse that post: it is shown, never started from here. */
async function startedBefore(env: Env, team: string, id: string): Promise<RequestView | null> {
  return await trackerFor(env, id).read({ team, user: null });
}

/** A start before its input is stored. */
type UnstoredStart = Omit<StartInput, "input">;

/** Starts on fresh stubs for START_RETRY_MS; then closes, unless it turns out to have started after all. */
async function startUntilCertain(
  env: Env,
  request: UnstoredStart,
  inputText: () => Promise<string>,
): Promise<{ kind: "started"; view: RequestView } | { kind: "closed" | "gone" }> {
  const { id, team } = request;
  const giveUpAt = Date.now() + START_RETRY_MS;
  let input: StoredText | null = null;
  for (let attempt = 1; ; attempt++) {
    const closing = Date.now() >= giveUpAt;
    try {
      if (closing) {
        const answer = await trackerFor(env, id).closeIfUnstarted();
        if (answer.kind === "unstarted") return { kind: "closed" };
        const view = await trackerFor(env, id).read({ team, user: null });
        if (view !== null) return { kind: "started", view };
      }
      input ??= await keepText(env.FILES, { team, request: id, name: "input" }, await inputText());
      const answer = await trackerFor(env, id).start({ ...request, input });
      return answer.kind === "started" ? { kind: "started", view: answer.view } : { kind: answer.kind };
    } catch (fault) {
      logEvent("submit.retried", {
        request: id,
        attempt,
        outcome: closing ? "closing" : "starting",
        error: faultName(fault),
      });
      if (Date.now() >= giveUpAt + START_RETRY_MS) return notYetCertain(request);
      await new Promise((resolve) => setTimeout(resolve, Math.min(2 * SECOND_MS, 100 * 2 ** attempt)));
    }
  }
}

/**
 * Neither started nor closed can be said. The caller gets the id and what is known, never a reason to post again: Team's
 * sweep asks the tracker until it answers, and closes and refunds what never started.
 */
function notYetCertain(request: UnstoredStart): { kind: "started"; view: RequestView } {
  const { record } = begun({ ...request, input: { at: "row", text: "" } });
  return {
    kind: "started",
    view: { state: record.state, files: [], output: null, payload: null, logs: null, timelineSeq: 0 },
  };
}
