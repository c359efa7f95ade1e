// Names the caller behind a request: the credential, whether it may be used from this page, and who its team says it is.
// Identities are remembered per isolate for IDENTITY_CACHE_MS; admin calls, exchanges and admits always ask.

import type { Identity } from "../contracts/team-access.ts";
import type { Credential, Scope } from "../contracts/team-keys.ts";
import type { Env } from "../platform/bindings.ts";
import { type Config, requireConfig } from "../platform/config.ts";
import { type Refusal, type Refused, refusal, refused } from "../platform/errors.ts";
import { sameSecret } from "../platform/signing.ts";
import { askTeam } from "../platform/stubs.ts";
import type { Viewer } from "../requests/machine/types.ts";
import { actingFault, NOT_THE_OPERATOR, scopeFault } from "../team/auth/credentials.ts";
import { IDENTITIES_CACHED_MAX, IDENTITY_CACHE_MS } from "../team/auth/issuer-cache.ts";
import { addressMark } from "../team/auth/visitor.ts";
import { authorizationOf, credentialOf } from "./credential.ts";
import { originFault, pageOrigin } from "./origin.ts";

/** Who calls, and within what. */
export interface Caller {
  team: string;
  keyId: string;
  keyName: string;
  scopes: Scope[];
  credential: Credential;
  /** The acting user that the credential fixes; null: the call may name one. */
  user: string | null;
  /** Sees the requests of that user alone. */
  own: boolean;
  visitor: string | null;
  /** Our mark of the address, where a person calls; null for servers. */
  ip: string | null;
  origins: string[] | null;
  models: string[] | null;
  /** Name of the plan that applies. */
  plan: string;
  /** Tags that the credential fixes. */
  tags: Record<string, string>;
  /** All that Team said, the plan's text and hash included. */
  identity: Identity;
}

export type CallerAnswer = { kind: "known"; caller: Caller } | Refused;

const EXCHANGE_ONLY = refusal("forbidden", "A publishable key can only be exchanged for a client token.", {
  hint: "POST /v1/tokens with it from a page of one of the key's origins, then send the `token` that comes back.",
});

const NO_TOKEN_FROM_TOKEN = refusal("forbidden", "A token cannot make another token.", {
  hint: "Servers make them with a secret key, pages with a publishable one.",
});

/** What may be asked for: a scope, or making a client token, which a publishable key may do too. */
export type Wanted = Scope | "mint";

/**
 * The caller behind a request, if the credential is good, may be used from there, acts for whom the call says, and may do
 * what is wanted. `Sluice-User` is looked at here, so that no surface forgets it.
 */
export async function callerOf(request: Request, env: Env, wanted: Wanted): Promise<CallerAnswer> {
  const config = requireConfig(env);
  const found = await credentialOf(request, env, config);
  if (found.kind === "refused") return found;
  if (found.publishable && wanted !== "mint") return refused(EXCHANGE_ONLY);

  const { team, credential } = found;
  const known = await identityOf(env, team, credential, wanted === "run" || wanted === "read");
  if (known.kind === "refused") return known;
  const { identity } = known;
  const fault =
    originFault(pageOrigin(request), { listed: identity.origins, bound: found.boundTo }) ??
    actingFault(identity.user, request.headers.get("Sluice-User")) ??
    wantedFault(identity, credential, wanted);
  if (fault !== null) return refused(fault);
  return { kind: "known", caller: await callerWith(request, config, credential, identity) };
}

/** What this caller may see of its team's requests. */
export function viewerOf(caller: Caller): Viewer {
  return { team: caller.team, user: caller.own ? caller.user : null };
}

/** The user that a call is about: the fixed one, else the one that it names. Naming another than the fixed is refused. */
export function userFor(
  fixed: string | null,
  named: string | undefined,
): { kind: "known"; user: string | null } | Refused {
  const fault = actingFault(fixed, named ?? null);
  return fault === null ? { kind: "known", user: fixed ?? named ?? null } : refused(fault);
}

/** The address that Cloudflare saw the call come from; null in a local run. No other header is believed. */
export function addressOf(request: Request): string | null {
  return request.headers.get("CF-Connecting-IP");
}

/** Why a request is not the operator's, or null. Without ADMIN_TOKEN the operator's routes are not there. */
export async function operatorFault(request: Request, config: Config): Promise<Refusal | null> {
  if (config.ADMIN_TOKEN === undefined) {
    return refusal("not_found", "There is nothing at this path.", {
      hint: "Operator routes are off: ADMIN_TOKEN is not set.",
    });
  }
  const text = authorizationOf(request);
  return text !== null && (await sameSecret(text, config.ADMIN_TOKEN)) ? null : NOT_THE_OPERATOR;
}

function wantedFault(identity: Identity, credential: Credential, wanted: Wanted): Refusal | null {
  if (wanted !== "mint") return scopeFault(identity.scopes, wanted);
  if (credential.kind !== "key") return NO_TOKEN_FROM_TOKEN;
  return identity.kind === "publishable" ? null : scopeFault(identity.scopes, "run");
}

async function callerWith(
  request: Request,
  config: Config,
  credential: Credential,
  identity: Identity,
): Promise<Caller> {
  const { team, keyId, keyName, scopes, user, origins, models, planName } = identity;
  return {
    team,
    keyId,
    keyName,
    scopes,
    credential,
    user,
    own: user !== null && !scopes.includes("admin"),
    ...(await subjectsOf(request, config, team, credential)),
    origins,
    models,
    plan: planName,
    identity,
  };
}

/** Whom a call counts for beside its key and user, by what its credential is. A key's calls come from a server: no address. */
async function subjectsOf(
  request: Request,
  config: Config,
  team: string,
  credential: Credential,
): Promise<Pick<Caller, "visitor" | "ip" | "tags">> {
  const mark = () => addressMark(config.SIGNING_KEY, team, addressOf(request));
  switch (credential.kind) {
    case "key":
      return { visitor: null, ip: null, tags: {} };
    case "token":
      return { visitor: credential.visitor, ip: credential.ip ?? (await mark()), tags: {} };
    case "jwt":
      return { visitor: null, ip: await mark(), tags: credential.tags };
  }
}

const identities = new Map<string, { identity: Identity; until: number }>();

async function identityOf(
  env: Env,
  team: string,
  credential: Credential,
  mayRemember: boolean,
): Promise<{ kind: "known"; identity: Identity } | Refused> {
  const name = `${team} ${JSON.stringify(credential)}`;
  const remembered = identities.get(name);
  if (mayRemember && remembered !== undefined && remembered.until > Date.now()) {
    return { kind: "known", identity: remembered.identity };
  }
  const answer = await askTeam(env, team, (stub) => stub.identify(credential));
  if (answer.kind === "refused") {
    identities.delete(name);
    return answer;
  }
  const identity = answer.identity as Identity;
  if (identities.size >= IDENTITIES_CACHED_MAX) identities.clear();
  identities.set(name, { identity, until: Date.now() + IDENTITY_CACHE_MS });
  return { kind: "known", identity };
}
