// /v1/admin/sweep: starts a sweep of the bucket for orphaned objects, reports its results, and takes the bucket over (operator).

import type * as z from "zod";
import type { BucketOwner, SweepOverview, SweepReport } from "../../../contracts/sweeper.ts";
import { type Refusal, refusal } from "../../../platform/errors.ts";
import { lazy } from "../../../platform/schema.ts";
import { sweeperFor } from "../../../platform/stubs.ts";
import { isoTime } from "../../../platform/time.ts";
import { operatorOf } from "../../audit-actor.ts";
import { defineRoute, type Route } from "../../route.ts";

const count = lazy((z) => z.int());
export const sweepBody = lazy((z) =>
  z.object({
    status: z
      .enum(["running", "finished", "refused"])
      .describe("`refused`: another deployment took the bucket over, and the sweep stopped."),
    started_at: z.iso.datetime(),
    finished_at: z.iso.datetime().nullable(),
    listed: count().describe("Objects inspected."),
    known: count().describe("Objects of an existing request or upload."),
    young: count().describe("Objects younger than a day, which are skipped."),
    foreign: count().describe(
      "Objects with keys of another format, or of teams that this deployment never had, which are left alone.",
    ),
    deleted: count().describe("Orphaned objects that were deleted."),
    deleted_bytes: count(),
  }),
);
const ownerBody = lazy((z) =>
  z.object({
    deployment: z
      .string()
      .nullable()
      .describe("Random id of a deployment. Null: the mark in the bucket is unreadable."),
    claimed_at: z.iso.datetime().nullable(),
  }),
);
const overviewBody = lazy((z) =>
  sweepBody().extend({
    bucket: z.object({
      owned: z.boolean().describe("Whether the bucket belongs to this deployment. Only its owner sweeps it."),
      owner: ownerBody().nullable().describe("Null while no deployment has claimed the bucket."),
      adoptions: z
        .array(z.object({ at: z.iso.datetime(), ip: z.string().nullable(), from: ownerBody() }))
        .describe("Takeovers of the bucket by this deployment, newest first."),
    }),
  }),
);

const startBody = lazy((z) =>
  z.strictObject({
    adopt: z
      .boolean()
      .optional()
      .describe(
        "Takes the bucket over from another deployment. Files of teams with the same ids that this deployment does not know are then deleted as orphans.",
      ),
  }),
);

export const sweepRoutes: readonly Route[] = [
  defineRoute({
    method: "POST",
    path: "/v1/admin/sweep",
    summary: "Start a sweep that deletes orphaned objects",
    access: "operator",
    body: startBody,
    optionalBody: true,
    answers: {
      202: {
        description: "A sweep is running, either a new one or one started earlier.",
        schema: sweepBody,
        headers: ["Location"],
      },
    },
    errors: ["conflict"],
    async handle({ env, body, request }) {
      const sweeper = sweeperFor(env);
      const begun = body.adopt === true ? await sweeper.adopt({ ip: operatorOf(request).ip }) : await sweeper.begin();
      switch (begun.kind) {
        case "running":
          return { status: 202, headers: { Location: "/v1/admin/sweep" }, body: sweepWire(begun.report) };
        case "not_owner":
          return { refusal: notOwner(begun.owner) };
      }
    },
  }),
  defineRoute({
    method: "GET",
    path: "/v1/admin/sweep",
    summary: "Retrieve the report of the current or last sweep",
    access: "operator",
    answers: { 200: { description: "The report.", schema: overviewBody } },
    errors: ["not_found", "conflict"],
    async handle({ env }) {
      const overview = await sweeperFor(env).overview();
      const { sweep, owner, isOwner } = overview;
      if (sweep !== null) return { status: 200, body: { ...sweepWire(sweep), bucket: bucketWire(overview) } };
      if (owner !== null && !isOwner) return { refusal: notOwner(owner) };
      const hint = "A sweep starts daily; POST /v1/admin/sweep starts one now.";
      return { refusal: refusal("not_found", "No sweep has run yet.", { hint }) };
    },
  }),
];

function notOwner({ deployment, claimedAt }: BucketOwner): Refusal {
  const since = claimedAt === null ? "" : ` since ${isoTime(claimedAt)}`;
  const detail =
    deployment === null
      ? "The bucket's owner mark is unreadable, so nothing was swept."
      : `The bucket belongs to another deployment (${deployment})${since}, so nothing was swept.`;
  const hint =
    'Give each deployment a bucket of its own. If no other deployment uses this one, take it over: POST /v1/admin/sweep with {"adopt": true}.';
  return refusal("conflict", detail, { hint });
}

function sweepWire(report: SweepReport): z.input<ReturnType<typeof sweepBody>> {
  const { startedAt, finishedAt, deletedBytes, listedBytes: _, refused, ...counts } = report;
  const ended = refused ? "refused" : "finished";
  return {
    ...counts,
    status: finishedAt === null ? "running" : ended,
    started_at: isoTime(startedAt),
    finished_at: isoTime(finishedAt),
    deleted_bytes: deletedBytes,
  };
}

function bucketWire({ owner, isOwner, adoptions }: SweepOverview): z.input<ReturnType<typeof overviewBody>>["bucket"] {
  return {
    owned: isOwner,
    owner: owner && ownerWire(owner),
    adoptions: adoptions.map(({ at, ip, from }) => ({ at: isoTime(at), ip, from: ownerWire(from) })),
  };
}

function ownerWire({ deployment, claimedAt }: BucketOwner): z.input<ReturnType<typeof ownerBody>> {
  return { deployment, claimed_at: isoTime(claimedAt) };
}
