// The sandbox: a Worker that behaves like Maton, fal.ai's queue and fal's CDN on one port. It routes by path and ignores the
// host. Files are served here; everything else by FakeUpstream.

import { serveFile } from "./cdn.ts";
import { type Env, FAKE_UPSTREAM_NAME } from "./env.ts";

export { FakeUpstream } from "./fake-upstream.ts";

const FRONT_PAGE = `Sluice sandbox: a simulation of the Maton gateway, fal.ai's queue and fal's CDN.
Gateway   /fal-ai/{owner}/{app}…   /connections   (Authorization: Bearer …)
Key set   /.well-known/jwks.json
Files     /files/…
Controls  /_sandbox/settings, /requests, /calls, /outbox, /clock, /webhooks, /reset
`;

export default {
  async fetch(request, env): Promise<Response> {
    const url = new URL(request.url);
    if (url.pathname === "/") return new Response(FRONT_PAGE);
    const upstream = env.FAKE_UPSTREAM.getByName(FAKE_UPSTREAM_NAME);
    if (!url.pathname.startsWith("/files/")) return await upstream.fetch(request);
    const direct = url.searchParams.has("direct");
    return await serveFile(request, await upstream.openFile(url.pathname, request.method, direct));
  },
} satisfies ExportedHandler<Env>;
