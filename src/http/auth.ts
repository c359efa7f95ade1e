// Names the caller from the Authorization header: form and checksum first, then the team that the key names.
// Identities are remembered per isolate for IDENTITY_CACHE_MS; admin calls and admits always ask. Decides nothing else.

import { MALFORMED_KEY, MISTYPED_KEY, NO_KEY, NOT_THE_OPERATOR, scopeFault } from "../access/credentials.ts";
import { keyDigest, parseKey } from "../access/keys.ts";
import { askTeam } from "../access/team.ts";
import type { Identity, Scope } from "../access/types.ts";
import type { Config, Env } from "../env.ts";
import { type Refusal, refusal } from "../errors.ts";
import { IDENTITIES_CACHED_MAX, IDENTITY_CACHE_MS } from "../limits.ts";

/** Who calls. `digest` is the SHA-256 of the key's text: what Team is asked by. */
export interface Caller extends Identity {
  digest: string;
}

export type CallerAnswer = { kind: "known"; caller: Caller } | { kind: "refused"; refusal: Refusal };

const identities = new Map<string, { identity: Identity; until: number }>();

/** The caller behind a request, if the key is good and has the scope. */
export async function callerOf(request: Request, env: Env, scope: Scope): Promise<CallerAnswer> {
  const text = credentialOf(request);
  if (text === null) return { kind: "refused", refusal: NO_KEY };
  const parsed = await parseKey(text);
  switch (parsed.kind) {
    case "malformed":
      return { kind: "refused", refusal: MALFORMED_KEY };
    case "mistyped":
      return { kind: "refused", refusal: MISTYPED_KEY };
    case "secret": {
      const digest = await keyDigest(text);
      const known = await identityOf(env, parsed.team, digest, scope !== "admin");
      if (known.kind === "refused") return known;
      const fault = scopeFault(known.identity.scopes, scope);
      if (fault !== null) return { kind: "refused", refusal: fault };
      return { kind: "known", caller: { ...known.identity, digest } };
    }
  }
}

/** Why a request is not the operator's, or null. Without ADMIN_TOKEN the operator's routes are not there. */
export async function operatorFault(request: Request, config: Config): Promise<Refusal | null> {
  if (config.ADMIN_TOKEN === undefined) {
    return refusal("not_found", "There is nothing at this path.", {
      hint: "Operator routes are off: ADMIN_TOKEN is not set.",
    });
  }
  const text = credentialOf(request);
  return text !== null && (await sameText(text, config.ADMIN_TOKEN)) ? null : NOT_THE_OPERATOR;
}

/** What follows `Bearer` or `Key`. Text that has neither in front is given as it is, so that it is called malformed. */
function credentialOf(request: Request): string | null {
  const header = request.headers.get("Authorization")?.trim() ?? "";
  if (header === "") return null;
  return /^(?:bearer|key)\s+(.+)$/i.exec(header)?.[1] ?? header;
}

async function identityOf(
  env: Env,
  team: string,
  digest: string,
  mayRemember: boolean,
): Promise<{ kind: "known"; identity: Identity } | { kind: "refused"; refusal: Refusal }> {
  const remembered = identities.get(digest);
  if (mayRemember && remembered !== undefined && remembered.until > Date.now()) {
    return { kind: "known", identity: remembered.identity };
  }
  const answer = await askTeam(env, team, (stub) => stub.identify(digest));
  if (answer.kind === "refused") {
    identities.delete(digest);
    return answer;
  }
  if (identities.size >= IDENTITIES_CACHED_MAX) identities.clear();
  identities.set(digest, { identity: answer.identity, until: Date.now() + IDENTITY_CACHE_MS });
  return answer;
}

/** Compares digests in constant time, so that neither length nor content of the token shows. */
async function sameText(one: string, other: string): Promise<boolean> {
  const encoder = new TextEncoder();
  const digests = await Promise.all([one, other].map((text) => crypto.subtle.digest("SHA-256", encoder.encode(text))));
  const [first, second] = digests;
  return first !== undefined && second !== undefined && crypto.subtle.timingSafeEqual(first, second);
}
