// Response headers in the API description: their meanings, and which every response has.

import type { AnswerHeader } from "../../src/http/route.ts";
import { VERSION } from "../../src/platform/version.ts";
import type { JsonObject } from "./schemas.ts";

const text = { type: "string" };
const number = { type: "integer" };

/** Headers of every response, whatever the operation (http/call-id.ts). */
const EVERYWHERE = ["X-Request-Id", "X-Sluice-Version"] as const;

/** Those that no route declares: of errors, and of stored bytes. */
type OtherHeader =
  | "Accept-Ranges"
  | "Content-Range"
  | "WWW-Authenticate"
  | "X-Fal-Error-Type"
  | "X-Fal-Needs-Retry"
  | "X-Fal-Request-Timeout-Type"
  | "X-Fal-Retryable";

export type DescribedHeader = AnswerHeader | OtherHeader | (typeof EVERYWHERE)[number];

const RETRYABLE = "`1` if a retry of the same call may succeed, else `0`.";

const MEANINGS: Readonly<Record<DescribedHeader, [description: string, schema: JsonObject, example?: unknown]>> = {
  "Accept-Ranges": ["`bytes`: parts of the file can be requested with `Range`.", { const: "bytes" }],
  "Content-Disposition": ["Whether the file is displayed or downloaded, and its name (RFC 6266).", text],
  "Content-Range": ["The part of the file in this response (RFC 9110, 14.4).", text, "bytes 0-1023/96000"],
  ETag: ["The version of the body, for `If-None-Match`.", text],
  "Idempotent-Replayed": [
    "`true` if an earlier call with the same Idempotency-Key created this request.",
    { const: "true" },
  ],
  Location: ["URL of the created resource.", text],
  "Preference-Applied": ["The `wait` of `Prefer` that was applied (RFC 7240).", text, "wait=30"],
  RateLimit: [
    "Remaining quota of each limit (`r`), and seconds until it resets (`t`). A list in the syntax of draft-ietf-httpapi-ratelimit-headers-11.",
    text,
    '"daily";r=99;t=43200',
  ],
  "RateLimit-Policy": [
    "The limits of the plan by name: quota (`q`) and window in seconds (`w`). A list in the syntax of draft-ietf-httpapi-ratelimit-headers-11.",
    text,
    '"daily";q=100;w=86400',
  ],
  "Retry-After": ["Seconds to wait before retrying.", number, 5],
  "WWW-Authenticate": ["How to authenticate: `Bearer`.", { const: "Bearer" }],
  "X-Fal-Billable-Units": ["Units that fal billed for the run.", text, "1"],
  "X-Fal-Error-Type": ["An error code of Sluice, or fal's error type.", text, "rate_limited"],
  "X-Fal-Needs-Retry": [`${RETRYABLE} The newer name of \`X-Fal-Retryable\`.`, { enum: ["0", "1"] }],
  "X-Fal-Request-Id": ["Id of the request.", text],
  "X-Fal-Request-Timeout-Type": ["`user` if the run did not start within the time that the caller set.", text, "user"],
  "X-Fal-Retryable": [RETRYABLE, { enum: ["0", "1"] }],
  "X-Request-Id": [
    "Id of this call, which the operator finds in the log. Not the id of a request.",
    text,
    "pQ3sVb8mZ1kT6xYw0aRc",
  ],
  "X-Sluice-Version": [
    "Version of the code that answered (SemVer). While a new version is rolled out, two calls may differ.",
    text,
    VERSION,
  ],
};

export function headerComponents(): JsonObject {
  return Object.fromEntries(
    Object.entries(MEANINGS).map(([name, [description, schema, example]]) => [
      name,
      { description, schema, ...(example === undefined ? {} : { example }) },
    ]),
  );
}

/** The `headers` of a response: its own, and those of every response. */
export function headersOf(names: readonly DescribedHeader[] = []): JsonObject {
  const sorted = [...new Set([...names, ...EVERYWHERE])].sort();
  return { headers: Object.fromEntries(sorted.map((name) => [name, { $ref: `#/components/headers/${name}` }])) };
}
