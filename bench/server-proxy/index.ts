// fal's own proxy as its documentation mounts it in Hono, with its own key and one route: bench/overhead.ts reads
// statuses through it. The upstream is local, so its host is allowed instead of queue.fal.run.

import { createRouteHandler } from "@fal-ai/server-proxy/hono";
import { Hono } from "hono";

interface Env {
  UPSTREAM_HOST: string;
}

let handler: ReturnType<typeof createRouteHandler> | null = null;
const app = new Hono<{ Bindings: Env }>();
app.all("/api/fal/proxy", (context) => {
  handler ??= createRouteHandler({
    allowedUrlPatterns: [`${context.env.UPSTREAM_HOST}/**`],
    allowedEndpoints: ["**"],
    allowUnauthorizedRequests: false,
    isAuthenticated: async (behavior) => behavior.getHeader("authorization") === "Bearer a-session",
    resolveFalAuth: async () => "Key an-upstream-key",
  });
  return handler(context);
});

export default app;
