// fal's 404: one is not enough to end a paid request. Imports limits.

import { GONE_CONFIRM_MS } from "../../../platform/limits.ts";
import type { Effect } from "../../machine/effect-types.ts";
import { type EffectContext, type EffectOutcome, happened } from "./context.ts";

const GONE = "not known to fal";

/** A 404 ends a paid request, so one is not enough, and none is right after the submit: it may be fal's own delay. */
export function goneOutcome(context: EffectContext, effect: Effect): EffectOutcome {
  const { submittedAt } = context.record().state;
  const isFresh = submittedAt !== null && context.now() - submittedAt < GONE_CONFIRM_MS;
  if (isFresh || effect.lastFailure !== GONE) return { kind: "failed", reason: GONE, retryAfterMs: null, calls: 1 };
  return happened({ type: "upstream_gone" }, 1);
}
