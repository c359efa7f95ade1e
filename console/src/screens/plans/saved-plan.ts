// A plan as it is stored, with its version: who saves it says which version was changed, so that nobody's change is lost.

import { type Answer, callApi } from "../../api/client.ts";
import type { Plan } from "../../api/types.ts";
import type { PlanTerms } from "./presets.ts";

export interface SavedPlan {
  plan: Plan;
  /** Its ETag. */
  tag: string | null;
}

export async function readPlan(path: string, signal?: AbortSignal): Promise<Answer<SavedPlan>> {
  return tagged(await callApi<Plan>("GET", path, { signal }));
}

/** Writes the whole plan. Refused with 412 if it is no longer the version of `tag`. */
export async function writePlan(name: string, terms: Partial<PlanTerms>, tag: string | null) {
  return tagged(await callApi<Plan>("PUT", `/v1/plans/${name}?replace=true`, { body: terms, headers: ifMatch(tag) }));
}

/** Writes an earlier version again, over the version that is shown. */
export async function restorePlan({ plan, tag }: SavedPlan, version: number) {
  return tagged(
    await callApi<Plan>("POST", `/v1/plans/${plan.name}/restore`, { body: { version }, headers: ifMatch(tag) }),
  );
}

function ifMatch(tag: string | null): Record<string, string> {
  return tag === null ? {} : { "If-Match": tag };
}

function tagged(answer: Answer<Plan>): Answer<SavedPlan> {
  if (!answer.ok) return answer;
  return { ...answer, data: { plan: answer.data, tag: answer.headers.get("ETag") } };
}
