// Client tokens: short-lived JWTs (HS256 with SIGNING_KEY) created with a key and bound to a user, optionally to models, an
// origin or a plan. The first key signs, every key verifies. Team checks the creating key.

import { errors, jwtVerify, SignJWT } from "jose";
import type { Credential } from "../../contracts/team-keys.ts";
import { randomText } from "../../platform/ids.ts";
import { lazy } from "../../platform/schema.ts";
import { markKey } from "../../platform/signing.ts";
import { SECOND_MS } from "../../platform/time.ts";
import { formatTeamJwt } from "./key-text.ts";

/** `typ` header that distinguishes client tokens from issuer JWTs. For routing only; both are verified. */
const TYPE = "sluice-client+jwt";
const ISSUER = "sluice";
const ALGORITHM = "HS256";
const JTI_CHARS = 20;

export type TokenCredential = Extract<Credential, { kind: "token" }>;

/** Content of a client token. `origin`: the only allowed origin; null: any. */
export interface ClientToken {
  credential: TokenCredential;
  origin: string | null;
}

export type TokenAnswer =
  | { kind: "valid"; token: ClientToken; expiresAt: number }
  | { kind: "refused"; reason: "expired" | "invalid" };

const claimsSchema = lazy((z) =>
  z.object({
    key: z.string(),
    sub: z.string().min(1),
    exp: z.number(),
    visitor: z.string().optional(),
    ip: z.string().optional(),
    network: z.string().optional(),
    models: z.array(z.string()).optional(),
    origin: z.string().optional(),
    plan: z.string().optional(),
    scopes: z.array(z.enum(["run", "read"])).optional(),
    tags: z.record(z.string(), z.string()).optional(),
  }),
);

/** Creates a token (`sl_jwt_<team>.<jwt>`). `expiresAt` is epoch ms in whole seconds. */
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
  const { keyId, user, visitor, ip, network, models, plan, scopes, tags } = credential;
  const issuedAtS = Math.floor(now / SECOND_MS);
  const claims = {
    key: keyId,
    ...(visitor === null ? {} : { visitor }),
    ...(ip === null ? {} : { ip }),
    ...(network === null ? {} : { network }),
    ...(models === null ? {} : { models }),
    ...(origin === null ? {} : { origin }),
    ...(plan === null ? {} : { plan }),
    ...(scopes === undefined ? {} : { scopes }),
    ...(tags === undefined ? {} : { tags }),
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

/** Whether a JWT claims to be a client token. */
export function isClientToken(header: { typ?: string | undefined }): boolean {
  return header.typ === TYPE;
}

/** Verifies a token for `team`: signature, algorithm, issuer, audience, time. Never throws. */
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
    const { key: keyId, sub: user, exp, origin, ...claims } = claimsSchema().parse(payload);
    const { visitor = null, ip = null, network = null, models = null, plan = null, scopes, tags } = claims;
    const credential: TokenCredential = {
      ...{ kind: "token", keyId, user, visitor, ip, network, models, plan },
      ...(scopes === undefined ? {} : { scopes }),
      ...(tags === undefined ? {} : { tags }),
    };
    return { kind: "valid", token: { credential, origin: origin ?? null }, expiresAt: exp * SECOND_MS };
  } catch (fault) {
    return { kind: "refused", reason: fault instanceof errors.JWTExpired ? "expired" : "invalid" };
  }
}
