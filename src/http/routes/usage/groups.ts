// `group_by` of usage: which words are groups, and which of them go together. Every grouping adds up to the same total, so one that
// could not is refused with one that can.

import type { UsageGroup } from "../../../contracts/team-admin.ts";
import { type Refused, refusal, refused } from "../../../platform/errors.ts";
import { TAG_TEXT_MAX_CHARS } from "../../../platform/validate.ts";

const PLAIN = ["hour", "day", "model", "user", "key"] as const satisfies readonly UsageGroup[];
const TAG_PREFIX = "tag:";

/** `text` is the list as it was asked for, without repetitions. */
export interface Groups {
  kind: "groups";
  text: string[];
  groupBy: UsageGroup[];
  tagName: string | null;
}

/** Reads a comma-separated list. Empty: one total. */
export function readGroups(list: string): Groups | Refused {
  const words = list === "" ? [] : [...new Set(list.split(",").map((word) => word.trim()))];
  const groups: Groups = { kind: "groups", text: words, groupBy: [], tagName: null };
  for (const word of words) {
    const plain = PLAIN.find((name) => name === word);
    if (plain !== undefined) {
      groups.groupBy.push(plain);
      continue;
    }
    const fault = tagFault(word, groups.tagName);
    if (fault !== null) return fault;
    groups.groupBy.push("tag");
    groups.tagName = word.slice(TAG_PREFIX.length);
  }
  if (groups.groupBy.includes("hour") && groups.tagName !== null) {
    return invalid(
      "`group_by` cannot have both `hour` and a tag: sums per hour know no tags.",
      "Group by day instead.",
    );
  }
  return groups;
}

/** Why a word is no tag group, or a second one. */
function tagFault(word: string, earlier: string | null): Refused | null {
  if (word === "tag" || word === TAG_PREFIX) {
    return invalid(
      "`group_by=tag` cannot add up: a request with two tags would count twice, one without any not at all.",
      "Name the tag: `group_by=tag:client` has a row for each value of `client`, and `(untagged)` for the rest.",
    );
  }
  if (!word.startsWith(TAG_PREFIX)) {
    const names = PLAIN.map((name) => `\`${name}\``).join(", ");
    return invalid(
      `\`group_by\` may list ${names} and \`tag:<name>\`, not \`${word}\`.`,
      "Separate several by commas.",
    );
  }
  if (word.length - TAG_PREFIX.length > TAG_TEXT_MAX_CHARS) {
    return invalid(`A tag's name has at most ${TAG_TEXT_MAX_CHARS} characters.`, "Shorten `group_by`.");
  }
  return earlier === null
    ? null
    : invalid(
        "`group_by` takes one tag: sums are kept for each tag alone.",
        "GET /v1/requests?format=csv has all tags of each request.",
      );
}

function invalid(detail: string, hint: string): Refused {
  return refused(refusal("invalid_request", detail, { hint }));
}
