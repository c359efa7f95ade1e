// A plan's limits as RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers-11: lists of quoted names with
// parameters). Names are restricted by the plan's schema to what stands in quotes as it is. Imports types and limits.

import type { LimitState } from "../access/quota.ts";
import { DAY_MS, SECOND_MS } from "../limits.ts";

/** The two headers for these limits as they stand; none where the plan has no limits, as an empty list is not a field. */
export function limitHeaders(limits: readonly LimitState[], now: number): Record<string, string> {
  if (limits.length === 0) return {};
  return {
    "RateLimit-Policy": limits.map((limit) => `"${limit.name}";q=${limit.limit}${windowParameter(limit)}`).join(", "),
    RateLimit: limits
      .map(({ name, remaining, resetAt }) => `"${name}";r=${remaining};t=${Math.ceil((resetAt - now) / SECOND_MS)}`)
      .join(", "),
  };
}

/** Months differ in length and the policy should not change between answers, so a month has no `w`. */
function windowParameter(limit: LimitState): string {
  return limit.window === "1d" ? `;w=${DAY_MS / SECOND_MS}` : "";
}
