// A plan's limits as RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers-11: lists of quoted names with
// parameters). The plan's schema restricts names to characters that need no escaping in quotes.

import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from "../platform/time.ts";
import type { LimitState } from "../team/quota/limits.ts";

/** Their names, for route declarations. */
export const LIMIT_HEADERS = ["RateLimit", "RateLimit-Policy"] as const;

/** The errors of an exceeded limit, for route declarations. */
export const LIMIT_ERRORS = [
  "quota_exceeded",
  "visitor_limit",
  { code: "visitor_limit", status: 429, retryable: true },
  "rate_limited",
] as const;

/** The largest integer of a structured field (RFC 9651, 3.3.1). Larger limits are clamped. */
const INTEGER_MAX = 999_999_999_999_999;

/** The two headers for these limits; none without limits, because an empty list is not a valid field. */
export function limitHeaders(limits: readonly LimitState[], now: number): Record<string, string> {
  if (limits.length === 0) return {};
  return {
    "RateLimit-Policy": limits
      .map((limit) => `"${limit.name}";q=${shown(limit.limit)}${windowParameter(limit)}${unitParameter(limit)}`)
      .join(", "),
    RateLimit: limits
      .map((limit) => `"${limit.name}";r=${shown(limit.remaining)}${resetParameter(limit, now)}`)
      .join(", "),
  };
}

/** Months differ in length and the policy should not change between answers, so a month has no `w`. */
function windowParameter({ window }: LimitState): string {
  switch (window) {
    case "1m":
      return `;w=${MINUTE_MS / SECOND_MS}`;
    case "1h":
      return `;w=${HOUR_MS / SECOND_MS}`;
    case "1d":
      return `;w=${DAY_MS / SECOND_MS}`;
    case "1mo":
    case null:
      return "";
  }
}

/** The draft's units. It has none for money; other clients ignore a vendor's own parameter. */
function unitParameter({ per }: LimitState): string {
  switch (per) {
    case "request":
    case "upload":
      return "";
    case "concurrent":
      return ';qu="concurrent-requests"';
    case "output_byte":
    case "upload_byte":
      return ';qu="content-bytes"';
    case "usd":
      return ';sluice-unit="micro-usd"';
  }
}

function resetParameter({ resetAt }: LimitState, now: number): string {
  return resetAt === null ? "" : `;t=${Math.max(0, Math.ceil((resetAt - now) / SECOND_MS))}`;
}

function shown(amount: number): number {
  return Math.min(amount, INTEGER_MAX);
}
