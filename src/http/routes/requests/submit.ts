// POST /v1/requests: parses a submit and serializes its result. requests/service/submit.ts admits and starts it.

import type { Env } from "../../../platform/bindings.ts";
import type { Config } from "../../../platform/config.ts";
import type { CallHold } from "../../../platform/hold-counter.ts";
import { printTree, RawText, valueAt } from "../../../platform/json.ts";
import { SECOND_MS } from "../../../platform/time.ts";
import { hasEnded, type RequestView } from "../../../requests/machine/types.ts";
import { submitRequest } from "../../../requests/service/submit.ts";
import { WAIT_MAX_S, waitForRequest } from "../../../requests/service/wait-for-change.ts";
import { requestBody } from "../../../requests/view/request-object.ts";
import { requestText } from "../../../requests/view/serialize.ts";
import { type Caller, viewerOf } from "../../auth.ts";
import { tryHold } from "../../holds.ts";
import { REQUEST_BODY_MAX_BYTES } from "../../json-body.ts";
import { LIMIT_ERRORS, LIMIT_HEADERS, limitHeaders } from "../../limit-headers.ts";
import { readSubmit, submitBody, submitHeaders } from "../../read-submit.ts";
import { defineRoute } from "../../route.ts";

const SUBMIT_HEADERS = ["Location", "Idempotent-Replayed", "Preference-Applied", ...LIMIT_HEADERS] as const;

export const submit = defineRoute({
  method: "POST",
  path: "/v1/requests",
  summary: "Submit a request",
  access: "run",
  query: (z) => z.looseObject({ wait: z.coerce.number().int().min(0).optional() }),
  headers: submitHeaders,
  body: submitBody,
  bodyMaxBytes: REQUEST_BODY_MAX_BYTES,
  answers: {
    200: { description: "The request ended within `wait`.", schema: requestBody, headers: SUBMIT_HEADERS },
    202: {
      description: "The request was accepted. `Location` is its URL.",
      schema: requestBody,
      headers: SUBMIT_HEADERS,
    },
  },
  errors: [
    "invalid_request",
    "invalid_input",
    "not_found",
    "payload_too_large",
    "user_mismatch",
    "model_not_allowed",
    "forbidden",
    "price_unknown",
    ...LIMIT_ERRORS,
    "overloaded",
    "idempotency_mismatch",
    "conflict",
    "gone",
    "input_unreachable",
    "upstream_paused",
    "team_full",
    { code: "internal", status: 503 },
  ],
  async handle(call) {
    const { body, headers, caller, env } = call;
    const metadata = printTree(valueAt(call.bodyTree, ["metadata"]) ?? null);
    const read = await readSubmit(
      call,
      { ...body, metadata: metadata === "null" ? null : metadata },
      {
        input: valueAt(call.bodyTree, ["input"]) ?? {},
        plainInput: body.input,
        sentText: printTree(call.bodyTree),
      },
    );
    if (read.kind === "refused") return { refusal: read.refusal };
    call.releaseBody();
    const submitted = await submitRequest(env, call.execution, read.submit);
    if (submitted.kind === "refused") {
      return { refusal: submitted.refusal, headers: limitHeaders(submitted.limits, Date.now()) };
    }
    const waitS = Math.min(WAIT_MAX_S, call.query.wait ?? headers.prefer ?? 0);
    const { view } = submitted;
    // The request is accepted: without room to wait it is answered as if no `wait` was asked for, which clients have to take anyway.
    const hold = waitS > 0 && !hasEnded(view.state.stage) ? tryHold(caller) : null;
    const answered = await waited(env, call.config(), caller, view, hold, waitS);
    return {
      status: waitS > 0 && answered.ended ? 200 : 202,
      headers: {
        Location: `/v1/requests/${view.state.id}`,
        ...(submitted.replayed ? { "Idempotent-Replayed": "true" } : {}),
        ...(headers.prefer === undefined || (hold === null && !hasEnded(view.state.stage))
          ? {}
          : { "Preference-Applied": `wait=${waitS}` }),
        ...limitHeaders(submitted.limits, Date.now()),
      },
      body: new RawText(answered.text),
    };
  },
});

/**
 * Waits for the end of a submitted request, and serializes it. From here on no error may become a 5xx: clients would submit the paid
 * request again. An output that cannot be read is omitted; `links.self` has it.
 */
async function waited(
  env: Env,
  config: Config,
  caller: Caller,
  view: RequestView,
  hold: CallHold | null,
  waitS: number,
): Promise<{ text: string; ended: boolean }> {
  const watched = { env, id: view.state.id, viewer: viewerOf(caller) };
  const until = Date.now() + waitS * SECOND_MS;
  const isSettled = (next: RequestView): boolean => next.state.settledAt !== null;
  const seen = hold === null ? view : await waitForRequest(watched, hold, until, isSettled);
  const last = seen ?? view;
  try {
    return { text: await requestText(env.FILES, config, last, { logs: false }), ended: hasEnded(last.state.stage) };
  } catch {
    return { text: await requestText(env.FILES, config, { ...last, output: null }, { logs: false }), ended: false };
  }
}
