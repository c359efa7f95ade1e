// Verifies user JWTs: issuer, algorithm, signature, audience, time and claims. Callers get one generic message; the reason is
// for logs and admins. Never throws for an invalid token.

import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, errors, type JWTPayload, jwtVerify } from "jose";
import type { Credential, IssuerKeys } from "../../contracts/team-keys.ts";
import { SECOND_MS } from "../../platform/time.ts";
import { planNameSchema } from "../quota/plan.ts";
import { keySetOf } from "./issuer-keys.ts";
import { type Issuer, type UserClaims, userClaims } from "./issuers.ts";

/** Clock tolerance for `exp` and `nbf`. */
const JWT_LEEWAY_S = 30;
/** Maximum length of a JWT: Clerk and Firebase stay below 4 KB, proxies limit headers to 8 to 16 KB. */
export const JWT_MAX_CHARS = 16_384;

export type JwtFault =
  | "malformed"
  | "unknown_issuer"
  | "algorithm_refused"
  | "keys_unavailable"
  | "unknown_key"
  | "bad_signature"
  | "wrong_audience"
  | "expired"
  | "not_yet_valid"
  | "claim_missing";

export type JwtAnswer =
  | { kind: "valid"; issuer: Issuer; claims: UserClaims; expiresAt: number }
  /** `explanation` quotes claims: for admins of the team, never for logs. */
  | { kind: "refused"; fault: JwtFault; explanation: string; issuer: string | null };

/** The issuer's keys, or null. `unknownKey`: the previous result lacks the token's key, so a refresh is due. */
export type KeysOf = (issuer: Issuer, options: { unknownKey: boolean }) => Promise<IssuerKeys | null>;

/** Credential of a verified JWT. An invalid plan name counts as none. */
export function credentialOfJwt({
  issuer,
  claims,
}: Extract<JwtAnswer, { kind: "valid" }>): Extract<Credential, { kind: "jwt" }> {
  const plan = planNameSchema().safeParse(claims.plan);
  const { user, tags } = claims;
  return { kind: "jwt", issuer: issuer.name, user, plan: plan.success ? plan.data : null, tags };
}

/** Unverified header and claims; null if it is not a JWT. */
export function unverifiedParts(
  jwt: string,
): { header: { alg?: string; kid?: string; typ?: string }; claims: JWTPayload } | null {
  if (jwt.length > JWT_MAX_CHARS) return null;
  try {
    const { alg, kid, typ } = decodeProtectedHeader(jwt);
    const header = {
      ...(typeof alg === "string" ? { alg } : {}),
      ...(typeof kid === "string" ? { kid } : {}),
      ...(typeof typ === "string" ? { typ } : {}),
    };
    return { header, claims: decodeJwt(jwt) };
  } catch {
    return null;
  }
}

/** Verifies a JWT against the issuers of a team. Several may share an `iss` with different audiences: the first match wins. */
export async function checkUserJwt(
  issuers: readonly Issuer[],
  jwt: string,
  keysOf: KeysOf,
  now: number,
): Promise<JwtAnswer> {
  const parts = unverifiedParts(jwt);
  if (parts === null)
    return jwtRefused("malformed", "Malformed JWT: expected three base64url parts, the first two JSON objects.");
  const named = issuers.filter((each) => each.issuer === parts.claims.iss);
  let answer: JwtAnswer = jwtRefused(
    "unknown_issuer",
    `The claim \`iss\` is ${quoted(parts.claims.iss)}, which matches no issuer of this team.`,
  );
  for (const issuer of named) {
    const next = await checkAgainst(issuer, jwt, parts, keysOf, now);
    if (next.kind === "valid") return next;
    // An issuer whose signature held says more than another whose key does not match.
    if (answer.kind === "valid" || answer.fault !== "expired") answer = next;
  }
  return answer;
}

