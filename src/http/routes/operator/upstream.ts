// GET /v1/admin/upstream: the operator's view of the account: rate, queue, slots, health, webhooks, measured durations.

import type * as z from "zod";
import type { AccountOverview } from "../../../contracts/account.ts";
import { lazy } from "../../../platform/schema.ts";
import { accountFor } from "../../../platform/stubs.ts";
import { isoTime } from "../../../platform/time.ts";
import { defineRoute, type Route } from "../../route.ts";

const instant = lazy((z) => z.iso.datetime().nullable());
const count = lazy((z) => z.int().min(0));

export const upstreamBody = lazy((z) =>
  z.object({
    connection: z.string().nullable(),
    pace: z.object({ calls_per_second: z.int(), calls_last_second: count(), paused_until: instant() }),
    health: z.object({
      state: z.enum(["open", "closed"]),
      why: z.enum(["locked", "key_refused", "failing"]).nullable(),
      since: instant(),
      next_probe_at: instant(),
      failures_in_a_row: count(),
      last_failures: z.array(z.object({ at: instant(), sign: z.string(), request_id: z.string() })),
    }),
    slots: z.object({ used: count(), limit: z.int() }),
    waiting: z.object({ submit: count(), cancel: count(), result: count(), status: count() }),
    waiting_by_user: z
      .array(z.object({ user: z.string(), calls: count() }))
      .describe("Sorted by calls, descending; `user` is team/user."),
    webhooks: z.object({
      state: z.enum(["arriving", "missing", "off"]),
      last_delay_s: z.number().nullable().describe("Seconds from the signing of the last webhook to its arrival."),
    }),
    typical_durations: z.array(z.object({ model: z.string(), p50_s: z.number(), p95_s: z.number(), samples: z.int() })),
  }),
);

export const adminUpstreamRoutes: readonly Route[] = [
  defineRoute({
    method: "GET",
    path: "/v1/admin/upstream",
    summary: "Retrieve the state of the gateway account",
    access: "operator",
    answers: { 200: { description: "Rate, queue, slots and health of the account.", schema: upstreamBody } },
    errors: [],
    async handle({ env }) {
      return { status: 200, body: serializeOverview(await accountFor(env).accountOverview()) };
    },
  }),
];

function serializeOverview(account: AccountOverview): z.input<ReturnType<typeof upstreamBody>> {
  const { closure, webhooks } = account;
  return {
    connection: account.connection,
    pace: {
      calls_per_second: account.rps,
      calls_last_second: account.callsLastSecond,
      paused_until: isoTime(account.pausedUntil),
    },
    health: {
      state: closure === null ? "open" : "closed",
      why: closure?.why ?? null,
      since: isoTime(closure?.since ?? null),
      next_probe_at: isoTime(closure?.probeAt ?? null),
      failures_in_a_row: account.failuresInARow,
      last_failures: account.lastFailures.map(({ at, signal: sign, requestId }) => ({
        at: isoTime(at),
        sign,
        request_id: requestId,
      })),
    },
    slots: account.slots,
    waiting: account.waiting,
    waiting_by_user: account.waitingByUser,
    webhooks: {
      state: webhooks.state,
      last_delay_s: webhooks.lastDelayMs === null ? null : webhooks.lastDelayMs / 1_000,
    },
    typical_durations: account.durations.flatMap(({ model, durations: known }) =>
      known === null ? [] : [{ model, p50_s: known.p50Ms / 1_000, p95_s: known.p95Ms / 1_000, samples: known.samples }],
    ),
  };
}
