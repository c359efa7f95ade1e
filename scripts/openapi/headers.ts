// Descriptions of response headers in the API description.

import type { AnswerHeader } from "../../src/http/route.ts";
import type { JsonObject } from "./schemas.ts";

const text = { type: "string" };
const number = { type: "integer" };

const MEANINGS: Readonly<
  Record<AnswerHeader | "Allow" | "WWW-Authenticate", [description: string, schema: JsonObject]>
> = {
  Allow: ["Allowed methods of the path.", text],
  "Content-Disposition": ["Whether the file is displayed or downloaded, and its name (RFC 6266).", text],
  ETag: ["The version of the body, for `If-None-Match`.", text],
  "Idempotent-Replayed": [
    "`true` if an earlier call with the same Idempotency-Key created this request.",
    { const: "true" },
  ],
  Location: ["URL of the created resource.", text],
  "Preference-Applied": ["The `wait` of `Prefer` that was applied (RFC 7240).", text],
  RateLimit: [
    "Remaining quota of each limit, and seconds until it resets (draft-ietf-httpapi-ratelimit-headers-11).",
    text,
  ],
  "RateLimit-Policy": ["The limits of the plan, by name (draft-ietf-httpapi-ratelimit-headers-11).", text],
  "Retry-After": ["Seconds to wait before retrying.", number],
  "WWW-Authenticate": ["How to authenticate: `Bearer`.", text],
  "X-Fal-Billable-Units": ["Units that fal billed for the run.", text],
  "X-Fal-Request-Id": ["Id of the request.", text],
};

export function headerComponents(): JsonObject {
  return Object.fromEntries(
    Object.entries(MEANINGS).map(([name, [description, schema]]) => [name, { description, schema }]),
  );
}

/** The `headers` of a response; none where it has none of its own. */
export function headersOf(names: readonly (keyof typeof MEANINGS)[] | undefined): JsonObject {
  if (names === undefined || names.length === 0) return {};
  const sorted = [...new Set(names)].sort();
  return { headers: Object.fromEntries(sorted.map((name) => [name, { $ref: `#/components/headers/${name}` }])) };
}
