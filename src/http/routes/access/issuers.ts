// /v1/issuers: the JWT issuers of a team's users; and POST /v1/team/jwt/test, which shows admins (and nobody else) why a token is
// refused.

import type * as z from "zod";
import type { Credential, IssuerKeys, StoredIssuer } from "../../../contracts/team-keys.ts";
import { mayCall } from "../../../net/guard.ts";
import type { Env } from "../../../platform/bindings.ts";
import type { Config } from "../../../platform/config.ts";
import { type Refused, refusal } from "../../../platform/errors.ts";
import { lazy } from "../../../platform/schema.ts";
import { askTeam } from "../../../platform/stubs.ts";
import { isoTime } from "../../../platform/time.ts";
import { checkTeamJwt } from "../../../team/auth/issuer-cache.ts";
import { keySetOf } from "../../../team/auth/issuer-keys.ts";
import {
  completeIssuer,
  type IssuerBody,
  issuerBodySchema,
  issuerNameSchema,
  issuerSchema,
} from "../../../team/auth/issuers.ts";
import { parseKey } from "../../../team/auth/key-text.ts";
import { checkToken, isClientToken } from "../../../team/auth/tokens.ts";
import { credentialOfJwt, JWT_MAX_CHARS, unverifiedParts } from "../../../team/auth/user-jwt.ts";
import { actorOf } from "../../audit-actor.ts";
import { defineRoute, type Route } from "../../route.ts";
import { listBody } from "../../schemas.ts";

export const issuerAnswer = lazy((z) =>
  issuerSchema().extend({
    key_ids: z.array(z.string().nullable()).describe("The `kid` of each key fetched from `jwks_url`."),
    keys_fetched_at: z.iso
      .datetime()
      .nullable()
      .describe("Null if the keys have not been fetched, or the fetch failed."),
  }),
);

const named = lazy((z) => z.object({ name: issuerNameSchema() }));

export const jwtTestAnswer = lazy((z) =>
  z.object({
    accepted: z.boolean(),
    reason: z.string().nullable().describe("Machine-readable reason; null when accepted."),
    explanation: z.string(),
    issuer: z.string().nullable(),
    user: z.string().nullable(),
    plan: z.string().nullable().describe("The plan that applies to the user."),
    tags: z.record(z.string(), z.string()),
    header: z.record(z.string(), z.unknown()).nullable().describe("The token's header, unverified."),
    claims: z.record(z.string(), z.unknown()).nullable().describe("The token's registered claims, unverified."),
  }),
);
type TestAnswer = z.input<ReturnType<typeof jwtTestAnswer>>;

export const issuerRoutes: readonly Route[] = [
  defineRoute({
    method: "PUT",
    path: "/v1/issuers/:name",
    summary: "Create or replace a JWT issuer",
    access: "admin",
    params: named,
    body: (z) =>
      issuerBodySchema().extend({
        adopt_users: z
          .boolean()
          .optional()
          .describe(
            "Whether the issuer's users are the people whose requests already have its prefix, e.g. of an issuer deleted before.",
          ),
      }),
    answers: { 200: { description: "The issuer, with newly fetched keys.", schema: issuerAnswer } },
    errors: ["invalid_request", "conflict"],
    async handle(call) {
      const { env, caller, config, params, body } = call;
      const { adopt_users: adoptUsers = false, ...terms } = body;
      const completed = completeIssuer(params.name, terms);
      if (!completed.ok) return { refusal: refusal("invalid_request", completed.detail) };
      const { issuer } = completed;
      const verdict = mayCall(issuer.jwks_url, { allowHosts: config().RELAY_ALLOW_HOSTS, ownHosts: [] });
      if (!verdict.ok) {
        return { refusal: refusal("invalid_request", keysFault(body, issuer.jwks_url, verdict.reason)) };
      }
      const put = await askTeam(env, caller.team, (team) => team.issuers.put(issuer, adoptUsers, actorOf(call)));
      if (put.kind === "refused") return { refusal: put.refusal };
      const keys = await askTeam(env, caller.team, (team) =>
        team.issuers.keysOf({ name: issuer.name, unknownKey: false }),
      );
      return { status: 200, body: issuerWire({ issuer, keys }) };
    },
  }),
  defineRoute({
    method: "GET",
    path: "/v1/issuers",
    summary: "List JWT issuers",
    access: "admin",
    answers: { 200: { description: "All issuers, sorted by name.", schema: () => listBody(issuerAnswer()) } },
    errors: [],
    async handle({ env, caller }) {
      const kept = await askTeam(env, caller.team, (team) => team.issuers.list());
      return { status: 200, body: { data: kept.map(issuerWire), next_cursor: null } };
    },
  }),
  defineRoute({
    method: "DELETE",
    path: "/v1/issuers/:name",
    summary: "Delete a JWT issuer",
    access: "admin",
    params: named,
    answers: {
      204: { description: "Deleted. Its tokens are refused on submits immediately, on reads within ten seconds." },
    },
    errors: ["not_found"],
    async handle(call) {
      const { env, caller, params } = call;
      const answer = await askTeam(env, caller.team, (team) => team.issuers.remove(params.name, actorOf(call)));
      return answer.kind === "refused" ? { refusal: answer.refusal } : { status: 204 };
    },
  }),
  defineRoute({
    method: "POST",
    path: "/v1/team/jwt/test",
    summary: "Test a token",
    access: "admin",
    body: (z) =>
      z.strictObject({
        token: z
          .string()
          .min(1)
          .max(JWT_MAX_CHARS)
          .describe("The token as it is sent, with or without `sl_jwt_<team>.`"),
      }),
    answers: {
      200: { description: "Whether the token is accepted, and why. Counts against no limit.", schema: jwtTestAnswer },
    },
    errors: [],
    async handle({ env, caller, config, body }) {
      return { status: 200, body: await explained(env, config(), caller.team, body.token) };
    },
  }),
];

