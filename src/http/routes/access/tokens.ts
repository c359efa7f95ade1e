// POST /v1/tokens: client tokens. A server creates one for its user with a secret key; a page exchanges a publishable key for one of
// its visitor, whose id neither page nor visitor can choose.

import type * as z from "zod";
import type { Identity } from "../../../contracts/team-access.ts";
import type { Scope } from "../../../contracts/team-keys.ts";
import type { Env } from "../../../platform/bindings.ts";
import type { Config } from "../../../platform/config.ts";
import { type Refusal, type Refused, refusal, refused } from "../../../platform/errors.ts";
import { lazy } from "../../../platform/schema.ts";
import { askTeam } from "../../../platform/stubs.ts";
import { isoTime } from "../../../platform/time.ts";
import { TOKEN_SCOPES } from "../../../team/auth/identity.ts";
import { makeToken, type TokenCredential } from "../../../team/auth/tokens.ts";
import { turnstileFault } from "../../../team/auth/turnstile.ts";
import { visitorUser } from "../../../team/auth/user-names.ts";
import { addressMarks, makeVisitorToken, newVisitor, visitorOf } from "../../../team/auth/visitor.ts";
import { modelPatternSchema, originSchema, planNameSchema } from "../../../team/quota/plan.ts";
import { planNotFound } from "../../../team/quota/refusals.ts";
import { type Caller, userFor } from "../../auth.ts";
import { addressOf } from "../../client-address.ts";
import { originFault, pageOrigin } from "../../origin.ts";
import { defineRoute, type Route } from "../../route.ts";
import { tagsSchema, userSchema } from "../../schemas.ts";
import { KEY_MODEL_PATTERNS_MAX } from "./keys.ts";

/** Lifetime of a client token: short, because a leaked token cannot be revoked without its key. */
const TOKEN_TTL_DEFAULT_S = 600;
/** Life of a client token at least. */
const TOKEN_TTL_MIN_S = 60;
/** Life of a client token at most. */
const TOKEN_TTL_MAX_S = 3_600;

/** `null` means absent: a page's storage returns it for missing items. */
const pageText = lazy((z) => z.string().nullable().optional());

const tokenBody = lazy((z) =>
  z.strictObject({
    user: userSchema().optional().describe("Secret key: user for whom the token acts."),
    ttl_s: z
      .int()
      .min(TOKEN_TTL_MIN_S)
      .max(TOKEN_TTL_MAX_S)
      .optional()
      .describe(`Secret key: lifetime in seconds; ${TOKEN_TTL_DEFAULT_S} by default.`),
    models: z
      .array(modelPatternSchema())
      .min(1)
      .max(KEY_MODEL_PATTERNS_MAX)
      .optional()
      .describe("Secret key: model patterns that restrict the plan's models."),
    origin: originSchema().optional().describe("Secret key: the only page origin that may use the token."),
    plan: planNameSchema()
      .optional()
      .describe("Secret key: plan of the token, instead of the key's. One that the key lists in `plans`."),
    scopes: z
      .array(z.enum(TOKEN_SCOPES))
      .min(1)
      .optional()
      .describe("Secret key: scopes of the token; those of `run` and `read` that the key has by default."),
    tags: tagsSchema()
      .optional()
      .describe("Secret key: tags of every request that is made with the token; its holder cannot change them."),
    turnstile_token: pageText().describe("Publishable key: response of the Turnstile widget, if the key requires it."),
    visitor_token: pageText().describe("Publishable key: the `visitor_token` of an earlier response."),
  }),
);
type TokenBody = z.output<ReturnType<typeof tokenBody>>;

const FOR_SECRET_KEYS = ["user", "ttl_s", "models", "origin", "plan", "scopes", "tags"] as const;
const FOR_PUBLISHABLE_KEYS = ["turnstile_token", "visitor_token"] as const;

const tokenAnswer = lazy((z) =>
  z.object({
    token: z.string().describe("Send it as `Authorization: Bearer <token>`."),
    user: z.string(),
    visitor_token: z
      .string()
      .optional()
      .describe("Store it and send it with the next exchange to keep the visitor's identity."),
    expires_at: z.iso.datetime(),
    contact_url: z
      .string()
      .optional()
      .describe("The key's; a public page shows it, so that visitors can report a file."),
  }),
);

interface MintCall {
  request: Request;
  env: Env;
  config: () => Config;
  caller: Caller;
  body: TokenBody;
}

export const tokenRoutes: readonly Route[] = [
  defineRoute({
    method: "POST",
    path: "/v1/tokens",
    summary: "Create a client token, or exchange a publishable key for one",
    access: "mint",
    body: tokenBody,
    answers: { 200: { description: "The token.", schema: tokenAnswer } },
    errors: ["invalid_request", "not_found", "user_mismatch", "rate_limited", "misconfigured", "internal"],
    async handle(call) {
      const publishable = call.caller.identity.kind === "publishable";
      const minted = publishable ? await exchange(call) : await mint(call);
      if (minted.kind === "refused") return { refusal: minted.refusal };
      const { credential, origin, ttlS, visitorToken } = minted;
      const { SIGNING_KEY } = call.config();
      const { contactUrl } = call.caller.identity;
      const token = await makeToken(SIGNING_KEY, call.caller.team, { credential, origin }, ttlS, Date.now());
      return {
        status: 200,
        body: {
          token: token.text,
          user: credential.user,
          ...(visitorToken === null ? {} : { visitor_token: visitorToken }),
          expires_at: isoTime(token.expiresAt),
          ...(contactUrl === null ? {} : { contact_url: contactUrl }),
        },
      };
    },
  }),
];

