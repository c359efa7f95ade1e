// `/fal/run`, compatible with fal.run: the output as the response, or as the single event of a stream.

import { EVENT_STREAM } from "../http/event-stream.ts";
import { REQUEST_BODY_MAX_BYTES } from "../http/json-body.ts";
import { submitHeaders } from "../http/read-submit.ts";
import { defineRoute, type Route } from "../http/route.ts";
import { lazy } from "../platform/schema.ts";
import { outputSchema } from "./answers.ts";
import { RUN_FAILED, SUBMIT_ERRORS, SUBMIT_HEADERS } from "./queue-routes.ts";
import { run, runStream } from "./run.ts";

const model = lazy((z) => z.object({ model: z.string() }));
const input = lazy((z) => z.looseObject({}).describe("The model's input, passed on unchanged."));

export const runRoutes: readonly Route[] = [
  defineRoute({
    method: "POST",
    path: "/fal/run/:model{.+}/stream",
    summary: "Run a model and stream its output",
    access: "run",
    params: model,
    headers: submitHeaders,
    body: input,
    optionalBody: true,
    bodyMaxBytes: REQUEST_BODY_MAX_BYTES,
    answers: {
      200: {
        description: "Keep-alive comments, then the final output.",
        contentType: EVENT_STREAM,
        headers: [...SUBMIT_HEADERS, "X-Fal-Request-Id"],
      },
    },
    errors: SUBMIT_ERRORS,
    passesOn: RUN_FAILED,
    handle: (call) => runStream(call, call.params.model, call.url.searchParams),
  }),
  defineRoute({
    method: "POST",
    path: "/fal/run/:model{.+}",
    summary: "Run a model and wait for its output",
    access: "run",
    params: model,
    headers: submitHeaders,
    body: input,
    optionalBody: true,
    bodyMaxBytes: REQUEST_BODY_MAX_BYTES,
    answers: {
      200: {
        description: "The model's output: JSON, or a file if the model returned one.",
        schema: outputSchema,
        contentType: "*/*",
        headers: [...SUBMIT_HEADERS, "X-Fal-Billable-Units", "X-Fal-Request-Id"],
      },
    },
    errors: SUBMIT_ERRORS,
    passesOn: RUN_FAILED,
    handle: (call) => run(call, call.params.model, call.url.searchParams),
  }),
];
