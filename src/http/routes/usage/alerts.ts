// GET and PUT /v1/team/alerts: the percentages of USD limits at which the team is alerted, and the latest alerts.

import type * as z from "zod";
import type { Alerts } from "../../../contracts/team-admin.ts";
import type { Env } from "../../../platform/bindings.ts";
import { lazy } from "../../../platform/schema.ts";
import { askTeam } from "../../../platform/stubs.ts";
import { isoTime } from "../../../platform/time.ts";
import { limitAlert } from "../../../webhooks/events.ts";
import { actorOf } from "../../audit-actor.ts";
import type { Caller } from "../../auth.ts";
import { defineRoute, type Route } from "../../route.ts";

/** Alert thresholds per team. */
const ALERT_PERCENTS_MAX = 5;

const percents = lazy((z) =>
  z
    .array(z.int().min(1).max(100))
    .max(ALERT_PERCENTS_MAX)
    .describe("Alert thresholds, in percent of every USD limit; empty disables alerts."),
);

export const alertsBody = lazy((z) =>
  z.object({
    usd_percents: percents(),
    latest: z
      .array(
        z.object({
          id: z.string(),
          at: z.iso.datetime(),
          ...limitAlert().shape,
        }),
      )
      .describe("Newest first; one per limit, percentage and window."),
  }),
);

export const alertRoutes: readonly Route[] = [
  defineRoute({
    method: "GET",
    path: "/v1/team/alerts",
    summary: "Retrieve alert settings and the latest alerts",
    access: "admin",
    answers: { 200: { description: "The settings and the latest alerts.", schema: alertsBody } },
    errors: [],
    async handle({ env, caller }) {
      return { status: 200, body: await alertsOf(env, caller) };
    },
  }),
  defineRoute({
    method: "PUT",
    path: "/v1/team/alerts",
    summary: "Set alert thresholds for USD limits",
    access: "admin",
    body: (z) => z.strictObject({ usd_percents: percents() }),
    answers: { 200: { description: "The settings and the latest alerts.", schema: alertsBody } },
    errors: [],
    async handle(call) {
      const { env, caller, body } = call;
      const wanted = [...new Set(body.usd_percents)].sort((one, other) => one - other);
      await askTeam(env, caller.team, (team) => team.alerts.put(wanted, actorOf(call)));
      return { status: 200, body: await alertsOf(env, caller) };
    },
  }),
];

async function alertsOf(env: Env, caller: Caller): Promise<z.input<ReturnType<typeof alertsBody>>> {
  const alerts: Alerts = await askTeam(env, caller.team, (team) => team.alerts.read());
  return {
    usd_percents: alerts.percents,
    latest: alerts.latest.map(({ id, at, data }) => ({ id, at: isoTime(at), ...data })),
  };
}
