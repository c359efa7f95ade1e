// GET /v1/usage: what was asked for, what became of it and what it cost, by day, model, user, key and tag. JSON or CSV.
// Sums of a month that is over do not change any more: what is settled later is booked on its own day, as `late`.

import * as z from "zod";
import type { UsageGroup, UsageQuery, UsageRow } from "../../../contracts/team-admin.ts";
import { refusal } from "../../../platform/errors.ts";
import { moneyText } from "../../../platform/money.ts";
import { askTeam } from "../../../platform/stubs.ts";
import { type CsvCell, csvText, dayOf } from "../../../team/usage/usage.ts";
import { userFor, viewerOf } from "../../auth.ts";
import { defineRoute, type Route } from "../../route.ts";

const GROUPS = ["day", "model", "user", "key", "tag"] as const satisfies readonly UsageGroup[];

const groupList = z
  .string()
  .transform((text) => (text === "" ? [] : text.split(",").map((part) => part.trim())))
  .pipe(z.array(z.enum(GROUPS)).max(GROUPS.length))
  .transform((groups) => [...new Set(groups)]);

const sums = z.object({
  requests: z.int().describe("Let in; those that are not settled yet are in no other count."),
  completed: z.int(),
  failed: z.int(),
  canceled: z.int(),
  refunded: z.int().describe("Ended without a charge."),
  unknown_cost: z.int().describe("Charged, but nobody knows how much: they add nothing to `charged_usd`."),
  above_estimate: z.int().describe("Charged more than was reserved."),
  late: z.int().describe("Let in in an earlier month and settled only now."),
  charged_usd: z.string(),
  refunded_usd: z.string().describe("Reserved, and given back because upstream does not bill it."),
});

const usageRow = sums.extend({
  day: z.string().optional(),
  model: z.string().optional(),
  user: z.string().optional().describe("Empty: no user was named."),
  key: z.string().optional(),
  tag: z.string().optional().describe("name=value"),
});

const usageAnswer = z.object({
  from: z.iso.date(),
  to: z.iso.date(),
  group_by: z.array(z.enum(GROUPS)),
  data: z.array(usageRow),
});

export const usageRoutes: readonly Route[] = [
  defineRoute({
    method: "GET",
    path: "/v1/usage",
    summary: "Usage and cost, grouped",
    access: "read",
    query: z.looseObject({
      from: z.iso.date().optional().describe("UTC day, included; the first of this month by default."),
      to: z.iso.date().optional().describe("UTC day, included; today by default."),
      group_by: groupList
        .default(["day"])
        .describe("Of day, model, user, key, tag; empty for one sum. A request counts once for each tag."),
      user: z.string().optional(),
      model: z.string().optional(),
      key: z.string().optional(),
      tag: z.string().optional().describe("With `tag` in group_by: only tags of this name."),
      format: z.enum(["json", "csv"]).default("json"),
    }),
    answers: {
      200: {
        description: "Sums by group; CSV with `format=csv`.",
        schema: usageAnswer,
        contentType: "text/csv",
        headers: ["Content-Disposition"],
      },
    },
    errors: ["invalid_request", "user_mismatch"],
    async handle({ env, caller, query }) {
      const today = dayOf(Date.now());
      const { from = `${today.slice(0, 7)}-01`, to = today, group_by: groupBy } = query;
      const about = userFor(viewerOf(caller).user, query.user);
      if (about.kind === "refused") return { refusal: about.refusal };
      if (query.tag !== undefined && !groupBy.includes("tag")) {
        return { refusal: refusal("invalid_request", "`tag` goes with `group_by=tag`.") };
      }
      const wanted: UsageQuery = {
        from,
        to,
        groupBy,
        user: about.user,
        model: query.model ?? null,
        keyId: query.key ?? null,
        tagName: query.tag ?? null,
      };
      const rows = await askTeam(env, caller.team, (team) => team.usage.sums(wanted));
      const data = rows.map(rowWire);
      if (query.format === "json") return { status: 200, body: { from, to, group_by: groupBy, data } };
      return { response: csvAnswer(data, groupBy, `usage_${from}_${to}.csv`) };
    },
  }),
];

function rowWire({ group, ...row }: UsageRow): z.input<typeof usageRow> {
  return {
    ...group,
    requests: row.requests,
    completed: row.completed,
    failed: row.failed,
    canceled: row.canceled,
    refunded: row.refunded,
    unknown_cost: row.unknownCost,
    above_estimate: row.aboveEstimate,
    late: row.late,
    charged_usd: moneyText(row.chargedMicro),
    refunded_usd: moneyText(row.refundedMicro),
  };
}

function csvAnswer(rows: readonly z.input<typeof usageRow>[], groupBy: readonly UsageGroup[], name: string): Response {
  const columns = [...groupBy, ...(Object.keys(sums.shape) as (keyof z.input<typeof sums>)[])];
  const lines = rows.map((row) => columns.map((column): CsvCell => row[column] ?? null));
  return new Response(csvText(columns, lines), {
    headers: {
      "Content-Type": "text/csv; charset=utf-8",
      "Content-Disposition": `attachment; filename="${name}"`,
      "Cache-Control": "no-store",
      "X-Content-Type-Options": "nosniff",
    },
  });
}
