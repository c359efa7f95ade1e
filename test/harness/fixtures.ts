// What flows and calls of the API are tested with. A file says by `test.override` which plan its team has, and how upstream behaves.

import { test as base, vi } from "vitest";
import { freezeClocks, passTime } from "./clock.ts";
import { cutOff, evict } from "./objects.ts";
import { Team } from "./team.ts";
import { expectArmed, recordOf, ring, runToEnd } from "./tracker.ts";
import {
  deliverWebhooks,
  dueWebhooks,
  post,
  sandbox,
  sandboxCalls,
  signedWebhook,
  upstreamRequests,
} from "./upstream.ts";
import { answerFirst, holdSubmits, interceptFetch } from "./wire.ts";

const atUpstream = {
  ...{ calls: sandboxCalls, requests: upstreamRequests, control: sandbox },
  ...{ deliverWebhooks, dueWebhooks, post, signedWebhook, answerFirst, holdSubmits, interceptFetch },
};
const ofTracker = { ring, runToEnd, recordOf, expectArmed, evict, cutOff };

export const test = base
  /** The team's plan; without one it has no limits. */
  .extend("plan", null as Record<string, unknown> | null)
  /** The sandbox's settings, where they are not its own. */
  .extend("settings", {} as Record<string, unknown>)
  /** Both clocks stand, days after the test before; what a test has faked is taken back after it. */
  .extend("clock", { auto: true }, async ({ onTestFinished }) => {
    onTestFinished(() => {
      vi.useRealTimers();
      vi.restoreAllMocks();
    });
    const startedAt = await freezeClocks();
    return { startedAt, pass: passTime };
  })
  .extend("upstream", { auto: true }, async ({ clock: _clock, settings }) => {
    if (Object.keys(settings).length > 0) await sandbox("PATCH", "settings", settings);
    return atUpstream;
  })
  .extend("team", async ({ upstream: _upstream, plan }) => Team.create(plan ?? undefined))
  .extend("tracker", async ({ clock: _clock }) => ofTracker);