/** Why an issuer's keys may not be fetched; names `issuer` where the preset derived `jwks_url` from it. */
function keysFault(body: IssuerBody, jwksUrl: string, reason: string): string {
  if (body.jwks_url !== undefined) return `\`jwks_url\` is not allowed: ${reason}.`;
  return `\`issuer\` is invalid: its keys would be fetched from ${jwksUrl}, which is not allowed: ${reason}.`;
}

async function explained(env: Env, config: Config, team: string, token: string): Promise<TestAnswer> {
  const nothing = { issuer: null, user: null, plan: null, tags: {}, header: null, claims: null };
  const parsed = await parseKey(token.replace(/^(?:bearer|key)\s+/i, "").trim());
  const parts = parsed.kind === "jwt" ? unverifiedParts(parsed.jwt) : null;
  if (parsed.kind !== "jwt" || parts === null) {
    return { ...nothing, accepted: false, reason: "malformed", explanation: "The token is not a JWT." };
  }
  const { iss, aud, azp, sub, exp, nbf, iat } = parts.claims;
  const shown = { ...nothing, header: parts.header, claims: { iss, aud, azp, sub, exp, nbf, iat } };
  const no = (reason: string, explanation: string): TestAnswer => ({ ...shown, accepted: false, reason, explanation });
  if (parsed.team !== null && parsed.team !== team)
    return no("foreign_team", `The token is for team "${parsed.team}".`);

  if (isClientToken(parts.header)) {
    const answer = await checkToken(config.SIGNING_KEY, team, parsed.jwt, Date.now());
    if (answer.kind === "refused") return no(answer.reason, `The client token is ${answer.reason}.`);
    return accepted(env, team, shown, answer.token.credential);
  }
  const answer = await checkTeamJwt(env, team, parsed.jwt, { fresh: true });
  if (answer.kind === "refused") return { ...no(answer.fault, answer.explanation), issuer: answer.issuer };
  return accepted(env, team, { ...shown, issuer: answer.issuer.name }, credentialOfJwt(answer));
}

/** The result for a valid token: the team decides whether its user is accepted. */
async function accepted(
  env: Env,
  team: string,
  shown: Omit<TestAnswer, "accepted" | "reason" | "explanation">,
  credential: Exclude<Credential, { kind: "key" }>,
): Promise<TestAnswer> {
  const tags = credential.kind === "jwt" ? credential.tags : {};
  const whose = { ...shown, user: credential.user, tags };
  const known = await askTeam(env, team, (stub) => stub.identify(credential));
  if (known.kind === "refused") {
    const { code, detail } = (known as Refused).refusal;
    return { ...whose, accepted: false, reason: code, explanation: detail };
  }
  const plan = known.identity.planName;
  const asked = credential.plan;
  const explanation =
    asked === null || asked === plan
      ? "The token is valid."
      : `The token is valid. Plan "${asked}" does not exist, so "${plan}" applies.`;
  return { ...whose, plan, accepted: true, reason: null, explanation };
}

function issuerWire({
  issuer,
  keys,
}: {
  issuer: StoredIssuer["issuer"];
  keys: IssuerKeys | null;
}): z.input<ReturnType<typeof issuerAnswer>> {
  return {
    ...issuer,
    key_ids: keys === null ? [] : keySetOf(keys).keys.map((key) => key.kid ?? null),
    keys_fetched_at: isoTime(keys?.fetchedAt ?? null),
  };
}
