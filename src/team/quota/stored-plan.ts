// Reads stored plans, which older or newer code may have written. Plans are read loosely and written strictly. Pure.

import { type Plan, planSchema } from "./plan.ts";

/**
 * A stored plan: fields that older code did not write get their defaults, fields of newer code are left out. Any other value that
 * is unknown throws: a limit that is not understood must not be dropped.
 */
export function storedPlan(text: string): Plan {
  const plan: unknown = JSON.parse(text);
  const read = planSchema().safeParse(plan);
  if (read.success) return read.data;
  for (const issue of read.error.issues) {
    if (issue.code === "unrecognized_keys") for (const key of issue.keys) deleteField(plan, issue.path, key);
  }
  return planSchema().parse(plan);
}

function deleteField(root: unknown, path: readonly PropertyKey[], key: string): void {
  let at = root;
  for (const step of path) at = (at as Record<PropertyKey, unknown>)[step];
  delete (at as Record<string, unknown>)[key];
}
