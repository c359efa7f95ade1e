// `/fal/proxy`: the `proxyUrl` of fal's JavaScript client (fal-ai/fal-js:libs/proxy). `x-fal-target-url` selects one of our own
// operations and is never called, so credentials are not forwarded. URLs in bodies stay on queue.fal.run: the AI SDK sends its key
// only to that origin, through this proxy.

import { REQUEST_BODY_MAX_BYTES } from "../http/json-body.ts";
import { submitHeaders } from "../http/read-submit.ts";
import { defineRoute, type Route } from "../http/route.ts";
import { refusal } from "../platform/errors.ts";
import { lazy } from "../platform/schema.ts";
import { cancelSchema, outputSchema, statusSchema, submittedSchema, uploadSchema } from "./answers.ts";
import { type ProxyTarget, proxyTarget } from "./proxy-target.ts";
import { queueCancel, queueResult, queueStatus, queueStream } from "./queue.ts";
import { RUN_FAILED, SUBMIT_ERRORS, SUBMIT_HEADERS } from "./queue-routes.ts";
import { run, runStream } from "./run.ts";
import { type CompatOutcome, type SurfaceUrl, submitToQueue } from "./submit.ts";
import { beginUpload } from "./upload.ts";

const QUEUE = "https://queue.fal.run";
const target = lazy((z) => z.string().max(4_096).optional().describe("The fal URL that the client would call."));

const NO_TOKENS = refusal(
  "invalid_request",
  "This proxy does not issue fal tokens, which would bypass the team's limits.",
  {
    hint: 'On pages, use a Sluice client token of POST /v1/tokens. Instead of realtime, use fal.subscribe with `mode: "streaming"`.',
  },
);

/** Why a target is refused; the message does not repeat the target, which may contain a token. */
function noSuchTarget(given: string | undefined): { refusal: ReturnType<typeof refusal> } {
  const detail = given === undefined ? "The header `x-fal-target-url` is required." : "Unsupported `x-fal-target-url`.";
  const hint =
    "Supported: https://queue.fal.run/{model} and its requests, https://fal.run/{model}, and uploads to https://rest.fal.ai.";
  return { refusal: refusal("invalid_request", detail, { hint }) };
}

function targetOf(given: string | undefined): SurfaceUrl {
  return { base: QUEUE, query: URL.parse(given ?? "")?.searchParams ?? new URLSearchParams() };
}

function read(method: string, given: string | undefined): ProxyTarget {
  return given === undefined ? { kind: "unknown" } : proxyTarget(method, given);
}

export const proxyRoutes: readonly Route[] = [
  defineRoute({
    method: "GET",
    path: "/fal/proxy",
    summary: "Retrieve the status, status stream or result that `x-fal-target-url` names",
    access: "view",
    headers: (z) => z.looseObject({ "x-fal-target-url": target() }),
    answers: {
      200: {
        description: "The response in fal's format: a status, a status stream, or an output.",
        schema: (z) => z.union([statusSchema(), outputSchema()]),
        contentType: "*/*",
        headers: ["X-Fal-Billable-Units", "X-Fal-Request-Id"],
      },
      202: { description: "IN_QUEUE or IN_PROGRESS.", schema: statusSchema, headers: ["X-Fal-Request-Id"] },
    },
    errors: ["invalid_request", "not_found", "gone"],
    passesOn: RUN_FAILED,
    async handle(call): Promise<CompatOutcome> {
      const given = call.headers["x-fal-target-url"];
      const named = read("GET", given);
      switch (named.kind) {
        case "status":
          return queueStatus(call, named, targetOf(given));
        case "stream":
          return queueStream(call, named, targetOf(given));
        case "result":
          return queueResult(call, named);
        case "submit":
        case "cancel":
        case "run":
        case "run_stream":
        case "upload":
        case "multipart_upload":
        case "token":
        case "unknown":
          return noSuchTarget(given);
      }
    },
  }),
  defineRoute({
    method: "POST",
    path: "/fal/proxy",
    summary: "Submit, run or upload, depending on `x-fal-target-url`",
    access: "run",
    headers: () => submitHeaders().extend({ "x-fal-target-url": target() }),
    body: (z) => z.looseObject({}).describe("The model's input, or the description of an upload."),
    optionalBody: true,
    bodyMaxBytes: REQUEST_BODY_MAX_BYTES,
    answers: {
      200: {
        description: "The response in fal's format: a submitted request, an output, a stream, or an upload URL.",
        schema: (z) => z.union([submittedSchema(), uploadSchema(), outputSchema()]),
        contentType: "*/*",
        headers: [...SUBMIT_HEADERS, "X-Fal-Billable-Units", "X-Fal-Request-Id"],
      },
    },
    errors: [...SUBMIT_ERRORS, "unsupported_media_type"],
    passesOn: RUN_FAILED,
    async handle(call): Promise<CompatOutcome> {
      const given = call.headers["x-fal-target-url"];
      const named = read("POST", given);
      switch (named.kind) {
        case "submit":
          return submitToQueue(call, named.model, targetOf(given));
        case "run":
          return run(call, named.model, targetOf(given).query);
        case "run_stream":
          return runStream(call, named.model, targetOf(given).query);
        case "upload":
        case "multipart_upload":
          return beginUpload(call);
        case "token":
          return { refusal: NO_TOKENS };
        case "status":
        case "stream":
        case "result":
        case "cancel":
        case "unknown":
          return noSuchTarget(given);
      }
    },
  }),
  defineRoute({
    method: "PUT",
    path: "/fal/proxy",
    summary: "Cancel the request that `x-fal-target-url` names",
    access: "run",
    headers: (z) => z.looseObject({ "x-fal-target-url": target() }),
    answers: {
      202: { description: "Cancellation requested.", schema: cancelSchema },
      400: { description: "The request has already ended." },
    },
    errors: ["invalid_request", "not_found", "gone"],
    async handle(call): Promise<CompatOutcome> {
      const given = call.headers["x-fal-target-url"];
      const named = read("PUT", given);
      return named.kind === "cancel" ? queueCancel(call, named) : noSuchTarget(given);
    },
  }),
];
