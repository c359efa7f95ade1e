import { DurableObject } from "cloudflare:workers";
import { createApp } from "./app.ts";

export { Team } from "./access/team.ts";
export class RequestTracker extends DurableObject {}
export { UpstreamAccount } from "./upstream/account.ts";

const app = createApp();

export default { fetch: app.fetch };
