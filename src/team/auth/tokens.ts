// Client tokens: short-lived JWTs of ours (HS256 under SIGNING_KEY), minted with a key and bound to a user, and by choice to
// models, an origin, a plan. The first key signs, every key of the list verifies. Whether the minting key still holds is Team's
// to say.

import { errors, jwtVerify, SignJWT } from "jose";
import * as z from "zod";
import type { Credential } from "../../contracts/team-keys.ts";
import { randomText } from "../../platform/ids.ts";
import { markKey } from "../../platform/signing.ts";
import { SECOND_MS } from "../../platform/time.ts";
import { formatTeamJwt } from "./keys.ts";

/** Tells our tokens from the JWTs of issuers. It routes only; both are checked in full afterwards. */
const TYPE = "sluice-client+jwt";
const ISSUER = "sluice";
const ALGORITHM = "HS256";
const JTI_CHARS = 20;

export type TokenCredential = Extract<Credential, { kind: "token" }>;

/** What a client token says. `origin`: the only page origin it works from; null: anywhere. */
export interface ClientToken {
  credential: TokenCredential;
  origin: string | null;
}

export type TokenAnswer =
  | { kind: "valid"; token: ClientToken; expiresAt: number }
  | { kind: "refused"; reason: "expired" | "invalid" };

const claimsSchema = z.object({
  key: z.string(),
  sub: z.string().min(1),
  exp: z.number(),
  visitor: z.string().optional(),
  ip: z.string().optional(),
  models: z.array(z.string()).optional(),
  origin: z.string().optional(),
  plan: z.string().optional(),
});

/** A new token as it is sent (`sl_jwt_<team>.<jwt>`). `expiresAt` is epoch milliseconds, in whole seconds. */
export async function makeToken(
  signingKeys: readonly string[],
  team: string,
  { credential, origin }: ClientToken,
  ttlS: number,
  now: number,
): Promise<{ text: string; expiresAt: number }> {
  const first = signingKeys[0];
  if (first === undefined) throw new Error("no signing key");
  const { kid, key } = await markKey(first);
  const { keyId, user, visitor, ip, models, plan } = credential;
  const issuedAtS = Math.floor(now / SECOND_MS);
  const claims = {
    key: keyId,
    ...(visitor === null ? {} : { visitor }),
    ...(ip === null ? {} : { ip }),
    ...(models === null ? {} : { models }),
    ...(origin === null ? {} : { origin }),
    ...(plan === null ? {} : { plan }),
  };
  const jwt = await new SignJWT(claims)
    .setProtectedHeader({ alg: ALGORITHM, typ: TYPE, kid })
    .setIssuer(ISSUER)
    .setAudience(team)
    .setSubject(user)
    .setIssuedAt(issuedAtS)
    .setExpirationTime(issuedAtS + ttlS)
    .setJti(randomText(JTI_CHARS))
    .sign(key);
  return { text: formatTeamJwt(team, jwt), expiresAt: (issuedAtS + ttlS) * SECOND_MS };
}

/** Whether a JWT says that it is one of ours. */
export function isClientToken(header: { typ?: string | undefined }): boolean {
  return header.typ === TYPE;
}

/** Checks a token sent to `team`: signature, algorithm, issuer, team, time. Never throws. */
export async function checkToken(
  signingKeys: readonly string[],
  team: string,
  jwt: string,
  now: number,
): Promise<TokenAnswer> {
  const keys = await Promise.all(signingKeys.map(markKey));
  try {
    const { payload } = await jwtVerify(
      jwt,
      ({ kid }) => {
        const known = keys.find((each) => each.kid === kid);
        if (known === undefined) throw new errors.JWKSNoMatchingKey();
        return known.key;
      },
      { algorithms: [ALGORITHM], typ: TYPE, issuer: ISSUER, audience: team, currentDate: new Date(now) },
    );
    const { key: keyId, sub: user, exp, origin, ...claims } = claimsSchema.parse(payload);
    const { visitor = null, ip = null, models = null, plan = null } = claims;
    const credential: TokenCredential = { kind: "token", keyId, user, visitor, ip, models, plan };
    return { kind: "valid", token: { credential, origin: origin ?? null }, expiresAt: exp * SECOND_MS };
  } catch (fault) {
    return { kind: "refused", reason: fault instanceof errors.JWTExpired ? "expired" : "invalid" };
  }
}
