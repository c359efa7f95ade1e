// The Worker's entry point: the fetch handler, the daily cron handler, and the Durable Object classes.

import { createApp } from "./app.ts";
import type { Env } from "./platform/bindings.ts";
import { sweeperFor } from "./platform/stubs.ts";

export { BucketSweeper } from "./files/sweeper.ts";
export { RequestTracker } from "./requests/engine/tracker.ts";
export { Team } from "./team/team.ts";
export { UpstreamAccount } from "./upstream/account.ts";

const app = createApp();

export default {
  fetch: app.fetch,
  async scheduled(_controller: ScheduledController, env: Env): Promise<void> {
    await sweeperFor(env).begin();
  },
};
