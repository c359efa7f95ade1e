// `/fal/proxy`: the `proxyUrl` of fal's JavaScript client (fal-ai/fal-js:libs/proxy). The target in `x-fal-target-url` chooses
// which of our own answers is given; nothing is called because of it, so whatever credential came along goes no further.
// URLs in bodies stay on queue.fal.run: the AI SDK sends its key to that origin alone, and comes back through here.

import * as z from "zod";
import { submitHeaders } from "../http/read-submit.ts";
import { defineRoute, type Route } from "../http/route.ts";
import { refusal } from "../platform/errors.ts";
import { cancelSchema, outputSchema, statusSchema, submittedSchema, uploadSchema } from "./answers.ts";
import { type ProxyTarget, proxyTarget } from "./proxy-target.ts";
import { queueCancel, queueResult, queueStatus, queueStream } from "./queue.ts";
import { RUN_FAILED, SUBMIT_ERRORS, SUBMIT_HEADERS } from "./queue-routes.ts";
import { run, runStream } from "./run.ts";
import { type Asked, type CompatOutcome, submitToQueue } from "./submit.ts";
import { beginUpload } from "./upload.ts";

const QUEUE = "https://queue.fal.run";
const target = z.string().max(4_096).optional().describe("The URL of fal that the client would call.");

const NO_TOKENS = refusal(
  "invalid_request",
  "This proxy hands out no tokens of fal's: they would go round the team's limits.",
  {
    hint: 'For pages, POST /v1/tokens gives a Sluice client token. Instead of realtime, use fal.subscribe with `mode: "streaming"`.',
  },
);

/** Why a target is not spoken here; the target itself is not repeated, it may carry a token. */
function noSuchTarget(given: string | undefined): { refusal: ReturnType<typeof refusal> } {
  const detail =
    given === undefined ? "The header x-fal-target-url is missing." : "This proxy does not speak for that URL.";
  const hint =
    "It speaks for https://queue.fal.run/{model} and its requests, https://fal.run/{model}, and uploads of https://rest.fal.ai.";
  return { refusal: refusal("invalid_request", detail, { hint }) };
}

function asked(given: string | undefined): Asked {
  return { base: QUEUE, query: URL.parse(given ?? "")?.searchParams ?? new URLSearchParams() };
}

function read(method: string, given: string | undefined): ProxyTarget {
  return given === undefined ? { kind: "unknown" } : proxyTarget(method, given);
}

export const proxyRoutes: readonly Route[] = [
  defineRoute({
    method: "GET",
    path: "/fal/proxy",
    summary: "Status, status stream or result of a queued run, as `x-fal-target-url` asks",
    access: "read",
    headers: z.looseObject({ "x-fal-target-url": target }),
    answers: {
      200: {
        description: "As fal answers: a status, a stream of them, or an output.",
        schema: z.union([statusSchema, outputSchema]),
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
          return queueStatus(call, named, asked(given));
        case "stream":
          return queueStream(call, named, asked(given));
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
    summary: "Submit, run or upload, as `x-fal-target-url` asks",
    access: "run",
    headers: submitHeaders.extend({ "x-fal-target-url": target }),
    body: z.looseObject({}).describe("The model's own input, or what an upload is to be."),
    answers: {
      200: {
        description: "As fal answers: what was submitted, an output, a stream with it, or where to send a file.",
        schema: z.union([submittedSchema, uploadSchema, outputSchema]),
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
          return submitToQueue(call, named.model, asked(given));
        case "run":
          return run(call, named.model, asked(given).query);
        case "run_stream":
          return runStream(call, named.model, asked(given).query);
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
    summary: "Cancel a queued run, as `x-fal-target-url` asks",
    access: "run",
    headers: z.looseObject({ "x-fal-target-url": target }),
    answers: { 202: { description: "Asked for.", schema: cancelSchema }, 400: { description: "It is over already." } },
    errors: ["invalid_request", "not_found", "gone"],
    async handle(call): Promise<CompatOutcome> {
      const given = call.headers["x-fal-target-url"];
      const named = read("PUT", given);
      return named.kind === "cancel" ? queueCancel(call, named) : noSuchTarget(given);
    },
  }),
];