async function checkAgainst(
  issuer: Issuer,
  jwt: string,
  { header, claims }: NonNullable<ReturnType<typeof unverifiedParts>>,
  keysOf: KeysOf,
  now: number,
): Promise<JwtAnswer> {
  const no = (fault: JwtFault, explanation: string) => jwtRefused(fault, explanation, issuer.name);
  const algorithms: readonly string[] = issuer.algs;
  if (header.alg === undefined || !algorithms.includes(header.alg)) {
    return no(
      "algorithm_refused",
      `The header \`alg\` is ${quoted(header.alg)}; the issuer accepts ${algorithms.join(", ")}.`,
    );
  }
  const keys = await keysOf(issuer, { unknownKey: false });
  if (keys === null) return no("keys_unavailable", `The key set at ${issuer.jwks_url} could not be fetched.`);
  let verified = await verify(issuer, jwt, keys, now);
  if (verified instanceof errors.JWKSNoMatchingKey) {
    const newer = await keysOf(issuer, { unknownKey: true });
    if (newer !== null && newer.json !== keys.json) verified = await verify(issuer, jwt, newer, now);
  }
  if (verified instanceof Error) return no(...faultOf(verified, issuer, header, claims, now));
  const { azp } = verified;
  if (issuer.audience_claim === "azp" && !(typeof azp === "string" && issuer.audience.includes(azp))) {
    return no("wrong_audience", `The claim \`azp\` is ${quoted(azp)}; expected ${listed(issuer.audience)}.`);
  }
  const said = userClaims(issuer, verified);
  if (!said.ok) return no("claim_missing", `The claim \`${said.claim}\` is missing, empty, too long or not a string.`);
  return { kind: "valid", issuer, claims: said.claims, expiresAt: (verified.exp ?? 0) * SECOND_MS };
}

/** The verified claims, or the error of jose. */
async function verify(issuer: Issuer, jwt: string, keys: IssuerKeys, now: number): Promise<JWTPayload | Error> {
  try {
    const { payload } = await jwtVerify(jwt, createLocalJWKSet(keySetOf(keys)), {
      algorithms: issuer.algs,
      issuer: issuer.issuer,
      ...(issuer.audience_claim === "aud" ? { audience: issuer.audience } : {}),
      clockTolerance: JWT_LEEWAY_S,
      currentDate: new Date(now),
      requiredClaims: ["exp"],
    });
    return payload;
  } catch (fault) {
    if (fault instanceof Error) return fault;
    throw fault;
  }
}

function faultOf(
  fault: Error,
  issuer: Issuer,
  header: { kid?: string },
  claims: JWTPayload,
  now: number,
): [JwtFault, string] {
  if (fault instanceof errors.JWTExpired) {
    return [
      "expired",
      `The token expired at ${timeText(claims.exp)}; the current time is ${timeText(now / SECOND_MS)}.`,
    ];
  }
  if (fault instanceof errors.JWTClaimValidationFailed) {
    switch (fault.claim) {
      case "aud":
        return ["wrong_audience", `The claim \`aud\` is ${quoted(claims.aud)}; expected ${listed(issuer.audience)}.`];
      case "nbf":
        return [
          "not_yet_valid",
          `The token is not valid before ${timeText(claims.nbf)}; the current time is ${timeText(now / SECOND_MS)}.`,
        ];
      default:
        return ["claim_missing", `The claim \`${fault.claim}\` is missing or of the wrong type.`];
    }
  }
  if (fault instanceof errors.JWSSignatureVerificationFailed) {
    return ["bad_signature", "The signature does not match the issuer's key."];
  }
  if (fault instanceof errors.JWKSNoMatchingKey || fault instanceof errors.JWKSMultipleMatchingKeys) {
    const which =
      header.kid === undefined ? "The header `kid` is missing" : `The header \`kid\` is ${quoted(header.kid)}`;
    return ["unknown_key", `${which}; expected exactly one matching key at ${issuer.jwks_url}.`];
  }
  if (
    fault instanceof errors.JWSInvalid ||
    fault instanceof errors.JWTInvalid ||
    fault instanceof errors.JOSENotSupported
  ) {
    return ["malformed", "Malformed JWT (RFC 7515, RFC 7519; extensions are not supported)."];
  }
  return ["unknown_key", `The key at ${issuer.jwks_url} that the token names cannot be used.`];
}

function jwtRefused(fault: JwtFault, explanation: string, issuer: string | null = null): JwtAnswer {
  return { kind: "refused", fault, explanation, issuer };
}

function quoted(value: unknown): string {
  return value === undefined ? "missing" : JSON.stringify(value).slice(0, 200);
}

function listed(values: readonly string[]): string {
  return values.map((value) => JSON.stringify(value)).join(" or ");
}

function timeText(seconds: number | undefined): string {
  const date = new Date((seconds ?? Number.NaN) * SECOND_MS);
  return Number.isNaN(date.getTime()) ? "an unknown time" : date.toISOString();
}
