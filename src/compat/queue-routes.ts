// The routes of fal's queue below a prefix: `/fal/queue` is compatible with queue.fal.run, `/maton/fal-ai` with Maton in front of it. A
// model's sub-path matters only for submits; on a request's URL it is accepted and ignored.

import { EVENT_STREAM } from "../http/event-stream.ts";
import { REQUEST_BODY_MAX_BYTES } from "../http/json-body.ts";
import { LIMIT_ERRORS, LIMIT_HEADERS } from "../http/limit-headers.ts";
import { submitHeaders } from "../http/read-submit.ts";
import { defineRoute, type Route } from "../http/route.ts";
import { lazy } from "../platform/schema.ts";
import { cancelSchema, outputSchema, statusSchema, submittedSchema } from "./answers.ts";
import { queueCancel, queueResult, queueStatus, queueStream } from "./queue.ts";
import { type CompatCall, type SurfaceUrl, submitToQueue } from "./submit.ts";

const named = lazy((z) => z.object({ app: z.string(), id: z.string() }));
const webhookQuery = lazy((z) =>
  z.looseObject({
    fal_webhook: z
      .url({ protocol: /^https?$/ })
      .optional()
      .describe("URL notified when the request finishes."),
  }),
);
const logsQuery = lazy((z) =>
  z.looseObject({ logs: z.string().optional().describe("`1` or `true` to include log lines.") }),
);

/** Headers of every response to a submit. */
export const SUBMIT_HEADERS = [...LIMIT_HEADERS, "Idempotent-Replayed"] as const;

export const RUN_FAILED = "The run failed; the status and body are those of the failure.";

/** Error codes of every submit on these surfaces, beside those of authentication. */
export const SUBMIT_ERRORS = [
  "invalid_request",
  "invalid_input",
  "not_found",
  "payload_too_large",
  "user_mismatch",
  "model_not_allowed",
  "forbidden",
  "price_unknown",
  ...LIMIT_ERRORS,
  "idempotency_mismatch",
  "conflict",
  "gone",
  "input_unreachable",
  "upstream_paused",
  "team_full",
  { code: "internal", status: 503 },
] as const;

/**
 * The five calls of fal's queue. URLs in responses begin with the caller's origin and this prefix; a configured BASE_URL replaces the
 * origin, which a reverse proxy may hide.
 */
export function queueRoutes(prefix: `/${string}`): readonly Route[] {
  const request = `${prefix}/:app{.+}/requests/:id` as const;
  const surfaceUrl = ({ url, config }: Pick<CompatCall, "url" | "config">): SurfaceUrl => {
    return { base: `${config().BASE_URL ?? url.origin}${prefix}`, query: url.searchParams };
  };
  const result = (path: `/${string}`): Route =>
    defineRoute({
      method: "GET",
      path,
      summary: "Retrieve the result of a queued request",
      access: "view",
      params: named,
      answers: {
        200: {
          description: "The model's output: JSON, or a file if the model returned one.",
          schema: outputSchema,
          contentType: "*/*",
          headers: ["X-Fal-Billable-Units", "X-Fal-Request-Id"],
        },
        400: { description: "`Request is still in progress`, after waiting `hold_s`." },
      },
      errors: ["not_found", "gone"],
      passesOn: RUN_FAILED,
      handle: (call) => queueResult(call, call.params),
    });
  return [
    defineRoute({
      method: "POST",
      path: `${prefix}/:model{.+}`,
      summary: "Submit a request to the queue",
      access: "run",
      params: (z) => z.object({ model: z.string() }),
      query: webhookQuery,
      headers: submitHeaders,
      body: (z) => z.looseObject({}).describe("The model's input, passed on unchanged."),
      optionalBody: true,
      bodyMaxBytes: REQUEST_BODY_MAX_BYTES,
      answers: {
        200: {
          description: "The request was queued: `request_id` and its URLs.",
          schema: submittedSchema,
          headers: [...SUBMIT_HEADERS, "X-Fal-Request-Id"],
        },
      },
      errors: SUBMIT_ERRORS,
      passesOn: RUN_FAILED,
      handle: (call) => submitToQueue(call, call.params.model, surfaceUrl(call)),
    }),
    defineRoute({
      method: "GET",
      path: `${request}/status`,
      summary: "Retrieve the status of a queued request, waiting for a change",
      access: "view",
      params: named,
      query: logsQuery,
      answers: {
        200: {
          description: "COMPLETED, with or without an error.",
          schema: statusSchema,
          headers: ["X-Fal-Request-Id"],
        },
        202: { description: "IN_QUEUE or IN_PROGRESS.", schema: statusSchema, headers: ["X-Fal-Request-Id"] },
      },
      errors: ["not_found", "gone"],
      handle: (call) => queueStatus(call, call.params, surfaceUrl(call)),
    }),
    defineRoute({
      method: "GET",
      path: `${request}/status/stream`,
      summary: "Stream the status of a queued request (server-sent events)",
      access: "view",
      params: named,
      query: logsQuery,
      answers: {
        200: {
          description: "An event for each change; the stream closes after COMPLETED.",
          contentType: EVENT_STREAM,
          headers: ["X-Fal-Request-Id"],
        },
      },
      errors: ["not_found", "gone"],
      handle: (call) => queueStream(call, call.params, surfaceUrl(call)),
    }),
    result(request),
    // The path in fal's guide (fal.ai/docs/documentation/model-apis/inference/queue); fal's API does not support it.
    result(`${request}/response`),
    defineRoute({
      method: "PUT",
      path: `${request}/cancel`,
      summary: "Cancel a queued request",
      access: "run",
      params: named,
      answers: {
        202: { description: "Cancellation requested. The run may still finish and be charged.", schema: cancelSchema },
        400: { description: "The request has already ended." },
      },
      errors: ["not_found", "gone"],
      handle: (call) => queueCancel(call, call.params),
    }),
  ];
}
