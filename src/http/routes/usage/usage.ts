// GET /v1/usage: requests, outcomes and cost by hour, day, model, user, key and the values of one tag, as JSON or CSV. Sums of a past
// month do not change: requests settled later are counted on the day of settlement, as `late`.

import type * as z from "zod";
import type { UsageGroup, UsageQuery, UsageRow } from "../../../contracts/team-admin.ts";
import { BYTE_ORDER_MARK, type CsvCell, csvText } from "../../../platform/csv.ts";
import { type Refused, refusal, refused } from "../../../platform/errors.ts";
import { moneyText } from "../../../platform/money.ts";
import { lazy } from "../../../platform/schema.ts";
import { askTeam } from "../../../platform/stubs.ts";
import { DAY_MS, HOUR_MS, isoTime } from "../../../platform/time.ts";
import {
  dayOf,
  USAGE_DAYS_MAX,
  USAGE_HOUR_KEEP_DAYS,
  USAGE_HOURS_MAX,
  USAGE_ROWS_MAX,
} from "../../../team/usage/usage.ts";
import { userFor, viewerOf } from "../../auth.ts";
import { defineRoute, type Route } from "../../route.ts";
import { csvHeaders, flagSchema, tagFilterSchema } from "../../schemas.ts";
import { type Groups, readGroups } from "./groups.ts";

/** Stands where requests have no tag of the name. Values of tags are shown as name=value, so none of them is this. */
const UNTAGGED = "(untagged)";
const HOURS_PER_DAY = 24;

export const usageSumsBody = lazy((z) =>
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
    estimated_usd: z.string().describe("What the charged requests had reserved, to compare with `charged_usd`."),
    refunded_usd: z.string().describe("Reserved amounts that were released because upstream does not bill them."),
  }),
);

const usageRow = lazy((z) =>
  usageSumsBody().extend({
    hour: z.iso.datetime().optional().describe("Its first moment."),
    day: z.string().optional(),
    model: z.string().optional(),
    user: z.string().optional().describe("Empty for requests without a user."),
    key: z.string().optional(),
    key_name: z
      .string()
      .nullable()
      .optional()
      .describe("As the key is called now; null for an issuer's JWTs. Beside `key`."),
    tag: z.string().optional().describe(`name=value, or \`${UNTAGGED}\` for requests without a tag of the name.`),
  }),
);

export const usageAnswer = lazy((z) =>
  z.object({
    from: z.iso.date(),
    to: z.iso.date(),
    group_by: z.array(z.string()),
    closed_months: z.array(z.string()).describe("Months of this range that are closed: their sums do not change."),
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
        from: z.iso
          .date()
          .optional()
          .describe(
            "First UTC day, inclusive; the first of this month by default. With `hour` in `group_by`: 47 hours ago.",
          ),
        to: z.iso.date().optional().describe("Last UTC day, inclusive; today by default."),
        group_by: z
          .string()
          .default("day")
          .describe(
            "Comma-separated: day, model, user, key, `tag:<name>` (one tag), or hour; empty for a single total. Every grouping adds up to the same total.",
          ),
        user: z.string().optional(),
        model: z.string().optional(),
        key: z.string().optional(),
        tag: tagFilterSchema().optional().describe("Only requests with this tag: `name=value`, or `name`."),
        format: z.enum(["json", "csv"]).default("json"),
        bom: flagSchema().optional().describe("With `format=csv`: begins with a byte order mark, for Excel."),
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
      const groups = readGroups(query.group_by);
      if (groups.kind === "refused") return { refusal: groups.refusal };
      const about = userFor(viewerOf(caller).user, query.user);
      if (about.kind === "refused") return { refusal: about.refusal };
      const tag = tagFilter(query.tag, groups);
      if (tag.kind === "refused") return { refusal: tag.refusal };
      const range = rangeOf(query, groups, Date.now());
      if (range.kind === "refused") return { refusal: range.refusal };
      const { from, to, hours } = range;
      const wanted: UsageQuery = {
        ...{ from, to, hours, groupBy: groups.groupBy, tagName: groups.tagName, tag: tag.tag },
        ...{ user: about.user, model: query.model ?? null, keyId: query.key ?? null },
      };
      const answer = await askTeam(env, caller.team, (team) => team.usage.sums(wanted));
      const { rows, closedMonths } = answer;
      if (rows.length > USAGE_ROWS_MAX) {
        const hint = "Ask for fewer days, group by less, or filter by `user`, `model`, `key` or `tag`.";
        return { refusal: refusal("invalid_request", `The answer has more than ${USAGE_ROWS_MAX} rows.`, { hint }) };
      }
      const data = rows.map(rowWire);
      if (query.format === "json") {
        return { status: 200, body: { from, to, group_by: groups.text, closed_months: closedMonths, data } };
      }
      const text = (query.bom === true ? BYTE_ORDER_MARK : "") + usageCsv(data, groups.groupBy);
      return { response: new Response(text, { headers: csvHeaders(`usage_${from}_${to}.csv`) }) };
    },
  }),
];

