// The request object as callers read it, and its summary in lists: the schemas that the API is described by, and the types that
// the serializer has to answer. A field that one of the two lacks does not compile.

import type * as z from "zod";
import type { RawText } from "../../platform/json.ts";
import { lazy } from "../../platform/schema.ts";

const instant = lazy((z) => z.iso.datetime().nullable());

/** JSON that stands in the answer as it was written, so that its numbers stay exact: the serializer gives its text or null. */
function asWritten<T extends z.ZodType>(schema: T): z.ZodType<z.output<T>, RawText | null> {
  return schema as unknown as z.ZodType<z.output<T>, RawText | null>;
}

export const requestBody = lazy((z) =>
  z.object({
    id: z.string(),
    model: z.string(),
    status: z.enum(["IN_QUEUE", "IN_PROGRESS", "COMPLETED", "FAILED", "CANCELED"]),
    stage: z.enum([
      "held",
      "submitting",
      "uncertain",
      "queued",
      "running",
      "storing",
      "completed",
      "failed",
      "canceled",
    ]),
    queue_position: z
      .int()
      .nullable()
      .describe("Position in Sluice's queue while the request is held; afterwards, position in fal's queue."),
    waiting: z
      .object({
        reason: z.enum(["pace", "slot", "upstream_paused"]),
        why: z.enum(["locked", "key_refused", "failing", "rate_limited"]).nullable(),
        since: instant(),
        starts_at: instant(),
      })
      .nullable()
      .describe(
        "Why a held request is waiting. `why` and `since` are set when `reason` is `upstream_paused`. `starts_at` is an estimate, or null if unknown.",
      ),
    typical_duration: z
      .object({ p50_s: z.number(), p95_s: z.number(), samples: z.int() })
      .nullable()
      .describe(
        "Recent durations of this model's requests, from submit to output. Null until enough requests have completed.",
      ),
    created_at: instant(),
    submitted_at: instant(),
    started_at: instant(),
    completed_at: instant(),
    expires_at: instant(),
    output: asWritten(z.unknown()).describe(
      "The model's output, with file URLs replaced by Sluice's. Null until the request is COMPLETED.",
    ),
    output_format: z
      .enum(["json", "text"])
      .nullable()
      .describe(
        "`text`: the model's output is no JSON (for example, it holds NaN), and `output` is its text as a string. Null until there is an output.",
      ),
    files: z.array(
      z.object({
        path: z.string(),
        url: z.string().nullable(),
        status: z.enum(["pending", "stored", "failed", "not_copied", "deleted"]),
        content_type: z.string().nullable(),
        size: z.int().nullable(),
        sha256: z.string().nullable(),
        error: z.object({ code: z.string(), message: z.string() }).nullable(),
      }),
    ),
    error: z
      .object({
        code: z.string(),
        message: z.string(),
        detail: asWritten(z.unknown()),
        retryable: z.boolean(),
        charged: z.union([z.boolean(), z.literal("unknown")]),
        user_message: z
          .string()
          .nullable()
          .describe("A sentence that an app may show to its own user; null where the error is none of theirs."),
      })
      .nullable(),
    cost: z.object({
      currency: z.literal("USD"),
      estimated: z.string().nullable(),
      charged: z.string().nullable(),
      source: z.enum(["units", "measured", "reserved", "unknown"]),
    }),
    user: z.string().nullable(),
    key_id: z.string(),
    tags: z.record(z.string(), z.string()),
    metadata: asWritten(z.unknown()),
    metrics: asWritten(z.unknown()),
    logs: asWritten(z.array(z.unknown()).nullable()),
    webhook: z
      .object({
        url: z.string(),
        status: z.enum(["pending", "delivered", "failed"]),
        attempts: z.int(),
        delivery_id: z
          .string()
          .nullable()
          .describe("ID of the delivery. Retrieve its attempts with GET /v1/deliveries/{delivery_id}."),
      })
      .nullable(),
    upstream: z.object({ request_id: z.string().nullable(), calls: z.int() }),
    links: z.object({
      self: z.string(),
      events: z.string(),
      timeline: z.string(),
      input: z.string(),
      cancel: z.string(),
    }),
  }),
);

/** What the serializer answers; `objectText` prints it. */
export type RequestBody = z.input<ReturnType<typeof requestBody>>;

export const requestSummaryBody = lazy((z) =>
  z.object({
    id: z.string(),
    model: z.string(),
    status: z.enum(["open", "completed", "failed", "canceled"]),
    user: z.string().nullable(),
    key_id: z.string(),
    key_name: z.string().describe("As the key was called when the request was submitted."),
    tags: z.record(z.string(), z.string()),
    created_at: instant(),
    completed_at: instant(),
    duration_s: z.number().nullable().describe("From submit to output; null without an output."),
    estimated: z.string().nullable().describe("Reserved for it, in USD; null if unknown."),
    charged: z.string().nullable().describe("In USD; null until it is settled, or if unknown."),
    error_code: z.string().nullable(),
    file: z
      .object({
        count: z.int().describe("Stored files of the output."),
        content_type: z.string().nullable(),
        url: z.string().nullable().describe("Null once it is deleted; then retrieve the request."),
      })
      .nullable()
      .describe("The stored files: how many, and the first. Null without any."),
    attention: z
      .array(z.enum(["unsettled_charge", "failed_file", "failed_delivery"]))
      .describe("What a person should look at; mostly empty."),
  }),
);

export type RequestSummaryBody = z.input<ReturnType<typeof requestSummaryBody>>;
