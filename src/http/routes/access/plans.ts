// /v1/plans: a team's plans (scope `admin`): list, create from a preset, read, replace, patch, delete, and their earlier versions.

import type * as z from "zod";
import type { PlanVersion } from "../../../contracts/team-plans.ts";
import { type Refusal, refusal } from "../../../platform/errors.ts";
import { mergePatch } from "../../../platform/merge-patch.ts";
import { lazy } from "../../../platform/schema.ts";
import { askTeam } from "../../../platform/stubs.ts";
import { isoTime } from "../../../platform/time.ts";
import { parseFields } from "../../../platform/validate.ts";
import type { EmptyLimit } from "../../../team/quota/limit-seeds.ts";
import { type Plan, planNameSchema, planSchema } from "../../../team/quota/plan.ts";
import { planTerms } from "../../../team/quota/plan-wire.ts";
import { PRESET_NAMES, PRESETS } from "../../../team/quota/presets.ts";
import { planTag } from "../../../team/version-tags.ts";
import { actorOf } from "../../audit-actor.ts";
import { bodyFields, changeWhole, patched } from "../../changes/change-whole.ts";
import { etagHeader, ifMatchOf, writeHeaders } from "../../changes/if-match.ts";
import { defineRoute, type Route } from "../../route.ts";
import { listBody, planBody, planWire, startsEmptyBody } from "../../schemas.ts";

const planParams = lazy((z) => z.object({ name: planNameSchema() }));

/** What GET answers is what PUT takes, so the name may be sent too. */
const sentPlan = lazy(() =>
  planSchema().extend({ name: planNameSchema().optional().describe("The name in the path; it cannot be changed.") }),
);

export const versionBody = lazy((z) =>
  z.object({
    version: z.int(),
    at: z.iso.datetime().nullable().describe("When it was written. Null: before versions were kept."),
    actor: z.string().nullable().describe("Id of the key that wrote it, or `operator`."),
    plan: planBody(),
  }),
);

/** A plan as it was written. */
const writtenPlan = lazy(() => planBody().extend({ starts_empty: startsEmptyBody().optional() }));

const list = defineRoute({
  method: "GET",
  path: "/v1/plans",
  summary: "List the team's plans",
  access: "admin",
  answers: { 200: { description: "All plans, sorted by name.", schema: () => listBody(planBody()) } },
  errors: [],
  async handle({ env, caller }) {
    const plans = await askTeam(env, caller.team, (team) => team.plans.list());
    return { status: 200, body: { data: plans.map(planWire), next_cursor: null } };
  },
});

const create = defineRoute({
  method: "POST",
  path: "/v1/plans",
  summary: "Create a plan, from a preset or from nothing",
  access: "admin",
  body: (z) =>
    bodyFields(planSchema().shape).extend({
      name: planNameSchema(),
      from: z
        .enum(PRESET_NAMES)
        .optional()
        .describe("The preset to begin with. All other fields are those of a plan, and override the preset's."),
    }),
  answers: {
    201: { description: "The plan, with every field.", schema: writtenPlan, headers: ["ETag", "Location"] },
  },
  errors: ["invalid_request", "conflict"],
  async handle(call) {
    const { env, caller } = call;
    const { name, from, ...overrides } = call.body;
    const terms = mergePatch(from === undefined ? {} : PRESETS[from].terms, overrides);
    const plan = parseFields(planSchema(), terms, "body");
    if (!plan.ok) return { refusal: refusal("invalid_request", plan.detail) };
    const write = { ifMatch: null, mode: "create" } as const;
    const answer = await askTeam(env, caller.team, (team) => team.plans.put(name, plan.value, actorOf(call), write));
    if (answer.kind === "refused") return { refusal: answer.refusal };
    return written(201, name, plan.value, answer.startsEmpty, { Location: `/v1/plans/${name}` });
  },
});

const read = defineRoute({
  method: "GET",
  path: "/v1/plans/:name",
  summary: "Retrieve a plan",
  access: "admin",
  params: planParams,
  answers: { 200: { description: "The plan, with its version as ETag.", schema: planBody, headers: ["ETag"] } },
  errors: ["not_found"],
  async handle({ env, caller, params }) {
    const answer = await askTeam(env, caller.team, (team) => team.plans.read(params.name));
    return answer.kind === "refused" ? { refusal: answer.refusal } : shown(200, params.name, answer.plan);
  },
});

const put = defineRoute({
  method: "PUT",
  path: "/v1/plans/:name",
  summary: "Create or replace a plan",
  access: "admin",
  params: planParams,
  headers: writeHeaders,
  query: (z) =>
    z.looseObject({
      replace: z
        .enum(["true", "false"])
        .optional()
        .describe("Whether limits that the body does not name may be removed. Without it, that is refused with 409."),
    }),
  body: sentPlan,
  answers: {
    200: {
      description: "The plan, with defaults filled in. It applies from the next submit.",
      schema: writtenPlan,
      headers: ["ETag"],
    },
  },
  errors: ["invalid_request", "conflict", "precondition_failed"],
  async handle(call) {
    const { env, caller, params, query } = call;
    const { name, ...plan } = call.body;
    if (name !== undefined && name !== params.name) return { refusal: otherName(params.name) };
    const mode = query.replace === "true" ? "replace" : "keep";
    const write = { ifMatch: ifMatchOf(call.headers), mode } as const;
    const answer = await askTeam(env, caller.team, (team) => team.plans.put(params.name, plan, actorOf(call), write));
    if (answer.kind === "refused") return { refusal: answer.refusal };
    return written(200, params.name, plan, answer.startsEmpty);
  },
});

