// What a plan may begin with: the API's presets, and the terms of a page's plan with the numbers of the wizard. Pure.

import { PRESETS, type PresetName } from "../../../../src/team/quota/presets.ts";
import type { Plan } from "../../api/types.ts";

export type PlanTerms = Omit<Plan, "name">;
export type PlanLimit = Plan["limits"][number];

const TITLES: Record<PresetName, string> = {
  demo_page: "Public page",
  team: "Team",
  agent: "Agent",
  saas: "Users of an app",
};

export type { PresetName };

export interface Beginning {
  name: PresetName;
  title: string;
  purpose: string;
  limits: readonly PlanLimit[];
}

export const BEGINNINGS: readonly Beginning[] = (Object.keys(TITLES) as PresetName[]).map((name) => {
  const { purpose, terms } = PRESETS[name];
  return { name, title: TITLES[name], purpose, limits: terms.limits };
});

/** The limits of a public page, with the three numbers that its owner is asked for. */
export function pageLimits(visitorPerDay: number, addressPerDay: number, usdPerDay: string): PlanLimit[] {
  return PRESETS.demo_page.terms.limits.map((limit): PlanLimit => {
    if (limit.name === "visitor-day") return { ...limit, limit: visitorPerDay };
    if (limit.name === "address-day") return { ...limit, limit: addressPerDay };
    return limit.name === "page-money" ? { ...limit, limit: usdPerDay } : limit;
  });
}

/** The other terms of such a plan. */
export const PAGE_TERMS = PRESETS.demo_page.terms;
