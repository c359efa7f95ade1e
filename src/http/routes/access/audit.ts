// GET /v1/audit: the audit log of administrative changes, newest first.

import { lazy } from "../../../platform/schema.ts";
import { askTeam } from "../../../platform/stubs.ts";
import { isoTime } from "../../../platform/time.ts";
import { HISTORY_LIMIT_MAX } from "../../../team/cursor.ts";
import { defineRoute, type Route } from "../../route.ts";
import { LIST_LIMIT_DEFAULT, listBody } from "../../schemas.ts";

/** Longer than the name or id of anything that is changed. */
const AUDIT_TARGET_MAX_CHARS = 300;

export const auditEntryBody = lazy((z) =>
  z.object({
    at: z.iso.datetime(),
    actor: z.string().describe("Id of the key, or `operator`."),
    ip: z.string().nullable(),
    action: z.string().describe("For example key.created, plan.written, user.frozen."),
    target: z.string().nullable(),
    detail: z.record(z.string(), z.unknown()),
  }),
);

export const auditRoutes: readonly Route[] = [
  defineRoute({
    method: "GET",
    path: "/v1/audit",
    summary: "List audit log entries, newest first",
    access: "admin",
    query: (z) =>
      z.looseObject({
        cursor: z
          .string()
          .regex(/^\d{1,15}$/, "is invalid")
          .transform(Number)
          .optional(),
        target: z
          .string()
          .min(1)
          .max(AUDIT_TARGET_MAX_CHARS)
          .optional()
          .describe("Only changes of what has this name or id: a plan, a key, an endpoint, a user, an issuer."),
        limit: z.coerce.number().int().min(1).max(HISTORY_LIMIT_MAX).default(LIST_LIMIT_DEFAULT),
      }),
    answers: { 200: { description: "A page of entries.", schema: () => listBody(auditEntryBody()) } },
    errors: ["invalid_request"],
    async handle({ env, caller, query }) {
      const page = await askTeam(env, caller.team, (team) =>
        team.audit.page(query.cursor ?? null, query.limit, query.target ?? null),
      );
      const data = page.data.map(({ at, actor, ip, action, target, detail }) => {
        return { at: isoTime(at), actor, ip, action, target, detail };
      });
      return { status: 200, body: { data, next_cursor: page.nextBefore === null ? null : String(page.nextBefore) } };
    },
  }),
];
