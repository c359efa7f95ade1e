// Plan schema and defaults: models, input rules, limits and money. Wire field names, because a plan is stored and returned as
// written. Pure.

import type * as z from "zod";
import { MODEL_PATTERN_MAX_CHARS, matchesPattern, patternFault } from "../../models/model-pattern.ts";
import { microOf } from "../../platform/money.ts";
import { lazy } from "../../platform/schema.ts";
import { TAG_TEXT_MAX_CHARS, TAGS_MAX } from "../../platform/validate.ts";
import { limitSchema, usdSchema } from "./plan-limits.ts";
import { inputRules, uploadRules } from "./plan-rules.ts";

/** Range of the lifetime of private file links, in seconds. */
const FILE_LINK_MIN_S = 300;
/** Links of private files live at most this long. */
const FILE_LINK_MAX_S = 30 * 24 * 3_600;
/** Maximum limits of a plan; each admission reads all. */
const PLAN_LIMITS_MAX = 20;
/** Allowed values of one tag in a plan; an admission looks for its own. */
const PLAN_TAG_VALUES_MAX = 200;
/** Maximum patterns in a list of models; each admission reads all. */
const PLAN_MODEL_PATTERNS_MAX = 100;
/** Origins of a plan or a key. */
export const PLAN_ORIGINS_MAX = 50;
/** Maximum `dedupe_s`; beyond it equal submits are intentional. */
const DEDUPE_MAX_S = 3_600;
/** Maximum retention in days; null keeps data forever. */
const RETENTION_MAX_DAYS = 3_650;
/** Default seconds that status calls of the compatible APIs wait: fal's clients poll every 0.1 to 0.5 s otherwise. */
const COMPAT_HOLD_S = 10;
/** Maximum `hold_s`: clients and proxies time out at 30 s. */
const COMPAT_HOLD_MAX_S = 20;

/** Name of the initial plan of every team. */
export const DEFAULT_PLAN = "default";

export const planNameSchema = lazy((z) =>
  z
    .string()
    .regex(
      /^[a-z0-9][a-z0-9_-]{0,63}$/,
      "must be 1 to 64 characters of a-z, 0-9, _ and -, and start with a letter or digit",
    ),
);

function distinct(values: readonly string[]): boolean {
  return new Set(values).size === values.length;
}

/** A pattern over model ids, as models/model-pattern.ts reads it. */
export const modelPatternSchema = lazy((z) =>
  z
    .string()
    .min(1)
    .max(MODEL_PATTERN_MAX_CHARS)
    .refine((text) => patternFault(text) === null, {
      error: ({ input }) => patternFault(String(input)) ?? undefined,
    }),
);

const modelPatterns = lazy((z) => z.array(modelPatternSchema()).max(PLAN_MODEL_PATTERNS_MAX));

/** Exact origin as browsers send it; apps have custom schemes (`capacitor://localhost`). */
export const originSchema = lazy((z) =>
  z.string().max(300).refine(isOrigin, "must be an exact origin, e.g. https://app.example"),
);

/** Compared as text, so a wildcard would never match. */
function isOrigin(text: string): boolean {
  if (text.includes("*")) return false;
  if (!/^https?:/i.test(text)) return /^[a-z][a-z0-9+.-]*:\/\/[a-z0-9.-]+(:\d{1,5})?$/.test(text);
  return URL.parse(text)?.origin === text;
}

const days = lazy((z) => z.int().min(1).max(RETENTION_MAX_DAYS).nullable().default(null));

