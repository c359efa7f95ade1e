import { DurableObject } from "cloudflare:workers";
export class Team extends DurableObject {}
export class RequestTracker extends DurableObject {}
export class UpstreamAccount extends DurableObject {}
export default { async fetch() { return new Response("sluice"); } };
