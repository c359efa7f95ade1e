// The `settle` effect: reports the end to the team's ledger, which returns the cost, and to the account whether webhooks arrive.
// With `exact_cost` it makes one result call first, because only its response carries the billed units.

import type { Settled, SettledFiles, Verdict } from "../../../contracts/team-access.ts";
import type { RequestFile } from "../../../files/request-file.ts";
import { loadText } from "../../../files/stored-text.ts";
import { fileName } from "../../../files/urls.ts";
import { type Measures, measureOutput } from "../../../models/measures.ts";
import type { Env } from "../../../platform/bindings.ts";
import { parseTree, plainCopy } from "../../../platform/json.ts";
import { accountFor, teamFor } from "../../../platform/stubs.ts";
import { createUpstreamClient } from "../../../upstream/client/client.ts";
import { endEventType } from "../../../webhooks/event-types.ts";
import type { Effect } from "../../machine/effect-types.ts";
import { turnedAwayBy } from "../../machine/ends.ts";
import type { Bill } from "../../machine/events.ts";
import type { RequestState } from "../../machine/types.ts";
import { type EffectContext, type EffectOutcome, happened } from "./context.ts";
import { grantOrDefer, reportCallFailed, reportCallSucceeded } from "./grant.ts";

/** Attempts at the result call for billed units, seconds apart; then the output is measured instead. */
const EXACT_COST_TRIES = 3;

/** The status of a model's refusal: whether it is charged is the plan's to say. */
const REFUSED_BY_MODEL = 422;

export async function runSettle(context: EffectContext, effect: Effect): Promise<EffectOutcome> {
  const { state, files } = context.currentRecord();
  const ended = settlementOf(state);
  if (ended === null) return { kind: "obsolete" };
  const fetched =
    needsBilledUnits(state) && effect.failures < EXACT_COST_TRIES ? await fetchBilledUnits(context, state) : null;
  if (fetched !== null && "kind" in fetched) return fetched;
  // Nothing of it is to be counted: the admission itself is undone.
  if (turnedAwayBy(state) !== null) await teamFor(context.env, state.team).release(state.id);
  const units = fetched?.units ?? state.billableUnits;
  const settled = await teamFor(context.env, state.team).settle({
    ...ended,
    units,
    measured: units === null && state.stage === "completed" ? await measured(context, state) : null,
    outputBytes: files.reduce((sum, file) => sum + (file.status === "stored" ? (file.bytes ?? 0) : 0), 0),
    failure: state.error === null ? null : { status: state.error.upstreamStatus, code: state.error.code },
    durationMs: state.submittedAt === null || state.outputAt === null ? null : state.outputAt - state.submittedAt,
    files: settledFiles(files),
    eventType: endEventType(ended.outcome, state.recoveredAt !== null),
    hasWebhook: state.webhookUrl !== null,
    chosenTags: Object.keys(state.chosenTags ?? {}),
  });
  // Repeats the release at the end, in case that call was lost.
  context.inBackground(context.releaseSlotOnce());
  await reportWebhookArrival(context.env, state).catch(() => undefined);
  const { eventId } = settled;
  const deliveries = eventId === null ? [] : settled.deliveries.map((delivery) => ({ ...delivery, eventId }));
  return happened({ type: "settled", deliveries, bill: billOf(state, settled) }, fetched === null ? 0 : 1);
}

/** What the team's list shows of the files. */
function settledFiles(files: readonly RequestFile[]): SettledFiles {
  const stored = files.filter(({ status }) => status === "stored");
  const [first] = stored;
  return {
    stored: stored.length,
    failed: files.filter(({ status }) => status === "failed").length,
    first: first === undefined ? null : { type: first.contentType, path: `${first.n}/${fileName(first)}` },
  };
}

/** The ledger's answer as the request stores it. For a 422 the plan decides whether it is charged. */
function billOf({ error }: RequestState, { chargedMicro, source, verdict }: Settled): Bill {
  const decided = error?.upstreamStatus === REFUSED_BY_MODEL && verdict !== "keep";
  return { chargedMicro, source, charged: decided ? verdict === "charge" : null };
}

function needsBilledUnits({ cost, stage, billableUnits, upstreamId }: RequestState): boolean {
  return cost.exact && cost.price !== null && stage === "completed" && billableUnits === null && upstreamId !== null;
}

/** The units that fal billed. An answer without them is one too: then the output is measured. */
async function fetchBilledUnits(
  context: EffectContext,
  { upstreamId, model, connection }: RequestState,
): Promise<{ units: string | null } | EffectOutcome> {
  const turn = await grantOrDefer(context, { kind: "result", effect: "settle" });
  if (!turn.granted) return turn.outcome;
  const result = await createUpstreamClient(context.config).result({ model, upstreamId: upstreamId ?? "", connection });
  if (result.kind === "later") return reportCallFailed(context, turn, result);
  reportCallSucceeded(context, turn);
  if (result.kind !== "output" && result.kind !== "file") return { units: null };
  result.permit.release();
  return { units: result.billableUnits };
}

/** Measures the output if the price depends on it. Null: it cannot be read, and the reserved amount counts. */
async function measured(context: EffectContext, { cost }: RequestState): Promise<Measures | null> {
  switch (cost.price?.unit) {
    case undefined:
    case "thousand_characters":
      return null;
    case "request":
      return measureOutput(null);
    case "image":
    case "megapixel":
    case "second": {
      const output = context.storedText("output");
      const loaded = output && (await loadText(context.env.FILES, output));
      if (loaded?.kind !== "loaded") return null;
      try {
        const parsed = parseTree(loaded.text);
        return parsed === null ? null : measureOutput(plainCopy(parsed.tree));
      } finally {
        loaded.permit.release();
      }
    }
  }
}

export interface Settlement {
  requestId: string;
  outcome: "completed" | "failed" | "canceled";
  /** Whether the reservation is charged, refunded, or kept until the charge is known (submit_uncertain). */
  reservation: Verdict;
  endedAt: number;
}

/** The end as reported to the ledger; null while the request is open. */
export function settlementOf(state: RequestState): Settlement | null {
  if (state.endedAt === null) return null;
  switch (state.stage) {
    case "completed":
      return { requestId: state.id, outcome: "completed", reservation: "charge", endedAt: state.endedAt };
    case "canceled":
      return { requestId: state.id, outcome: "canceled", reservation: "refund", endedAt: state.endedAt };
    case "failed": {
      const charged = state.error?.charged ?? "unknown";
      const keep = state.error?.code === "submit_uncertain" && state.recoveredAt === null;
      const reservation = keep ? "keep" : charged === false ? "refund" : "charge";
      return { requestId: state.id, outcome: "failed", reservation, endedAt: state.endedAt };
    }
    case "held":
    case "submitting":
    case "uncertain":
    case "queued":
    case "running":
    case "storing":
      return null;
  }
}

/** Whether webhooks arrive decides how later requests are polled. A lost report is repeated by the next request. */
async function reportWebhookArrival(env: Env, state: RequestState): Promise<void> {
  if (state.webhooks === "missing" && state.endedBy === "webhook") await accountFor(env).webhookArrived();
  // A callback without a usable end triggered the poll: that is an arrival too.
  const noCallback = state.candidateUser === null && state.candidateId === null && state.unverifiedCallbackAt === null;
  // fal sends no webhook for a cancelled run, and polls after a cancel are faster than most.
  const isExpected = state.cancelRequestedAt === null;
  if (state.webhooks === "arriving" && state.endedBy === "poll" && noCallback && isExpected)
    await accountFor(env).webhookMissed();
}
