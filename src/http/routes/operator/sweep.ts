// /v1/admin/sweep: starts a sweep of the bucket for orphaned objects, and reports its results (operator).

import * as z from "zod";
import type { SweepReport } from "../../../contracts/sweeper.ts";
import { refusal } from "../../../platform/errors.ts";
import { sweeperFor } from "../../../platform/stubs.ts";
import { isoTime } from "../../../platform/time.ts";
import { defineRoute, type Route } from "../../route.ts";

const count = z.int();
const sweepBody = z.object({
  started_at: z.iso.datetime(),
  finished_at: z.iso.datetime().nullable(),
  listed: count.describe("Objects inspected."),
  known: count.describe("Objects of an existing request or upload."),
  young: count.describe("Objects younger than a day, which are skipped."),
  foreign: count.describe("Objects with keys of another format, which are left alone."),
  deleted: count.describe("Orphaned objects that were deleted."),
  deleted_bytes: count,
});

export const sweepRoutes: readonly Route[] = [
  defineRoute({
    method: "POST",
    path: "/v1/admin/sweep",
    summary: "Start a sweep that deletes orphaned objects",
    access: "operator",
    answers: {
      202: {
        description: "A sweep is running, either a new one or one started earlier.",
        schema: sweepBody,
        headers: ["Location"],
      },
    },
    errors: [],
    async handle({ env }) {
      const report = await sweeperFor(env).begin();
      return { status: 202, headers: { Location: "/v1/admin/sweep" }, body: sweepWire(report) };
    },
  }),
  defineRoute({
    method: "GET",
    path: "/v1/admin/sweep",
    summary: "Retrieve the report of the current or last sweep",
    access: "operator",
    answers: { 200: { description: "The report.", schema: sweepBody } },
    errors: ["not_found"],
    async handle({ env }) {
      const report = await sweeperFor(env).report();
      if (report !== null) return { status: 200, body: sweepWire(report) };
      const hint = "A sweep starts daily; POST /v1/admin/sweep starts one now.";
      return { refusal: refusal("not_found", "No sweep has run yet.", { hint }) };
    },
  }),
];

function sweepWire(report: SweepReport): z.input<typeof sweepBody> {
  const { startedAt, finishedAt, deletedBytes, ...counts } = report;
  return { ...counts, started_at: isoTime(startedAt), finished_at: isoTime(finishedAt), deleted_bytes: deletedBytes };
}
