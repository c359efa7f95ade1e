// GET /v1/usage/months/{month} and POST …/close: a month's sums, what of it was settled later, and its closing. A closed month never
// moves: later settlements count in the next one and name theirs.

import type * as z from "zod";
import type { LateSettlement, UsageMonth } from "../../../contracts/team-admin.ts";
import { lazy } from "../../../platform/schema.ts";
import { askTeam } from "../../../platform/stubs.ts";
import { isoTime } from "../../../platform/time.ts";
import { LATE_SETTLEMENTS_MAX } from "../../../team/usage/month-store.ts";
import { actorOf } from "../../audit-actor.ts";
import { defineRoute, type Route } from "../../route.ts";
import { moneyWire } from "../../schemas.ts";
import { sumsWire, usageSumsBody } from "./usage.ts";

const lateBody = lazy((z) =>
  z.object({
    request_id: z.string(),
    month: z.string().describe("The month of its admission."),
    day: z.iso.date().describe("The day on which it counts."),
    outcome: z.enum(["completed", "failed", "canceled"]),
    charged_usd: z.string().nullable(),
    refunded: z.boolean(),
  }),
);

export const usageMonthBody = lazy((z) =>
  z.object({
    month: z.string(),
    state: z
      .enum(["running", "over", "closed"])
      .describe("`over`: it may be closed. `closed`: its sums are as they were then."),
    closed_at: z.iso.datetime().nullable(),
    closed_by: z.string().nullable().describe("Id of the key, or `operator`."),
    sums: usageSumsBody(),
    late: z
      .array(lateBody())
      .describe(`Settlements that count in this month, of requests of earlier ones; ${LATE_SETTLEMENTS_MAX} at most.`),
    settled_later: z
      .array(lateBody())
      .describe(`Settlements of this month's requests that count in later ones; ${LATE_SETTLEMENTS_MAX} at most.`),
    more: z.boolean().describe("One of the two lists is longer than what is shown."),
  }),
);

const monthParam = lazy((z) =>
  z.object({ month: z.string().regex(/^20\d\d-(0[1-9]|1[0-2])$/, "must be a month such as 2026-11") }),
);

export const usageMonthRoutes: readonly Route[] = [
  defineRoute({
    method: "GET",
    path: "/v1/usage/months/:month",
    summary: "Retrieve a month of usage",
    access: "admin",
    params: monthParam,
    answers: { 200: { description: "The month, in UTC.", schema: usageMonthBody } },
    errors: ["not_found"],
    async handle({ env, caller, params }) {
      const month = await askTeam(env, caller.team, (team) => team.usage.month(params.month));
      if (month === null) throw new Error("the caller's team does not exist");
      return { status: 200, body: monthWire(month) };
    },
  }),
  defineRoute({
    method: "POST",
    path: "/v1/usage/months/:month/close",
    summary: "Close a month of usage",
    access: "admin",
    params: monthParam,
    answers: {
      200: { description: "The closed month. Closing it again changes nothing.", schema: usageMonthBody },
    },
    errors: ["not_found", "conflict"],
    async handle(call) {
      const { env, caller, params } = call;
      const answer = await askTeam(env, caller.team, (team) => team.usage.closeMonth(params.month, actorOf(call)));
      return answer.kind === "refused" ? { refusal: answer.refusal } : { status: 200, body: monthWire(answer.month) };
    },
  }),
];

function monthWire({ late, settledLater, ...month }: UsageMonth): z.input<ReturnType<typeof usageMonthBody>> {
  return {
    month: month.month,
    state: month.state,
    closed_at: isoTime(month.closedAt),
    closed_by: month.closedBy,
    sums: sumsWire(month.sums),
    late: late.slice(0, LATE_SETTLEMENTS_MAX).map(lateWire),
    settled_later: settledLater.slice(0, LATE_SETTLEMENTS_MAX).map(lateWire),
    more: Math.max(late.length, settledLater.length) > LATE_SETTLEMENTS_MAX,
  };
}

function lateWire(late: LateSettlement): z.input<ReturnType<typeof lateBody>> {
  const { requestId, month, day, outcome, chargedMicro, isRefunded } = late;
  return { request_id: requestId, month, day, outcome, charged_usd: moneyWire(chargedMicro), refunded: isRefunded };
}
