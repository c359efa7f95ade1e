// A plan as data: which models a team may run, what inputs may say, how many requests and how much money. Shape and defaults.
// Pure: no I/O, no clock. Field names are the wire's, because a plan is kept and shown as it was written; money stays text.

import picomatch from "picomatch";
import * as z from "zod";
import { FILE_MAX_BYTES } from "../../files/request-file.ts";
import { microOf } from "../../platform/money.ts";
import { TAG_TEXT_MAX_CHARS, TAGS_MAX } from "../../platform/validate.ts";

/** Largest uploaded file where the plan says nothing. */
const UPLOAD_MAX_BYTES_DEFAULT = 1024 * 1024 * 1024;
/** Links of private files live at least this long: a page shows them, and a film plays for a while. */
const FILE_LINK_MIN_S = 300;
/** Links of private files live at most this long. */
const FILE_LINK_MAX_S = 30 * 24 * 3_600;
/** Every limit of a plan is read and counted in each admit, so a plan has few. */
const PLAN_LIMITS_MAX = 20;
/** Globs of a plan's allow or deny list; each is compiled in each admit. */
const PLAN_MODEL_GLOBS_MAX = 100;
/** Entries of each of a plan's input rules, and of its origins: all are walked in each submit. */
const PLAN_INPUT_RULES_MAX = 50;
/** Origins of a plan or a key. */
export const PLAN_ORIGINS_MAX = 50;
/** Longest window in which equal posts may count as one request. Above it, people mean two. */
const DEDUPE_MAX_S = 3_600;
/** Most days that a plan may keep anything; who wants more keeps it for good (null). */
const RETENTION_MAX_DAYS = 3_650;
/** How long the compatible surfaces hold a status call: fal's clients poll every 0.1 to 0.5 s otherwise. */
const COMPAT_HOLD_S = 10;
/** Above this, clients and proxies with a 30 s patience would give up. */
const COMPAT_HOLD_MAX_S = 20;

/** The plan that every team has, and uses until it chooses another. */
export const DEFAULT_PLAN = "default";

export const planNameSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_-]{0,63}$/, "must be 1 to 64 of a-z, 0-9, _ and -, and begin with a letter or digit");

/** USD as decimal text, kept as it was written ("5", "0.003"). */
export const usdSchema = z
  .string()
  .refine((text) => microOf(text) !== null, 'must be an amount of USD as text, at most six places, e.g. "0.25"')
  .meta({ example: "0.25" });

/** Names the limit in refusals and headers; plain enough to stand in a header's quotes. */
const limitName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/, "must be 1 to 64 of A-Z, a-z, 0-9, _, . and -");

const COUNTED_FOR = ["team", "key", "user", "visitor", "ip"] as const;
const TAG_SCOPE = new RegExp(`^tag:[^]{1,${TAG_TEXT_MAX_CHARS}}$`);
const SCOPE_FAULT = `must be one of ${COUNTED_FOR.map((scope) => `"${scope}"`).join(", ")}, or "tag:" and a tag's name`;

const tagScope = z.templateLiteral(["tag:", z.string()]).refine((text) => TAG_SCOPE.test(text), SCOPE_FAULT);
const limitScope = z
  .union([z.enum(COUNTED_FOR), tagScope], { error: SCOPE_FAULT })
  .describe("Whose requests are counted together. `tag:client` counts each value of the tag `client` apart.");

const limitWindow = z
  .enum(["1m", "1h", "1d", "1mo"])
  .describe("Minutes and hours slide; days and months are the calendar's, UTC.");

const limitSchema = z.discriminatedUnion(
  "per",
  [
    z.strictObject({
      name: limitName,
      scope: limitScope,
      per: z.literal("request"),
      limit: z.int().min(0).max(1_000_000_000),
      window: limitWindow,
    }),
    z.strictObject({
      name: limitName,
      scope: limitScope,
      per: z.literal("usd"),
      limit: usdSchema,
      window: limitWindow,
    }),
    z.strictObject({
      name: limitName,
      scope: limitScope,
      per: z.literal("output_byte"),
      limit: z
        .int()
        .min(0)
        .max(1_000_000_000_000_000)
        .describe("Bytes of stored output. Counted when a request ends, so what runs already may pass it."),
      window: limitWindow,
    }),
    z.strictObject({
      name: limitName,
      scope: limitScope,
      per: z.literal("upload"),
      limit: z.int().min(0).max(1_000_000_000).describe("Files that are uploaded, or sent inside an input."),
      window: limitWindow,
    }),
    z.strictObject({
      name: limitName,
      scope: limitScope,
      per: z.literal("upload_byte"),
      limit: z.int().min(0).max(1_000_000_000_000_000).describe("Their bytes, reserved before they are sent."),
      window: limitWindow,
    }),
    z.strictObject({
      name: limitName,
      scope: limitScope,
      per: z.literal("concurrent"),
      limit: z.int().min(0).max(1_000_000).describe("Requests that are open at once."),
      window: z.never("must be left out: what is open at once has no window").optional(),
    }),
  ],
  { error: unionFault },
);

