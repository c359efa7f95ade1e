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
  fetch: (request: Request, env: Env, execution: ExecutionContext) => app.fetch(withPlainPath(request), env, execution),
  async scheduled(_controller: ScheduledController, env: Env): Promise<void> {
    await sweeperFor(env).begin();
  },
};

/** A base URL that ends with a slash gives paths with two of them: they are read as one. */
function withPlainPath(request: Request): Request {
  const url = new URL(request.url);
  if (!url.pathname.includes("//")) return request;
  url.pathname = url.pathname.replace(/\/{2,}/g, "/");
  return new Request(url, request);
}
