// One page of the request index. Imports the index and its cursors; reads only.

import type { ListAnswer, ListInput } from "../contracts/team-access.ts";
import { refusal } from "../platform/errors.ts";
import { decodeCursor, encodeCursor } from "./cursor.ts";
import type { IndexStore } from "./request-index.ts";

/** Newest first. `limit` is at least 1. A page of a rare filter may be short, or empty, and still have a next one. */
export function listRequests(index: IndexStore, input: ListInput): ListAnswer {
  const position = input.cursor === undefined ? null : decodeCursor(input.cursor);
  if (input.cursor !== undefined && position === null) {
    const hint = "Pass `next_cursor` of the page before, as it was.";
    return { kind: "refused", refusal: refusal("invalid_request", "`cursor` is not one of ours.", { hint }) };
  }
  const { data: rows, lookedTo } = index.list(input, position, input.limit + 1);
  const data = rows.slice(0, input.limit);
  const last = rows.length > data.length ? data.at(-1) : lookedTo;
  return { kind: "page", data, nextCursor: last ? encodeCursor(last) : null };
}
