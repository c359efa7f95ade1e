// Submits a request for every surface: the plan's input rules, Team.admit, then the tracker's start, retried until its outcome is
// certain. Clients repeat a submit after a 5xx, so 503 is returned only once the request is closed.

import type { RequestSpec } from "../../contracts/request-spec.ts";
import type { AdmitAnswer, AdmitInput, PlanInUse, QuoteAnswer, QuoteInput } from "../../contracts/team-access.ts";
import type { InlineFile } from "../../files/inline-files.ts";
import type { StoredText } from "../../files/stored-text.ts";
import { keepText } from "../../files/stored-text.ts";
import type { InputMeasures } from "../../models/measures.ts";
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

import { turnedAwayBy } from "../machine/ends.ts";
import { begun } from "../machine/record.ts";
import { type RequestView, type StartInput, wholeTeam } from "../machine/types.ts";
import { FullQueues, queueFullRefusal } from "./full-queues.ts";
import { filesOf, storeInline } from "./input-files.ts";
import { askUnderPlan, type PlanChanged } from "./plan-rules.ts";

/** How long the edge retries `start` on fresh stubs after an admit, before it closes the request and says 503. */
const START_RETRY_MS = 10 * SECOND_MS;

const fullQueues = new FullQueues();

/** A submit as the edge read it. */
export interface SubmitInput
  extends Pick<AdmitInput, "credential" | "visitor" | "ip" | "network" | "idempotencyKey" | "bodyHash"> {
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
  measures: InputMeasures;
}

/** Admits and starts. A Worker ends when its client disconnects, so this runs inside `waitUntil` and is awaited. */
export function submitRequest(
  env: Env,
  execution: Pick<ExecutionContext, "waitUntil">,
  submit: SubmitInput,
): Promise<SubmitOutcome> {
  const submitting = admitAndStart(env, submit);
  execution.waitUntil(submitting.catch(() => undefined));
  return submitting;
}

/** Prices a request as a submit of it would be, its limits aside. Reserves nothing. */
export async function quoteRequest(
  env: Env,
  quote: Pick<SubmitInput, "team" | "plan" | "input"> & Pick<QuoteInput, "credential" | "model">,
): Promise<Quote | Refused> {
  const { team, credential, model } = quote;
  const judgeable = { spec: { model, webhookUrl: null, webhookFormat: "standard" as const }, input: quote.input };
  const ask = async (planHash: string, ruled: { measures: InputMeasures } | null): Promise<QuoteAnswer> => {
    const measures = ruled?.measures ?? null;
    return askTeam(env, team, (stub) => stub.quote({ credential, model, planHash, measures }));
  };
  const { answer, judged } = await askUnderPlan<Exclude<QuoteAnswer, PlanChanged>>(quote.plan, judgeable, ask);
  if (judged.kind === "refused") return answer.kind === "refused" ? answer : judged;
  if (answer.kind === "plan_stands")
    throw new Error("Team confirmed the plan, but the plan's rules accepted the input");
  return answer.kind === "refused" ? answer : { ...answer, measures: judged.measures };
}

