// GET /v1/usage/archive: the parts of the archive, and each as JSON lines. A part has the requests of one month that are older than the
// history of the index: who, what, when and how much.

import { archiveKey } from "../../../files/bucket-keys.ts";
import { refusal } from "../../../platform/errors.ts";
import { askTeam } from "../../../platform/stubs.ts";
import { isoTime } from "../../../platform/time.ts";
import { baseUrlOf } from "../../../requests/view/serialize.ts";
import { defineRoute, type Route } from "../../route.ts";
import { LIST_LIMIT_DEFAULT, LIST_LIMIT_MAX, listBody } from "../../schemas.ts";

export const archiveRoutes: readonly Route[] = [
  defineRoute({
    method: "GET",
    path: "/v1/usage/archive",
    summary: "List the parts of the archive, oldest first",
    access: "admin",
    query: (z) =>
      z.looseObject({
        cursor: z
          .string()
          .regex(/^\d{1,15}$/, "is invalid")
          .transform(Number)
          .optional(),
        limit: z.coerce.number().int().min(1).max(LIST_LIMIT_MAX).default(LIST_LIMIT_DEFAULT),
      }),
    answers: {
      200: {
        description: "A page of parts.",
        schema: (z) =>
          listBody(
            z.object({
              part: z.int(),
              month: z.string().describe("UTC month in which the requests were submitted."),
              lines: z.int(),
              bytes: z.int(),
              stored_at: z.iso.datetime(),
              url: z.string().describe("Where its lines are; it needs an admin key too."),
            }),
          ),
      },
    },
    errors: ["invalid_request"],
    async handle({ env, caller, query, config, url }) {
      const { cursor = 0, limit } = query;
      const parts = await askTeam(env, caller.team, (team) => team.usage.archiveParts(cursor, limit + 1));
      const shown = parts.slice(0, limit);
      const base = baseUrlOf(config(), url.origin);
      const data = shown.map(({ n, month, lines, bytes, storedAt }) => {
        const at = `${base}/v1/usage/archive/${month}/${n}`;
        return { part: n, month, lines, bytes, stored_at: isoTime(storedAt), url: at };
      });
      const last = parts.length > shown.length ? shown.at(-1) : undefined;
      return { status: 200, body: { data, next_cursor: last === undefined ? null : String(last.n) } };
    },
  }),
  defineRoute({
    method: "GET",
    path: "/v1/usage/archive/:month/:part",
    summary: "Retrieve a part of the archive",
    access: "admin",
    params: (z) =>
      z.object({
        month: z.string().regex(/^20\d\d-(0[1-9]|1[0-2])$/),
        part: z
          .string()
          .regex(/^[1-9]\d{0,14}$/)
          .transform(Number),
      }),
    answers: {
      200: {
        description: "One JSON object a line, in the order of admission.",
        contentType: "application/x-ndjson",
        headers: ["Content-Disposition"],
      },
    },
    errors: ["not_found"],
    async handle({ env, caller, params }) {
      const { month, part } = params;
      const known = await askTeam(env, caller.team, (team) => team.usage.archivePart(part));
      const object = known?.month === month ? await env.FILES.get(archiveKey(caller.team, month, part)) : null;
      if (object === null) {
        const hint = "GET /v1/usage/archive lists the parts.";
        return { refusal: refusal("not_found", `The archive has no part ${part} of ${month}.`, { hint }) };
      }
      const headers = {
        "Content-Type": "application/x-ndjson",
        "Content-Disposition": `attachment; filename="${month}_${part}.jsonl"`,
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
      };
      return { response: new Response(object.body, { headers }) };
    },
  }),
];