type Minted =
  | { kind: "minted"; credential: TokenCredential; origin: string | null; ttlS: number; visitorToken: string | null }
  | Refused;

/** A server's token for one of its users. */
async function mint({ env, caller, body }: MintCall): Promise<Minted> {
  const misplaced = FOR_PUBLISHABLE_KEYS.find((name) => typeof body[name] === "string");
  if (misplaced !== undefined)
    return refused(refusal("invalid_request", `\`${misplaced}\` is only allowed with a publishable key.`));
  const acting = userFor(caller.user, body.user);
  if (acting.kind === "refused") return acting;
  if (acting.user === null) return refused(refusal("invalid_request", "`user` is required with a secret key."));
  const beyond = scopesFault(caller.scopes, body.scopes) ?? planFault(caller.identity, body.plan);
  if (beyond !== null) return refused(beyond);
  const credential: TokenCredential = {
    kind: "token",
    keyId: caller.keyId,
    user: acting.user,
    visitor: null,
    ip: null,
    network: null,
    models: body.models ?? null,
    plan: body.plan ?? null,
    ...(body.scopes === undefined ? {} : { scopes: body.scopes }),
    ...(body.tags === undefined ? {} : { tags: body.tags }),
  };
  const known = await askTeam(env, caller.team, (team) => team.identify(credential));
  if (known.kind === "refused") return known;
  if (body.plan !== undefined && known.identity.planName !== body.plan) {
    return refused(planNotFound(body.plan));
  }
  const ttlS = body.ttl_s ?? TOKEN_TTL_DEFAULT_S;
  return { kind: "minted", credential, origin: body.origin ?? null, ttlS, visitorToken: null };
}

/** Why tokens of a key with these scopes may not have those, or null. */
function scopesFault(scopes: readonly Scope[], wanted: readonly Scope[] | undefined): Refusal | null {
  const has = scopes.join(", ");
  if (!TOKEN_SCOPES.some((scope) => scopes.includes(scope))) {
    const detail = `A token has at most the scopes of its key, and this key has none that a token can have: ${has}.`;
    return refusal("forbidden", detail, { hint: "Use a key with `mint` and at least one of `run` and `read`." });
  }
  const lacking = wanted?.find((scope) => !scopes.includes(scope));
  if (lacking === undefined) return null;
  const detail = `A token has at most the scopes of its key: the key lacks \`${lacking}\` (it has: ${has}).`;
  return refusal("forbidden", detail, { hint: "Leave the scope out of `scopes`, or use a key that has it." });
}

/** Why the key may not give this plan to a token, or null. */
function planFault({ planName, plans }: Identity, wanted: string | undefined): Refusal | null {
  if (wanted === undefined || wanted === planName || plans.includes(wanted)) return null;
  const listed = [planName, ...plans].map((name) => `"${name}"`).join(", ");
  const detail = `This key may not give plan "${wanted}" to tokens; it may give: ${listed}.`;
  return refusal("forbidden", detail, {
    hint: "A team admin creates a key whose `plans` lists it (POST /v1/keys).",
  });
}

/** A page's token for its visitor: only from the key's origins, rate-limited, and after Turnstile if the key requires it. */
async function exchange({ request, env, config, caller, body }: MintCall): Promise<Minted> {
  const misplaced = FOR_SECRET_KEYS.find((name) => body[name] !== undefined);
  if (misplaced !== undefined) {
    const hint = "With a publishable key, the key determines the token's terms.";
    return refused(refusal("invalid_request", `\`${misplaced}\` is only allowed with a secret key.`, { hint }));
  }
  const { team, keyId } = caller;
  const { origins, turnstile } = caller.identity;
  const page = pageOrigin(request);
  const fault = originFault(page, { listed: null, own: null, bound: origins ?? [] });
  if (page === null || fault !== null)
    return refused(fault ?? refusal("origin_not_allowed", "The call does not come from a page."));
  const { SIGNING_KEY, TURNSTILE_VERIFY_URL, PUBLIC_URL } = config();
  const { ip, network } = await addressMarks(SIGNING_KEY, team, addressOf(request));
  const known = body.visitor_token ? await visitorOf(SIGNING_KEY, team, body.visitor_token) : null;
  const exchanging = { keyId, ip, network, visitor: known };
  const counted = await askTeam(env, team, (stub) => stub.issuers.countMint(exchanging));
  if (counted.kind === "refused") return counted;
  if (turnstile !== null) {
    const failed = await turnstileFault({
      verifyUrl: TURNSTILE_VERIFY_URL,
      secret: turnstile.secret,
      hostname: turnstile.hostname ?? new URL(page).hostname,
      token: body.turnstile_token ?? undefined,
      address: addressOf(request),
      isLocal: isLocal(PUBLIC_URL ?? request.url),
    });
    if (failed !== null) return refused(failed);
  }
  // Never the address: people behind one share it. Who discards the token gains what the limits of the address leave.
  const visitor = known ?? newVisitor();
  const credential: TokenCredential = {
    kind: "token",
    keyId,
    user: visitorUser(visitor),
    visitor,
    ip,
    network,
    models: null,
    plan: null,
  };
  const identified = await askTeam(env, team, (stub) => stub.identify(credential));
  if (identified.kind === "refused") return identified;
  const visitorToken = await makeVisitorToken(SIGNING_KEY, team, visitor);
  return { kind: "minted", credential, origin: page, ttlS: TOKEN_TTL_DEFAULT_S, visitorToken };
}

/** Whether the deployment's public URL is reachable from this machine only. */
function isLocal(url: string): boolean {
  const host = new URL(url).hostname;
  return host === "localhost" || host.endsWith(".localhost") || host === "[::1]" || /^127\.[0-9.]+$/.test(host);
}
