// /v1/admin/sweep: begins a look through the bucket for orphans, and tells what it found. The operator's.

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
  listed: count.describe("Objects that were looked at."),
  known: count.describe("They belong to a request or an upload that is there."),
  young: count.describe("Less than a day old, so not asked about."),
  foreign: count.describe("Not spelled like anything of ours: left alone."),
  deleted: count.describe("Nobody knew them."),
  deleted_bytes: count,
});

export const sweepRoutes: readonly Route[] = [
  defineRoute({
    method: "POST",
    path: "/v1/admin/sweep",
    summary: "Look for stored bytes that belong to nothing, and delete them",
    access: "operator",
    answers: {
      202: {
        description: "It is under way; so may one be that was begun before.",
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
    summary: "What the sweep under way, or the last one, found",
    access: "operator",
    answers: { 200: { description: "The report.", schema: sweepBody } },
    errors: ["not_found"],
    async handle({ env }) {
      const report = await sweeperFor(env).report();
      if (report !== null) return { status: 200, body: sweepWire(report) };
      const hint = "Cron begins one every day; POST /v1/admin/sweep begins one now.";
      return { refusal: refusal("not_found", "Nothing was swept yet.", { hint }) };
    },
  }),
];

function sweepWire(report: SweepReport): z.input<typeof sweepBody> {
  const { startedAt, finishedAt, deletedBytes, ...counts } = report;
  return { ...counts, started_at: isoTime(startedAt), finished_at: isoTime(finishedAt), deleted_bytes: deletedBytes };
}