type Range = Pick<UsageQuery, "from" | "to" | "hours"> & { kind: "range" };

/** The days that are asked for, with `hour` as hours. Sums per hour are few days old, and an answer has two days of them at most. */
function rangeOf(
  query: { from?: string | undefined; to?: string | undefined },
  groups: Groups,
  now: number,
): Range | Refused {
  const isHourly = groups.groupBy.includes("hour");
  const today = dayOf(now);
  if (isHourly && query.from === undefined && query.to === undefined) {
    const last = Math.floor(now / HOUR_MS);
    const first = last - USAGE_HOURS_MAX + 1;
    return { kind: "range", from: dayOf(first * HOUR_MS), to: today, hours: { first, last } };
  }
  const { to = today, from = isHourly ? to : `${today.slice(0, 7)}-01` } = query;
  const days = (Date.parse(to) - Date.parse(from)) / DAY_MS + 1;
  const daysMax = isHourly ? USAGE_HOURS_MAX / HOURS_PER_DAY : USAGE_DAYS_MAX;
  if (days > daysMax) {
    const hint = `Ask for at most ${daysMax} days at a time${isHourly ? ", or group by day" : ""}.`;
    return refused(refusal("invalid_request", `\`from\` to \`to\` is ${days} days.`, { hint }));
  }
  if (!isHourly) return { kind: "range", from, to, hours: null };
  if (Date.parse(from) < Date.parse(today) - (USAGE_HOUR_KEEP_DAYS - 1) * DAY_MS) {
    const detail = `Sums per hour are kept for ${USAGE_HOUR_KEEP_DAYS} days, and \`from\` is before.`;
    return refused(refusal("invalid_request", detail, { hint: "Group by day for earlier days." }));
  }
  const hours = { first: Date.parse(from) / HOUR_MS, last: Date.parse(to) / HOUR_MS + HOURS_PER_DAY - 1 };
  return { kind: "range", from, to, hours };
}

type TagFilter = UsageQuery["tag"];

/** Sums are kept for each tag alone, so one tag's requests cannot be split by another, nor by hour. */
function tagFilter(
  wanted: NonNullable<TagFilter> | undefined,
  { groupBy, tagName: grouped }: Groups,
): { kind: "tag"; tag: TagFilter } | Refused {
  if (wanted !== undefined && groupBy.includes("hour")) {
    const detail = "`tag` does not go with `hour` in `group_by`: sums per hour know no tags.";
    return refused(refusal("invalid_request", detail, { hint: "Group by day instead." }));
  }
  if (wanted === undefined || grouped === null || wanted.name === grouped) return { kind: "tag", tag: wanted ?? null };
  const hint = "GET /v1/requests?format=csv has all tags of each request.";
  const detail = `\`tag\` is \`${wanted.name}\` and \`group_by\` has \`tag:${grouped}\`: only one tag can be asked for.`;
  return refused(refusal("invalid_request", detail, { hint }));
}

export function sumsWire(row: Omit<UsageRow, "group" | "keyName">): z.input<ReturnType<typeof usageSumsBody>> {
  return {
    requests: row.requests,
    completed: row.completed,
    failed: row.failed,
    canceled: row.canceled,
    refunded: row.refunded,
    unknown_cost: row.unknownCost,
    above_estimate: row.aboveEstimate,
    late: row.late,
    charged_usd: moneyText(row.chargedMicro),
    estimated_usd: moneyText(row.estimatedMicro),
    refunded_usd: moneyText(row.refundedMicro),
  };
}

function rowWire({ group, keyName, ...row }: UsageRow): z.input<ReturnType<typeof usageRow>> {
  const { hour, tag, ...rest } = group;
  return {
    ...(hour === undefined ? {} : { hour: isoTime(Number(hour) * HOUR_MS) }),
    ...rest,
    ...(keyName === undefined ? {} : { key_name: keyName }),
    ...(tag === undefined ? {} : { tag: tag === "" ? UNTAGGED : tag }),
    ...sumsWire(row),
  };
}

function usageCsv(rows: readonly z.input<ReturnType<typeof usageRow>>[], groupBy: readonly UsageGroup[]): string {
  const groups = groupBy.flatMap((group) => (group === "key" ? (["key", "key_name"] as const) : [group]));
  const columns = [...groups, ...(Object.keys(usageSumsBody().shape) as (keyof ReturnType<typeof sumsWire>)[])];
  const lines = rows.map((row) => columns.map((column): CsvCell => row[column] ?? null));
  return csvText(columns, lines);
}
