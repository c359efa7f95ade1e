// POST /v1/requests: a submit, from the wire to the one admit-and-start road and back. Parses and answers; what happens is
// decided behind requests/submit.ts.

import * as z from "zod";
import { planOf } from "../access/identity.ts";
import type { Refused } from "../access/types.ts";
import type { Config, Env } from "../env.ts";
import { refusal } from "../errors.ts";
import { sha256Hex } from "../ids.ts";
import { printTree, RawText, valueAt } from "../json.ts";
import { METADATA_MAX_BYTES, SECOND_MS, TAGS_MAX, WAIT_MAX_S } from "../limits.ts";
import { mayCall } from "../net/guard.ts";
import { guardRules } from "../relay/rules.ts";
import { requestText } from "../requests/spell.ts";
import { submitRequest } from "../requests/submit.ts";
import { hasEnded, type RequestView } from "../requests/types.ts";
import { hold } from "../requests/watch.ts";
import { parseModelId } from "../upstream/model-id.ts";
import { checkInput, unknownModel } from "../upstream/models.ts";
import { type Caller, userFor, viewerOf } from "./auth.ts";
import { limitHeaders } from "./limit-headers.ts";
import { requestAnswer, submitBody, submitHeaders } from "./request-schemas.ts";
import { defineRoute } from "./route.ts";

export const submit = defineRoute({
  method: "POST",
  path: "/v1/requests",
  summary: "Submit a model run",
  access: "run",
  query: z.looseObject({ wait: z.coerce.number().int().min(0).optional() }),
  headers: submitHeaders,
  body: submitBody,
  answers: {
    200: { description: "It ended within `wait`.", schema: requestAnswer },
    202: { description: "It is on its way; `Location` is where to look.", schema: requestAnswer },
  },
  errors: [
    ...(["invalid_request", "invalid_input", "not_found", "payload_too_large"] as const),
    ...(["user_mismatch", "model_not_allowed", "forbidden", "price_unknown"] as const),
    ...(["quota_exceeded", "rate_limited", "idempotency_mismatch", "conflict", "gone", "internal"] as const),
  ],
  async handle(call) {
    const { body, headers, caller, env, url } = call;
    const id = parseModelId(body.model);
    const unknown = unknownModel(body.model);
    if (unknown !== null) return { refusal: unknown };
    if (!id.ok) return { refusal: refusal("invalid_request", `\`model\` ${id.reason}.`) };
    const checked = checkInput(id.model, body.input);
    if (checked.kind === "refused") return { refusal: checked.refusal };
    if (body.webhook_url !== undefined) {
      const guarded = mayCall(body.webhook_url, guardRules(call.config(), url.origin));
      if (!guarded.ok)
        return { refusal: refusal("invalid_request", `\`webhook_url\` may not be called: ${guarded.reason}.`) };
    }
    const named = namedUser(body.user, headers["sluice-user"]);
    if (named.kind === "refused") return { refusal: named.refusal };
    const acting = userFor(caller.user, named.user);
    if (acting.kind === "refused") return { refusal: acting.refusal };
    const metadata = printTree(valueAt(call.bodyTree, ["metadata"]) ?? null);
    if (new TextEncoder().encode(metadata).byteLength > METADATA_MAX_BYTES) {
      return { refusal: refusal("invalid_request", `\`metadata\` is larger than ${METADATA_MAX_BYTES} bytes.`) };
    }
    const sentTags = { ...headers["sluice-tags"], ...body.tags };
    if (Object.keys(sentTags).length > TAGS_MAX) {
      return { refusal: refusal("invalid_request", `Body and Sluice-Tags together have more than ${TAGS_MAX} tags.`) };
    }
    const tags = { ...sentTags, ...caller.tags };
    const bodyHash = await sha256Hex(JSON.stringify([printTree(call.bodyTree), acting.user, tags]));
    call.releaseBody();
    const { team, credential, visitor, ip } = caller;
    const priority = body.priority ?? headers["x-fal-queue-priority"];
    const runnerHint = headers["x-fal-runner-hint"];
    const submitted = await submitRequest(env, call.execution, {
      ...{ team, credential, visitor, ip, plan: planOf(caller.identity) },
      ...{ model: id.model, user: acting.user, tags },
      input: valueAt(call.bodyTree, ["input"]) ?? {},
      metadata: metadata === "null" ? null : metadata,
      options: {
        ...(priority === undefined ? {} : { priority }),
        ...(runnerHint === undefined ? {} : { runnerHint }),
        ...(headers["x-fal-no-retry"] === undefined ? {} : { noRetry: headers["x-fal-no-retry"] }),
      },
      startTimeoutS:
        body.start_timeout_s ?? headers["x-fal-request-start-timeout"] ?? headers["x-fal-request-timeout"] ?? null,
      webhookUrl: body.webhook_url ?? null,
      idempotencyKey: headers["idempotency-key"] ?? null,
      bodyHash,
      origin: url.origin,
    });
    if (submitted.kind === "refused") {
      return { refusal: submitted.refusal, headers: limitHeaders(submitted.limits, Date.now()) };
    }
    const waitS = Math.min(WAIT_MAX_S, call.query.wait ?? headers.prefer ?? 0);
    const { view } = submitted;
    const answered = await waited(env, call.config(), caller, view, waitS);
    return {
      status: waitS > 0 && answered.ended ? 200 : 202,
      headers: {
        Location: `/v1/requests/${view.state.id}`,
        ...(submitted.replayed ? { "Idempotent-Replayed": "true" } : {}),
        ...(headers.prefer === undefined ? {} : { "Preference-Applied": `wait=${waitS}` }),
        ...limitHeaders(submitted.limits, Date.now()),
      },
      body: new RawText(answered.text),
    };
  },
});

/**
 * Waits for the end of a request just submitted, and spells it. From here on nothing may become a 5xx: the request is paid for,
 * and clients post again after one. What cannot be read just now is left out; `links.self` has it.
 */
async function waited(
  env: Env,
  config: Config,
  caller: Caller,
  view: RequestView,
  waitS: number,
): Promise<{ text: string; ended: boolean }> {
  const watched = { env, id: view.state.id, viewer: viewerOf(caller) };
  const isWaitedFor = waitS > 0 && !hasEnded(view.state.stage);
  const until = Date.now() + waitS * SECOND_MS;
  const seen = isWaitedFor ? await hold(watched, until, (next) => next.state.settledAt !== null) : view;
  const last = seen ?? view;
  try {
    return { text: await requestText(env.FILES, config, last, { logs: false }), ended: hasEnded(last.state.stage) };
  } catch {
    return { text: await requestText(env.FILES, config, { ...last, output: null }, { logs: false }), ended: false };
  }
}

/** Whom the call names, in the body or the header; two different names are a mistake worth a word. */
function namedUser(
  inBody: string | undefined,
  inHeader: string | undefined,
): { kind: "known"; user: string | undefined } | Refused {
  if (inBody !== undefined && inHeader !== undefined && inBody !== inHeader) {
    const detail = "`user` in the body and the Sluice-User header name different users.";
    return { kind: "refused", refusal: refusal("invalid_request", detail) };
  }
  return { kind: "known", user: inBody ?? inHeader };
}
