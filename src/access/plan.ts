// A plan as data: which models a team may run and how many requests it may make. Shape, defaults and the model rule.
// Pure: no I/O, no clock. Field names are the wire's, because a plan is kept and shown as it was written.

import picomatch from "picomatch";
import * as z from "zod";
import { COMPAT_HOLD_MAX_S, COMPAT_HOLD_S, PLAN_LIMITS_MAX, PLAN_MODEL_GLOBS_MAX } from "../limits.ts";

/** The plan that every team has, and uses until it chooses another. */
export const DEFAULT_PLAN = "default";

export const planNameSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_-]{0,63}$/, "must be 1 to 64 of a-z, 0-9, _ and -, and begin with a letter or digit");

const limitSchema = z.strictObject({
  /** Names the limit in refusals and headers; plain enough to stand in a header's quotes. */
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/, "must be 1 to 64 of A-Z, a-z, 0-9, _, . and -"),
  /** Whose requests are counted together. */
  scope: z.enum(["team", "key", "user"]),
  per: z.literal("request"),
  limit: z.int().min(0).max(1_000_000_000),
  /** Calendar day or month, UTC. */
  window: z.enum(["1d", "1mo"]),
});

const globs = z.array(z.string().min(1).max(200)).max(PLAN_MODEL_GLOBS_MAX);

/** Everything that a plan can say. A field that would have no effect is refused, so that nobody relies on it. */
export const planSchema = z.strictObject({
  limits: z
    .array(limitSchema)
    .max(PLAN_LIMITS_MAX)
    .refine((limits) => new Set(limits.map((limit) => limit.name)).size === limits.length, "must have different names")
    .default([]),
  /** Globs over whole model ids (`fal-ai/flux/**`), case kept. A model runs when one allows it and none denies it. */
  models: z.strictObject({ allow: globs.default(["**"]), deny: globs.default([]) }).prefault({}),
  /** How long the compatible surfaces hold a status call until something changes. */
  hold_s: z.int().min(0).max(COMPAT_HOLD_MAX_S).default(COMPAT_HOLD_S),
});

export type Plan = z.output<typeof planSchema>;
export type PlanLimit = z.output<typeof limitSchema>;

/** What a team has before anybody writes a plan: every model, no limit. */
export function defaultPlan(): Plan {
  return planSchema.parse({});
}

/** `a/**` also matches `a`; no extended globs and no `!` in front: `deny` says that, and the matcher stays cheap. */
const MATCHING = { dot: true, noextglob: true, nonegate: true, windows: false } as const;

/** Whether a plan lets this model run. Ids are case-sensitive at fal, so they are here. */
export function modelAllowed(plan: Plan, model: string): boolean {
  const { allow, deny } = plan.models;
  return picomatch(allow, MATCHING)(model) && !(deny.length > 0 && picomatch(deny, MATCHING)(model));
}
