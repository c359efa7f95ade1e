// The event feed: everything a team is told, in one order, from any point of the last thirty days on. Synchronous over the
// stores: Team wraps each call.

import type { FeedAnswer, FeedQuery } from "../../contracts/team-webhooks.ts";
import { refusal } from "../../platform/errors.ts";
import { DAY_MS, EVENT_KEEP_MS } from "../../platform/limits.ts";
import type { Books } from "../stores.ts";

/** The events after a place in the feed, oldest first. Who was away longer than events are kept is told so, once. */
export function readFeed({ events }: Books, { after, types, limit }: FeedQuery): FeedAnswer {
  const { first, last } = events.bounds();
  if (after === "latest") return { kind: "page", data: [], next: last, hasMore: false };
  const oldest = first - 1;
  const from = after ?? oldest;
  if (from > last) {
    const hint = "Cursors come from `next_cursor`; without `after` the feed begins with its oldest event.";
    return { kind: "refused", refusal: refusal("invalid_request", "`after` lies ahead of the feed.", { hint }) };
  }
  if (from < oldest) {
    const detail = `Events before ${first} are no longer kept: the cursor is older than ${EVENT_KEEP_MS / DAY_MS} days.`;
    const hint = `Go on with after=${oldest}; what was missed is in GET /v1/requests.`;
    return { kind: "refused", refusal: refusal("gone", detail, { hint }) };
  }
  const found = events.after(from, types, limit + 1);
  const data = found.slice(0, limit);
  const hasMore = found.length > data.length;
  return { kind: "page", data, next: hasMore ? (data.at(-1)?.seq ?? from) : last, hasMore };
}
