// The refusal for an unknown request id. Another caller's id gets the same, so that ids cannot be probed; a caller that could see
// the request before its deletion gets 410.

import type { Env } from "../platform/bindings.ts";
import { type Refusal, refusal } from "../platform/errors.ts";
import { REQUEST_ID } from "../platform/ids.ts";
import { askTracker } from "../platform/stubs.ts";
import type { Viewer } from "../requests/machine/types.ts";

export async function noSuchRequest(env: Env, id: string, viewer: Viewer): Promise<Refusal> {
  const deleted = await askTracker(env, id, (tracker) => tracker.wasDeleted(viewer));
  if (deleted) return refusal("gone", "The request was deleted.", { requestId: id });
  const hint = REQUEST_ID.test(id) ? {} : { hint: "Request ids are 64 hexadecimal characters." };
  return refusal("not_found", "No such request.", hint);
}
