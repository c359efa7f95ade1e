// Lets a call wait, if its team, its address and the isolate have room for one more. Who must wait is refused without room; who merely
// prefers to is answered at once.

import { type Refused, refusal, refused } from "../platform/errors.ts";
import { type CallHold, type HoldBound, HoldCounter } from "../platform/hold-counter.ts";
import type { Caller } from "./auth.ts";

/** When to try again: by then some of those that wait have been answered. */
const HOLD_RETRY_S = 10;

const holds = new HoldCounter();

/** Null: there is no room, and the call is answered with what is known now. */
export function tryHold(caller: Caller): CallHold | null {
  const answer = openHold(caller);
  return answer.kind === "held" ? answer.hold : null;
}

/** The address is the team's mark of it, so browsers are counted per team and address. */
export function openHold({ team, ip }: Pick<Caller, "team" | "ip">): { kind: "held"; hold: CallHold } | Refused {
  const answer = holds.open({ team, address: ip }, Date.now());
  return answer.kind === "held" ? answer : refusalOf(answer.bound);
}

function refusalOf(bound: HoldBound): Refused {
  const retryAfterS = HOLD_RETRY_S;
  const hint = "End waiting calls and event streams that nobody reads, or use webhooks.";
  switch (bound) {
    case "team":
      return refused(
        refusal("rate_limited", "Too many calls of this team are waiting already.", { hint, retryAfterS }),
      );
    case "address":
      return refused(
        refusal("rate_limited", "Too many calls from this address are waiting already.", { hint, retryAfterS }),
      );
    case "isolate":
      return refused(refusal("overloaded", "Too many calls are waiting already.", { hint, retryAfterS }));
  }
}
