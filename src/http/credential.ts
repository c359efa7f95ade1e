// Parses the Authorization header into a credential: format, checksum and signatures. Team checks later whether it is still
// valid. The only place that knows how credentials are sent.

import type { Credential } from "../contracts/team-keys.ts";
import type { Env } from "../platform/bindings.ts";
import type { Config } from "../platform/config.ts";
import { type Refusal, type Refused, refusal, refused } from "../platform/errors.ts";
import { TEAM_ID } from "../platform/ids.ts";
import { logEvent } from "../platform/log.ts";
import { DOUBLE_SCHEME, MALFORMED_KEY, MISTYPED_KEY, NO_KEY, QUOTED_KEY } from "../team/auth/credentials.ts";
import { checkTeamJwt } from "../team/auth/issuer-cache.ts";
import { keyDigest, parseKey } from "../team/auth/key-text.ts";
import { checkToken, isClientToken } from "../team/auth/tokens.ts";
import { credentialOfJwt, type JwtFault, unverifiedParts } from "../team/auth/user-jwt.ts";

const TEAM_REQUIRED = refusal("team_required", "A JWT without a team prefix needs the header `Sluice-Team`.", {
  hint: "Send `Sluice-Team: <team>`, or `Authorization: Bearer sl_jwt_<team>.<jwt>`.",
});

/** The same message for every other reason, so that refusals do not help to forge a token. */
const JWT_REFUSED = refusal("unauthenticated", "Invalid token.", {
  hint: "Get a new token. If it is refused too, a team admin can find the reason with POST /v1/team/jwt/test.",
});

const JWT_UNCHECKED = refusal("internal", "The token could not be verified.", { hint: "Try again later." });

/** The two say that a token has expired only of one whose signature held: a forged one learns nothing. */
const TOKEN_EXPIRED = refusal("token_expired", "The client token has expired.", {
  hint: "Get a new one with POST /v1/tokens.",
});

const JWT_EXPIRED = refusal("token_expired", "The token has expired.", {
  hint: "Get a new token from the identity provider.",
});

const TOKEN_REFUSED = refusal("unauthenticated", "Invalid client token.", {
  hint: "Get a new one with POST /v1/tokens, and send it unchanged.",
});

/** `boundTo`: the page origins that the credential is bound to. `expiresAt`: the end that its own text states. */
export type Found =
  | {
      kind: "found";
      team: string;
      credential: Credential;
      publishable: boolean;
      boundTo: string[] | null;
      expiresAt: number | null;
    }
  | Refused;

/** The credential of a request. Calls Team only for a user's JWT, to read its issuers, and caches those. */
export async function credentialOf(request: Request, env: Env, config: Config): Promise<Found> {
  const text = authorizationOf(request);
  if (text === null) return refused(NO_KEY);
  const parsed = await parseKey(text);
  switch (parsed.kind) {
    case "malformed":
      return refused(malformed(text));
    case "mistyped":
      return refused(MISTYPED_KEY);
    case "secret":
    case "publishable": {
      const credential: Credential = { kind: "key", digest: await keyDigest(text) };
      const publishable = parsed.kind === "publishable";
      return { kind: "found", team: parsed.team, credential, publishable, boundTo: null, expiresAt: null };
    }
    case "jwt": {
      const team = parsed.team ?? request.headers.get("Sluice-Team");
      if (team === null || !TEAM_ID.test(team)) return refused(TEAM_REQUIRED);
      return jwtCredential(env, config, team, parsed.jwt);
    }
  }
}

/** Of the usual slips, which one it is. */
function malformed(text: string): Refusal {
  if (/^(?:bearer|key)\s/i.test(text)) return DOUBLE_SCHEME;
  return /^["'`\u201c]|["'`\u201d]$/.test(text) ? QUOTED_KEY : MALFORMED_KEY;
}

/** Verifies a client token by our key, any other JWT by the team's issuers. The unverified type only selects the key. */
async function jwtCredential(env: Env, config: Config, team: string, jwt: string): Promise<Found> {
  const parts = unverifiedParts(jwt);
  if (parts === null) return refused(JWT_REFUSED);
  if (isClientToken(parts.header)) {
    const answer = await checkToken(config.SIGNING_KEY, team, jwt, Date.now());
    if (answer.kind === "refused") {
      return refused(answer.reason === "expired" ? TOKEN_EXPIRED : TOKEN_REFUSED);
    }
    const { credential, origin } = answer.token;
    const boundTo = origin === null ? null : [origin];
    return { kind: "found", team, credential, publishable: false, boundTo, expiresAt: answer.expiresAt };
  }
  const answer = await checkTeamJwt(env, team, jwt, { fresh: false });
  if (answer.kind === "refused") {
    logEvent("jwt.refused", { team, reason: answer.fault });
    return refused(jwtRefusal(answer.fault));
  }
  const credential = credentialOfJwt(answer);
  return { kind: "found", team, credential, publishable: false, boundTo: null, expiresAt: answer.expiresAt };
}

function jwtRefusal(fault: JwtFault): Refusal {
  if (fault === "keys_unavailable") return JWT_UNCHECKED;
  return fault === "expired" ? JWT_EXPIRED : JWT_REFUSED;
}

/** The text after `Bearer` or `Key`. Without either, the whole text, which is then refused as malformed. */
export function authorizationOf(request: Request): string | null {
  const header = request.headers.get("Authorization")?.trim() ?? "";
  if (header === "") return null;
  return /^(?:bearer|key)\s+(.+)$/i.exec(header)?.[1] ?? header;
}
