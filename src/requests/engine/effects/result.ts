// The `fetch_result` effect: one authenticated result call, read, described and kept; also the proof of what somebody
// only claimed (a candidate id, a webhook signed for a user id that is not pinned).

import type { DescribedOutput } from "../../../contracts/tracker.ts";
import { allowedHosts } from "../../../files/media-hosts.ts";
import { keepDescribed } from "../../../files/stored-text.ts";
import type { Config } from "../../../platform/config.ts";
import { accountFor } from "../../../platform/stubs.ts";
import type { ResultAnswer } from "../../../upstream/client/answers.ts";
import { createUpstreamClient } from "../../../upstream/client/client.ts";
import type { Effect } from "../../machine/effect-types.ts";
import type { RequestEvent, UpstreamEnd } from "../../machine/events.ts";
import type { RequestState } from "../../machine/types.ts";
import { announcedClaim, describeFile, describeOutput, errorFingerprint, fingerprintOf } from "../../view/output.ts";
import { type EffectContext, type EffectOutcome, happened } from "./context.ts";
import { goneOutcome } from "./gone.ts";
import { cameThrough, takeTurn, troubled } from "./turn.ts";

export async function runFetchResult(context: EffectContext, effect: Effect): Promise<EffectOutcome> {
  const { state } = context.record();
  const upstreamId = state.upstreamId ?? state.candidateId;
  if (upstreamId === null) return happened({ type: "result_pending", watch: "none" });
  const turn = await takeTurn(context, { kind: "result", effect: effect.name });
  if (!turn.granted) return turn.outcome;
  const { model, connection } = state;
  const result = await createUpstreamClient(context.config).result({ model, upstreamId, connection });
  if (result.kind === "later") return troubled(context, turn, result);
  cameThrough(context, turn);
  switch (result.kind) {
    case "output":
    case "file":
      try {
        return await outputOutcome(context, state, upstreamId, result);
      } finally {
        result.permit.release();
      }
    case "failed": {
      const fingerprint = await errorFingerprint(result.error);
      return endOutcome(context, state, upstreamId, { kind: "error", error: result.error }, fingerprint, null);
    }
    case "canceled": {
      const fingerprint = await fingerprintOf("canceled", "");
      return endOutcome(context, state, upstreamId, { kind: "canceled" }, fingerprint, null);
    }
    case "pending":
      return happened({ type: "result_pending", watch: context.watch() }, 1);
    case "gone":
      return goneOutcome(context, effect);
  }
}

async function outputOutcome(
  context: EffectContext,
  state: RequestState,
  upstreamId: string,
  result: Extract<ResultAnswer, { kind: "output" | "file" }>,
): Promise<EffectOutcome> {
  const { env, config } = context;
  const described = await describe(config, state.id, result);
  if (described === null) return { kind: "failed", reason: "result is not valid JSON", retryAfterMs: null, calls: 1 };
  const texts = await keepDescribed(env.FILES, state, described);
  const end: UpstreamEnd = { kind: "output", files: described.files, skipped: described.skipped };
  const outcome = await endOutcome(context, state, upstreamId, end, described.fingerprint, result.billableUnits);
  return { ...outcome, texts };
}

function describe(
  config: Config,
  id: string,
  result: Extract<ResultAnswer, { kind: "output" | "file" }>,
): Promise<DescribedOutput | null> {
  if (result.kind === "file") return describeFile(id, result.bytes, result.contentType);
  return describeOutput(id, result.text, allowedHosts(config.FAL_MEDIA_HOSTS));
}

/** The authenticated end. A stranger's claim that says the same proves that its user id is this account's, and that its webhooks arrive. */
async function endOutcome(
  context: EffectContext,
  state: RequestState,
  upstreamId: string,
  end: UpstreamEnd,
  fingerprint: string,
  billableUnits: string | null,
): Promise<Extract<EffectOutcome, { kind: "happened" }>> {
  const stranger = context.record().state.candidateUser;
  const agrees = stranger !== null && (stranger.claim === fingerprint || stranger.claim === (await announcedClaim()));
  if (agrees) {
    const account = accountFor(context.env);
    await account.pinUser(state.connection, stranger.userId);
    await account.webhookArrived();
  }
  const event: RequestEvent = {
    type: "end_reported",
    source: "poll",
    upstreamId,
    end,
    metrics: null,
    billableUnits,
    fingerprint,
  };
  return { kind: "happened", event, calls: 1 };
}
