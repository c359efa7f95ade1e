// /v1/keys: create, list, rotate, freeze and revoke a team's keys (scope `admin`). A secret key is returned once, when it is created or
// rotated; a publishable key is always readable, because every page that uses it exposes it.

import type * as z from "zod";
import type { KeySummary, NewKeyTerms, Scope } from "../../../contracts/team-keys.ts";
import { type Refusal, refusal } from "../../../platform/errors.ts";
import { lazy } from "../../../platform/schema.ts";
import { askTeam, teamFor } from "../../../platform/stubs.ts";
import { isoTime } from "../../../platform/time.ts";
import { URL_MAX_CHARS } from "../../../platform/validate.ts";
import { ISSUERS_PER_TEAM_MAX, issuerNameSchema } from "../../../team/auth/issuers.ts";
import { modelPatternSchema, originSchema, PLAN_ORIGINS_MAX, planNameSchema } from "../../../team/quota/plan.ts";
import { actorOf } from "../../audit-actor.ts";
import { ifMatchOf, writeHeaders } from "../../changes/if-match.ts";
import { TAKES_EFFECT } from "../../credential-memory.ts";
import { defineRoute, type Route } from "../../route.ts";
import { listBody, scopeSchema, tagsSchema, userSchema } from "../../schemas.ts";

/** How long the previous secret of a rotated key stays valid, so that servers can be updated. Leaked keys are revoked instead. */
const KEY_OVERLAP_DEFAULT_S = 24 * 3_600;
/** A rotated key's old text works at most this long. */
const KEY_OVERLAP_MAX_S = 30 * 24 * 3_600;
/** Plans that a key may give to tokens. */
const KEY_PLANS_MAX = 50;
/** Model patterns of a token or a key. */
export const KEY_MODEL_PATTERNS_MAX = 20;

/** Scopes of a secret key that names none: what an app's server needs, and nothing of an admin's. */
const SCOPES_DEFAULT = ["run", "read", "mint"] as const satisfies readonly Scope[];

const turnstileShown = lazy((z) => z.object({ site_key: z.string(), hostname: z.string().nullable() }));

export const keyBody = lazy((z) =>
  z.object({
    id: z.string(),
    kind: z.enum(["secret", "publishable"]),
    name: z.string(),
    scopes: z.array(scopeSchema()),
    user: z.string().nullable(),
    plan: z.string().nullable(),
    models: z.array(z.string()).nullable(),
    origins: z.array(z.string()).nullable(),
    turnstile: turnstileShown().nullable(),
    contact_url: z.string().nullable().describe("Where visitors of a public page report what it shows."),
    plans: z.array(z.string()).describe("Plans, beside its own, that the key may give to client tokens."),
    issuer_users: z.array(z.string()).describe("Issuers whose users the key may name."),
    tags: z.record(z.string(), z.string()).describe("Tags of everything that is done with the key."),
    prefix: z.string().describe("The first characters of a secret key; the whole publishable key."),
    created_at: z.iso.datetime(),
    last_used_at: z.iso.datetime().nullable().describe("Accurate to ten minutes."),
    expires_at: z.iso.datetime().nullable(),
    revoked_at: z.iso.datetime().nullable(),
    frozen_at: z.iso.datetime().nullable(),
  }),
);

