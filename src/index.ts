// The Worker's entry: the fetch handler and the three Durable Object classes, nothing else.

import { createApp } from "./app.ts";

export { Team } from "./access/team.ts";
export { RequestTracker } from "./requests/tracker.ts";
export { UpstreamAccount } from "./upstream/account.ts";

const app = createApp();

export default { fetch: app.fetch };
