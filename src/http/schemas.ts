// Pieces of the wire that several routes share: users, scopes, plans, lists. Snake case outside, camel case inside, and the
// turn is made here and in the route files.

import * as z from "zod";
import { planNameSchema, planSchema } from "../access/plan.ts";
import type { NamedPlan } from "../access/types.ts";
import { USER_MAX_CHARS } from "../limits.ts";

export const scopeSchema = z.enum(["run", "read", "admin"]);

/** The acting user: the caller's own name for somebody. */
export const userSchema = z.string().min(1).max(USER_MAX_CHARS);

/** A plan with its name, as answers show it. */
export const planBody = planSchema.extend({ name: planNameSchema });

export function planWire({ name, plan }: NamedPlan): z.input<typeof planBody> {
  return { name, ...plan };
}

export function listBody<S extends z.ZodType>(item: S) {
  return z.object({ data: z.array(item), next_cursor: z.string().nullable() });
}
