// Teams: the operator creates a team with its first admin key; the team's admins name its plan and freeze it.

import type * as z from "zod";
import type { TeamSummary } from "../../../contracts/team-admin.ts";
import type { Env } from "../../../platform/bindings.ts";
import { type Refusal, refusal } from "../../../platform/errors.ts";
import { TEAM_ID } from "../../../platform/ids.ts";
import { faultName, logEvent } from "../../../platform/log.ts";
import { lazy } from "../../../platform/schema.ts";
import { askTeam, sweeperFor, teamFor } from "../../../platform/stubs.ts";
import { isoTime } from "../../../platform/time.ts";
import { capsSchema } from "../../../team/quota/caps.ts";
import { DEFAULT_PLAN, planNameSchema, planSchema } from "../../../team/quota/plan.ts";
import { capsTerms } from "../../../team/quota/plan-wire.ts";
import { teamTag } from "../../../team/version-tags.ts";
import { actorOf, operatorOf } from "../../audit-actor.ts";
import { bodyFields, changeWhole, patched } from "../../changes/change-whole.ts";
import { etagHeader, ifMatchOf, writeHeaders } from "../../changes/if-match.ts";
import { credentialMemory, TAKES_EFFECT } from "../../credential-memory.ts";
import { defineRoute, type Route } from "../../route.ts";
import { LIST_LIMIT_DEFAULT, LIST_LIMIT_MAX, listBody, startsEmptyBody } from "../../schemas.ts";
import { removalBody, removalWire } from "../access/users.ts";

export const teamBody = lazy((z) =>
  z.object({
    id: z.string(),
    name: z.string(),
    plan: planNameSchema(),
    created_at: z.iso.datetime(),
    frozen_at: z.iso.datetime().nullable(),
    manages_connections: z
      .boolean()
      .describe(
        "Whether its admins may create and delete the deployment's connections, which all teams share, and choose one per request.",
      ),
    caps: capsSchema().nullable().describe("What the operator caps, whatever the team's plans say; null: nothing."),
  }),
);

/** The team after a change; its plan's limits may be new for it. */
const writtenTeam = lazy(() => teamBody().extend({ starts_empty: startsEmptyBody().optional() }));

/** A team as the operator lists it. */
export const teamLine = lazy(() => teamBody().pick({ id: true, name: true, created_at: true, frozen_at: true }));

const newTeam = lazy((z) =>
  z.strictObject({
    id: z.string().regex(TEAM_ID, "must be 1 to 32 characters of a-z, 0-9 and -"),
    name: z.string().min(1).max(100).optional(),
    /** Terms, not a name: a new team has no other plan to name. */
    plan: z
      .preprocess((plan) => (plan === DEFAULT_PLAN ? {} : plan), planSchema())
      .optional()
      .meta({ description: "Terms of the team's default plan; every model and no limits if omitted." }),
    manages_connections: z.boolean().optional().describe("See the team; false by default."),
  }),
);

export const teamId = lazy((z) => z.object({ id: newTeam().shape.id }));

export function noSuchTeam(id: string): Refusal {
  return refusal("not_found", `No team found with id "${id}".`, {
    hint: "Check the id; removed teams are not listed.",
  });
}

/** The first team brings the first files, so the bucket gets its owner no later. The daily sweep makes up for a failure. */
async function claimBucket(env: Pick<Env, "SWEEPER">): Promise<void> {
  await sweeperFor(env)
    .claim()
    .catch((fault) => logEvent("bucket.claim_failed", { error: faultName(fault) }));
}

function noRemoval(id: string): Refusal {
  return refusal("not_found", `No team "${id}" is being removed.`, {
    hint: "The removal has finished, or was never started.",
  });
}

