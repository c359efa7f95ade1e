// GET, PUT and PATCH /v1/keys/{id}: a key with its usage of the last days, and what can be changed of it.

import type * as z from "zod";
import type { Refusal } from "../../../platform/errors.ts";
import { lazy } from "../../../platform/schema.ts";
import { askTeam } from "../../../platform/stubs.ts";
import { DAY_MS } from "../../../platform/time.ts";
import { planNameSchema } from "../../../team/quota/plan.ts";
import { dayOf } from "../../../team/usage/usage.ts";
import { keyTag } from "../../../team/version-tags.ts";
import { actorOf } from "../../audit-actor.ts";
import { bodyFields, changeWhole, patched } from "../../changes/change-whole.ts";
import { etagHeader, ifMatchOf, writeHeaders } from "../../changes/if-match.ts";
import { defineRoute, type Route } from "../../route.ts";
import { sumsWire, usageSumsBody } from "../usage/usage.ts";
import { EXPIRES_IN_PAST, keyBody, keyId, keyWire, newKey, ORIGINS_REQUIRED } from "./keys.ts";

/** Days of usage that a key shows. */
const KEY_USAGE_DAYS = 30;

const ONE_TOTAL = { hours: null, groupBy: [], user: null, model: null, tag: null, tagName: null };

/** A key by itself, with what it did lately. */
export const keyWithUsage = lazy((z) =>
  keyBody().extend({
    usage: usageSumsBody()
      .extend({ from: z.iso.date(), to: z.iso.date() })
      .describe(`Usage of the last ${KEY_USAGE_DAYS} UTC days, today included.`),
  }),
);

const read = defineRoute({
  method: "GET",
  path: "/v1/keys/:id",
  summary: "Retrieve a key and its usage",
  access: "admin",
  params: keyId,
  answers: {
    200: { description: "The key, with the version of its settings as ETag.", schema: keyWithUsage, headers: ["ETag"] },
  },
  errors: ["not_found"],
  async handle({ env, caller, params }) {
    const answer = await askTeam(env, caller.team, (team) => team.keys.read(params.id));
    if (answer.kind === "refused") return { refusal: answer.refusal };
    const now = Date.now();
    const days = { from: dayOf(now - (KEY_USAGE_DAYS - 1) * DAY_MS), to: dayOf(now) };
    const { rows } = await askTeam(env, caller.team, (team) =>
      team.usage.sums({ ...ONE_TOTAL, ...days, keyId: params.id }),
    );
    const [sums] = rows;
    if (sums === undefined) throw new Error("sums without groups are one row");
    const usage = { ...days, ...sumsWire(sums) };
    return { status: 200, headers: etagHeader(keyTag(answer.key)), body: { ...keyWire(answer.key), usage } };
  },
});

/** What can be changed of a key. */
const keySettings = lazy((z) =>
  z.strictObject({
    name: newKey().shape.name,
    plan: planNameSchema().nullable().default(null),
    models: newKey().shape.models.nullable().default(null),
    origins: newKey().shape.origins.nullable().default(null),
    contact_url: newKey().shape.contact_url.nullable().default(null),
    expires_at: newKey().shape.expires_at,
  }),
);

/** Fields of a key that no change may name otherwise than they are, and those that change by themselves. */
const FIXED = [
  "id",
  "kind",
  "scopes",
  "user",
  "turnstile",
  "plans",
  "issuer_users",
  "tags",
  "prefix",
  "created_at",
] as const;
const MOVING = ["last_used_at", "revoked_at", "frozen_at"] as const;

function changing(method: "PUT" | "PATCH"): Route {
  const isPatch = method === "PATCH";
  return defineRoute({
    method,
    path: "/v1/keys/:id",
    summary: isPatch ? "Change settings of a key" : "Replace the settings of a key",
    description: `The fields that can be changed are \`name\`, \`plan\`, \`models\`, \`origins\`, \`contact_url\` and \`expires_at\`; the others of the key may be sent as GET answered them. ${
      isPatch
        ? "The body is a JSON merge patch (RFC 7386): null takes a field away, and a list replaces the list that was there."
        : "What is left out is taken away."
    }`,
    access: "admin",
    params: keyId,
    headers: writeHeaders,
    body: () => bodyFields(keyWithUsage().shape).describe("The settings, in the shape of the key."),
    answers: {
      200: {
        description: "The key. It applies to submits immediately, to reads within ten seconds.",
        schema: keyBody,
        headers: ["ETag"],
      },
    },
    errors: ["invalid_request", "not_found", "conflict", "precondition_failed"],
    async handle(call) {
      const { env, caller, params } = call;
      const { usage: _usage, ...sent } = call.body;
      const now = Date.now();
      const answer = await changeWhole({
        what: "The key",
        ifMatch: ifMatchOf(call.headers),
        settings: keySettings(),
        readOnly: { fixed: FIXED, moving: MOVING, isPatch },
        async read() {
          const known = await askTeam(env, caller.team, (team) => team.keys.read(params.id));
          if (known.kind === "refused") return known;
          return { kind: "current" as const, wire: keyWire(known.key), tag: keyTag(known.key) };
        },
        change: isPatch ? patched(sent) : () => sent,
        fault: (settings, wire) => settingsFault(settings, wire, now),
        async write({ contact_url: contactUrl, expires_at, ...rest }, ifMatch) {
          const expiresAt = expires_at === null ? null : Date.parse(expires_at);
          const settings = { ...rest, contactUrl, expiresAt };
          return await askTeam(env, caller.team, (team) =>
            team.keys.change(params.id, settings, actorOf(call), ifMatch),
          );
        },
      });
      if (answer.kind === "refused") return { refusal: answer.refusal };
      return { status: 200, headers: etagHeader(keyTag(answer.key)), body: keyWire(answer.key) };
    },
  });
}

function settingsFault(
  { origins, expires_at }: z.output<ReturnType<typeof keySettings>>,
  { kind, expires_at: before }: z.input<ReturnType<typeof keyBody>>,
  now: number,
): Refusal | null {
  if (kind === "publishable" && origins === null) return ORIGINS_REQUIRED;
  const isNew = expires_at !== null && (before === null || Date.parse(expires_at) !== Date.parse(before));
  return isNew && Date.parse(expires_at) <= now ? EXPIRES_IN_PAST : null;
}

export const keyChangeRoutes: readonly Route[] = [read, changing("PUT"), changing("PATCH")];
