// Authenticates and authorizes a call: its credential, the page origin it may be used from, and the identity its team resolves.
// Identities are remembered per isolate for IDENTITY_CACHE_MS; admin calls, exchanges and submits are never let in from memory, but
// refused from it (credential-memory.ts).

import type { IdentifyAnswer, Identity } from "../contracts/team-access.ts";
import type { Credential, Scope } from "../contracts/team-keys.ts";
import type { Env } from "../platform/bindings.ts";
import { type Config, requireConfig } from "../platform/config.ts";
import { type Refusal, type Refused, refusal, refused } from "../platform/errors.ts";
import { sameSecret } from "../platform/signing.ts";
import { askTeam } from "../platform/stubs.ts";
import type { Viewer } from "../requests/machine/types.ts";
import { actingFault, NOT_THE_OPERATOR, scopeFault } from "../team/auth/credentials.ts";
import { addressMarks } from "../team/auth/visitor.ts";
import { credentialBrake } from "./brakes.ts";
import { addressOf } from "./client-address.ts";
import { authorizationOf, credentialOf, type Found } from "./credential.ts";
import { credentialMemory } from "./credential-memory.ts";
import { headerText } from "./header-text.ts";
import { originFault, pageOrigin } from "./origin.ts";

/** The authenticated caller and its restrictions. */
export interface Caller {
  team: string;
  keyId: string;
  keyName: string;
  scopes: Scope[];
  credential: Credential;
  /** The acting user that the credential fixes; null: the call may name one. */
  user: string | null;
  /** Sees only that user's requests. */
  own: boolean;
  visitor: string | null;
  /** Keyed hash of the client address, for calls from browsers; null for servers. */
  ip: string | null;
  /** The same of the IPv6 /48 around it. */
  network: string | null;
  origins: string[] | null;
  models: string[] | null;
  /** Name of the plan that applies. */
  plan: string;
  /** When the credential ends, by its own text or its key; null: never. */
  expiresAt: number | null;
  /** Tags that the credential fixes. */
  tags: Record<string, string>;
  /** The identity as Team resolved it, with the plan's text and hash. */
  identity: Identity;
}

export type CallerAnswer = { kind: "known"; caller: Caller } | Refused;

const EXCHANGE_ONLY = refusal("forbidden", "A publishable key can only be exchanged for a client token.", {
  hint: "Call POST /v1/tokens with it from a page of one of the key's origins, then send the returned `token`.",
});

const NO_TOKEN_FROM_TOKEN = refusal("forbidden", "A client token cannot create another token.", {
  hint: "Create tokens with a secret key on a server, or exchange a publishable key from a page.",
});

/**
 * The permission that a route needs: a scope (`mint` is also allowed to publishable keys), `view`: `read`, or `run` for what the
 * credential made, or `any`: no scope.
 */
export type Permission = Scope | "view" | "any";

/**
 * The caller of a request, if the credential is valid, allowed from its origin, allowed to act for the user that the call names,
 * and has the required permission. `Sluice-User` is checked here for every surface.
 */
export async function callerOf(request: Request, env: Env, permission: Permission): Promise<CallerAnswer> {
  const config = requireConfig(env);
  const found = await credentialOf(request, env, config);
  if (found.kind === "refused") return found;
  if (found.publishable && permission !== "mint") return refused(EXCHANGE_ONLY);

  const { team, credential } = found;
  const braked = await credentialBrake(env, team, credential);
  if (braked !== null) return refused(braked);
  const known = await identityOf(env, team, credential, permission !== "admin" && permission !== "mint");
  if (known.kind === "refused") return known;
  const { identity } = known;
  // Whoever shows a secret key on the deployment's own page holds the key itself: the console works with every secret key.
  const own = identity.kind === "secret" ? new URL(request.url).origin : null;
  const named = namedUserOf(request);
  if (named.kind === "refused") return named;
  const fault =
    originFault(pageOrigin(request), { listed: identity.origins, own, bound: found.boundTo }) ??
    actingFault(identity.user, named.user) ??
    permissionFault(identity, credential, permission);
  if (fault !== null) return refused(fault);
  return { kind: "known", caller: await callerWith(request, config, found, identity) };
}

