// What a credential may see, by GET /v1/me: decides the rail, and the sentence of a screen that it hides. Pure.

import type { Me, Scope } from "../api/types.ts";

export type Need = Scope | "any" | "operator" | "team";

export interface Who {
  me: Me | null;
  isOperator: boolean;
}

/** `team`: reads what belongs to the whole team, which a credential bound to one user may not. */
export function may({ me, isOperator }: Who, need: Need): boolean {
  if (need === "operator") return isOperator;
  if (me === null) return false;
  if (need === "any") return true;
  if (need === "team") return me.key.scopes.includes("read") && !isBound(me);
  return me.key.scopes.includes(need);
}

/** Whether lists show the requests of one user alone. */
export function isBound(me: Me): boolean {
  return me.user !== null && !me.key.scopes.includes("admin");
}

/** Why a screen is not shown. */
export function whyHidden({ me }: Who, need: Need): string {
  if (need === "operator") return "This screen is the operator's. Sign in with ADMIN_TOKEN to see it.";
  if (me === null) return "This screen needs a key of a team. You are signed in as the operator alone.";
  if (need === "team") return "This screen shows the whole team, and your key is bound to one user.";
  const yours = me.key.scopes.length === 0 ? "none" : me.key.scopes.join(", ");
  return `This screen needs the scope ${need}. Your key has: ${yours}.`;
}
