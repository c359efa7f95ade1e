// The API's requests: submit, read, wait, list, timeline, cancel. Parses and answers; what happens is decided behind
// requests/submit.ts and in the tracker. Events are in request-events.ts.

import * as z from "zod";
import { askTeam } from "../access/team.ts";
import type { RequestSummary } from "../access/types.ts";
import type { Config, Env } from "../env.ts";
import { type Refusal, refusal } from "../errors.ts";
import { REQUEST_ID, sha256Hex } from "../ids.ts";
import { printTree, RawText, valueAt } from "../json.ts";
import {
  BULK_CANCEL_MAX,
  LIST_LIMIT_DEFAULT,
  LIST_LIMIT_MAX,
  METADATA_MAX_BYTES,
  SECOND_MS,
  TAGS_MAX,
  WAIT_MAX_S,
} from "../limits.ts";
import { mayCall } from "../net/guard.ts";
import { guardRules } from "../relay/rules.ts";
import { requestText } from "../requests/spell.ts";
import { askTracker } from "../requests/stub.ts";
import { submitRequest } from "../requests/submit.ts";
import { hasEnded, type RequestView } from "../requests/types.ts";
import { hold } from "../requests/watch.ts";
import { parseModelId } from "../upstream/model-id.ts";
import { checkInput, unknownModel } from "../upstream/models.ts";
import type { Caller } from "./auth.ts";
import { limitHeaders } from "./limit-headers.ts";
import { requestEvents } from "./request-events.ts";
import { requestAnswer, requestId, submitBody, submitHeaders, summary, timelineAnswer } from "./request-schemas.ts";
import { defineRoute, type Route } from "./route.ts";
import { isoTime } from "./time.ts";

