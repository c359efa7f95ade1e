// /v1/keys: make, list and revoke a team's secret keys (scope `admin`). A key's text is in one answer only, at its making.

import * as z from "zod";
import { askTeam, teamFor } from "../access/team.ts";
import type { KeySummary } from "../access/types.ts";
import { refusal } from "../errors.ts";
import { defineRoute, type Route } from "./route.ts";
import { listBody, scopeSchema } from "./schemas.ts";
import { isoTime } from "./time.ts";

const keyBody = z.object({
  id: z.string(),
  kind: z.literal("secret"),
  name: z.string(),
  scopes: z.array(scopeSchema),
  prefix: z.string().meta({ description: "The first characters of the key, to tell keys apart." }),
  created_at: z.iso.datetime(),
  last_used_at: z.iso.datetime().nullable().meta({ description: "To within ten minutes." }),
  expires_at: z.iso.datetime().nullable(),
  revoked_at: z.iso.datetime().nullable(),
});

const newKey = z.strictObject({
  kind: z.literal("secret").default("secret"),
  name: z.string().min(1).max(100).default("Unnamed"),
  scopes: z.array(scopeSchema).min(1).default(["run", "read"]),
  expires_at: z.iso.datetime({ offset: true }).nullable().default(null),
});

export const keyRoutes: readonly Route[] = [
  defineRoute({
    method: "POST",
    path: "/v1/keys",
    summary: "Make a key",
    access: "admin",
    body: newKey,
    answers: {
      201: { description: "The key. `secret` is not shown again.", schema: keyBody.extend({ secret: z.string() }) },
    },
    errors: ["invalid_request", "conflict"],
    async handle({ env, caller, body }) {
      const expiresAt = body.expires_at === null ? null : Date.parse(body.expires_at);
      if (expiresAt !== null && expiresAt <= Date.now()) {
        return { refusal: refusal("invalid_request", "`expires_at` must lie in the future.") };
      }
      const scopes = [...new Set(body.scopes)];
      const answer = await teamFor(env, caller.team).createKey({ name: body.name, scopes, expiresAt });
      if (answer.kind === "refused") return { refusal: answer.refusal };
      return { status: 201, body: { ...keyWire(answer.key), secret: answer.secret } };
    },
  }),
  defineRoute({
    method: "GET",
    path: "/v1/keys",
    summary: "The team's keys, newest first",
    access: "admin",
    answers: { 200: { description: "All keys, revoked and expired ones included.", schema: listBody(keyBody) } },
    errors: [],
    async handle({ env, caller }) {
      const keys = await askTeam(env, caller.team, (team) => team.listKeys());
      return { status: 200, body: { data: keys.map(keyWire), next_cursor: null } };
    },
  }),
  defineRoute({
    method: "DELETE",
    path: "/v1/keys/:id",
    summary: "Revoke a key",
    access: "admin",
    params: z.object({ id: z.string() }),
    answers: { 204: { description: "It is refused on submits at once, on reads within ten seconds." } },
    errors: ["not_found", "conflict"],
    async handle({ env, caller, params }) {
      const answer = await askTeam(env, caller.team, (team) => team.revokeKey(params.id));
      return answer.kind === "refused" ? { refusal: answer.refusal } : { status: 204 };
    },
  }),
];

function keyWire(key: KeySummary): z.input<typeof keyBody> {
  return {
    id: key.id,
    kind: "secret",
    name: key.name,
    scopes: key.scopes,
    prefix: key.shown,
    created_at: isoTime(key.createdAt),
    last_used_at: isoTime(key.lastUsedAt),
    expires_at: isoTime(key.expiresAt),
    revoked_at: isoTime(key.revokedAt),
  };
}
