// `/fal/run` speaks as fal.run does: the output in the answer, or as the one event of a stream.

import * as z from "zod";
import { submitHeaders } from "../http/read-submit.ts";
import { defineRoute, type Route } from "../http/route.ts";
import { SUBMIT_ERRORS } from "./queue-routes.ts";
import { run, runStream } from "./run.ts";

const model = z.object({ model: z.string() });
const input = z.looseObject({}).describe("The model's own input, passed on as it is.");

export const runRoutes: readonly Route[] = [
  defineRoute({
    method: "POST",
    path: "/fal/run/:model{.+}/stream",
    summary: "Run a model and stream its output",
    access: "run",
    params: model,
    headers: submitHeaders,
    body: input,
    answers: { 200: { description: "text/event-stream: comments, then the final output." } },
    errors: SUBMIT_ERRORS,
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
    answers: { 200: { description: "The model's output." } },
    errors: SUBMIT_ERRORS,
    handle: (call) => run(call, call.params.model, call.url.searchParams),
  }),
];
