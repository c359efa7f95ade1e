// A key on its way through the wizard: what was chosen, what the API is sent, and what is still missing. Pure.

import type { NewKey, Plan } from "../../api/types.ts";
import { linesOf } from "../../parts/lines.ts";
import { PAGE_TERMS, pageLimits } from "../plans/presets.ts";
import { endOf } from "./key-edit.ts";

export const KINDS = ["server", "member", "page", "admin"] as const;
export type Kind = (typeof KINDS)[number];

export interface Draft {
  kind: Kind;
  name: string;
  user: string;
  mayRun: boolean;
  mayRead: boolean;
  mayMint: boolean;
  /** Plans that tokens of the key may have, beside its own; one a line. */
  plans: string;
  /** One a line. */
  origins: string;
  models: string;
  /** A plan's name; empty: the team's. */
  plan: string;
  /** A page gets a plan of its own with these numbers, where `plan` is `NEW_PLAN`. */
  visitorPerDay: string;
  addressPerDay: string;
  usdPerDay: string;
  newPlanName: string;
  turnstileSite: string;
  turnstileSecret: string;
  /** Empty: never. */
  expiresOn: string;
}

/** Not a valid name of a plan, so that it can stand for one to be made. */
export const NEW_PLAN = "+new";

export function emptyDraft(kind: Kind): Draft {
  return {
    kind,
    name: "",
    user: "",
    mayRun: true,
    mayRead: true,
    mayMint: kind === "server",
    plans: "",
    origins: "",
    models: "",
    plan: kind === "page" ? NEW_PLAN : "",
    visitorPerDay: "3",
    addressPerDay: "20",
    usdPerDay: "2",
    newPlanName: "demo",
    turnstileSite: "",
    turnstileSecret: "",
    expiresOn: "",
  };
}

/** What must be filled in first, by field. */
export function missingIn(draft: Draft): Partial<Record<keyof Draft, string>> {
  const missing: Partial<Record<keyof Draft, string>> = {};
  if (draft.name.trim() === "") missing.name = "Give it a name: lists and the audit log show it.";
  if (draft.kind === "member" && draft.user.trim() === "") missing.user = "Name the person that every call acts for.";
  if (draft.kind === "page") {
    const origins = linesOf(draft.origins);
    const wrong = origins.find((origin) => URL.parse(origin)?.origin !== origin);
    if (origins.length === 0) missing.origins = "Name at least one page origin.";
    else if (wrong !== undefined)
      missing.origins = `${wrong} is not an origin: scheme and host alone, as https://demo.example.`;
    if ((draft.turnstileSite === "") !== (draft.turnstileSecret === "")) {
      missing.turnstileSecret = "Turnstile needs both its site key and its secret.";
    }
  } else if (draft.kind !== "admin" && !draft.mayRun && !draft.mayRead) {
    missing.mayRun = "Choose at least one.";
  }
  if (draft.plan === NEW_PLAN) {
    if (!/^[a-z0-9][a-z0-9_-]{0,63}$/.test(draft.newPlanName)) missing.newPlanName = "Letters a-z, digits, _ and -.";
    if (!/^\d+(\.\d{1,6})?$/.test(draft.usdPerDay)) missing.usdPerDay = "An amount, as 2 or 0.50.";
    if (!/^\d{1,9}$/.test(draft.visitorPerDay)) missing.visitorPerDay = "A whole number.";
    if (!/^\d{1,9}$/.test(draft.addressPerDay)) missing.addressPerDay = "A whole number.";
  }
  return missing;
}

/** The plan that the wizard makes with the key: the preset of public pages, with the numbers and models of this one. */
export function newPlanBody(draft: Draft) {
  const models = linesOf(draft.models);
  return {
    name: draft.newPlanName,
    from: "demo_page",
    limits: pageLimits(Number(draft.visitorPerDay) || 0, Number(draft.addressPerDay) || 0, draft.usdPerDay || "0"),
    ...(models.length === 0 ? {} : { models: { allow: models } }),
  };
}

/** The plan that will limit the key, as far as it is known. */
export function planOf(draft: Draft, plans: readonly Plan[], teamPlan: string) {
  if (draft.plan === NEW_PLAN) {
    const { unknown_price, max_cost_per_request } = PAGE_TERMS;
    return { limits: newPlanBody(draft).limits, unknown_price, assumed_cost: null, max_cost_per_request };
  }
  return plans.find(({ name }) => name === (draft.plan === "" ? teamPlan : draft.plan)) ?? null;
}

/** Whether a page's key may have this plan: anybody may use such a key, so the API demands a USD limit per key or team. */
export function boundsKeyMoney({ limits }: Pick<Plan, "limits">): boolean {
  return limits.some(({ per, scope }) => per === "usd" && (scope === "key" || scope === "team"));
}

export function keyBodyOf(draft: Draft): NewKey {
  const models = linesOf(draft.models);
  const common: NewKey = {
    name: draft.name.trim(),
    ...(draft.plan === "" ? {} : { plan: draft.plan === NEW_PLAN ? draft.newPlanName : draft.plan }),
    ...(models.length === 0 ? {} : { models }),
    ...(draft.expiresOn === "" ? {} : { expires_at: endOf(draft.expiresOn) }),
  };
  switch (draft.kind) {
    case "server":
      return { ...common, ...tokenPlansOf(draft), kind: "secret", scopes: scopesOf(draft) };
    case "member":
      return { ...common, ...tokenPlansOf(draft), kind: "secret", scopes: scopesOf(draft), user: draft.user.trim() };
    case "admin":
      return { ...common, kind: "secret", scopes: ["run", "read", "mint", "admin"] };
    case "page":
      return {
        ...common,
        kind: "publishable",
        origins: linesOf(draft.origins),
        ...(draft.turnstileSite === ""
          ? {}
          : { turnstile: { site_key: draft.turnstileSite, secret: draft.turnstileSecret } }),
      };
  }
}

function scopesOf({ mayRun, mayRead, mayMint }: Draft): NonNullable<NewKey["scopes"]> {
  const chosen = { run: mayRun, read: mayRead, mint: mayMint };
  return (["run", "read", "mint"] as const).filter((scope) => chosen[scope]);
}

function tokenPlansOf({ mayMint, plans }: Draft): Pick<NewKey, "plans"> {
  const names = mayMint ? linesOf(plans) : [];
  return names.length === 0 ? {} : { plans: names };
}
