// The refusal for an id that is not there. It is also what somebody else's id gets, so that ids cannot be probed; who could
// see the request until it was deleted is told that.

import type { Env } from "../platform/bindings.ts";
import { type Refusal, refusal } from "../platform/errors.ts";
import { REQUEST_ID } from "../platform/ids.ts";
import { askTracker } from "../platform/stubs.ts";
import type { Viewer } from "../requests/machine/types.ts";

export async function noSuchRequest(env: Env, id: string, viewer: Viewer): Promise<Refusal> {
  const deleted = await askTracker(env, id, (tracker) => tracker.wasDeleted(viewer));
  if (deleted) return refusal("gone", "The request was deleted.", { requestId: id });
  const hint = REQUEST_ID.test(id) ? {} : { hint: "Request ids are 64 hexadecimal characters." };
  return refusal("not_found", "No request found with this id.", hint);
}
