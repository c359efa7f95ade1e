// GET /v1/events: the team's event feed, oldest first from a cursor on, with long polling. For receivers without a public URL, and to
// check that no event was missed.

import type * as z from "zod";
import type { FeedAnswer, FeedEvent, FeedQuery } from "../../../contracts/team-webhooks.ts";
import type { Env } from "../../../platform/bindings.ts";
import { sleep as later, openChangeSocket } from "../../../platform/change-socket.ts";
import { type Refused, refusal } from "../../../platform/errors.ts";
import { lazy } from "../../../platform/schema.ts";
import { askTeam, teamFor } from "../../../platform/stubs.ts";
import { isoTime, SECOND_MS } from "../../../platform/time.ts";
import { WAIT_MAX_S, WATCH_POLL_MS, WATCH_REREAD_MS } from "../../../requests/service/wait-for-change.ts";
import { EVENT_TYPES } from "../../../webhooks/event-types.ts";
import { feedLine } from "../../../webhooks/events.ts";
import type { Caller } from "../../auth.ts";
import { openHold } from "../../holds.ts";
import { defineRoute, type Route } from "../../route.ts";
import { LIST_LIMIT_DEFAULT, LIST_LIMIT_MAX } from "../../schemas.ts";

const place = lazy((z) =>
  z.union([
    z.literal("latest"),
    z
      .string()
      .regex(/^\d{1,15}$/, "is invalid")
      .transform(Number),
  ]),
);

const typeList = lazy((z) =>
  z
    .string()
    .transform((text) => text.split(",").map((part) => part.trim()))
    .pipe(z.array(z.enum(EVENT_TYPES)).min(1).max(EVENT_TYPES.length)),
);

export const eventRoutes: readonly Route[] = [
  defineRoute({
    method: "GET",
    path: "/v1/events",
    summary: "List events, oldest first, optionally waiting for new ones",
    access: "read",
    query: (z) =>
      z.looseObject({
        after: place().optional().describe("A cursor, or `latest`. The oldest event by default."),
        types: typeList().optional().describe("Comma-separated event types; all by default."),
        limit: z.coerce.number().int().min(1).max(LIST_LIMIT_MAX).default(LIST_LIMIT_DEFAULT),
        wait: z.coerce.number().int().min(0).optional().describe("Seconds to wait for an event, at most 60."),
      }),
    answers: {
      200: {
        description: "Events. Continue with `after` set to `next_cursor`, even if there are none.",
        schema: (z) => z.object({ data: z.array(feedLine()), next_cursor: z.string(), has_more: z.boolean() }),
      },
    },
    errors: ["invalid_request", "forbidden", "gone", "rate_limited"],
    async handle({ env, caller, query }) {
      if (caller.own) {
        const detail = "The event feed covers the whole team, and this credential is bound to one user.";
        return { refusal: refusal("forbidden", detail, { hint: "GET /v1/requests lists that user's requests." }) };
      }
      const { after = null, types = null, limit, wait = 0 } = query;
      const answer = await held(env, caller, { after, types, limit }, Math.min(wait, WAIT_MAX_S) * SECOND_MS);
      if (answer.kind === "refused") return { refusal: answer.refusal };
      const { data, next, hasMore } = answer;
      return { status: 200, body: { data: data.map(eventWire), next_cursor: String(next), has_more: hasMore } };
    },
  }),
];

/** The page of events; while it is empty, waits up to `waitMs` for one. */
async function held(env: Env, caller: Caller, query: FeedQuery, waitMs: number): Promise<FeedAnswer | Refused> {
  const { team: teamId } = caller;
  const read = (from: FeedQuery["after"]) =>
    askTeam(env, teamId, (team) => team.events.feed({ ...query, after: from }));
  const until = Date.now() + waitMs;
  let answer = await read(query.after);
  if (answer.kind === "refused" || answer.data.length > 0 || waitMs === 0) return answer;
  const room = openHold(caller);
  if (room.kind === "refused") return room;
  const { hold } = room;
  const socket = await openChangeSocket(() =>
    teamFor(env, teamId).fetch("https://team/feed", { headers: { Upgrade: "websocket" } }),
  );
  try {
    for (;;) {
      hold.renew(Date.now());
      const change = socket.nextChange();
      answer = await read(answer.next);
      const left = until - Date.now();
      if (answer.kind === "refused" || answer.data.length > 0 || left <= 0) return answer;
      await Promise.race([change, later(Math.min(left, socket.isBroken() ? WATCH_POLL_MS : WATCH_REREAD_MS))]);
    }
  } finally {
    socket.close();
    hold.release();
  }
}

function eventWire({ seq, id, type, at, data }: FeedEvent): z.input<ReturnType<typeof feedLine>> {
  // TypeScript no longer relates `type` and `data` after destructuring.
  return { cursor: String(seq), id, type, timestamp: isoTime(at), data } as z.input<ReturnType<typeof feedLine>>;
}
