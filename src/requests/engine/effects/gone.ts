// fal's 404 ends a request only when it is repeated.

import { MINUTE_MS } from "../../../platform/time.ts";
import type { Effect } from "../../machine/effect-types.ts";
import { type EffectContext, type EffectOutcome, happened } from "./context.ts";

/** fal shows a new request at once, but a 404 this soon after submitting is not yet taken as the end. */
const GONE_CONFIRM_MS = MINUTE_MS;

const GONE = "fal returned 404";

/** A 404 must be repeated, and does not count right after the submit, when fal may still be propagating the request. */
export function goneOutcome(context: EffectContext, effect: Effect): EffectOutcome {
  const { submittedAt } = context.currentRecord().state;
  const isFresh = submittedAt !== null && context.now() - submittedAt < GONE_CONFIRM_MS;
  if (isFresh || effect.lastFailure !== GONE) return { kind: "failed", reason: GONE, retryAfterMs: null, calls: 1 };
  return happened({ type: "upstream_not_found" }, 1);
}
