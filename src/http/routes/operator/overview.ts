// GET /v1/admin/overview: how the deployment is, in one answer: upstream, requests, webhooks, storage, teams, and what needs a person.

import type * as z from "zod";
import { lazy } from "../../../platform/schema.ts";
import { isoTime } from "../../../platform/time.ts";
import { VERSION } from "../../../platform/version.ts";
import { type Read, readOverview } from "../../overview/cache.ts";
import { WORST_MAX, worstOf } from "../../overview/worst.ts";
import { defineRoute, type Route } from "../../route.ts";

const count = lazy((z) => z.int().min(0));
const seconds = lazy((z) => z.number().min(0).nullable());

export const overviewBody = lazy((z) =>
  z.object({
    as_of: z.iso.datetime().describe("When the figures were read: up to 10 seconds ago."),
    version: z.string().describe("Version of Sluice."),
    upstream: z.object({
      state: z.enum(["open", "paused"]),
      why: z.enum(["locked", "key_refused", "failing", "rate_limited"]).nullable(),
      since: z.iso.datetime().nullable(),
      slots: z.object({ used: count(), limit: count() }),
      waiting: z.object({ submit: count(), cancel: count(), result: count(), status: count() }),
      paused_until: z.iso.datetime().nullable().describe("When calls are tried again."),
    }),
    requests: z.object({
      submitted_24h: count().describe(
        "Requests that were submitted to fal in the running hour and the 23 before it. Those that wait, or ended before, are not among them.",
      ),
      ended_24h: z
        .object({ completed: count(), failed: count(), canceled: count() })
        .describe("Ends of submitted requests in those hours. One counts as completed when its output is here."),
      overdue: count().describe("At fal for longer than 10 minutes and three times the `p95_s` of their model."),
      uncertain: count().describe("Of which nobody knows yet whether fal took them."),
    }),
    webhooks: z.object({
      state: z.enum(["arriving", "missing", "off"]),
      last_delay_s: seconds().describe("From fal's signature to arrival of the last webhook."),
      p95_delay_s: seconds().describe("What 95 % of the last 24 hours' webhooks stay under, estimated from classes."),
    }),
    deliveries: z.object({
      delivered_24h: count().nullable().describe("Null: not counted."),
      gave_up_24h: count().describe("Deliveries to your webhooks that are tried no more."),
    }),
    money: z
      .object({
        today_usd: z.string().nullable(),
        known_usd: z.string().nullable(),
        unknown_count: count().nullable(),
        yesterday_usd: z.string().nullable(),
      })
      .describe("Null: not counted over all teams. `GET /v1/usage` has them for each team."),
    storage: z
      .object({
        bytes: count().nullable(),
        objects: count().nullable(),
        orphans: count().nullable().describe("Objects that belonged to nothing and were deleted."),
        as_of: z.iso.datetime().nullable(),
      })
      .describe("What the last finished sweep of the bucket found and left. Null before the first."),
    teams: count(),
    worst: z.array(z.string()).max(WORST_MAX).describe("What needs a person, most urgent first, each with what to do."),
  }),
);

export const overviewRoutes: readonly Route[] = [
  defineRoute({
    method: "GET",
    path: "/v1/admin/overview",
    summary: "Retrieve the figures of the deployment",
    access: "operator",
    answers: {
      200: { description: "Figures, and what needs a person. Null: not counted or not known.", schema: overviewBody },
    },
    errors: [],
    async handle({ env }) {
      return { status: 200, body: overviewWire(await readOverview(env, Date.now())) };
    },
  }),
];

function overviewWire({ at, account, deployment }: Read): z.input<ReturnType<typeof overviewBody>> {
  const { pause, slots, waiting, webhooks, figures } = account;
  const { finished, sweep, isOwner, teams } = deployment;
  const { submitted, ended, overdue, uncertain, webhookP95Ms, deliveriesGivenUp } = figures;
  return {
    as_of: isoTime(at),
    version: VERSION,
    upstream: {
      state: pause === null ? "open" : "paused",
      why: pause?.why ?? null,
      since: isoTime(pause?.since ?? null),
      slots,
      waiting,
      paused_until: isoTime(pause?.until ?? null),
    },
    requests: { submitted_24h: submitted, ended_24h: ended, overdue, uncertain },
    webhooks: {
      state: webhooks.state,
      last_delay_s: inSeconds(webhooks.lastDelayMs),
      p95_delay_s: inSeconds(webhookP95Ms),
    },
    deliveries: { delivered_24h: null, gave_up_24h: deliveriesGivenUp },
    money: { today_usd: null, known_usd: null, unknown_count: null, yesterday_usd: null },
    storage: {
      bytes: finished?.listedBytes === undefined ? null : finished.listedBytes - finished.deletedBytes,
      objects: finished === null ? null : finished.listed - finished.deleted,
      orphans: finished?.deleted ?? null,
      as_of: isoTime(finished?.finishedAt ?? null),
    },
    teams,
    worst: worstOf({ account, sweep, isOwner, teams }, at),
  };
}

function inSeconds(ms: number | null): number | null {
  return ms === null ? null : ms / 1_000;
}
