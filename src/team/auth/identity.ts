// Resolves credentials to identities and plans: keys, client tokens and JWTs, with rotations, revocations and freezes. Runs in
// every admission, so that a revocation applies to the next submit. Writes only the last use of a key.

import type { IdentifyAnswer, Identity, PlanInUse } from "../../contracts/team-access.ts";
import type { Credential, KeySummary, Scope } from "../../contracts/team-keys.ts";
import { type Refusal, refusal, refused } from "../../platform/errors.ts";
import { MINUTE_MS } from "../../platform/time.ts";
import { matchesModel } from "../quota/plan.ts";
import type { TeamStores } from "../stores.ts";
import { keyFault, teamFault, UNKNOWN_KEY, userFault } from "./credentials.ts";
import { issuerKeyId } from "./issuers.ts";
import { prefixOf, reservedUserFault } from "./user-names.ts";

/** `dedupe_s` for publishable keys whose plan sets none: a page reload within it returns the same request. */
export const PUBLISHABLE_DEDUPE_S = 30;
/** Minimum interval between writes of a key's last use: writes cost far more than reads. */
const KEY_LAST_USED_STEP_MS = 10 * MINUTE_MS;

export type IdentityStores = Pick<TeamStores, "issuers" | "keys" | "team" | "users">;

/** The part of an identity that does not depend on plan and team. */
type Caller = Omit<Identity, "team" | "planName" | "plan" | "planHash" | "caps" | "managesConnections">;

/** Most scopes of client tokens and JWTs. A secret key's tokens have those of them that the key has. */
export const TOKEN_SCOPES = ["run", "read"] as const satisfies readonly Scope[];

const UNKNOWN_ISSUER = refusal("unauthenticated", "The token's issuer is not registered with this team.", {
  hint: "A team admin registers issuers with PUT /v1/issuers/{name}.",
});

/** Resolves a credential to an identity, if it may be used now. */
export function identify(stores: IdentityStores, credential: Credential, now: number): IdentifyAnswer {
  switch (credential.kind) {
    case "key": {
      const key = stores.keys.findKeyByDigest(credential.digest, now);
      if (key === null) return refused(UNKNOWN_KEY);
      const fault = key.user === null ? null : namedUserFault(stores, key.user, key);
      return fault === null ? keyIdentity(stores, key, callerOf(key), [key.plan], now) : refused(fault);
    }
    case "token": {
      const key = stores.keys.findKey(credential.keyId);
      if (key === null) return refused(UNKNOWN_KEY);
      const { user, models, plan, scopes, tags } = credential;
      // A publishable key's token is for a visitor, whom Sluice named.
      const fault = key.kind === "publishable" ? null : namedUserFault(stores, user, key);
      if (fault !== null) return refused(fault);
      const caller: Caller = {
        ...callerOf(key),
        kind: "token",
        scopes: TOKEN_SCOPES.filter((scope) => {
          return (key.kind === "publishable" || key.scopes.includes(scope)) && (scopes?.includes(scope) ?? true);
        }),
        user,
        models: models ?? key.models,
        tags: { ...tags, ...key.tags },
      };
      // Another plan than the key's own only if the key lists it; otherwise a token could lift its limits.
      const given = plan !== null && key.plans.includes(plan) ? plan : null;
      return keyIdentity(stores, key, caller, [given, key.plan], now);
    }
    case "jwt": {
      const { issuer, user, plan } = credential;
      if (stores.issuers.findIssuer(issuer) === null) return refused(UNKNOWN_ISSUER);
      const caller: Caller = {
        keyId: issuerKeyId(issuer),
        keyName: issuer,
        kind: "jwt",
        scopes: [...TOKEN_SCOPES],
        user,
        origins: null,
        models: null,
        turnstile: null,
        contactUrl: null,
        tags: credential.tags,
        plans: [],
        issuerUsers: [],
        keyExpiresAt: null,
      };
      return identityAnswer(stores, caller, planInUse(stores, [plan], false));
    }
  }
}

/** Why a secret key, or a token made with one, may not act for this user, or null. Issuers are read for prefixed names alone. */
export function namedUserFault(
  stores: Pick<TeamStores, "issuers">,
  user: string,
  { issuerUsers }: Pick<Identity, "issuerUsers">,
): Refusal | null {
  if (prefixOf(user) === null) return null;
  const issuers = stores.issuers.all().map(({ issuer }) => issuer);
  return reservedUserFault(user, issuers, issuerUsers);
}

/** The plan of an identity. */
export function planOf({ planName: name, plan, planHash: hash }: Identity): PlanInUse {
  return { name, plan, hash };
}

/** Whether the key of a credential allows a model; the plan is checked separately. */
export function keyAllowsModel(
  stores: Pick<TeamStores, "keys">,
  credential: Credential,
  identity: Identity,
  model: string,
): boolean {
  // A token narrows the models of its key and never widens them.
  const key = credential.kind === "token" ? stores.keys.findKey(credential.keyId) : null;
  const lists = [identity.models, key?.models ?? null];
  return lists.every((patterns) => patterns === null || matchesModel(patterns, model));
}

function callerOf(key: KeySummary): Caller {
  const {
    id: keyId,
    name: keyName,
    kind,
    scopes,
    user,
    origins,
    models,
    turnstile,
    contactUrl,
    tags,
    plans,
    issuerUsers,
    expiresAt: keyExpiresAt,
  } = key;
  const terms = { origins, models, turnstile, contactUrl, tags, plans, issuerUsers };
  return { keyId, keyName, kind, scopes, user, ...terms, keyExpiresAt };
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
  const { id: team, frozenAt, caps, managesConnections } = stores.team.team();
  const stopped = caller.scopes.includes("admin") ? null : teamFault(frozenAt);
  const fault = stopped ?? (caller.user === null ? null : userFault(stores.users.frozenAt(caller.user)));
  if (fault !== null) return refused(fault);
  const origins = caller.origins ?? (plan.origins.length === 0 ? null : plan.origins);
  return { kind: "known", identity: { ...caller, origins, team, planName, plan, planHash, caps, managesConnections } };
}

/**
 * The first existing plan, else the team's. Claims may name plans that do not exist. For publishable keys a repeated submit
 * within seconds is a page reload.
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
