// Issuers of user JWTs: schema, presets, and the claims of a verified token. Wire field names, because an issuer is stored as
// it was written. Pure.

import type * as z from "zod";
import { lazy } from "../../platform/schema.ts";
import { TAG_TEXT_MAX_CHARS, TAGS_MAX, USER_MAX_CHARS } from "../../platform/validate.ts";
import { issuerUser } from "./user-names.ts";

/**
 * Asymmetric algorithms only: with a shared secret every verifier could issue tokens, and without HS* a public key cannot be
 * used as a secret (RFC 8725, section 3.1).
 */
const ALGORITHMS = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519",
] as const;

const PRESETS = ["clerk", "supabase", "auth0", "firebase"] as const;
type Preset = (typeof PRESETS)[number];

export const issuerNameSchema = lazy((z) =>
  z
    .string()
    .regex(
      /^[a-z0-9][a-z0-9_-]{0,63}$/,
      "must be 1 to 64 characters of a-z, 0-9, _ and -, and start with a letter or digit",
    ),
);

const claimName = lazy((z) => z.string().min(1).max(200));
const text = lazy((z) => z.string().min(1).max(500));

/** Request body of an issuer. Presets fill omitted fields. */
export const issuerBodySchema = lazy((z) =>
  z.strictObject({
    preset: z
      .enum(PRESETS)
      .optional()
      .describe("Identity provider whose defaults fill omitted fields. Fields in the body override the defaults."),
    issuer: text().describe("Expected `iss` claim. Compared exactly."),
    audience: z
      .union([text(), z.array(text()).min(1).max(20)])
      .optional()
      .describe(
        "Accepted audiences; a token must contain one of them. Required unless the preset is `supabase` or `firebase`.",
      ),
    audience_claim: z
      .enum(["aud", "azp"])
      .optional()
      .describe("Claim that contains the audience. Clerk session tokens contain the app's origin in `azp`."),
    jwks_url: z
      .url({ protocol: /^https?$/ })
      .optional()
      .describe("HTTPS URL of the issuer's JSON Web Key Set."),
    algs: z.array(z.enum(ALGORITHMS)).min(1).optional().describe("Accepted signature algorithms."),
    user_claim: claimName()
      .default("sub")
      .describe("Claim that contains the user id. Paths such as `app_metadata.id` are supported."),
    user_prefix: issuerNameSchema()
      .optional()
      .describe(
        "The issuer's users are named `<user_prefix>:<user_claim>`; no other credential may act for such a user. Default: the issuer's name.",
      ),
    plan_claim: claimName()
      .nullable()
      .default(null)
      .describe(
        "Claim that contains the plan name. If the claim is missing or the plan does not exist, the team's plan applies.",
      ),
    tag_claims: z
      .record(z.string().min(1).max(TAG_TEXT_MAX_CHARS), claimName())
      .refine((claims) => Object.keys(claims).length <= TAGS_MAX, `must have at most ${TAGS_MAX} tags`)
      .default({})
      .describe(
        "Tags set from claims, as a map of tag name to claim name. A missing claim sets an empty tag. Callers cannot override these tags.",
      ),
  }),
);

/** Maximum issuers of a team; every list response contains all. */
export const ISSUERS_PER_TEAM_MAX = 10;

/** A complete issuer, as stored and returned. */
export const issuerSchema = lazy((z) =>
  z.object({
    name: issuerNameSchema(),
    preset: z.enum(PRESETS).nullable(),
    issuer: z.string(),
    audience: z.array(z.string()),
    audience_claim: z.enum(["aud", "azp"]),
    jwks_url: z.string(),
    algs: z.array(z.enum(ALGORITHMS)),
    user_claim: z.string(),
    user_prefix: z.string(),
    plan_claim: z.string().nullable(),
    tag_claims: z.record(z.string(), z.string()),
  }),
);

export type IssuerBody = z.output<ReturnType<typeof issuerBodySchema>>;
export type Issuer = z.output<ReturnType<typeof issuerSchema>>;

interface PresetRules {
  /** Format of `issuer`; the first group determines the audience, if any. */
  pattern: RegExp;
  example: string;
  jwksUrl: (issuer: string) => string;
  algs: Issuer["algs"];
  audienceClaim: Issuer["audience_claim"];
  /** Audience of every token of this provider. */
  audience: ((match: RegExpExecArray) => string) | null;
}

