// The `fetch_result` effect: one authenticated result call, whose output is stored. It also confirms candidate ids and webhooks of
// unpinned users.

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
import { reportUnlistedHosts } from "../../view/unlisted-hosts.ts";
import { type EffectContext, type EffectOutcome, happened } from "./context.ts";
import { grantOrDefer, reportCallFailed, reportCallSucceeded } from "./grant.ts";
import { goneOutcome } from "./not-found.ts";

export async function runFetchResult(context: EffectContext, effect: Effect): Promise<EffectOutcome> {
  const { state } = context.currentRecord();
  const upstreamId = state.upstreamId ?? state.candidateId;
  if (upstreamId === null) return happened({ type: "result_pending", watch: "none" });
  const provesUser = state.candidateUser !== null;
  const turn = await grantOrDefer(context, { kind: "result", effect: effect.name, isOverdue: provesUser });
  if (!turn.granted) return turn.outcome;
  const { model, connection } = state;
  const result = await createUpstreamClient(context.config).result({ model, upstreamId, connection });
  if (result.kind === "later") return reportCallFailed(context, turn, result);
  reportCallSucceeded(context, turn);
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
      proofFailed(context, state);
      return happened({ type: "result_pending", watch: context.watch() }, 1);
    case "gone":
      proofFailed(context, state);
      return goneOutcome(context, effect);
  }
}

/** A webhook of an unpinned user told something else than fal does: the requests that wait for this proof go on without it. */
function proofFailed(context: EffectContext, { connection, candidateUser }: RequestState): void {
  if (candidateUser === null) return;
  context.inBackground(accountFor(context.env).proofFailed(connection, candidateUser.userId));
}

async function outputOutcome(
  context: EffectContext,
  state: RequestState,
  upstreamId: string,
  result: Extract<ResultAnswer, { kind: "output" | "file" }>,
): Promise<EffectOutcome> {
  const { env, config } = context;
  const described = await describe(config, state.id, result);
  const { files, skipped, textType = null } = described;
  context.inBackground(reportUnlistedHosts(env, config, { requestId: state.id, files, origin: state.origin }));
  const texts = await keepDescribed(env.FILES, state, described, context.noteBucketKey);
  const end: UpstreamEnd = { kind: "output", files, skipped, textType };
  const outcome = await endOutcome(context, state, upstreamId, end, described.fingerprint, result.billableUnits);
  return { ...outcome, texts };
}

function describe(
  config: Config,
  id: string,
  result: Extract<ResultAnswer, { kind: "output" | "file" }>,
): Promise<DescribedOutput> {
  if (result.kind === "file") return describeFile(id, result.bytes, result.contentType);
  return describeOutput(id, result, allowedHosts(config.FAL_MEDIA_HOSTS));
}

/** The authenticated end. A webhook of an unpinned user that reported the same end confirms its user id, which is then pinned. */
async function endOutcome(
  context: EffectContext,
  state: RequestState,
  upstreamId: string,
  end: UpstreamEnd,
  fingerprint: string,
  billableUnits: string | null,
): Promise<Extract<EffectOutcome, { kind: "happened" }>> {
  const candidate = context.currentRecord().state.candidateUser;
  const agrees =
    candidate !== null && (candidate.claim === fingerprint || candidate.claim === (await announcedClaim()));
  if (agrees) {
    const account = accountFor(context.env);
    await account.pinUser(state.connection, candidate.userId);
    await account.webhookArrived();
  } else proofFailed(context, context.currentRecord().state);
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
