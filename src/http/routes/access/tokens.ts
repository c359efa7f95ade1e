// POST /v1/tokens: client tokens. A server makes one for a user of its own with a secret key; a page exchanges a publishable
// key for one that stands for its visitor, whom neither page nor visitor can choose.

import * as z from "zod";
import type { Env } from "../../../platform/bindings.ts";
import type { Config } from "../../../platform/config.ts";
import { type Refused, refusal, refused } from "../../../platform/errors.ts";
import { askTeam } from "../../../platform/stubs.ts";
import { isoTime } from "../../../platform/time.ts";
import { makeToken, type TokenCredential } from "../../../team/auth/tokens.ts";
import { turnstileFault } from "../../../team/auth/turnstile.ts";
import { addressMark, makeVisitorToken, newVisitor, visitorOf } from "../../../team/auth/visitor.ts";
import { originSchema, planNameSchema } from "../../../team/quota/plan.ts";
import { addressOf, type Caller, userFor } from "../../auth.ts";
import { originFault, pageOrigin } from "../../origin.ts";
import { defineRoute, type Route } from "../../route.ts";
import { userSchema } from "../../schemas.ts";
import { KEY_MODEL_GLOBS_MAX } from "./keys.ts";

/** Life of a client token: minutes, because a token that got away cannot be taken back without its key. */
const TOKEN_TTL_DEFAULT_S = 600;
/** Life of a client token at least. */
const TOKEN_TTL_MIN_S = 60;
/** Life of a client token at most. */
const TOKEN_TTL_MAX_S = 3_600;

/** `null` is as good as absent: it is what a page's storage gives for what it does not have. */
const pageText = z.string().nullable().optional();

const tokenBody = z.strictObject({
  user: userSchema.optional().describe("Secret key: whom the token acts for."),
  ttl_s: z
    .int()
    .min(TOKEN_TTL_MIN_S)
    .max(TOKEN_TTL_MAX_S)
    .optional()
    .describe(`Secret key: its life in seconds; ${TOKEN_TTL_DEFAULT_S} by default.`),
  models: z
    .array(z.string().min(1).max(200))
    .min(1)
    .max(KEY_MODEL_GLOBS_MAX)
    .optional()
    .describe("Secret key: globs that narrow what the plan allows."),
  origin: originSchema.optional().describe("Secret key: the only page origin that the token works from."),
  plan: planNameSchema.optional().describe("Secret key: the plan that applies instead of the key's."),
  turnstile_token: pageText.describe("Publishable key: what the Turnstile widget gave, where the key asks for it."),
  visitor_token: pageText.describe("Publishable key: the `visitor_token` of an earlier answer."),
});
type TokenBody = z.output<typeof tokenBody>;

const FOR_SECRET_KEYS = ["user", "ttl_s", "models", "origin", "plan"] as const;
const FOR_PUBLISHABLE_KEYS = ["turnstile_token", "visitor_token"] as const;

const tokenAnswer = z.object({
  token: z.string().describe("Send it as `Authorization: Bearer <token>`."),
  user: z.string(),
  visitor_token: z.string().optional().describe("Keep it and send it back, so that the visitor stays the same."),
  expires_at: z.iso.datetime(),
});

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
    summary: "Make a client token, or exchange a publishable key for one",
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
      const token = await makeToken(SIGNING_KEY, call.caller.team, { credential, origin }, ttlS, Date.now());
      return {
        status: 200,
        body: {
          token: token.text,
          user: credential.user,
          ...(visitorToken === null ? {} : { visitor_token: visitorToken }),
          expires_at: isoTime(token.expiresAt),
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
  if (misplaced !== undefined) return refused(refusal("invalid_request", `\`${misplaced}\` is for publishable keys.`));
  const acting = userFor(caller.user, body.user);
  if (acting.kind === "refused") return acting;
  if (acting.user === null) return refused(refusal("invalid_request", "`user` is required with a secret key."));
  // A member's key could lift the member's own limits otherwise.
  if (caller.own && body.plan !== undefined) {
    const hint = "Leave `plan` out, or use a key that is not bound to a user.";
    return refused(refusal("forbidden", "A key that is bound to a user does not choose plans.", { hint }));
  }
  const credential: TokenCredential = {
    ...{ kind: "token", keyId: caller.keyId, user: acting.user, visitor: null, ip: null },
    models: body.models ?? null,
    plan: body.plan ?? null,
  };
  const known = await askTeam(env, caller.team, (team) => team.identify(credential));
  if (known.kind === "refused") return known;
  if (body.plan !== undefined && known.identity.planName !== body.plan) {
    const hint = `GET /v1/plans lists the team's plans; a key that has a plan of its own cannot choose another.`;
    return refused(refusal("not_found", `This key cannot choose plan "${body.plan}".`, { hint }));
  }
  const ttlS = body.ttl_s ?? TOKEN_TTL_DEFAULT_S;
  return { kind: "minted", credential, origin: body.origin ?? null, ttlS, visitorToken: null };
}

/** A page's token for its visitor: only from a page of the key's origins, so often per address, and past Turnstile if asked. */
async function exchange({ request, env, config, caller, body }: MintCall): Promise<Minted> {
  const misplaced = FOR_SECRET_KEYS.find((name) => body[name] !== undefined);
  if (misplaced !== undefined) {
    const hint = "With a publishable key the token is the visitor's, and the key decides all about it.";
    return refused(refusal("invalid_request", `\`${misplaced}\` is for secret keys.`, { hint }));
  }
  const { team, keyId } = caller;
  const { origins, turnstile } = caller.identity;
  const page = pageOrigin(request);
  const fault = originFault(page, { listed: null, bound: origins ?? [] });
  if (page === null || fault !== null) return refused(fault ?? refusal("origin_not_allowed", "No page calls."));
  const { SIGNING_KEY, TURNSTILE_VERIFY_URL, PUBLIC_URL } = config();
  const ip = await addressMark(SIGNING_KEY, team, addressOf(request));
  const counted = await askTeam(env, team, (stub) => stub.issuers.countMint({ keyId, ip }));
  if (counted.kind === "refused") return counted;
  if (turnstile !== null) {
    const failed = await turnstileFault({
      ...{ verifyUrl: TURNSTILE_VERIFY_URL, secret: turnstile.secret },
      hostname: turnstile.hostname ?? new URL(page).hostname,
      token: body.turnstile_token ?? undefined,
      address: addressOf(request),
      isLocal: isLocal(PUBLIC_URL ?? request.url),
    });
    if (failed !== null) return refused(failed);
  }
  const seen = body.visitor_token ? await visitorOf(SIGNING_KEY, team, body.visitor_token) : null;
  // Who is proven to be somebody is somebody new; everybody else is their address, so that forgetting the token gains nothing.
  const visitor = seen ?? (turnstile === null ? ip : newVisitor());
  const credential: TokenCredential = {
    ...{ kind: "token", keyId, user: `visitor:${visitor}`, visitor, ip, models: null, plan: null },
  };
  const known = await askTeam(env, team, (stub) => stub.identify(credential));
  if (known.kind === "refused") return known;
  const visitorToken = await makeVisitorToken(SIGNING_KEY, team, visitor);
  return { kind: "minted", credential, origin: page, ttlS: TOKEN_TTL_DEFAULT_S, visitorToken };
}

/** Whether nobody but this machine can reach the deployment, by the URL that others know it by. */
function isLocal(url: string): boolean {
  const host = new URL(url).hostname;
  return host === "localhost" || host.endsWith(".localhost") || host === "[::1]" || /^127\.[0-9.]+$/.test(host);
}