const submit = defineRoute({
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
    "invalid_input",
    "model_not_allowed",
    "quota_exceeded",
    "idempotency_mismatch",
    "not_found",
    "payload_too_large",
    "internal",
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
    const acting = actingUser(body.user, headers["sluice-user"]);
    if (acting.kind === "refused") return { refusal: acting.refusal };
    const metadata = printTree(valueAt(call.bodyTree, ["metadata"]) ?? null);
    if (new TextEncoder().encode(metadata).byteLength > METADATA_MAX_BYTES) {
      return { refusal: refusal("invalid_request", `\`metadata\` is larger than ${METADATA_MAX_BYTES} bytes.`) };
    }
    const tags = { ...headers["sluice-tags"], ...body.tags };
    if (Object.keys(tags).length > TAGS_MAX) {
      return { refusal: refusal("invalid_request", `Body and Sluice-Tags together have more than ${TAGS_MAX} tags.`) };
    }
    const inputText = printTree(valueAt(call.bodyTree, ["input"]) ?? {});
    const bodyHash = await sha256Hex(JSON.stringify([printTree(call.bodyTree), acting.user, tags]));
    call.releaseBody();
    const priority = body.priority ?? headers["x-fal-queue-priority"];
    const runnerHint = headers["x-fal-runner-hint"];
    const submitted = await submitRequest(env, call.execution, {
      team: caller.team,
      digest: caller.digest,
      model: id.model,
      inputText,
      user: acting.user,
      tags,
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

const read = defineRoute({
  method: "GET",
  path: "/v1/requests/:id",
  summary: "Read one request, or hold until it changes",
  access: "read",
  params: requestId,
  query: z.looseObject({
    wait: z.coerce.number().int().min(0).optional(),
    logs: z.enum(["0", "1", "true", "false"]).optional(),
  }),
  headers: z.looseObject({ "if-none-match": z.string().optional() }),
  answers: {
    200: { description: "The request.", schema: requestAnswer },
    304: { description: "It is as `If-None-Match` says." },
  },
  errors: ["not_found"],
  async handle({ params, query, headers, caller, env, config }) {
    const logs = query.logs === "1" || query.logs === "true";
    const known = headers["if-none-match"];
    const until = Date.now() + Math.min(WAIT_MAX_S, query.wait ?? 0) * SECOND_MS;
    let view = (await askTracker(env, params.id, (tracker) => tracker.read(caller.team))) as RequestView | null;
    if (view === null) return { refusal: noSuchRequest(params.id) };
    let text = await requestText(env.FILES, config(), view, { logs });
    let etag = await etagOf(text);
    // A revision may be about what only the timeline shows (a doorbell, a proof that is looked for): no reason to answer.
    const isNews = async (next: RequestView): Promise<boolean> => {
      if (next.state.revision === view?.state.revision) return false;
      return (await etagOf(await requestText(env.FILES, config(), next, { logs }))) !== etag;
    };
    if (until > Date.now() && !hasEnded(view.state.stage) && (known === undefined || known.includes(etag))) {
      view = (await hold({ env, id: params.id, team: caller.team }, until, isNews)) ?? view;
      text = await requestText(env.FILES, config(), view, { logs });
      etag = await etagOf(text);
    }
    if (known?.includes(etag)) return { status: 304, headers: { ETag: etag } };
    return { status: 200, headers: { ETag: etag }, body: new RawText(text) };
  },
});

const list = defineRoute({
  method: "GET",
  path: "/v1/requests",
  summary: "List requests, newest first",
  access: "read",
  query: z.looseObject({
    status: z.enum(["open", "completed", "failed", "canceled"]).optional(),
    model: z.string().optional(),
    user: z.string().optional(),
    tag: z.string().optional(),
    from: z.iso.datetime({ offset: true }).optional(),
    to: z.iso.datetime({ offset: true }).optional(),
    cursor: z.string().optional(),
    limit: z.coerce.number().int().min(1).max(LIST_LIMIT_MAX).default(LIST_LIMIT_DEFAULT),
  }),
  answers: {
    200: {
      description: "A page.",
      schema: z.object({ data: z.array(summary), next_cursor: z.string().nullable() }),
    },
  },
  errors: ["invalid_request"],
  async handle({ query, caller, env }) {
    const { from, to, status, model, user, tag, cursor, limit } = query;
    const page = await askTeam(env, caller.team, (team) =>
      team.list({ status, model, user, tag, cursor, limit, from: time(from), to: time(to) }),
    );
    if (page.kind === "refused") return { refusal: page.refusal };
    return { status: 200, body: { data: page.data.map(spellSummary), next_cursor: page.nextCursor } };
  },
});

const timeline = defineRoute({
  method: "GET",
  path: "/v1/requests/:id/timeline",
  summary: "What happened to a request, and when",
  access: "read",
  params: requestId,
  answers: { 200: { description: "Oldest first.", schema: timelineAnswer } },
  errors: ["not_found"],
  async handle({ params, caller, env }) {
    const entries = await askTracker(env, params.id, (tracker) => tracker.timeline(caller.team, 0));
    if (!entries) return { refusal: noSuchRequest(params.id) };
    const data = entries.map(({ seq, at, stage, what, detail }) => {
      return { seq, at: isoTime(at), event: what, stage, detail: detail ?? {} };
    });
    return { status: 200, body: { data } };
  },
});

const cancel = defineRoute({
  method: "POST",
  path: "/v1/requests/:id/cancel",
  summary: "Cancel a request",
  access: "run",
  params: requestId,
  answers: {
    200: { description: "Canceled.", schema: requestAnswer },
    202: { description: "Asked for; it may still finish, and be charged.", schema: requestAnswer },
  },
  errors: ["not_found", "already_ended"],
  async handle({ params, caller, env, config }) {
    const answer = await askTracker(env, params.id, (tracker) => tracker.cancel(caller.team));
    if (!answer || answer.kind === "not_found") return { refusal: noSuchRequest(params.id) };
    const view = answer.view as RequestView;
    if (answer.kind === "already_ended") {
      const detail = `The request is ${view.state.stage}: there is nothing left to cancel.`;
      return { refusal: refusal("already_ended", detail, { requestId: params.id }) };
    }
    const body = new RawText(await requestText(env.FILES, config(), view, { logs: false }));
    return { status: answer.kind === "canceled" ? 200 : 202, body };
  },
});

const cancelMany = defineRoute({
  method: "POST",
  path: "/v1/requests/cancel",
  summary: "Cancel open requests by filter",
  access: "run",
  body: z.strictObject({
    filter: z.strictObject({
      model: z.string().optional(),
      user: z.string().optional(),
      tag: z.string().optional(),
    }),
    cursor: z.string().optional().describe("The last answer's `next_cursor`: goes on where it stopped."),
  }),
  answers: {
    200: {
      description: "What became of each, newest first; call again with `next_cursor` until it is null.",
      schema: z.object({
        canceled: z.array(z.string()),
        requested: z.array(z.string()),
        already_ended: z.array(z.string()),
        next_cursor: z.string().nullable(),
      }),
    },
  },
  errors: ["invalid_request"],
  async handle({ body, caller, env }) {
    const page = await askTeam(env, caller.team, (team) =>
      team.list({ ...body.filter, status: "open", cursor: body.cursor, limit: BULK_CANCEL_MAX }),
    );
    if (page.kind === "refused") return { refusal: page.refusal };
    const told = { canceled: [] as string[], requested: [] as string[], already_ended: [] as string[] };
    await Promise.all(
      page.data.map(async ({ id }) => {
        const answer = await askTracker(env, id, (tracker) => tracker.cancel(caller.team));
        if (answer && answer.kind !== "not_found") told[answer.kind].push(id);
      }),
    );
    return { status: 200, body: { ...told, next_cursor: page.nextCursor } };
  },
});

export const requestRoutes: readonly Route[] = [submit, list, cancelMany, read, requestEvents, timeline, cancel];

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
  const watched = { env, id: view.state.id, team: caller.team };
  const isWaitedFor = waitS > 0 && !hasEnded(view.state.stage);
  const until = Date.now() + waitS * SECOND_MS;
  const seen = isWaitedFor ? await hold(watched, until, (next) => hasEnded(next.state.stage)) : view;
  const last = seen ?? view;
  try {
    return { text: await requestText(env.FILES, config, last, { logs: false }), ended: hasEnded(last.state.stage) };
  } catch {
    return { text: await requestText(env.FILES, config, { ...last, output: null }, { logs: false }), ended: false };
  }
}

/** A secret key acts for whom it says, in the body or the header; two different names are a mistake worth a word. */
function actingUser(
  inBody: string | undefined,
  inHeader: string | undefined,
): { kind: "known"; user: string | null } | { kind: "refused"; refusal: Refusal } {
  if (inBody !== undefined && inHeader !== undefined && inBody !== inHeader) {
    const detail = "`user` in the body and the Sluice-User header name different users.";
    return { kind: "refused", refusal: refusal("invalid_request", detail) };
  }
  return { kind: "known", user: inBody ?? inHeader ?? null };
}

/** Also what somebody else's id gets, so that ids cannot be probed. */
export function noSuchRequest(id: string): Refusal {
  const hint = REQUEST_ID.test(id) ? {} : { hint: "Request ids are 64 hexadecimal characters." };
  return refusal("not_found", "There is no such request.", hint);
}

async function etagOf(text: string): Promise<string> {
  return `"${(await sha256Hex(text)).slice(0, 32)}"`;
}

function time(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Date.parse(text);
}

function spellSummary(each: RequestSummary): z.input<typeof summary> {
  return {
    id: each.id,
    model: each.model,
    status: each.status,
    user: each.user,
    key_id: each.keyId,
    tags: each.tags,
    created_at: isoTime(each.createdAt),
    completed_at: isoTime(each.endedAt),
  };
}
