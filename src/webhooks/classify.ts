// What a receiver's answer means: yes, later, or never again; and a category for people, lists and figures. Pure.

import type { CallOutcome } from "../net/fetch.ts";
import { retryAfterMs } from "../net/retry-after.ts";
import { DELIVER_RETRY_AFTER_MAX_MS } from "./schedule.ts";

/** fal's signature time stamp may differ from our clock by this much, both ways. */
export const WEBHOOK_TOLERANCE_S = 300;

/** A receiver that answers so wants no more, ever. */
export const GONE_STATUS = 410;

/**
 * `blocked`: our URL guard refused, nothing was sent. `disabled`: nor was it where the team no longer has the endpoint or has
 * turned it off. `connection`, `unreachable`: as far as the runtime tells (net/fetch.ts).
 */
export type AttemptCategory =
  | "accepted"
  | "redirect"
  | "refused"
  | "gone"
  | "rate_limited"
  | "server_error"
  | "timeout"
  | "dns"
  | "connection"
  | "tls"
  | "unreachable"
  | "network"
  | "blocked"
  | "disabled";

export interface Classification {
  /** `gone`: no later try can do better. */
  kind: "taken" | "later" | "gone";
  category: AttemptCategory;
  /** For people; quotes neither the URL nor the answer. */
  reason: string;
  /** The receiver's wish. */
  retryAfterMs: number | null;
}

/** Only a 2xx is a yes. A 3xx is a failure like any other and is not followed. */
export function classifyResponse(status: number, headers: Headers, nowMs: number): Classification {
  if (status >= 200 && status < 300) return classification("taken", "accepted", `HTTP ${status}`);
  if (status === GONE_STATUS) return classification("gone", "gone", "HTTP 410: the endpoint is gone");
  const wish = retryAfterMs(headers.get("retry-after"), nowMs, DELIVER_RETRY_AFTER_MAX_MS);
  return { ...classification("later", categoryOf(status), reasonOf(status, headers, nowMs)), retryAfterMs: wish };
}

export function classifyNetworkError({ reason, fault }: Extract<CallOutcome, { kind: "failed" }>): Classification {
  if (reason === "timeout") return classification("later", "timeout", "no complete response within the timeout");
  if (fault === "lost") return classification("later", "connection", "connection refused, reset or closed");
  if (fault === "unreachable") return classification("later", "unreachable", "DNS lookup or TLS handshake failed");
  return classification("later", "network", "network");
}

export function classifyBlocked(reason: string): Classification {
  return classification("gone", "blocked", `blocked by the URL guard: ${reason}`);
}

function classification(kind: Classification["kind"], category: AttemptCategory, reason: string): Classification {
  return { kind, category, reason, retryAfterMs: null };
}

/**
 * A deployed Worker's call goes out through Cloudflare, which answers in the receiver's place when it cannot be reached:
 * 520 to 527 and 530 (developers.cloudflare.com/support/troubleshooting/http-status-codes/cloudflare-5xx-errors).
 */
function categoryOf(status: number): AttemptCategory {
  if (status >= 300 && status < 400) return "redirect";
  if (status === 429) return "rate_limited";
  if (status < 500) return "refused";
  switch (status) {
    case 520:
    case 521:
    case 523:
      return "connection";
    case 522:
    case 524:
      return "timeout";
    case 525:
    case 526:
      return "tls";
    case 530:
      return "dns";
    default:
      return "server_error";
  }
}

function reasonOf(status: number, headers: Headers, nowMs: number): string {
  if (status >= 300 && status < 400)
    return `HTTP ${status}: redirects are not followed; set the endpoint URL to the final address`;
  const skewS = clockSkewS(headers, nowMs);
  const refusesTheTime = (status === 400 || status === 401 || status === 403) && Math.abs(skewS) > WEBHOOK_TOLERANCE_S;
  if (!refusesTheTime) return `HTTP ${status}`;
  const minutes = Math.round(Math.abs(skewS) / 60);
  return `HTTP ${status}; the receiver's clock is ${minutes} min ${skewS < 0 ? "behind" : "ahead"}, so it may reject the timestamp`;
}

/** How far the receiver's clock is ahead of ours, by its Date header; 0 without one. */
function clockSkewS(headers: Headers, nowMs: number): number {
  const date = Date.parse(headers.get("date") ?? "");
  return Number.isNaN(date) ? 0 : Math.round((date - nowMs) / 1000);
}