/** Refuses a submit during a pause if its plan does, before anything is reserved. */
async function refusedWhilePaused(env: Env, { plan, idempotencyKey }: SubmitInput): Promise<SubmitOutcome | null> {
  // A repeated idempotency key is answered even during a pause; a new one is refused by its tracker, without charge.
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
  // A repeated idempotency key may be of a request that was taken.
  const full = submit.idempotencyKey === null ? fullQueues.fullFor(team, Date.now()) : null;
  if (full !== null) return { kind: "refused", refusal: queueFullRefusal(full), limits: [] };
  const requestId = newRequestId(env);
  const config = requireConfig(env);
  let inline: InlineFile[] = [];
  const ask = async (
    planHash: string,
    ruled: { tree: JsonTree; measures: InputMeasures } | null,
  ): Promise<AdmitAnswer> => {
    const found = await filesOf(config, team, requestId, ruled?.tree ?? null);
    if (found.kind === "refused") return found;
    const { files } = found;
    inline = found.inline;
    return askTeam(env, team, (stub) =>
      stub.admit({ ...admitFields(submit), requestId, planHash, measures: ruled?.measures ?? null, files }),
    );
  };
  const { answer: admitted, judged } = await askUnderPlan<Exclude<AdmitAnswer, PlanChanged>>(submit.plan, submit, ask);
  if (admitted.kind === "refused") {
    return { kind: "refused", refusal: admitted.refusal, limits: "limits" in admitted ? (admitted.limits ?? []) : [] };
  }
  if (judged.kind === "refused") {
    const view = admitted.kind === "admitted" ? await startedRequest(env, team, admitted.requestId) : null;
    if (view === null || admitted.kind !== "admitted") return { ...judged, limits: [] };
    return { kind: "accepted", view, replayed: true, limits: admitted.limits };
  }
  if (admitted.kind === "plan_stands")
    throw new Error("Team confirmed the plan, but the plan's rules accepted the input");
  const { requestId: id, terms, replayed, limits } = admitted;
  if (replayed && inline.length > 0) {
    // Its files are already in R2, or were deleted since: the input is stored only by the first start.
    const view = await startedRequest(env, team, id);
    if (view !== null) return { kind: "accepted", view, replayed, limits };
  }
  const started = await startUntilCertain(env, { id, team, spec, terms, inlineFiles: inline.length }, async () => {
    await storeInline({ bucket: env.FILES, config }, { team, request: id }, judged.tree, inline);
    return printTree(judged.tree);
  });
  if (started.kind === "started") {
    const of = turnedAwayBy(started.view.state);
    if (of === null) return { kind: "accepted", view: started.view, replayed, limits };
    // The tracker does so as well: whoever comes first, nothing reserved stays.
    await askTeam(env, team, (stub) => stub.release(id));
    fullQueues.remember(of, team, Date.now());
    return { kind: "refused", refusal: queueFullRefusal(of), limits: [] };
  }
  if (started.kind === "gone") return { kind: "refused", refusal: deletedRefusal(id), limits };
  await askTeam(env, team, (stub) => stub.release(id));
  logEvent("submit.closed", { request: id, team });
  const detail = "The request could not be started and was closed. Nothing was sent or charged. Retry the request.";
  return { kind: "refused", refusal: refusal("internal", detail, { requestId: id, status: 503 }), limits: [] };
}

/** The part of a submit that Team decides on. */
function admitFields({
  credential,
  visitor,
  ip,
  network,
  idempotencyKey,
  bodyHash,
  spec,
}: SubmitInput): Omit<AdmitInput, "requestId" | "planHash" | "measures" | "files"> {
  const { model, user, tags } = spec;
  return { credential, visitor, ip, network, idempotencyKey, bodyHash, model, user, tags };
}

/** The request of an earlier submit that the current rules would refuse: returned, never started. */
async function startedRequest(env: Env, team: string, id: string): Promise<RequestView | null> {
  return await trackerFor(env, id).read(wholeTeam(team));
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
        const view = await trackerFor(env, id).read(wholeTeam(team));
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
      if (Date.now() >= giveUpAt + START_RETRY_MS) return unconfirmedStart(request);
      await new Promise((resolve) => setTimeout(resolve, Math.min(2 * SECOND_MS, 100 * 2 ** attempt)));
    }
  }
}

/**
 * The outcome is unknown. The caller gets the id and the known state instead of an error, so that it does not submit again: Team's
 * sweep asks the tracker until it answers, and closes and refunds a request that never started.
 */
function unconfirmedStart(request: UnstoredStart): { kind: "started"; view: RequestView } {
  const { record } = begun({ ...request, input: { at: "row", text: "" } });
  return {
    kind: "started",
    view: { state: record.state, files: [], output: null, payload: null, logs: null, timelineSeq: 0 },
  };
}
