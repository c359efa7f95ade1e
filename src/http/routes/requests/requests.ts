// Existing requests: retrieve, wait, timeline, cancel. The tracker decides. Lists are in list.ts, submits in submit.ts, event streams
// in events.ts, charges in settle.ts, deletions in delete.ts.

import { refusal } from "../../../platform/errors.ts";
import { sha256Hex } from "../../../platform/ids.ts";
import { RawText } from "../../../platform/json.ts";
import { lazy } from "../../../platform/schema.ts";
import { askTeam, askTracker } from "../../../platform/stubs.ts";
import { isoTime, SECOND_MS } from "../../../platform/time.ts";
import { hasEnded, type RequestView } from "../../../requests/machine/types.ts";
import { WAIT_MAX_S, waitForRequest } from "../../../requests/service/wait-for-change.ts";
import { requestBody } from "../../../requests/view/request-object.ts";
import { requestText } from "../../../requests/view/serialize.ts";
import { userFor, viewerOf } from "../../auth.ts";
import { openHold } from "../../holds.ts";
import { noSuchRequest } from "../../no-such-request.ts";
import { defineRoute, type Route } from "../../route.ts";
import { deleteRequest } from "./delete.ts";
import { requestEvents } from "./events.ts";
import { requestInput } from "./input.ts";
import { count, list } from "./list.ts";
import { requestId } from "./schemas.ts";
import { settle } from "./settle.ts";
import { submit } from "./submit.ts";

/** Requests per bulk cancel; each is a call to its tracker. */
const BULK_CANCEL_MAX = 100;

const read = defineRoute({
  method: "GET",
  path: "/v1/requests/:id",
  summary: "Retrieve a request, optionally waiting for a change",
  access: "view",
  params: requestId,
  query: (z) =>
    z.looseObject({
      wait: z.coerce.number().int().min(0).optional(),
      logs: z.enum(["0", "1", "true", "false"]).optional(),
    }),
  headers: (z) => z.looseObject({ "if-none-match": z.string().optional() }),
  answers: {
    200: { description: "The request.", schema: requestBody, headers: ["ETag"] },
    304: { description: "Not modified since `If-None-Match`.", headers: ["ETag"] },
  },
  errors: ["not_found", "gone", "rate_limited"],
  async handle({ params, query, headers, caller, env, config }) {
    const logs = query.logs === "1" || query.logs === "true";
    const known = headers["if-none-match"];
    const until = Date.now() + Math.min(WAIT_MAX_S, query.wait ?? 0) * SECOND_MS;
    let view = await askTracker(env, params.id, (tracker) => tracker.read(viewerOf(caller)));
    if (view === null) return { refusal: await noSuchRequest(env, params.id, viewerOf(caller)) };
    let text = await requestText(env.FILES, config(), view, { logs });
    let etag = await etagOf(text);
    // A revision may change only the timeline (an unverified callback, a search for proof), which is no reason to respond.
    const isNews = async (next: RequestView): Promise<boolean> => {
      if (next.state.revision === view?.state.revision) return false;
      return (await etagOf(await requestText(env.FILES, config(), next, { logs }))) !== etag;
    };
    if (until > Date.now() && !hasEnded(view.state.stage) && (known === undefined || known.includes(etag))) {
      const held = openHold(caller);
      if (held.kind === "refused") return { refusal: held.refusal };
      view = await waitForRequest({ env, id: params.id, viewer: viewerOf(caller) }, held.hold, until, isNews);
      if (view === null) return { refusal: await noSuchRequest(env, params.id, viewerOf(caller)) };
      text = await requestText(env.FILES, config(), view, { logs });
      etag = await etagOf(text);
    }
    if (known?.includes(etag)) return { status: 304, headers: { ETag: etag } };
    return { status: 200, headers: { ETag: etag }, body: new RawText(text) };
  },
});

export const timelineBody = lazy((z) =>
  z.object({
    data: z.array(
      z.object({
        seq: z.int(),
        at: z.iso.datetime().nullable(),
        event: z.string(),
        stage: z.string(),
        detail: z.record(z.string(), z.unknown()),
      }),
    ),
  }),
);

const timeline = defineRoute({
  method: "GET",
  path: "/v1/requests/:id/timeline",
  summary: "Retrieve a request's timeline",
  access: "view",
  params: requestId,
  answers: { 200: { description: "Oldest first.", schema: timelineBody } },
  errors: ["not_found", "gone"],
  async handle({ params, caller, env }) {
    const entries = await askTracker(env, params.id, (tracker) => tracker.timeline(viewerOf(caller), 0));
    if (!entries) return { refusal: await noSuchRequest(env, params.id, viewerOf(caller)) };
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
    200: { description: "Canceled.", schema: requestBody },
    202: { description: "Cancellation requested. The run may still finish and be charged.", schema: requestBody },
  },
  errors: ["not_found", "gone", "already_ended"],
  async handle({ params, caller, env, config }) {
    const answer = await askTracker(env, params.id, (tracker) => tracker.cancel(viewerOf(caller)));
    if (!answer || answer.kind === "not_found") {
      return { refusal: await noSuchRequest(env, params.id, viewerOf(caller)) };
    }
    const { view } = answer;
    if (answer.kind === "already_ended") {
      const detail = `The request is already ${view.state.stage}.`;
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
  body: (z) =>
    z.strictObject({
      filter: z.strictObject({
        model: z.string().optional(),
        user: z.string().optional(),
        tag: z.string().optional(),
      }),
      cursor: z.string().optional().describe("`next_cursor` of the previous response."),
    }),
  answers: {
    200: {
      description: "Ids by outcome, newest first. Call again with `next_cursor` until it is null.",
      schema: (z) =>
        z.object({
          canceled: z.array(z.string()),
          requested: z.array(z.string()),
          already_ended: z.array(z.string()),
          next_cursor: z.string().nullable(),
        }),
    },
  },
  errors: ["invalid_request"],
  async handle({ body, caller, env }) {
    const viewer = viewerOf(caller);
    const listed = userFor(viewer.user, body.filter.user);
    if (listed.kind === "refused") return { refusal: listed.refusal };
    const page = await askTeam(env, caller.team, (team) =>
      team.requests.list({
        ...body.filter,
        user: listed.user ?? undefined,
        keyId: viewer.keyId ?? undefined,
        status: "open",
        cursor: body.cursor,
        limit: BULK_CANCEL_MAX,
      }),
    );
    if (page.kind === "refused") return { refusal: page.refusal };
    const outcomes = { canceled: [] as string[], requested: [] as string[], already_ended: [] as string[] };
    await Promise.all(
      page.data.map(async ({ id }) => {
        const answer = await askTracker(env, id, (tracker) => tracker.cancel(viewer));
        if (answer && answer.kind !== "not_found") outcomes[answer.kind].push(id);
      }),
    );
    return { status: 200, body: { ...outcomes, next_cursor: page.nextCursor } };
  },
});

export const requestRoutes: readonly Route[] = [
  submit,
  list,
  count,
  cancelMany,
  read,
  requestEvents,
  timeline,
  requestInput,
  cancel,
  settle,
  deleteRequest,
];

async function etagOf(text: string): Promise<string> {
  return `"${(await sha256Hex(text)).slice(0, 32)}"`;
}
