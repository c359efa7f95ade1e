// The queue's routes below a prefix: `/fal/queue` speaks as queue.fal.run does, and `/maton/fal-ai` as Maton in front of it.
// Sub-paths of a model belong to its submit alone; on a request's URL they are taken and mean nothing.

import * as z from "zod";
import { EVENT_STREAM } from "../http/event-stream.ts";
import { LIMIT_HEADERS } from "../http/limit-headers.ts";
import { submitHeaders } from "../http/read-submit.ts";
import { defineRoute, type Route } from "../http/route.ts";
import { cancelSchema, outputSchema, statusSchema, submittedSchema } from "./answers.ts";
import { queueCancel, queueResult, queueStatus, queueStream } from "./queue.ts";
import { type Asked, type CompatCall, submitToQueue } from "./submit.ts";

const named = z.object({ app: z.string(), id: z.string() });
const webhookQuery = z.looseObject({
  fal_webhook: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe("URL notified when the request finishes."),
});
const logsQuery = z.looseObject({ logs: z.string().optional().describe("`1` or `true` for log lines.") });

/** What every answer to a submit says beside its body. */
export const SUBMIT_HEADERS = [...LIMIT_HEADERS, "Idempotent-Replayed"] as const;

export const RUN_FAILED = "The run failed: the failure's own status and body.";

/** What every submit of these surfaces may be refused with, on top of authentication. */
export const SUBMIT_ERRORS = [
  "invalid_request",
  "invalid_input",
  "not_found",
  "payload_too_large",
  "user_mismatch",
  "model_not_allowed",
  "forbidden",
  "price_unknown",
  "quota_exceeded",
  "rate_limited",
  "idempotency_mismatch",
  "conflict",
  "gone",
  "input_unreachable",
  "upstream_paused",
  { code: "internal", status: 503 },
] as const;

/**
 * The five calls of fal's queue. URLs in answers begin with the origin that the caller used, and this prefix; a configured
 * BASE_URL comes before it, because behind a proxy only that is where the caller stands.
 */
export function queueRoutes(prefix: `/${string}`): readonly Route[] {
  const request = `${prefix}/:app{.+}/requests/:id` as const;
  const asked = ({ url, config }: Pick<CompatCall, "url" | "config">): Asked => {
    return { base: `${config().BASE_URL ?? url.origin}${prefix}`, query: url.searchParams };
  };
  const result = (path: `/${string}`): Route =>
    defineRoute({
      method: "GET",
      path,
      summary: "Result of a queued run",
      access: "read",
      params: named,
      answers: {
        200: {
          description: "The model's output, or the file that the model answered with.",
          schema: outputSchema,
          contentType: "*/*",
          headers: ["X-Fal-Billable-Units", "X-Fal-Request-Id"],
        },
        400: { description: "`Request is still in progress`, after a hold of `hold_s`." },
      },
      errors: ["not_found", "gone"],
      passesOn: RUN_FAILED,
      handle: (call) => queueResult(call, call.params),
    });
  return [
    defineRoute({
      method: "POST",
      path: `${prefix}/:model{.+}`,
      summary: "Submit a model run to the queue",
      access: "run",
      params: z.object({ model: z.string() }),
      query: webhookQuery,
      headers: submitHeaders,
      body: z.looseObject({}).describe("The model's own input, passed on as it is."),
      answers: {
        200: {
          description: "It is in the queue: `request_id` and where to look.",
          schema: submittedSchema,
          headers: [...SUBMIT_HEADERS, "X-Fal-Request-Id"],
        },
      },
      errors: SUBMIT_ERRORS,
      passesOn: RUN_FAILED,
      handle: (call) => submitToQueue(call, call.params.model, asked(call)),
    }),
    defineRoute({
      method: "GET",
      path: `${request}/status`,
      summary: "Status of a queued run, held until there is news",
      access: "read",
      params: named,
      query: logsQuery,
      answers: {
        200: { description: "COMPLETED, well or badly.", schema: statusSchema, headers: ["X-Fal-Request-Id"] },
        202: { description: "IN_QUEUE or IN_PROGRESS.", schema: statusSchema, headers: ["X-Fal-Request-Id"] },
      },
      errors: ["not_found", "gone"],
      handle: (call) => queueStatus(call, call.params, asked(call)),
    }),
    defineRoute({
      method: "GET",
      path: `${request}/status/stream`,
      summary: "Status of a queued run as server-sent events",
      access: "read",
      params: named,
      query: logsQuery,
      answers: {
        200: {
          description: "An event for each change, closed after COMPLETED.",
          contentType: EVENT_STREAM,
          headers: ["X-Fal-Request-Id"],
        },
      },
      errors: ["not_found", "gone"],
      handle: (call) => queueStream(call, call.params, asked(call)),
    }),
    result(request),
    // As fal's guide spells it (fal.ai/docs/documentation/model-apis/inference/queue); its API does not.
    result(`${request}/response`),
    defineRoute({
      method: "PUT",
      path: `${request}/cancel`,
      summary: "Cancel a queued run",
      access: "run",
      params: named,
      answers: {
        202: { description: "Asked for; it may still finish, and be charged.", schema: cancelSchema },
        400: { description: "It is over already." },
      },
      errors: ["not_found", "gone"],
      handle: (call) => queueCancel(call, call.params),
    }),
  ];
}