const patch = defineRoute({
  method: "PATCH",
  path: "/v1/plans/:name",
  summary: "Change fields of a plan",
  description:
    "The body is a JSON merge patch (RFC 7386): objects are merged field by field, null resets a field to its default, and a list replaces the list that was there.",
  access: "admin",
  params: planParams,
  headers: writeHeaders,
  body: () => bodyFields(planBody().shape).describe("The fields to change, in the shape of the plan."),
  answers: {
    200: { description: "The plan. It applies from the next submit.", schema: writtenPlan, headers: ["ETag"] },
  },
  errors: ["invalid_request", "not_found", "conflict", "precondition_failed"],
  async handle(call) {
    const { env, caller, params, body } = call;
    const { name } = params;
    const answer = await changeWhole({
      what: `Plan "${name}"`,
      ifMatch: ifMatchOf(call.headers),
      settings: planSchema(),
      readOnly: { fixed: ["name"], moving: [], isPatch: true },
      async read() {
        const known = await askTeam(env, caller.team, (team) => team.plans.read(name));
        if (known.kind === "refused") return known;
        return { kind: "current" as const, wire: planWire({ name, plan: known.plan }), tag: planTag(known.plan) };
      },
      change: patched(body),
      async write(plan, ifMatch) {
        const write = { ifMatch, mode: "replace" } as const;
        const stored = await askTeam(env, caller.team, (team) => team.plans.put(name, plan, actorOf(call), write));
        return stored.kind === "refused" ? stored : { ...stored, plan };
      },
    });
    if (answer.kind === "refused") return { refusal: answer.refusal };
    return written(200, name, answer.plan, answer.startsEmpty);
  },
});

const remove = defineRoute({
  method: "DELETE",
  path: "/v1/plans/:name",
  summary: "Delete a plan",
  access: "admin",
  params: planParams,
  headers: writeHeaders,
  answers: {
    204: {
      description:
        "Deleted. Its versions stay, and one of them can be restored. Tokens and claims that name it get the team's plan.",
    },
  },
  errors: ["not_found", "conflict", "precondition_failed"],
  async handle(call) {
    const { env, caller, params } = call;
    const ifMatch = ifMatchOf(call.headers);
    const answer = await askTeam(env, caller.team, (team) => team.plans.remove(params.name, actorOf(call), ifMatch));
    return answer.kind === "refused" ? { refusal: answer.refusal } : { status: 204 };
  },
});

const versions = defineRoute({
  method: "GET",
  path: "/v1/plans/:name/versions",
  summary: "List the versions of a plan, newest first",
  access: "admin",
  params: planParams,
  answers: {
    200: {
      description:
        "The latest 100 versions, also of a deleted plan. The first one is in force, unless the plan was deleted.",
      schema: () => listBody(versionBody()),
    },
  },
  errors: ["not_found"],
  async handle({ env, caller, params }) {
    const answer = await askTeam(env, caller.team, (team) => team.plans.versions(params.name));
    if (answer.kind === "refused") return { refusal: answer.refusal };
    const data = answer.versions.map((each) => versionWire(params.name, each));
    return { status: 200, body: { data, next_cursor: null } };
  },
});

const restore = defineRoute({
  method: "POST",
  path: "/v1/plans/:name/restore",
  summary: "Restore an earlier version of a plan",
  access: "admin",
  params: planParams,
  headers: writeHeaders,
  body: (z) => z.strictObject({ version: z.int().min(1).describe("A version that `…/versions` lists.") }),
  answers: {
    200: {
      description: "The plan as it was, written as a new version. It applies from the next submit.",
      schema: writtenPlan,
      headers: ["ETag"],
    },
  },
  errors: ["invalid_request", "not_found", "conflict", "precondition_failed"],
  async handle(call) {
    const { env, caller, params, body } = call;
    const ifMatch = ifMatchOf(call.headers);
    const answer = await askTeam(env, caller.team, (team) =>
      team.plans.restore(params.name, body.version, actorOf(call), ifMatch),
    );
    if (answer.kind === "refused") return { refusal: answer.refusal };
    return written(200, params.name, answer.plan, answer.startsEmpty);
  },
});

export const planRoutes: readonly Route[] = [list, create, read, put, patch, remove, versions, restore];

function shown<const S extends 200 | 201>(status: S, name: string, plan: Plan, headers: Record<string, string> = {}) {
  return { status, headers: { ...etagHeader(planTag(plan)), ...headers }, body: planWire({ name, plan }) };
}

/** The same after a write: `starts_empty` is there where a new limit counts from now on only. */
function written<const S extends 200 | 201>(
  status: S,
  name: string,
  plan: Plan,
  startsEmpty: readonly EmptyLimit[],
  headers: Record<string, string> = {},
) {
  const answer = shown(status, name, plan, headers);
  return startsEmpty.length === 0 ? answer : { ...answer, body: { ...answer.body, starts_empty: [...startsEmpty] } };
}

function otherName(name: string): Refusal {
  const hint = "Leave it out. A plan gets another name by POST /v1/plans with its terms, and DELETE.";
  return refusal("invalid_request", `\`name\` is not "${name}", which the path names.`, { hint });
}

function versionWire(name: string, { version, at, actor, plan }: PlanVersion): z.input<ReturnType<typeof versionBody>> {
  return { version, at: isoTime(at), actor, plan: { name, ...planTerms(plan) } };
}
