// Headers of a delivery: the endpoint's custom headers, then the reserved ones, which win. The same rules validate a header
// when it is saved. Pure.

/** Limits of custom headers: enough for a bearer token, below common server limits. */
const DELIVER_HEADER_NAME_MAX_CHARS = 100;
const DELIVER_HEADER_VALUE_MAX_CHARS = 1_000;

/** Marks outgoing deliveries, so that a delivery routed back to this gateway is rejected (http/webhook-loop.ts). */
export const HOP_HEADER = "Sluice-Hop";

/** Headers set by the sender or the runtime. */
const RESERVED = new Set([
  "host",
  "content-length",
  "content-type",
  "content-encoding",
  "accept-encoding",
  "user-agent",
  "date",
  "expect",
  "connection",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "via",
  "forwarded",
  "cdn-loop",
]);
const RESERVED_PREFIXES = ["webhook-", "sluice-", "svix-", "cf-", "x-forwarded-", "proxy-", "sec-"];

/** RFC 9110, 5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const PRINTABLE = /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/;

/** Why a custom header is refused, as a clause after "The header is refused: "; null if allowed. Never quotes the header. */
export function headerFault(name: string, value: string): string | null {
  const lower = name.toLowerCase();
  if (!TOKEN.test(name)) return "its name is not a valid header name";
  if (name.length > DELIVER_HEADER_NAME_MAX_CHARS) return "its name is too long";
  if (RESERVED.has(lower) || RESERVED_PREFIXES.some((beginning) => lower.startsWith(beginning))) {
    return "it is reserved for webhook deliveries";
  }
  if (!PRINTABLE.test(value)) return "its value is not printable ASCII";
  return value.length > DELIVER_HEADER_VALUE_MAX_CHARS ? "its value is too long" : null;
}

/** All headers by lower-case name. Custom headers that `headerFault` refuses are skipped: they were saved under older rules. */
export function deliveryHeaders(
  custom: Readonly<Record<string, string>>,
  message: { eventId: string; nowMs: number; signature: string },
): Record<string, string> {
  const allowed = Object.entries(custom).filter(([name, value]) => headerFault(name, value) === null);
  return {
    ...Object.fromEntries(allowed.map(([name, value]) => [name.toLowerCase(), value])),
    "content-type": "application/json",
    // Only the status counts, so compression would cost time for nothing.
    "accept-encoding": "identity",
    "user-agent": "Sluice-Webhooks/1",
    [HOP_HEADER.toLowerCase()]: "1",
    "webhook-id": message.eventId,
    "webhook-timestamp": String(Math.floor(message.nowMs / 1000)),
    "webhook-signature": message.signature,
  };
}
