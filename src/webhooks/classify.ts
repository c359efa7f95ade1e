// Classifies a receiver's response: success, retry or permanent failure, with a category for lists and metrics. Pure.

import type { CallOutcome } from "../net/fetch.ts";
import { retryAfterMs } from "../net/retry-after.ts";
import { DELIVER_RETRY_AFTER_MAX_MS } from "./retry-schedule.ts";

/** Maximum difference between the clock and the timestamp of a signature, in both directions. */
export const WEBHOOK_TOLERANCE_S = 300;

/** Status by which a receiver asks for no further deliveries. */
export const GONE_STATUS = 410;

/**
 * `blocked`: the URL guard refused the address. `disabled`: the endpoint is deleted or disabled. In both cases nothing was
 * sent. `connection`, `unreachable`: as far as the runtime reports (net/fetch.ts).
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
  /** `taken`: accepted; `later`: retry; `gone`: permanent. Stored values. */
  kind: "taken" | "later" | "gone";
  category: AttemptCategory;
  /** For display; contains neither the URL nor the response. */
  reason: string;
  /** Delay requested by Retry-After. */
  retryAfterMs: number | null;
}

/** Only a 2xx is a success. Redirects are failures and are not followed. */
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
 * Cloudflare answers for a receiver that cannot be reached with 520 to 527 and 530
 * (developers.cloudflare.com/support/troubleshooting/http-status-codes/cloudflare-5xx-errors).
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

/** Clock skew of the receiver from its Date header, in seconds; 0 without one. */
function clockSkewS(headers: Headers, nowMs: number): number {
  const date = Date.parse(headers.get("date") ?? "");
  return Number.isNaN(date) ? 0 : Math.round((date - nowMs) / 1000);
}