const PRESET_RULES: Record<Preset, PresetRules> = {
  // clerk.com/docs/guides/sessions/manual-jwt-verification: RS256, keys at the front end API, `azp` is the app's origin.
  clerk: {
    pattern: /^https:\/\/[^/?#]+$/,
    example: "https://your-app.clerk.accounts.dev",
    jwksUrl: (issuer) => `${issuer}/.well-known/jwks.json`,
    algs: ["RS256"],
    audienceClaim: "azp",
    audience: null,
  },
  // supabase.com/docs/guides/auth/signing-keys: asymmetric keys only; a signed-in user's `aud` is "authenticated".
  supabase: {
    pattern: /^https:\/\/[^/?#]+\/auth\/v1$/,
    example: "https://<project>.supabase.co/auth/v1",
    jwksUrl: (issuer) => `${issuer}/.well-known/jwks.json`,
    algs: ["ES256", "RS256"],
    audienceClaim: "aud",
    audience: () => "authenticated",
  },
  // auth0.com/docs/secure/tokens/json-web-tokens: `iss` ends in a slash; the audience is the API's identifier.
  auth0: {
    pattern: /^https:\/\/[^/?#]+\/$/,
    example: "https://<tenant>.auth0.com/ (with a trailing slash)",
    jwksUrl: (issuer) => `${issuer}.well-known/jwks.json`,
    algs: ["RS256"],
    audienceClaim: "aud",
    audience: null,
  },
  // firebase.google.com/docs/auth/admin/verify-id-tokens: one key set for all projects, so `aud` tells them apart.
  firebase: {
    pattern: /^https:\/\/securetoken\.google\.com\/([a-z0-9-]+)$/,
    example: "https://securetoken.google.com/<project>",
    jwksUrl: () => "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com",
    algs: ["RS256"],
    audienceClaim: "aud",
    audience: (match) => match[1] ?? "",
  },
};

/** The complete issuer, or a sentence that names the missing or invalid field. */
export function completeIssuer(
  name: string,
  body: IssuerBody,
): { ok: true; issuer: Issuer } | { ok: false; detail: string } {
  const rules = body.preset === undefined ? null : PRESET_RULES[body.preset];
  const match = rules?.pattern.exec(body.issuer) ?? null;
  if (rules !== null && match === null) {
    return { ok: false, detail: `\`issuer\` must match the preset ${body.preset}, e.g. ${rules.example}.` };
  }
  const audience = body.audience ?? (match === null ? undefined : rules?.audience?.(match));
  if (audience === undefined) {
    return { ok: false, detail: "`audience` is required: without it, tokens issued for other apps would be accepted." };
  }
  const jwksUrl = body.jwks_url ?? rules?.jwksUrl(body.issuer);
  if (jwksUrl === undefined) return { ok: false, detail: "`jwks_url` is required without a preset." };
  const algs = body.algs ?? rules?.algs;
  if (algs === undefined) return { ok: false, detail: "`algs` is required without a preset." };
  return {
    ok: true,
    issuer: {
      name,
      preset: body.preset ?? null,
      issuer: body.issuer,
      audience: typeof audience === "string" ? [audience] : audience,
      audience_claim: body.audience_claim ?? rules?.audienceClaim ?? "aud",
      jwks_url: jwksUrl,
      algs: [...new Set(algs)],
      user_claim: body.user_claim,
      user_prefix: body.user_prefix ?? name,
      plan_claim: body.plan_claim,
      tag_claims: body.tag_claims,
    },
  };
}

/** Key id of requests made with a JWT. Cannot equal a key id: those start with `key_`. */
export function issuerKeyId(issuer: string): string {
  return `issuer:${issuer}`;
}

/** User (with the issuer's prefix), plan and tags of a token. `plan` may name a plan that does not exist. */
export interface UserClaims {
  user: string;
  plan: string | null;
  tags: Record<string, string>;
}

/** The claims, or the name of the unusable claim. */
export function userClaims(
  issuer: Issuer,
  payload: Readonly<Record<string, unknown>>,
): { ok: true; claims: UserClaims } | { ok: false; claim: string } {
  const subject = textOf(claimAt(payload, issuer.user_claim));
  const user = issuerUser(issuer, subject ?? "");
  if (subject === null || subject === "" || user.length > USER_MAX_CHARS) {
    return { ok: false, claim: issuer.user_claim };
  }
  const plan = issuer.plan_claim === null ? null : textOf(claimAt(payload, issuer.plan_claim));
  const tags: Record<string, string> = {};
  for (const [tag, claim] of Object.entries(issuer.tag_claims)) {
    // A missing claim sets an empty tag: otherwise the caller could choose its value.
    const value = textOf(claimAt(payload, claim)) ?? "";
    if (value.length > TAG_TEXT_MAX_CHARS) return { ok: false, claim };
    tags[tag] = value;
  }
  return { ok: true, claims: { user, plan, tags } };
}

/** A claim by its full name, which may contain dots (`https://acme.example/plan`), else as a path. */
export function claimAt(payload: Readonly<Record<string, unknown>>, name: string): unknown {
  if (Object.hasOwn(payload, name)) return payload[name];
  let value: unknown = payload;
  for (const step of name.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string, unknown>)[step];
  }
  return value;
}

/** Strings, and integers as text: some issuers number their users. */
function textOf(value: unknown): string | null {
  if (typeof value === "string") return value;
  return Number.isSafeInteger(value) ? String(value) : null;
}