/** The plan. Unknown fields are refused. */
export const planSchema = lazy((z) =>
  z.strictObject({
    limits: z
      .array(limitSchema())
      .max(PLAN_LIMITS_MAX)
      .refine((limits) => distinct(limits.map((limit) => limit.name)), "must have unique names")
      .default([]),
    require_tags: z
      .array(z.string().min(1).max(TAG_TEXT_MAX_CHARS))
      .max(TAGS_MAX)
      .refine(distinct, "must not contain duplicate tags")
      .default([])
      .describe("Tags that every request must set to a non-empty value."),
    tag_values: z
      .record(
        z.string().min(1).max(TAG_TEXT_MAX_CHARS),
        z
          .array(z.string().max(TAG_TEXT_MAX_CHARS))
          .min(1)
          .max(PLAN_TAG_VALUES_MAX)
          .refine(distinct, "must not repeat a value"),
      )
      .refine((tags) => Object.keys(tags).length <= TAGS_MAX, `must name at most ${TAGS_MAX} tags`)
      .default({})
      .describe(
        "Allowed values by tag, so that no new value evades a tag's limit. A tag that is not named may have any value.",
      ),
    models: z
      .strictObject({ allow: modelPatterns().default(["**"]), deny: modelPatterns().default([]) })
      .prefault({})
      .describe(
        "Patterns over full model ids, case-sensitive: `*` any characters of a segment, `?` one, `**` as a segment any segments, `{a,b}` one of these. A model is allowed if it matches `allow` and does not match `deny`.",
      ),
    input: inputRules().prefault({}),
    max_cost_per_request: usdSchema()
      .nullable()
      .default(null)
      .describe("Maximum estimated cost of one request in USD."),
    unknown_price: z
      .enum(["refuse", "allow"])
      .default("allow")
      .describe(
        "Whether to refuse or allow requests of unknown price. Allowed requests count towards USD limits with `assumed_cost`; without it they do not count, and visitors of a publishable key are refused.",
      ),
    assumed_cost: usdSchema()
      .refine((text) => microOf(text) !== 0, "must be above 0")
      .nullable()
      .default(null)
      .describe("What a request of unknown price counts towards USD limits. Its cost stays unknown."),
    charge_422: z
      .boolean()
      .default(true)
      .describe("Whether to charge requests that the model rejected with 422. fal may bill them."),
    exact_cost: z
      .boolean()
      .default(false)
      .describe("Fetch each result a second time to read the billed units, which fal returns only there."),
    dedupe_s: z
      .int()
      .min(0)
      .max(DEDUPE_MAX_S)
      .default(0)
      .describe("Window in seconds in which an identical request from the same caller returns the existing request."),
    hold_s: z
      .int()
      .min(0)
      .max(COMPAT_HOLD_MAX_S)
      .default(COMPAT_HOLD_S)
      .describe("Seconds that status calls of the compatible APIs wait for a change."),
    file_link_s: z
      .int()
      .min(FILE_LINK_MIN_S)
      .max(FILE_LINK_MAX_S)
      .nullable()
      .default(null)
      .describe(
        "Makes files private: their URLs expire after this many seconds, at most twice that. Null: URLs do not expire.",
      ),
    retention: z
      .strictObject({ records_days: days(), files_days: days(), inputs_days: days() })
      .prefault({})
      .describe(
        "Days from the end of a request until its record, files and input are deleted. Null keeps them. A request keeps the retention that applied when it was created. Uploads expire `inputs_days` after they were stored, or 7 days if null.",
      ),
    uploads: uploadRules().prefault({}).describe("Rules for uploaded files. `limits` cap their number and total size."),
    origins: z
      .array(originSchema())
      .max(PLAN_ORIGINS_MAX)
      .refine(distinct, "must not contain duplicate origins")
      .default([])
      .describe("Origins allowed to call from a browser. Empty: the origins of the key apply."),
    webhooks: z
      .boolean()
      .nullable()
      .default(null)
      .describe(
        "Who may set `webhook_url`. Null: secret keys only. True: client tokens and users' JWTs too; their deliveries are signed with a secret of each user (GET /v1/me/webhook_secret). False: nobody.",
      ),
    when_paused: z
      .enum(["hold", "refuse"])
      .default("hold")
      .describe(
        "Whether to hold requests or refuse them with 503 while upstream is paused (account locked, key refused, failing or rate limited).",
      ),
    store_false: z
      .boolean()
      .default(false)
      .describe("Reserved: whether requests may set `store: false`. Requests have no such field yet."),
  }),
);

export type Plan = z.output<ReturnType<typeof planSchema>>;
export type InputRules = Plan["input"];
export type UploadRules = Plan["uploads"];

/** Default plan: every model, no limit. */
export function defaultPlan(): Plan {
  return planSchema().parse({});
}

/** Retention in days from the end of a request; null: kept. Fixed at admission. */
export interface Retention {
  recordsDays: number | null;
  filesDays: number | null;
  inputsDays: number | null;
}

export function retentionOf({ retention }: Plan): Retention {
  const { records_days: recordsDays, files_days: filesDays, inputs_days: inputsDays } = retention;
  return { recordsDays, filesDays, inputsDays };
}

/** Whether the plan bounds what all holders of a key spend together: visitors are many, so limits of each do not. */
export function limitsKeyMoney({ limits }: Plan): boolean {
  return limits.some(({ per, scope }) => per === "usd" && (scope === "key" || scope === "team"));
}

/** Required tags that the request lacks. Empty values count as missing. */
export function missingTags(plan: Plan, tags: Readonly<Record<string, string>>): string[] {
  return plan.require_tags.filter((name) => !Object.hasOwn(tags, name) || tags[name]?.trim() === "");
}

/** The first tag whose value the plan does not list; null: none. */
export function unlistedTag(
  { tag_values: listed }: Pick<Plan, "tag_values">,
  tags: Readonly<Record<string, string>>,
): { name: string; allowed: readonly string[] } | null {
  for (const [name, value] of Object.entries(tags)) {
    const allowed = listedValues(listed, name);
    if (allowed !== null && !allowed.includes(value)) return { name, allowed };
  }
  return null;
}

/** The values that a plan lists for a tag; null: any. */
export function listedValues(listed: Plan["tag_values"], name: string): readonly string[] | null {
  return Object.hasOwn(listed, name) ? (listed[name] ?? null) : null;
}

/** Whether a model id matches one of the patterns. */
export function matchesModel(patterns: readonly string[], model: string): boolean {
  return patterns.some((pattern) => matchesPattern(pattern, model));
}

/** Whether a plan, or the operator's caps, allow a model. */
export function modelAllowed(plan: Pick<Plan, "models">, model: string): boolean {
  return matchesModel(plan.models.allow, model) && !matchesModel(plan.models.deny, model);
}