export const newKey = lazy((z) =>
  z.strictObject({
    kind: z.enum(["secret", "publishable"]).default("secret"),
    name: z.string().min(1).max(100).default("Unnamed"),
    scopes: z
      .array(scopeSchema())
      .min(1)
      .optional()
      .describe(
        "Secret keys only. `run`: submit, and read and cancel what the key made. `read`: see everything of the team, or of the key's `user`; with `run`, cancel it too. `mint`: create client tokens, which never have more scopes than the key. `admin`: manage keys, plans and settings. Default: all but `admin`.",
      ),
    user: userSchema().optional().describe("Binds a secret key to a user; every call acts for this user."),
    plan: planNameSchema()
      .optional()
      .describe(
        "Plan of this key, instead of the team's plan. Required for publishable keys, and must limit `usd` for the scope `key` or `team`.",
      ),
    models: z
      .array(modelPatternSchema())
      .min(1)
      .max(KEY_MODEL_PATTERNS_MAX)
      .optional()
      .describe("Model patterns that restrict the plan's models."),
    origins: z
      .array(originSchema())
      .min(1)
      .max(PLAN_ORIGINS_MAX)
      .optional()
      .describe("Exact page origins that may use the key. Required for publishable keys."),
    turnstile: z
      .strictObject({
        site_key: z.string().min(1).max(100),
        secret: z.string().min(1).max(100),
        hostname: z
          .string()
          .min(1)
          .max(253)
          .optional()
          .describe("Hostname of the widget, if it differs from the page's."),
      })
      .optional()
      .describe("Publishable keys only: visitors must pass Cloudflare Turnstile to get a token."),
    contact_url: z
      .url({ protocol: /^(https|mailto)$/ })
      .max(URL_MAX_CHARS)
      .optional()
      .describe(
        "Where a visitor of a public page reports what it shows: an https or mailto URL. POST /v1/tokens returns it.",
      ),
    plans: z
      .array(planNameSchema())
      .min(1)
      .max(KEY_PLANS_MAX)
      .optional()
      .describe(
        "Secret keys with `mint` only: plans that POST /v1/tokens may give to a token, beside the key's own. Default: only its own.",
      ),
    issuer_users: z
      .array(issuerNameSchema())
      .min(1)
      .max(ISSUERS_PER_TEAM_MAX)
      .optional()
      .describe(
        "Secret keys only: issuers whose users the key may name, for a server that acts for the same people as their JWTs. Default: none.",
      ),
    tags: tagsSchema()
      .optional()
      .describe("Tags of every request that is made with the key or its tokens; callers cannot change them."),
    expires_at: z.iso.datetime({ offset: true }).nullable().default(null),
  }),
);
type NewKey = z.output<ReturnType<typeof newKey>>;

export const EXPIRES_IN_PAST = refusal("invalid_request", "`expires_at` must be in the future.");
export const ORIGINS_REQUIRED = refusal(
  "invalid_request",
  "`origins` is required for publishable keys, which can only be used from these origins.",
);

export const keyId = lazy((z) => z.object({ id: z.string() }));
const withSecret = lazy((z) => keyBody().extend({ secret: z.string() }));

const create = defineRoute({
  method: "POST",
  path: "/v1/keys",
  summary: "Create a key",
  access: "admin",
  body: newKey,
  answers: { 201: { description: "The key. `secret` is not shown again.", schema: withSecret } },
  errors: ["invalid_request", "not_found", "conflict"],
  async handle(call) {
    const terms = newKeyTerms(call.body, Date.now());
    if ("refusal" in terms) return terms;
    const answer = await teamFor(call.env, call.caller.team).keys.create(terms, actorOf(call));
    if (answer.kind === "refused") return { refusal: answer.refusal };
    return { status: 201, body: { ...keyWire(answer.key), secret: answer.secret } };
  },
});

const list = defineRoute({
  method: "GET",
  path: "/v1/keys",
  summary: "List keys, newest first",
  access: "admin",
  answers: { 200: { description: "All keys, including revoked and expired ones.", schema: () => listBody(keyBody()) } },
  errors: [],
  async handle({ env, caller }) {
    const keys = await askTeam(env, caller.team, (team) => team.keys.list());
    return { status: 200, body: { data: keys.map(keyWire), next_cursor: null } };
  },
});

const rotate = defineRoute({
  method: "POST",
  path: "/v1/keys/:id/rotate",
  summary: "Rotate a key",
  access: "admin",
  params: keyId,
  body: (z) =>
    z.strictObject({
      overlap_s: z
        .int()
        .min(0)
        .max(KEY_OVERLAP_MAX_S)
        .default(KEY_OVERLAP_DEFAULT_S)
        .describe("Seconds for which the previous secret stays valid; 0 revokes it immediately."),
    }),
  answers: {
    200: {
      description: "The new secret, which is not shown again. Id, limits, plan and history are kept.",
      schema: (z) =>
        z.object({
          id: z.string(),
          secret: z.string(),
          old_key_valid_until: z.iso
            .datetime()
            .nullable()
            .describe("When the previous secret ends; null: it has ended."),
        }),
    },
  },
  errors: ["not_found", "conflict"],
  async handle(call) {
    const { env, caller, params, body } = call;
    const answer = await teamFor(env, caller.team).keys.rotate(params.id, body.overlap_s, actorOf(call));
    if (answer.kind === "refused") return { refusal: answer.refusal };
    return { status: 200, body: { ...answer.key, old_key_valid_until: isoTime(answer.oldValidUntil) } };
  },
});

