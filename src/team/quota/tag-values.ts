// New values of tags, which make counters and rows of usage: how many a key's callers may bring in a day. Seen values are counters of
// their own that end with the day. Pure.

import { DAY_MS } from "../../platform/time.ts";
import type { CounterWrite, ReadCounter } from "./counters.ts";

/** Different values of tags that all tokens of one key, or of one issuer, may bring in a day. A plan that lists the values ends this. */
export const TAG_VALUES_PER_DAY = 200;

export type TagValuesAnswer =
  | { kind: "ok"; writes: CounterWrite[] }
  | { kind: "over"; tag: string; limit: number; resetAt: number };

/** Counts the values that the key's callers have not brought today, each once. `tags`: those that the caller chose. */
export function countTagValues(
  tags: Readonly<Record<string, string>>,
  keyId: string,
  read: ReadCounter,
  now: number,
): TagValuesAnswer {
  const start = Math.floor(now / DAY_MS) * DAY_MS;
  const resetAt = start + DAY_MS;
  const fresh = Object.entries(tags)
    // The length prevents ambiguity between names and values that contain "=".
    .map(([name, value]) => ({ name, id: `tag_value/1d/${start}/${keyId}/${name.length}:${name}=${value}` }))
    .filter(({ id }) => read(id) === 0);
  const [first] = fresh;
  if (first === undefined) return { kind: "ok", writes: [] };
  const all = `tag_values/1d/${start}/${keyId}`;
  const known = read(all);
  if (known + fresh.length > TAG_VALUES_PER_DAY) {
    return { kind: "over", tag: first.name, limit: TAG_VALUES_PER_DAY, resetAt };
  }
  const seen = fresh.map(({ id }) => ({ id, value: 1, resetAt }));
  return { kind: "ok", writes: [...seen, { id: all, value: known + fresh.length, resetAt }] };
}
