// Starting points for plans: each is a plan for a purpose, to be changed before it is saved. Pure.

import type { Plan } from "../../api/types.ts";

export type PlanTerms = Omit<Plan, "name">;
export type PlanLimit = Plan["limits"][number];

export interface Preset {
  name: string;
  title: string;
  purpose: string;
  terms: Partial<PlanTerms>;
}

/** A page that strangers use: a few pictures each, a ceiling on money, nothing whose price is unknown. */
export function demoTerms(visitorPerDay: number, addressPerDay: number, usdPerDay: string): Partial<PlanTerms> {
  return {
    limits: [
      { name: "visitor-day", scope: "visitor", per: "request", limit: visitorPerDay, window: "day" },
      { name: "address-day", scope: "ip", per: "request", limit: addressPerDay, window: "day" },
      { name: "demo-money", scope: "key", per: "usd", limit: usdPerDay, window: "day" },
    ],
    unknown_price: "refuse",
    input: { max: {}, force: {}, forbid: ["sync_mode"] },
    webhooks: false,
  };
}

export const PRESETS: readonly Preset[] = [
  {
    name: "demo",
    title: "Public page",
    purpose: "Three requests a visitor and day, two dollars a day in all, nothing of unknown price.",
    terms: demoTerms(3, 20, "2"),
  },
  {
    name: "members",
    title: "Members with a budget",
    purpose: "Sixty dollars a person and month, and a tag that says which client pays.",
    terms: {
      limits: [
        { name: "member-month", scope: "user", per: "usd", limit: "60", window: "month" },
        { name: "member-open", scope: "user", per: "concurrent", limit: 10 },
      ],
      require_tags: ["client"],
    },
  },
  {
    name: "free",
    title: "Free tier of an app",
    purpose: "Five requests a user and day, one at a time, inputs and files kept for 30 days.",
    terms: {
      limits: [
        { name: "user-day", scope: "user", per: "request", limit: 5, window: "day" },
        { name: "user-open", scope: "user", per: "concurrent", limit: 1 },
        { name: "free-money", scope: "team", per: "usd", limit: "20", window: "day" },
      ],
      unknown_price: "refuse",
      retention: { records_days: null, files_days: 30, inputs_days: 30 },
    },
  },
  {
    name: "budget",
    title: "One budget for the team",
    purpose: "Twenty dollars a day and three hundred a month, whoever calls.",
    terms: {
      limits: [
        { name: "team-day", scope: "team", per: "usd", limit: "20", window: "day" },
        { name: "team-month", scope: "team", per: "usd", limit: "300", window: "month" },
      ],
    },
  },
];
