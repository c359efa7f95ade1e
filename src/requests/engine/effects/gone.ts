// fal's 404: one is not enough to end a paid request.

import { MINUTE_MS } from "../../../platform/time.ts";
import type { Effect } from "../../machine/effect-types.ts";
import { type EffectContext, type EffectOutcome, happened } from "./context.ts";

/** fal shows a new request at once, but a 404 this soon after submitting is not yet taken as the end. */
const GONE_CONFIRM_MS = MINUTE_MS;

const GONE = "fal returned 404";

/** A 404 ends a paid request, so one is not enough, and none is right after the submit: it may be fal's own delay. */
export function goneOutcome(context: EffectContext, effect: Effect): EffectOutcome {
  const { submittedAt } = context.record().state;
  const isFresh = submittedAt !== null && context.now() - submittedAt < GONE_CONFIRM_MS;
  if (isFresh || effect.lastFailure !== GONE) return { kind: "failed", reason: GONE, retryAfterMs: null, calls: 1 };
  return happened({ type: "upstream_gone" }, 1);
}
