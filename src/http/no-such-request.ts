// The refusal for an id that is not there. It is also what somebody else's id gets, so that ids cannot be probed.

import { type Refusal, refusal } from "../errors.ts";
import { REQUEST_ID } from "../ids.ts";

export function noSuchRequest(id: string): Refusal {
  const hint = REQUEST_ID.test(id) ? {} : { hint: "Request ids are 64 hexadecimal characters." };
  return refusal("not_found", "There is no such request.", hint);
}
