// GET /healthz: the state of the configuration and of upstream calls. Works with an invalid configuration. Lists problems by name and
// reason, never by value, and only public facts of the account.

import type * as z from "zod";
import type { AccountHealth } from "../../../contracts/account.ts";
import { readConfig } from "../../../platform/config.ts";
import { lazy } from "../../../platform/schema.ts";
import { isoTime } from "../../../platform/time.ts";
import { VERSION } from "../../../platform/version.ts";
import { cachedAccountHealth } from "../../../upstream/health-cache.ts";
import { defineRoute, type Route } from "../../route.ts";

export const healthBody = lazy((z) =>
  z.object({
    status: z.enum(["ok", "misconfigured"]),
    version: z.string().describe("Version of the code that answers, as in `X-Sluice-Version`."),
    configuration: z.object({
      ok: z.boolean(),
      problems: z.array(z.object({ name: z.string(), message: z.string() })),
    }),
    upstream: z
      .object({
        state: z.enum(["open", "paused", "unknown"]),
        why: z.enum(["locked", "key_refused", "failing", "rate_limited"]).nullable(),
        since: z.iso.datetime().nullable(),
        pace: z
          .object({ calls_per_second: z.int(), calls_last_second: z.int().min(0), waiting: z.int().min(0) })
          .nullable(),
        slots: z.object({ used: z.int().min(0), limit: z.int() }).nullable(),
        as_of: z.iso.datetime().nullable(),
      })
      .describe(
        "State of the account, a few seconds old at most. `paused`: requests are held without charge and continue automatically.",
      ),
  }),
);

export const healthRoutes: readonly Route[] = [
  defineRoute({
    method: "GET",
    path: "/healthz",
    summary: "Retrieve the health of the deployment",
    access: "public",
    answers: {
      200: {
        description: "The Worker is running; `configuration` tells whether it is configured.",
        schema: healthBody,
      },
    },
    errors: [],
    async handle({ env }) {
      const read = readConfig(env);
      const problems = read.ok ? [] : read.problems;
      const glance = read.ok ? await cachedAccountHealth(env, Date.now()) : null;
      const body: z.input<ReturnType<typeof healthBody>> = {
        status: read.ok ? "ok" : "misconfigured",
        version: VERSION,
        configuration: { ok: read.ok, problems },
        upstream: serializeHealth(glance),
      };
      return { status: 200, body };
    },
  }),
];

function serializeHealth(glance: AccountHealth | null): z.input<ReturnType<typeof healthBody>>["upstream"] {
  if (glance === null) return { state: "unknown", why: null, since: null, pace: null, slots: null, as_of: null };
  const { at, pause, rps, callsLastSecond, callsWaiting, slots } = glance;
  return {
    state: pause === null ? "open" : "paused",
    why: pause?.why ?? null,
    since: isoTime(pause?.since ?? null),
    pace: { calls_per_second: rps, calls_last_second: callsLastSecond, waiting: callsWaiting },
    slots,
    as_of: isoTime(at),
  };
}
