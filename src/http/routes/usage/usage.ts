// GET /v1/usage: requests, outcomes and cost by day, model, user, key and tag, as JSON or CSV. Sums of a past month do not change:
// requests settled later are counted on the day of settlement, as `late`.

import type * as z from "zod";
import type { UsageGroup, UsageQuery, UsageRow } from "../../../contracts/team-admin.ts";
import { refusal } from "../../../platform/errors.ts";
import { moneyText } from "../../../platform/money.ts";
import { lazy } from "../../../platform/schema.ts";
import { askTeam } from "../../../platform/stubs.ts";
import { DAY_MS } from "../../../platform/time.ts";
import { type CsvCell, csvText, dayOf, USAGE_DAYS_MAX, USAGE_ROWS_MAX } from "../../../team/usage/usage.ts";
import { userFor, viewerOf } from "../../auth.ts";
import { defineRoute, type Route } from "../../route.ts";

const GROUPS = ["day", "model", "user", "key", "tag"] as const satisfies readonly UsageGroup[];

const groupList = lazy((z) =>
  z
    .string()
    .transform((text) => (text === "" ? [] : text.split(",").map((part) => part.trim())))
    .pipe(z.array(z.enum(GROUPS)).max(GROUPS.length))
    .transform((groups) => [...new Set(groups)]),
);

const sums = lazy((z) =>
  z.object({
    requests: z.int().describe("Admitted requests. Unsettled ones are in no other count."),
    completed: z.int(),
    failed: z.int(),
    canceled: z.int(),
    refunded: z.int().describe("Requests that ended without a charge."),
    unknown_cost: z.int().describe("Charged an unknown amount, which is not included in `charged_usd`."),
    above_estimate: z.int().describe("Requests charged more than was reserved."),
    late: z.int().describe("Admitted in an earlier month and settled on this day."),
    charged_usd: z.string(),
    refunded_usd: z.string().describe("Reserved amounts that were released because upstream does not bill them."),
  }),
);

const usageRow = lazy((z) =>
  sums().extend({
    day: z.string().optional(),
    model: z.string().optional(),
    user: z.string().optional().describe("Empty for requests without a user."),
    key: z.string().optional(),
    tag: z.string().optional().describe("name=value"),
  }),
);

export const usageAnswer = lazy((z) =>
  z.object({
    from: z.iso.date(),
    to: z.iso.date(),
    group_by: z.array(z.enum(GROUPS)),
    data: z.array(usageRow()),
  }),
);

export const usageRoutes: readonly Route[] = [
  defineRoute({
    method: "GET",
    path: "/v1/usage",
    summary: "Retrieve usage and cost",
    access: "read",
    query: (z) =>
      z.looseObject({
        from: z.iso.date().optional().describe("First UTC day, inclusive; the first of this month by default."),
        to: z.iso.date().optional().describe("Last UTC day, inclusive; today by default."),
        group_by: groupList()
          .default(["day"])
          .describe(
            "Comma-separated: day, model, user, key, tag; empty for a single total. A request counts once per tag.",
          ),
        user: z.string().optional(),
        model: z.string().optional(),
        key: z.string().optional(),
        tag: z.string().optional().describe("Only tags of this name; requires `tag` in `group_by`."),
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
      const days = (Date.parse(to) - Date.parse(from)) / DAY_MS + 1;
      if (days > USAGE_DAYS_MAX) {
        const hint = `Ask for at most ${USAGE_DAYS_MAX} days at a time.`;
        return { refusal: refusal("invalid_request", `\`from\` to \`to\` is ${days} days.`, { hint }) };
      }
      const about = userFor(viewerOf(caller).user, query.user);
      if (about.kind === "refused") return { refusal: about.refusal };
      if (query.tag !== undefined && !groupBy.includes("tag")) {
        return { refusal: refusal("invalid_request", "`tag` requires `tag` in `group_by`.") };
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
      if (rows.length > USAGE_ROWS_MAX) {
        const hint = "Ask for fewer days, group by less, or filter by `user`, `model`, `key` or `tag`.";
        return { refusal: refusal("invalid_request", `The answer has more than ${USAGE_ROWS_MAX} rows.`, { hint }) };
      }
      const data = rows.map(rowWire);
      if (query.format === "json") return { status: 200, body: { from, to, group_by: groupBy, data } };
      return { response: csvAnswer(data, groupBy, `usage_${from}_${to}.csv`) };
    },
  }),
];

function rowWire({ group, ...row }: UsageRow): z.input<ReturnType<typeof usageRow>> {
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

function csvAnswer(
  rows: readonly z.input<ReturnType<typeof usageRow>>[],
  groupBy: readonly UsageGroup[],
  name: string,
): Response {
  const columns = [...groupBy, ...(Object.keys(sums().shape) as (keyof z.input<ReturnType<typeof sums>>)[])];
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
