// What flows and calls of the API are tested with. A file says by `test.override` which plan its team has, what its operator lets it
// do, and how upstream behaves; what it needs besides is a fixture of its own, by `test.extend`.

import { test as base, vi } from "vitest";
import { freezeClocks, passTime } from "./clock.ts";
import { cutOff, evict } from "./objects.ts";
import { Receivers } from "./receiver.ts";
import { Scene } from "./scene.ts";
import { Team } from "./team.ts";
import { TeamObject } from "./team-object.ts";
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
  /** What the operator lets the team do besides. */
  .extend("rights", {} as { manages_connections?: boolean })
  /** The sandbox's settings, where they are not its own. */
  .extend("settings", {} as Record<string, unknown>)
  /** When a test begins, where that matters. */
  .extend("startsAt", null as number | null)
  /** Both clocks stand, days after the test before; what a test has faked is taken back after it. */
  .extend("clock", { auto: true }, async ({ startsAt, onTestFinished }) => {
    onTestFinished(() => {
      vi.useRealTimers();
      vi.restoreAllMocks();
    });
    const startedAt = await freezeClocks(startsAt ?? undefined);
    return { startedAt, pass: passTime };
  })
  .extend("upstream", { auto: true }, async ({ clock: _clock, settings }) => {
    if (Object.keys(settings).length > 0) await sandbox("PATCH", "settings", settings);
    return atUpstream;
  })
  .extend("team", async ({ upstream: _upstream, plan, rights }) => Team.create(plan ?? undefined, rights))
  /** The team as other objects talk to it. */
  .extend("teamObject", async ({ team }) => TeamObject.of(team))
  /** Whoever is called at *.example. */
  .extend("receivers", async ({ clock: _clock }) => Receivers.open())
  .extend("scene", async ({ team, receivers }) => Scene.open(team, receivers))
  .extend("tracker", async ({ clock: _clock }) => ofTracker);
