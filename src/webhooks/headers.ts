// The headers of a delivery: an endpoint's own ones first, ours over them. The same rules judge a header when it is saved.
// Pure.

/** An endpoint's own headers: a bearer token fits, and all of them stay far below what servers take. */
const DELIVER_HEADER_NAME_MAX_CHARS = 100;
const DELIVER_HEADER_VALUE_MAX_CHARS = 1_000;

/** Marks what a relay sent, so that a delivery that is led back here starts nothing (http/loop.ts). */
export const HOP_HEADER = "Sluice-Hop";

/** What only the sender of a message may say about it, or what the runtime says by itself. */
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

/** Why an endpoint may not have this header, to follow "The header is refused: "; null when it may. Quotes nothing of it. */
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

/** The whole header list by lower-case names. What `headerFault` refuses is left out: it was saved under older rules. */
export function deliveryHeaders(
  custom: Readonly<Record<string, string>>,
  message: { eventId: string; nowMs: number; signature: string },
): Record<string, string> {
  const allowed = Object.entries(custom).filter(([name, value]) => headerFault(name, value) === null);
  return {
    ...Object.fromEntries(allowed.map(([name, value]) => [name.toLowerCase(), value])),
    "content-type": "application/json",
    // A compressed answer would only have to be unpacked again; its status is what counts.
    "accept-encoding": "identity",
    "user-agent": "Sluice-Webhooks/1",
    [HOP_HEADER.toLowerCase()]: "1",
    "webhook-id": message.eventId,
    "webhook-timestamp": String(Math.floor(message.nowMs / 1000)),
    "webhook-signature": message.signature,
  };
}
