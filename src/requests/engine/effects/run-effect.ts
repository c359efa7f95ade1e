// Dispatches an effect by kind. Every effect is idempotent except `submit`, which saves its intent before the call and never
// repeats it.

import type { Effect } from "../../machine/effect-types.ts";
import { type EffectContext, type EffectOutcome, happened } from "./context.ts";
import { runHash, runMirror } from "./copy-files.ts";
import { runDelete } from "./delete.ts";
import { runDeliver, runReport } from "./deliver.ts";
import { runFetchResult } from "./fetch-result.ts";
import { runCancel, runPoll } from "./poll-and-cancel.ts";
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
    case "delete":
      return runDelete(context, effect);
    case "expire":
      return Promise.resolve(happened({ type: "timed_out" }));
  }
}