export const teamRoutes: readonly Route[] = [
  defineRoute({
    method: "GET",
    path: "/v1/admin/teams",
    summary: "List the teams",
    access: "operator",
    query: (z) =>
      z.looseObject({
        limit: z.coerce.number().int().min(1).max(LIST_LIMIT_MAX).default(LIST_LIMIT_DEFAULT),
        cursor: z.string().regex(TEAM_ID, "must be a `next_cursor`").optional(),
      }),
    answers: {
      200: {
        description: "Sorted by id. A change of a team is shown within a minute.",
        schema: () => listBody(teamLine()),
      },
    },
    errors: [],
    async handle({ env, query }) {
      const page = await sweeperFor(env).teams(query.cursor ?? null, query.limit);
      const data = page.data.map(({ id, name, createdAt, frozenAt }) => {
        return { id, name, created_at: isoTime(createdAt), frozen_at: isoTime(frozenAt) };
      });
      return { status: 200, body: { data, next_cursor: page.nextAfter } };
    },
  }),
  defineRoute({
    method: "POST",
    path: "/v1/admin/teams",
    summary: "Create a team and its first admin key",
    access: "operator",
    body: newTeam,
    answers: {
      201: {
        description: "The team, and a key with every scope. `secret` is not shown again.",
        schema: (z) => z.object({ team: teamBody(), key: z.object({ id: z.string(), secret: z.string() }) }),
      },
    },
    errors: ["conflict"],
    async handle({ env, body, request }) {
      const { id, name = id, plan, manages_connections: managesConnections = false } = body;
      const by = operatorOf(request);
      const answer = await teamFor(env, id).create({
        id,
        name,
        by,
        managesConnections,
        ...(plan === undefined ? {} : { plan }),
      });
      if (answer.kind === "exists") return { refusal: refusal("conflict", `A team "${id}" already exists.`) };
      credentialMemory.forget(id);
      await Promise.all([claimBucket(env), scheduler.wait(answer.refusedForMs)]);
      return { status: 201, body: { team: teamWire(answer.team), key: answer.key } };
    },
  }),
  defineRoute({
    method: "PATCH",
    path: "/v1/admin/teams/:id",
    summary: "Update a team",
    access: "operator",
    params: teamId,
    body: (z) => z.strictObject({ manages_connections: z.boolean() }),
    answers: { 200: { description: "The team. The change takes effect within ten seconds.", schema: teamBody } },
    errors: ["not_found"],
    async handle({ env, params, body, request }) {
      const by = operatorOf(request);
      const team = await askTeam(env, params.id, (stub) =>
        stub.settings.manageConnections(body.manages_connections, by),
      );
      if (team === null) return { refusal: noSuchTeam(params.id) };
      credentialMemory.forget(params.id);
      return { status: 200, body: teamWire(team) };
    },
  }),
  defineRoute({
    method: "DELETE",
    path: "/v1/admin/teams/:id",
    summary: "Remove a team and all its data",
    access: "operator",
    params: teamId,
    answers: {
      202: {
        description:
          "The removal has started and every credential of the team is refused. Once its removal returns 404, the id can be reused.",
        schema: removalBody,
        headers: ["Location"],
      },
    },
    errors: ["not_found"],
    async handle({ env, params, request }) {
      const removal = await askTeam(env, params.id, (team) => team.settings.remove(operatorOf(request)));
      if (removal === null) return { refusal: noSuchTeam(params.id) };
      credentialMemory.forget(params.id);
      const headers = { Location: `/v1/admin/teams/${params.id}/removal` };
      return { status: 202, headers, body: removalWire(removal) };
    },
  }),
  defineRoute({
    method: "GET",
    path: "/v1/admin/teams/:id/removal",
    summary: "Retrieve the progress of a team's removal",
    access: "operator",
    params: teamId,
    answers: { 200: { description: "The progress of the removal.", schema: removalBody } },
    errors: ["not_found"],
    async handle({ env, params }) {
      const removal = await askTeam(env, params.id, (team) => team.settings.removal());
      return removal === null ? { refusal: noRemoval(params.id) } : { status: 200, body: removalWire(removal) };
    },
  }),
  defineRoute({
    method: "GET",
    path: "/v1/team",
    summary: "Retrieve the team",
    access: "admin",
    answers: {
      200: { description: "The team, with the version of its settings as ETag.", schema: teamBody, headers: ["ETag"] },
    },
    errors: [],
    async handle({ env, caller }) {
      return shown(await askTeam(env, caller.team, (team) => team.settings.summary()));
    },
  }),
  changing("PUT"),
  changing("PATCH"),
  freezing(true),
  freezing(false),
];

