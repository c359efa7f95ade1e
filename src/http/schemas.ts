// Wire schemas that several routes share: users, tags, scopes, plans, limits, lists. Routes convert between snake case on the wire and
// camel case in code.

import type * as z from "zod";
import type { NamedPlan } from "../contracts/team-plans.ts";
import { LIMIT_COUNTS, LIMIT_PERS } from "../platform/errors.ts";
import { moneyText } from "../platform/money.ts";
import { lazy, zod } from "../platform/schema.ts";
import { DAY_MS, isoTime } from "../platform/time.ts";
import { TAG_TEXT_MAX_CHARS, TAGS_MAX, USER_MAX_CHARS } from "../platform/validate.ts";
import { SEED_GAPS } from "../team/quota/limit-seeds.ts";
import type { LimitState } from "../team/quota/limits.ts";
import { planNameSchema, planSchema } from "../team/quota/plan.ts";
import { planTerms } from "../team/quota/plan-wire.ts";
import { WINDOW_WORDS, windowWord } from "../team/quota/windows.ts";
import { headerText } from "./header-text.ts";

/** Items of a list page where `limit` is left out. */
export const LIST_LIMIT_DEFAULT = 20;
/** Items of a list page at most. */
export const LIST_LIMIT_MAX = 100;

export const scopeSchema = lazy((z) => z.enum(["run", "read", "mint", "admin"]));

/** The acting user: the caller's own id of an end user. */
export const userSchema = lazy((z) => z.string().min(1).max(USER_MAX_CHARS));

/** The same in a header. */
export const headerUserSchema = lazy((z) =>
  z
    .string()
    .transform((value, context) => {
      const read = headerText(value, "user");
      if (read.ok) return read.text;
      context.addIssue({ code: "custom", message: read.reason });
      return z.NEVER;
    })
    .pipe(userSchema()),
);

export const tagsSchema = lazy((z) =>
  z
    .record(z.string().min(1).max(TAG_TEXT_MAX_CHARS), z.string().max(TAG_TEXT_MAX_CHARS))
    .refine((given) => Object.keys(given).length <= TAGS_MAX, `must have at most ${TAGS_MAX} tags`),
);

/** A moment that a caller names, as epoch ms: a time with its offset, or a UTC day, of which it is the first or the last moment. */
export function momentSchema(ofDay: "first" | "last") {
  const z = zod();
  return z.string().transform((text, context) => {
    if (z.iso.date().safeParse(text).success) return Date.parse(text) + (ofDay === "last" ? DAY_MS - 1 : 0);
    if (z.iso.datetime({ offset: true }).safeParse(text).success) return Date.parse(text);
    const isUnescaped = z.iso.datetime({ offset: true }).safeParse(text.replace(/ (?=\d\d:\d\d$)/, "+")).success;
    const message = isUnescaped
      ? "has a space where a plus should be: write the + of the offset as %2B"
      : "must be a time such as 2026-11-29T10:00:00Z, or a day such as 2026-11-29";
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  });
}

/** A tag to filter by: `name=value`, or `name` for any value. */
export const tagFilterSchema = lazy((z) =>
  z
    .string()
    .min(1)
    .transform((text) => {
      const [name = "", ...value] = text.split("=");
      return { name, value: value.length === 0 ? null : value.join("=") };
    }),
);

/** A switch in a query: `1` or `true`, `0` or `false`. */
export const flagSchema = lazy((z) =>
  z.enum(["0", "1", "true", "false"]).transform((word) => word === "1" || word === "true"),
);

/** Headers of CSV that a browser saves as a file of this name. */
export function csvHeaders(fileName: string): Record<string, string> {
  return {
    "Content-Type": "text/csv; charset=utf-8",
    "Content-Disposition": `attachment; filename="${fileName}"`,
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
  };
}

/** A plan with its name, as in responses. */
export const planBody = lazy(() => planSchema().extend({ name: planNameSchema() }));

/** New limits of a plan that cannot begin with what their day or month has had. */
export const startsEmptyBody = lazy((z) =>
  z
    .array(z.object({ limit: z.string(), reason: z.enum(SEED_GAPS) }))
    .describe(
      "New limits that count from now on only. The others begin with what their day or month has had. `not_summed`: usage is not summed by what the limit counts or for whom; `short_window`: a minute or an hour is soon over; `too_many_sums`, `too_many_open`: there is too much to add up at once. Absent where there are none.",
    ),
);

export function planWire({ name, plan }: NamedPlan): z.input<ReturnType<typeof planBody>> {
  return { name, ...planTerms(plan) };
}

export function listBody<S extends z.ZodType>(item: S) {
  return zod().object({ data: zod().array(item), next_cursor: zod().string().nullable() });
}

/** USD are decimal text; requests, bytes and concurrent requests are integers. */
const amount = lazy((z) =>
  z.union([z.int(), z.string()]).describe("An integer; USD as decimal text when `per` is usd."),
);

export const limitBody = lazy((z) =>
  z.object({
    name: z.string(),
    scope: z.string(),
    per: z.enum(LIMIT_PERS),
    window: z.enum(WINDOW_WORDS).nullable().describe("Null for limits without a window."),
    count: z
      .enum(LIMIT_COUNTS)
      .nullable()
      .describe(
        "Which requests or uploads count for this caller: `admitted`, or `completed`, which gives back what is canceled or fails without a charge. Null for other kinds of limits.",
      ),
    limit: amount(),
    set_by: z
      .enum(["plan", "operator"])
      .describe("`operator`: a cap of the deployment's operator, which no plan of the team changes."),
    used: amount(),
    remaining: amount(),
    reset: z.iso
      .datetime()
      .nullable()
      .describe("End of the window; for a sliding window, when it is fully available again."),
  }),
);

export function limitWire({
  per,
  limit,
  used,
  remaining,
  resetAt,
  window,
  setBy,
  ...rest
}: LimitState): z.input<ReturnType<typeof limitBody>> {
  const shown = (value: number) => amountWire(per, value);
  return {
    ...rest,
    per,
    window: window === null ? null : windowWord(window),
    set_by: setBy,
    reset: isoTime(resetAt),
    limit: shown(limit),
    used: shown(used),
    remaining: shown(remaining),
  };
}

/** An amount of a limit in wire format. */
export function amountWire(per: LimitState["per"], value: number): number | string {
  switch (per) {
    case "usd":
      return moneyText(value);
    case "request":
    case "concurrent":
    case "output_byte":
    case "upload":
    case "upload_byte":
      return value;
  }
}

/** Micro-USD in wire format; null means unknown, never zero. */
export function moneyWire(micro: number | null): string | null {
  return micro === null ? null : moneyText(micro);
}
