// The version of each thing that an admin changes, as Team checks it and the edge answers it: of the settings, not of what changes by
// itself. Pure.

import type { TeamSummary } from "../contracts/team-admin.ts";
import type { KeySummary } from "../contracts/team-keys.ts";
import type { EndpointTerms } from "../contracts/team-webhooks.ts";
import { versionTag } from "../platform/version-tag.ts";
import type { Plan } from "./quota/plan.ts";
import type { Price, PriceTable } from "./quota/prices.ts";

export function planTag(plan: Plan): string {
  return versionTag(plan);
}

export function priceTableTag(table: PriceTable): string {
  return versionTag(Object.entries(table));
}

export function priceTag(price: Price): string {
  return versionTag(price);
}

export function teamTag({ name, plan }: TeamSummary): string {
  return versionTag([name, plan]);
}

export function keyTag({ name, plan, models, origins, contactUrl, expiresAt }: KeySummary): string {
  return versionTag([name, plan, models, origins, contactUrl, expiresAt]);
}

/** Header values are part of it, though no answer has them. */
export function endpointTag({ url, events, tags, description, headers }: EndpointTerms): string {
  return versionTag([url, events, Object.entries(tags), description, Object.entries(headers)]);
}
