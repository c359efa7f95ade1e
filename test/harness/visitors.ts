// A public page and the people who open it: a publishable key, and visitors with the tokens that the page exchanges it for.

import { expect } from "vitest";
import type { Answer } from "./calls.ts";
import { MODEL } from "./model.ts";
import { Person } from "./people.ts";
import { newKey, Team } from "./team.ts";

export const PAGE_ORIGIN = "https://demo.example";

export interface PublicPage {
  team: Team;
  /** The publishable key, as it stands in the page's source. */
  key: { id: string; secret: string };
}

/** A page under a plan with these limits and rules, whose money is bounded far above any test's. */
export async function openPage(
  limits: readonly object[] = [],
  rules: Record<string, unknown> = {},
): Promise<PublicPage> {
  const team = await Team.create();
  await team.send("PUT", "/v1/prices", { [MODEL]: { unit: "image", usd: "0.003" } });
  await setPagePlan(team, limits, rules);
  const key = await newKey(team.key, { kind: "publishable", origins: [PAGE_ORIGIN], plan: "page" });
  return { team, key };
}

/** Writes the plan of a page's key again. */
export async function setPagePlan(team: Team, limits: readonly object[], rules: Record<string, unknown> = {}) {
  const money = { name: "page-money", scope: "key", per: "usd", limit: "1000", window: "1d" };
  const written = await team.send("PUT", "/v1/plans/page", { limits: [...limits, money], ...rules });
  expect(written.status, JSON.stringify(written.body)).toBe(200);
}

export interface Exchanged {
  token: string;
  user: string;
  visitor_token: string;
  detail?: string;
}

/** What a page does first: it exchanges its key for a visitor's token. */
export function exchange(
  { key }: PublicPage,
  address: string,
  visitorToken: string | null = null,
): Promise<Answer<Exchanged>> {
  const opened = new Person(key.secret, { Origin: PAGE_ORIGIN, "CF-Connecting-IP": address });
  return opened.ask<Exchanged>("POST", "/v1/tokens", { visitor_token: visitorToken });
}

/** A visitor with the page open, and what the page keeps of the exchange. */
export interface Visitor extends Person {
  readonly kept: Exchanged;
}

/** Opens the page. Without a visitor token that was kept it is somebody new. */
export async function visit(page: PublicPage, address: string, visitorToken: string | null = null): Promise<Visitor> {
  const { status, body } = await exchange(page, address, visitorToken);
  expect(status, JSON.stringify(body)).toBe(200);
  const person = new Person(body.token, { Origin: PAGE_ORIGIN, "CF-Connecting-IP": address });
  return Object.assign(person, { kept: body });
}