/** The user that the header names. */
function namedUserOf(request: Request): { kind: "named"; user: string | null } | Refused {
  const value = request.headers.get("Sluice-User");
  if (value === null) return { kind: "named", user: null };
  const read = headerText(value, "user");
  return read.ok
    ? { kind: "named", user: read.text }
    : refused(refusal("invalid_request", `\`Sluice-User\` ${read.reason}.`));
}

/** Which of its team's requests this caller may see: without `read`, those that its credential made. */
export function viewerOf({ team, own, user, scopes, keyId }: Caller): Viewer {
  return { team, user: own ? user : null, keyId: scopes.includes("read") ? null : keyId };
}

/** The user of a call: the credential's, else the one that the call names. Naming another than the credential's is refused. */
export function userFor(
  fixed: string | null,
  named: string | undefined,
): { kind: "known"; user: string | null } | Refused {
  const fault = actingFault(fixed, named ?? null);
  return fault === null ? { kind: "known", user: fixed ?? named ?? null } : refused(fault);
}

/** Why a request is not the operator's, or null. Without ADMIN_TOKEN the operator routes are 404. */
export async function operatorFault(request: Request, config: Config): Promise<Refusal | null> {
  if (config.ADMIN_TOKEN === undefined) {
    return refusal("not_found", "Unknown path.", {
      hint: "Operator routes are disabled because ADMIN_TOKEN is not set.",
    });
  }
  const text = authorizationOf(request);
  return text !== null && (await sameSecret(text, config.ADMIN_TOKEN)) ? null : NOT_THE_OPERATOR;
}

function permissionFault(identity: Identity, credential: Credential, permission: Permission): Refusal | null {
  switch (permission) {
    case "any":
      return null;
    case "run":
    case "read":
    case "admin":
      return scopeFault(identity.scopes, permission);
    case "view":
      return identity.scopes.includes("run") ? null : scopeFault(identity.scopes, "read");
    case "mint":
      if (credential.kind !== "key") return NO_TOKEN_FROM_TOKEN;
      return identity.kind === "publishable" ? null : scopeFault(identity.scopes, "mint");
  }
}

async function callerWith(
  request: Request,
  config: Config,
  { credential, expiresAt }: Pick<Extract<Found, { kind: "found" }>, "credential" | "expiresAt">,
  identity: Identity,
): Promise<Caller> {
  const { team, keyId, keyName, scopes, user, origins, models, planName, keyExpiresAt, tags } = identity;
  const ends = [expiresAt, keyExpiresAt].filter((at) => at !== null);
  return {
    team,
    keyId,
    keyName,
    scopes,
    credential,
    user,
    own: user !== null && !scopes.includes("admin"),
    ...(await subjectsOf(request, config, team, credential)),
    tags,
    origins,
    models,
    plan: planName,
    expiresAt: ends.length === 0 ? null : Math.min(...ends),
    identity,
  };
}

/** The limit subjects of a call beside its key and user. A key is used by servers, whose address is not counted. */
async function subjectsOf(
  request: Request,
  config: Config,
  team: string,
  credential: Credential,
): Promise<Pick<Caller, "visitor" | "ip" | "network">> {
  const marks = () => addressMarks(config.SIGNING_KEY, team, addressOf(request));
  switch (credential.kind) {
    case "key":
      return { visitor: null, ip: null, network: null };
    case "token":
      return {
        visitor: credential.visitor,
        // A visitor's token counts for the address that it was made at.
        ...(credential.ip === null ? await marks() : { ip: credential.ip, network: credential.network }),
      };
    case "jwt":
      return { visitor: null, ...(await marks()) };
  }
}

async function identityOf(
  env: Env,
  team: string,
  credential: Credential,
  mayUseCache: boolean,
): Promise<{ kind: "known"; identity: Identity } | Refused> {
  const question = credentialMemory.question(team, credential, Date.now());
  const remembered = credentialMemory.recall(question, mayUseCache);
  if (remembered !== null) return remembered;
  const answer = (await askTeam(env, team, (stub) => stub.identify(credential))) as IdentifyAnswer;
  credentialMemory.remember(question, answer);
  return answer.kind === "known" ? answer : refused(answer.refusal);
}
