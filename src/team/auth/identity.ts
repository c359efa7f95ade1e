// Caller stands behind a credential right now, and under which plan: keys and their rotation, tokens and the key that minted
// them, users of an issuer, all that was frozen. Asked in every admit, so that a revocation acts on the next submit. Writes
// nothing but a key's last use.

import type { IdentifyAnswer, Identity, PlanInUse } from "../../contracts/team-access.ts";
import type { Credential, KeySummary } from "../../contracts/team-keys.ts";
import { refusal, refused } from "../../platform/errors.ts";
import { MINUTE_MS } from "../../platform/time.ts";
import { matchesModel } from "../quota/plan.ts";
import type { TeamStores } from "../stores.ts";
import { keyFault, teamFault, UNKNOWN_KEY, userFault } from "./credentials.ts";
import { issuerKeyId } from "./issuers.ts";

/** Equal posts of a page within so many seconds are one request, unless its plan says otherwise: a visitor caller reloads. */
export const PUBLISHABLE_DEDUPE_S = 30;
/** A key's last use is written at most this often: a written row costs a thousand times a read one. */
const KEY_LAST_USED_STEP_MS = 10 * MINUTE_MS;

export type IdentityStores = Pick<TeamStores, "issuers" | "keys" | "team" | "users">;

/** What of an identity does not depend on plan and team. */
type Caller = Omit<Identity, "team" | "planName" | "plan" | "planHash" | "managesConnections">;

/** Tokens are for pages and apps: they run and read, whatever their key may do. */
const TOKEN_SCOPES: Identity["scopes"] = ["run", "read"];

const UNKNOWN_ISSUER = refusal("unauthenticated", "The token's issuer is not registered with this team.", {
  hint: "A team admin registers issuers with PUT /v1/issuers/{name}.",
});

/** Caller this is, if it may be used now. */
export function identify(stores: IdentityStores, credential: Credential, now: number): IdentifyAnswer {
  switch (credential.kind) {
    case "key": {
      const key = stores.keys.findKeyByDigest(credential.digest, now);
      if (key === null) return refused(UNKNOWN_KEY);
      return keyIdentity(stores, key, callerOf(key), [key.plan], now);
    }
    case "token": {
      const key = stores.keys.findKey(credential.keyId);
      if (key === null) return refused(UNKNOWN_KEY);
      const { user, models } = credential;
      const caller: Caller = {
        ...callerOf(key),
        kind: "token",
        scopes: TOKEN_SCOPES,
        user,
        models: models ?? key.models,
      };
      // A key with a plan of its own does not choose another: that would lift the key's own limits.
      return keyIdentity(stores, key, caller, [key.plan, credential.plan], now);
    }
    case "jwt": {
      const { issuer, user, plan } = credential;
      if (stores.issuers.findIssuer(issuer) === null) return refused(UNKNOWN_ISSUER);
      const caller: Caller = {
        keyId: issuerKeyId(issuer),
        keyName: issuer,
        kind: "jwt",
        scopes: TOKEN_SCOPES,
        user,
        origins: null,
        models: null,
        turnstile: null,
      };
      return identityAnswer(stores, caller, planInUse(stores, [plan], false));
    }
  }
}

/** The plan of an identity, as Team was asked under it. */
export function planOf({ planName: name, plan, planHash: hash }: Identity): PlanInUse {
  return { name, plan, hash };
}

/** Whether the key behind a credential lets it run a model; the plan has its own say. */
export function keyAllowsModel(
  stores: Pick<TeamStores, "keys">,
  credential: Credential,
  identity: Identity,
  model: string,
): boolean {
  // A token may narrow its key's models and never widen them.
  const key = credential.kind === "token" ? stores.keys.findKey(credential.keyId) : null;
  const lists = [identity.models, key?.models ?? null];
  return lists.every((globs) => globs === null || matchesModel(globs, model));
}

function callerOf(key: KeySummary): Caller {
  const { id: keyId, name: keyName, kind, scopes, user, origins, models, turnstile } = key;
  return { keyId, keyName, kind, scopes, user, origins, models, turnstile };
}

function keyIdentity(
  stores: IdentityStores,
  key: KeySummary,
  caller: Caller,
  plans: readonly (string | null)[],
  now: number,
): IdentifyAnswer {
  const fault = keyFault(key, now);
  if (fault !== null) return refused(fault);
  if (now - (key.lastUsedAt ?? 0) >= KEY_LAST_USED_STEP_MS) stores.keys.markUsed(key.id, now);
  return identityAnswer(stores, caller, planInUse(stores, plans, key.kind === "publishable"));
}

function identityAnswer(
  stores: IdentityStores,
  caller: Caller,
  { name: planName, plan, hash: planHash }: PlanInUse,
): IdentifyAnswer {
  const { id: team, frozenAt, managesConnections } = stores.team.team();
  const stopped = caller.scopes.includes("admin") ? null : teamFault(frozenAt);
  const fault = stopped ?? (caller.user === null ? null : userFault(stores.users.frozenAt(caller.user)));
  if (fault !== null) return refused(fault);
  const origins = caller.origins ?? (plan.origins.length === 0 ? null : plan.origins);
  return { kind: "known", identity: { ...caller, origins, team, planName, plan, planHash, managesConnections } };
}

/**
 * The first of these plans that exists, else the team's. Plans are never deleted, and only existing ones can be chosen for a
 * team; a claim may name anything. On a page, an equal post within seconds is a reload, not a wish for a variation.
 */
function planInUse(stores: Pick<TeamStores, "team">, wanted: readonly (string | null)[], isPage: boolean): PlanInUse {
  for (const name of [...wanted, stores.team.team().plan]) {
    const found = name === null ? null : stores.team.plan(name);
    if (name === null || found === null) continue;
    const hash = `${name}/${found.revision}`;
    if (!isPage || found.plan.dedupe_s > 0) return { name, plan: found.plan, hash };
    return { name, plan: { ...found.plan, dedupe_s: PUBLISHABLE_DEDUPE_S }, hash: `${hash}/page` };
  }
  throw new Error("the team's plan does not exist");
}
