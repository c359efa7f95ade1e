import { DurableObject } from "cloudflare:workers";
export class World extends DurableObject {}
export default { async fetch() { return new Response("sandbox"); } };
