// The sandbox: a Worker that behaves like Maton, fal.ai's queue and fal's CDN on one port. Only paths count, hosts do not.
// Files are served here; everything else by the one world.

import { serveFile } from "./cdn.ts";
import { type Env, WORLD_NAME } from "./env.ts";

export { World } from "./world.ts";

const FRONT_PAGE = `This is the Sluice sandbox: a stand-in for the Maton gateway, fal.ai's queue and fal's CDN.
Gateway   /fal-ai/{owner}/{app}…   /connections   (Authorization: Bearer …)
Key set   /.well-known/jwks.json
Files     /files/…
For tests /_sandbox/settings, /requests, /calls, /outbox, /clock, /webhooks, /reset
`;

export default {
  async fetch(request, env): Promise<Response> {
    const url = new URL(request.url);
    if (url.pathname === "/") return new Response(FRONT_PAGE);
    const world = env.WORLD.getByName(WORLD_NAME);
    if (!url.pathname.startsWith("/files/")) return await world.fetch(request);
    const direct = url.searchParams.has("direct");
    return await serveFile(request, await world.openFile(url.pathname, request.method, direct));
  },
} satisfies ExportedHandler<Env>;