/** `plan` has no default, so that a replacement names it; the name stays where it is left out. */
const teamSettings = lazy((z) =>
  z.strictObject({ name: z.string().min(1).max(100).optional(), plan: planNameSchema() }),
);

function changing(method: "PUT" | "PATCH"): Route {
  const isPatch = method === "PATCH";
  return defineRoute({
    method,
    path: "/v1/team",
    summary: isPatch ? "Change settings of the team" : "Set the team's plan and name",
    description:
      "The fields that can be changed are `plan` and `name`; the others of the team may be sent as GET answered them.",
    access: "admin",
    headers: writeHeaders,
    body: (z) =>
      bodyFields(teamBody().shape).extend({
        plan: isPatch ? planNameSchema().optional() : planNameSchema(),
        name: z.string().min(1).max(100).optional(),
      }),
    answers: { 200: { description: "The team.", schema: writtenTeam, headers: ["ETag"] } },
    errors: ["invalid_request", "not_found", "precondition_failed"],
    async handle(call) {
      const { env, caller, body } = call;
      const answer = await changeWhole({
        what: "The team",
        ifMatch: ifMatchOf(call.headers),
        settings: teamSettings(),
        readOnly: { fixed: ["id", "created_at", "manages_connections", "caps"], moving: ["frozen_at"], isPatch },
        async read() {
          const team = known(await askTeam(env, caller.team, (stub) => stub.settings.summary()));
          return { kind: "current" as const, wire: teamWire(team), tag: teamTag(team) };
        },
        change: isPatch ? patched(body) : (wire) => ({ name: wire.name, ...body }),
        async write({ plan, name }, ifMatch) {
          const choices = { plan, name: name ?? caller.team };
          return await askTeam(env, caller.team, (team) => team.settings.change(choices, actorOf(call), ifMatch));
        },
      });
      if (answer.kind === "refused") return { refusal: answer.refusal };
      const { startsEmpty } = answer;
      const changed = shown(answer.team);
      return startsEmpty.length === 0 ? changed : { ...changed, body: { ...changed.body, starts_empty: startsEmpty } };
    },
  });
}

function shown(team: TeamSummary | null) {
  const summary = known(team);
  return { status: 200 as const, headers: etagHeader(teamTag(summary)), body: teamWire(summary) };
}

function freezing(frozen: boolean): Route {
  return defineRoute({
    method: "POST",
    path: frozen ? "/v1/team/freeze" : "/v1/team/resume",
    summary: frozen ? "Freeze the team" : "Unfreeze the team",
    access: "admin",
    answers: {
      200: {
        description: `The team. While it is frozen, only admins may submit; running requests continue. ${TAKES_EFFECT[frozen ? "freeze" : "resume"]}`,
        schema: teamBody,
      },
    },
    errors: [],
    async handle(call) {
      const { env, caller } = call;
      return {
        status: 200,
        body: teamWire(known(await askTeam(env, caller.team, (team) => team.settings.freeze(frozen, actorOf(call))))),
      };
    },
  });
}

/** Authentication guarantees that a caller's team exists. */
function known(team: TeamSummary | null): TeamSummary {
  if (team === null) throw new Error("the caller's team does not exist");
  return team;
}

function teamWire(team: TeamSummary): z.input<ReturnType<typeof teamBody>> {
  const { id, name, plan, createdAt, frozenAt, managesConnections, caps } = team;
  const [created_at, frozen_at] = [isoTime(createdAt), isoTime(frozenAt)];
  return { id, name, plan, created_at, frozen_at, manages_connections: managesConnections, caps: capsTerms(caps) };
}