const PER_FAULT = 'must be one of "request", "usd", "output_byte", "upload", "upload_byte", "concurrent"';

/** zod's own words for a missing or unknown `per` name neither the field's values nor what to do. */
function unionFault(issue: z.core.$ZodRawIssue): string | undefined {
  return issue.code === "invalid_union" ? PER_FAULT : undefined;
}

function distinct(values: readonly string[]): boolean {
  return new Set(values).size === values.length;
}

const globs = z.array(z.string().min(1).max(200)).max(PLAN_MODEL_GLOBS_MAX);

const PATH_FAULT = "must be names joined by dots, e.g. image_size.width or loras.*.scale";
/** Where in an input a rule applies: names and positions joined by dots, `*` for every item. */
const inputPath = z.string().regex(/^[^.]{1,100}(\.[^.]{1,100}){0,9}$/, PATH_FAULT);

function rulesOf<V extends z.ZodType>(value: V) {
  return z
    .record(inputPath, value, { error: (issue) => (issue.code === "invalid_key" ? PATH_FAULT : undefined) })
    .refine(
      (rules) => Object.keys(rules).length <= PLAN_INPUT_RULES_MAX,
      `must have at most ${PLAN_INPUT_RULES_MAX} rules`,
    );
}

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);
/** One level deep: deeper values are forced by their paths, and endless types do not cross RPC. */
const forcedValue = z.union([scalar, z.array(scalar), z.record(z.string(), scalar)], {
  error: "must be a text, number, true, false or null, or an array or object of those",
});

const inputRules = z.strictObject({
  max: rulesOf(z.number())
    .default({})
    .describe("Most that a number may be, an array may be long, or a side of a size may have in pixels."),
  force: rulesOf(forcedValue).default({}).describe("Values that are set whatever the caller sends, also when absent."),
  forbid: z.array(inputPath).max(PLAN_INPUT_RULES_MAX).default([]).describe("Fields that must not be sent at all."),
});

/** A page's origin exactly as browsers send it; apps have schemes of their own (`capacitor://localhost`). */
export const originSchema = z.string().max(300).refine(isOrigin, "must be an exact origin, e.g. https://app.example");

function isOrigin(text: string): boolean {
  if (!/^https?:/i.test(text)) return /^[a-z][a-z0-9+.-]*:\/\/[a-z0-9.-]+(:\d{1,5})?$/.test(text);
  return URL.parse(text)?.origin === text;
}

const days = z.int().min(1).max(RETENTION_MAX_DAYS).nullable().default(null);

/** `image/png`, or `image/*` for every kind of image. */
const typePattern = z
  .string()
  .regex(/^[a-z]+\/(\*|[a-z0-9.+-]+)$/, 'must be a content type, or "image/*" and the like');

const uploadRules = z.strictObject({
  max_bytes: z
    .int()
    .min(0)
    .max(FILE_MAX_BYTES)
    .default(UPLOAD_MAX_BYTES_DEFAULT)
    .describe("Most that one file may have."),
  types: z
    .array(typePattern)
    .max(PLAN_INPUT_RULES_MAX)
    .nullable()
    .default(null)
    .describe("Content types that may be uploaded, by what the bytes say; null takes every kind that models know."),
});