const revoke = defineRoute({
  method: "DELETE",
  path: "/v1/keys/:id",
  summary: "Revoke a key",
  access: "admin",
  params: keyId,
  headers: writeHeaders,
  answers: { 204: { description: "Revoked. The key is refused on submits immediately, on reads within ten seconds." } },
  errors: ["not_found", "conflict", "precondition_failed"],
  async handle(call) {
    const { env, caller, params } = call;
    const ifMatch = ifMatchOf(call.headers);
    const answer = await askTeam(env, caller.team, (team) => team.keys.revoke(params.id, actorOf(call), ifMatch));
    return answer.kind === "refused" ? { refusal: answer.refusal } : { status: 204 };
  },
});

export const keyRoutes: readonly Route[] = [create, list, rotate, freezing(true), freezing(false), revoke];

function freezing(frozen: boolean): Route {
  return defineRoute({
    method: "POST",
    path: frozen ? "/v1/keys/:id/freeze" : "/v1/keys/:id/resume",
    summary: frozen ? "Freeze a key" : "Unfreeze a key",
    access: "admin",
    params: keyId,
    answers: {
      200: { description: `The key. ${TAKES_EFFECT[frozen ? "freeze" : "resume"]}`, schema: keyBody },
    },
    errors: ["not_found", "conflict"],
    async handle(call) {
      const { env, caller, params } = call;
      const answer = await askTeam(env, caller.team, (team) => team.keys.freeze(params.id, frozen, actorOf(call)));
      return answer.kind === "refused" ? { refusal: answer.refusal } : { status: 200, body: keyWire(answer.key) };
    },
  });
}

/** The terms of a new key with the defaults of its kind. A field that does not apply to the kind is refused. */
function newKeyTerms(body: NewKey, now: number): NewKeyTerms | { refusal: Refusal } {
  const expiresAt = body.expires_at === null ? null : Date.parse(body.expires_at);
  if (expiresAt !== null && expiresAt <= now) return { refusal: EXPIRES_IN_PAST };
  const { kind, name, user = null, plan = null, models = null, origins = null, turnstile } = body;
  const { plans = [], issuer_users: issuerUsers = [], tags = {} } = body;
  const contactUrl = body.contact_url ?? null;
  const rest = {
    kind,
    name,
    plan,
    models,
    origins,
    contactUrl,
    plans: [...new Set(plans)],
    issuerUsers,
    tags,
    expiresAt,
  };
  if (kind === "secret") {
    if (turnstile !== undefined) return invalidRequest("`turnstile` is only allowed for publishable keys.");
    const scopes = [...new Set(body.scopes ?? SCOPES_DEFAULT)];
    if (plans.length > 0 && !scopes.includes("mint"))
      return invalidRequest("`plans` requires the scope `mint`: only keys that create tokens give plans to them.");
    return { ...rest, scopes, user, turnstile: null };
  }
  kind satisfies "publishable";
  if (body.scopes !== undefined)
    return invalidRequest(
      "`scopes` is only allowed for secret keys; a publishable key can only be exchanged for a token.",
    );
  if (user !== null)
    return invalidRequest("`user` is only allowed for secret keys; a publishable key acts for its visitors.");
  if (plans.length > 0)
    return invalidRequest("`plans` is only allowed for secret keys; a publishable key's tokens have its own plan.");
  if (issuerUsers.length > 0)
    return invalidRequest("`issuer_users` is only allowed for secret keys; a publishable key acts for its visitors.");
  if (origins === null) return { refusal: ORIGINS_REQUIRED };
  if (turnstile === undefined) return { ...rest, scopes: [], user, turnstile: null };
  const { site_key: siteKey, secret, hostname = null } = turnstile;
  return { ...rest, scopes: [], user, turnstile: { siteKey, secret, hostname } };
}

function invalidRequest(detail: string): { refusal: Refusal } {
  return { refusal: refusal("invalid_request", detail) };
}

export function keyWire(key: KeySummary): z.input<ReturnType<typeof keyBody>> {
  const { id, kind, name, scopes, user, plan, models, origins, turnstile } = key;
  return {
    id,
    kind,
    name,
    scopes,
    user,
    plan,
    models,
    origins,
    turnstile: turnstile === null ? null : { site_key: turnstile.siteKey, hostname: turnstile.hostname },
    contact_url: key.contactUrl,
    plans: key.plans,
    issuer_users: key.issuerUsers,
    tags: key.tags,
    prefix: key.shown,
    created_at: isoTime(key.createdAt),
    last_used_at: isoTime(key.lastUsedAt),
    expires_at: isoTime(key.expiresAt),
    revoked_at: isoTime(key.revokedAt),
    frozen_at: isoTime(key.frozenAt),
  };
}
