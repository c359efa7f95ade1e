// GET /healthz: whether this deployment is configured, and whether calls go out. Answers when nothing else does.
// Problems are told by name and reason, never by value; of the account only what anybody may see.

import * as z from "zod";
import type { AccountHealth } from "../../../contracts/account.ts";
import { readConfig } from "../../../platform/config.ts";
import { isoTime } from "../../../platform/time.ts";
import { cachedAccountHealth } from "../../../upstream/health-cache.ts";
import { defineRoute, type Route } from "../../route.ts";

const health = z.object({
  status: z.enum(["ok", "misconfigured"]),
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
      "The account, as seen some seconds ago at most. `paused`: requests are held, free, and go on by themselves.",
    ),
});

export const healthRoutes: readonly Route[] = [
  defineRoute({
    method: "GET",
    path: "/healthz",
    summary: "Whether the deployment is configured, and whether upstream takes calls",
    access: "public",
    answers: { 200: { description: "It answers; `configuration` says whether it can do more.", schema: health } },
    errors: [],
    async handle({ env }) {
      const read = readConfig(env);
      const problems = read.ok ? [] : read.problems;
      const glance = read.ok ? await cachedAccountHealth(env, Date.now()) : null;
      const body: z.input<typeof health> = {
        status: read.ok ? "ok" : "misconfigured",
        configuration: { ok: read.ok, problems },
        upstream: spellGlance(glance),
      };
      return { status: 200, body };
    },
  }),
];

function spellGlance(glance: AccountHealth | null): z.input<typeof health>["upstream"] {
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
