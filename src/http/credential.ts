// Turns the Authorization header into a credential: form, checksum and signatures, no more. Team says later whether it still
// holds. The only place that knows how credentials are sent.

import type { Credential } from "../contracts/team-keys.ts";
import type { Env } from "../platform/bindings.ts";
import type { Config } from "../platform/config.ts";
import { type Refused, refusal, refused } from "../platform/errors.ts";
import { TEAM_ID } from "../platform/ids.ts";
import { logEvent } from "../platform/log.ts";
import { MALFORMED_KEY, MISTYPED_KEY, NO_KEY } from "../team/auth/credentials.ts";
import { checkTeamJwt } from "../team/auth/issuer-cache.ts";
import { keyDigest, parseKey } from "../team/auth/keys.ts";
import { checkToken, isClientToken } from "../team/auth/tokens.ts";
import { credentialOfJwt, unverifiedParts } from "../team/auth/user-jwt.ts";

const TEAM_REQUIRED = refusal("team_required", "A JWT that is sent as it is does not say which team it is for.", {
  hint: "Send the header `Sluice-Team: <team>` beside it, or `Authorization: Bearer sl_jwt_<team>.<jwt>`.",
});

/** One sentence whatever the reason, so that nobody learns from refusals how to forge a token. */
const JWT_REFUSED = refusal("unauthenticated", "The token was refused.", {
  hint: "Get a fresh one. If that is refused too, an admin of the team finds the reason with POST /v1/team/jwt/test.",
});

const JWT_UNCHECKED = refusal("internal", "The token cannot be checked just now.", { hint: "Try again in a moment." });

const TOKEN_EXPIRED = refusal("unauthenticated", "The client token has expired.", {
  hint: "Get a new one with POST /v1/tokens.",
});

const TOKEN_REFUSED = refusal("unauthenticated", "The client token is not valid here.", {
  hint: "Get a new one with POST /v1/tokens, and send it whole and as it is.",
});

/** `boundTo`: the page origins that the credential itself names. */
export type Found =
  | { kind: "found"; team: string; credential: Credential; publishable: boolean; boundTo: string[] | null }
  | Refused;

/** The credential that a request carries. Wakes the Team for a user's JWT alone, and that seldom: to know its issuers. */
export async function credentialOf(request: Request, env: Env, config: Config): Promise<Found> {
  const text = authorizationOf(request);
  if (text === null) return refused(NO_KEY);
  const parsed = await parseKey(text);
  switch (parsed.kind) {
    case "malformed":
      return refused(MALFORMED_KEY);
    case "mistyped":
      return refused(MISTYPED_KEY);
    case "secret":
    case "publishable": {
      const credential: Credential = { kind: "key", digest: await keyDigest(text) };
      const publishable = parsed.kind === "publishable";
      return { kind: "found", team: parsed.team, credential, publishable, boundTo: null };
    }
    case "jwt": {
      const team = parsed.team ?? request.headers.get("Sluice-Team");
      if (team === null || !TEAM_ID.test(team)) return refused(TEAM_REQUIRED);
      return jwtCredential(env, config, team, parsed.jwt);
    }
  }
}

/** A JWT of ours by its type, any other by the team's issuers. Which of the two is believed by signature alone. */
async function jwtCredential(env: Env, config: Config, team: string, jwt: string): Promise<Found> {
  const parts = unverifiedParts(jwt);
  if (parts === null) return refused(JWT_REFUSED);
  if (isClientToken(parts.header)) {
    const answer = await checkToken(config.SIGNING_KEY, team, jwt, Date.now());
    if (answer.kind === "refused") {
      return refused(answer.reason === "expired" ? TOKEN_EXPIRED : TOKEN_REFUSED);
    }
    const { credential, origin } = answer.token;
    return { kind: "found", team, credential, publishable: false, boundTo: origin === null ? null : [origin] };
  }
  const answer = await checkTeamJwt(env, team, jwt, { fresh: false });
  if (answer.kind === "refused") {
    logEvent("jwt.refused", { team, reason: answer.fault });
    return refused(answer.fault === "keys_unavailable" ? JWT_UNCHECKED : JWT_REFUSED);
  }
  return { kind: "found", team, credential: credentialOfJwt(answer), publishable: false, boundTo: null };
}

/** What follows `Bearer` or `Key`. Text that has neither in front is given as it is, so that it is called malformed. */
export function authorizationOf(request: Request): string | null {
  const header = request.headers.get("Authorization")?.trim() ?? "";
  if (header === "") return null;
  return /^(?:bearer|key)\s+(.+)$/i.exec(header)?.[1] ?? header;
}
