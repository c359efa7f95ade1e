// Headers as the API description has them: what each says in an answer.

import type { AnswerHeader } from "../../src/http/route.ts";
import type { JsonObject } from "./schemas.ts";

const text = { type: "string" };
const number = { type: "integer" };

const MEANINGS: Readonly<
  Record<AnswerHeader | "Allow" | "WWW-Authenticate", [description: string, schema: JsonObject]>
> = {
  Allow: ["The methods that the path takes.", text],
  "Content-Disposition": ["Shown in the page or saved, and under which name (RFC 6266).", text],
  ETag: ["The version of the body, for `If-None-Match`.", text],
  "Idempotent-Replayed": [
    "`true`: an earlier post with the same Idempotency-Key made this request.",
    { const: "true" },
  ],
  Location: ["Where to read what was made.", text],
  "Preference-Applied": ["The `wait` of `Prefer` that was applied (RFC 7240).", text],
  RateLimit: [
    "What is left of each limit, and seconds until it resets (draft-ietf-httpapi-ratelimit-headers-11).",
    text,
  ],
  "RateLimit-Policy": ["The limits of the plan, by name (draft-ietf-httpapi-ratelimit-headers-11).", text],
  "Retry-After": ["Seconds to wait before the next try.", number],
  "WWW-Authenticate": ["How to authenticate: `Bearer`.", text],
  "X-Fal-Billable-Units": ["The units that fal billed for the run.", text],
  "X-Fal-Request-Id": ["The request's id.", text],
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
