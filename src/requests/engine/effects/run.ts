// Dispatches an effect by kind. Every effect is idempotent except `submit`, which saves its intent before the call and never
// repeats it.

import type { Effect } from "../../machine/effect-types.ts";
import { type EffectContext, type EffectOutcome, happened } from "./context.ts";
import { runDeliver, runReport } from "./deliver.ts";
import { runHash, runMirror } from "./files.ts";
import { runCancel, runPoll } from "./follow.ts";
import { runPurge } from "./purge.ts";
import { runFetchResult } from "./result.ts";
import { runSettle } from "./settle.ts";
import { runSubmit } from "./submit.ts";

export function runEffect(context: EffectContext, effect: Effect): Promise<EffectOutcome> {
  switch (effect.kind) {
    case "submit":
      return runSubmit(context);
    case "poll":
      return runPoll(context, effect);
    case "fetch_result":
      return runFetchResult(context, effect);
    case "mirror":
      return runMirror(context, Number(effect.target));
    case "hash":
      return runHash(context, Number(effect.target));
    case "settle":
      return runSettle(context, effect);
    case "deliver":
      return runDeliver(context, effect);
    case "report":
      return runReport(context, effect);
    case "cancel":
      return runCancel(context, effect);
    case "purge":
      return runPurge(context, effect);
    case "expire":
      return Promise.resolve(happened({ type: "timed_out" }));
  }
}
