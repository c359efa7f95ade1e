// The Worker's entry: the fetch handler, the daily call, and the Durable Object classes, nothing else.

import { createApp } from "./app.ts";
import type { Env } from "./env.ts";
import { sweeperFor } from "./mirror/sweeper.ts";

export { Team } from "./access/team.ts";
export { BucketSweeper } from "./mirror/sweeper.ts";
export { RequestTracker } from "./requests/tracker.ts";
export { UpstreamAccount } from "./upstream/account.ts";

const app = createApp();

export default {
  fetch: app.fetch,
  async scheduled(_controller: ScheduledController, env: Env): Promise<void> {
    await sweeperFor(env).begin();
  },
};