/** Everything that a plan can say. Unknown fields are refused, so that nobody relies on one. */
export const planSchema = z.strictObject({
  limits: z
    .array(limitSchema)
    .max(PLAN_LIMITS_MAX)
    .refine((limits) => distinct(limits.map((limit) => limit.name)), "must have different names")
    .default([]),
  require_tags: z
    .array(z.string().min(1).max(TAG_TEXT_MAX_CHARS))
    .max(TAGS_MAX)
    .refine(distinct, "must name each tag once")
    .default([])
    .describe("Tags that every request must carry, with a value."),
  models: z
    .strictObject({ allow: globs.default(["**"]), deny: globs.default([]) })
    .prefault({})
    .describe("Globs over whole model ids, case kept. A model runs when one allows it and none denies it."),
  input: inputRules.prefault({}),
  max_cost_per_request: usdSchema.nullable().default(null).describe("Most that one request's estimate may be."),
  unknown_price: z
    .enum(["refuse", "allow"])
    .default("allow")
    .describe("Requests whose price or worst case is not known. Allowed ones count nothing on limits in USD."),
  charge_422: z
    .boolean()
    .default(true)
    .describe("Whether a request that the model refused (422) costs its price: fal may bill it."),
  exact_cost: z
    .boolean()
    .default(false)
    .describe("Fetch each result once more, because only that answer tells the units that fal billed."),
  dedupe_s: z
    .int()
    .min(0)
    .max(DEDUPE_MAX_S)
    .default(0)
    .describe("The same caller's same model and body within so many seconds is the same request."),
  hold_s: z
    .int()
    .min(0)
    .max(COMPAT_HOLD_MAX_S)
    .default(COMPAT_HOLD_S)
    .describe("How long the compatible surfaces hold a status call until something changes."),
  file_link_s: z
    .int()
    .min(FILE_LINK_MIN_S)
    .max(FILE_LINK_MAX_S)
    .nullable()
    .default(null)
    .describe("Private files: their URLs end after so many seconds, at most twice that; null: URLs are for good."),
  retention: z
    .strictObject({ records_days: days, files_days: days, inputs_days: days })
    .prefault({})
    .describe(
      "Days from the end of a request until its record, its files and its input are deleted; null keeps them. What the plan says at the submit holds for the request. Uploads go `inputs_days` after they came, 7 where it is null.",
    ),
  uploads: uploadRules.prefault({}).describe("Files for inputs; how many and how much in all are `limits`."),
  origins: z
    .array(originSchema)
    .max(PLAN_ORIGINS_MAX)
    .refine(distinct, "must name each origin once")
    .default([])
    .describe("Origins that pages may call from; empty leaves that to the key."),
  webhooks: z.boolean().default(true).describe("Whether a request may name a `webhook_url`."),
  when_paused: z
    .enum(["hold", "refuse"])
    .default("hold")
    .describe(
      "While upstream is paused (locked, key refused, failing, told to wait by a 429): hold requests until it is back, or refuse them with 503.",
    ),
  store_false: z
    .boolean()
    .default(false)
    .describe("Whether a request may say `store: false`. Kept with the plan: requests have no such field yet."),
});

export type Plan = z.output<typeof planSchema>;
export type PlanLimit = z.output<typeof limitSchema>;
export type LimitScope = PlanLimit["scope"];
/** A scope read apart: the form to decide by. */
export type CountedFor = { kind: (typeof COUNTED_FOR)[number] } | { kind: "tag"; name: string };
export type LimitPer = PlanLimit["per"];
export type LimitWindow = z.output<typeof limitWindow>;
export type InputRules = Plan["input"];
export type UploadRules = Plan["uploads"];

/** What a team has before anybody writes a plan: every model, no limit. */
export function defaultPlan(): Plan {
  return planSchema.parse({});
}

export function countedFor(scope: LimitScope): CountedFor {
  switch (scope) {
    case "team":
    case "key":
    case "user":
    case "visitor":
    case "ip":
      return { kind: scope };
    default:
      return { kind: "tag", name: tagNameOf(scope) };
  }
}

/** Takes the scopes of tags alone, so that a scope of another kind does not compile until `countedFor` reads it. */
function tagNameOf(scope: z.output<typeof tagScope>): string {
  return scope.slice("tag:".length);
}

/** The size of a limit as the ledger counts: micro-USD, requests or bytes. */
export function limitSize(limit: PlanLimit): number {
  if (limit.per !== "usd") return limit.limit;
  const micro = microOf(limit.limit);
  if (micro === null) throw new Error("a plan holds an amount that its schema refuses");
  return micro;
}

/** Days from the end of a request until its record, files and input are deleted; null: they are kept. Fixed at the admit, like the price. */
export interface Retention {
  recordsDays: number | null;
  filesDays: number | null;
  inputsDays: number | null;
}

export function retentionOf({ retention }: Plan): Retention {
  const { records_days: recordsDays, files_days: filesDays, inputs_days: inputsDays } = retention;
  return { recordsDays, filesDays, inputsDays };
}

/** The tags that the plan asks for and the request lacks. An empty value names nobody, so it counts as lacking. */
export function missingTags(plan: Plan, tags: Readonly<Record<string, string>>): string[] {
  return plan.require_tags.filter((name) => !Object.hasOwn(tags, name) || tags[name]?.trim() === "");
}

/** `a/**` also matches `a`; no extended globs and no `!` in front: `deny` says that, and the matcher stays cheap. */
const MATCHING = { dot: true, noextglob: true, nonegate: true, windows: false } as const;

/** Whether a model id is one of these globs'. Ids are case-sensitive at fal, so they are here. */
export function matchesModel(patterns: readonly string[], model: string): boolean {
  return patterns.length > 0 && picomatch([...patterns], MATCHING)(model);
}

/** Whether a plan lets this model run. */
export function modelAllowed(plan: Plan, model: string): boolean {
  return matchesModel(plan.models.allow, model) && !matchesModel(plan.models.deny, model);
}
