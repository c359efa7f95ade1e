// The road map: what a call meets, in the order it meets it. One answer to a fault, one where there is no route.
// Static assets (wrangler.toml) are answered before this Worker is asked.

import { Hono } from "hono";
import { createMiddleware } from "hono/factory";
import { falAlone, matonRoutes } from "./compat/maton-routes.ts";
import { proxyRoutes } from "./compat/proxy.ts";
import { queueRoutes } from "./compat/queue-routes.ts";
import { falRefusal } from "./compat/refusal.ts";
import { runRoutes } from "./compat/run-routes.ts";
import { readConfig } from "./env.ts";
import { refusal } from "./errors.ts";
import { adminUpstreamRoutes } from "./http/admin-upstream.ts";
import { alertRoutes } from "./http/alerts.ts";
import type { AppEnv } from "./http/app-env.ts";
import { auditRoutes } from "./http/audit.ts";
import { callId } from "./http/call-id.ts";
import { connectionRoutes } from "./http/connections.ts";
import { cors } from "./http/cors.ts";
import { deliveryRoutes } from "./http/delivery.ts";
import { deliveryListRoutes } from "./http/delivery-lists.ts";
import { estimateRoutes } from "./http/estimate.ts";
import { eventRoutes } from "./http/events.ts";
import { fileRetryRoutes } from "./http/file-retry.ts";
import { files } from "./http/files.ts";
import { healthRoutes } from "./http/health.ts";
import { hooks } from "./http/hooks.ts";
import { inputs } from "./http/inputs.ts";
import { issuerRoutes } from "./http/issuers.ts";
import { keyRoutes } from "./http/keys.ts";
import { refuseDeliveries } from "./http/loop.ts";
import { meRoutes } from "./http/me.ts";
import { modelRoutes } from "./http/models.ts";
import { operatorWebhookRoutes } from "./http/operator-webhook.ts";
import { peopleRoutes } from "./http/people.ts";
import { priceRoutes } from "./http/prices.ts";
import { noRoute, onFault } from "./http/problem.ts";
import { requestRoutes } from "./http/requests.ts";
import { methodsAt, mount, type Route } from "./http/route.ts";
import { shareRoutes } from "./http/shares.ts";
import { sweepRoutes } from "./http/sweep.ts";
import { teamRoutes } from "./http/teams.ts";
import { tokenRoutes } from "./http/tokens.ts";
import { uploadRoutes, uploadTargets } from "./http/uploads.ts";
import { usageRoutes } from "./http/usage.ts";
import { webhookRoutes } from "./http/webhooks.ts";

const apiRoutes: readonly Route[] = [
  ...requestRoutes,
  ...uploadRoutes,
  ...fileRetryRoutes,
  ...shareRoutes,
  ...modelRoutes,
  ...meRoutes,
  ...keyRoutes,
  ...teamRoutes,
  ...tokenRoutes,
  ...issuerRoutes,
  ...estimateRoutes,
  ...priceRoutes,
  ...usageRoutes,
  ...peopleRoutes,
  ...alertRoutes,
  ...auditRoutes,
  ...webhookRoutes,
  ...deliveryListRoutes,
  ...deliveryRoutes,
  ...eventRoutes,
  ...operatorWebhookRoutes,
  ...adminUpstreamRoutes,
  ...sweepRoutes,
  ...connectionRoutes,
  ...queueRoutes("/fal/queue"),
  ...runRoutes,
  ...proxyRoutes,
  ...matonRoutes,
];

/** Every declared route: what the API description is made from, and what tests run over. */
export const routes: readonly Route[] = [...healthRoutes, ...apiRoutes];

export function createApp(): Hono<AppEnv> {
  const app = new Hono<AppEnv>({ strict: false });
  app.use(callId);
  app.use(cors);
  app.use("/fal/*", falWords);
  app.use("/maton/*", falWords, falAlone);
  mount(app, healthRoutes);
  app.use(configured);
  app.route("/hooks", hooks);
  app.use(refuseDeliveries);
  mount(app, apiRoutes);
  app.route("/files", files);
  app.route("/uploads", uploadTargets);
  app.route("/inputs", inputs);
  const methods = methodsAt(routes);
  app.notFound((context) => noRoute(context, methods(context.req.path)));
  app.onError(onFault);
  return app;
}

/** Where fal's clients call, refusals and faults are said in their words. */
const falWords = createMiddleware<AppEnv>(async function falWords(context, next) {
  context.set("refuse", falRefusal);
  await next();
});

/** A deployment that lacks a setting says which, on every path that comes after, instead of failing half-way. */
const configured = createMiddleware<AppEnv>(async function configured(context, next) {
  const read = readConfig(context.env);
  if (read.ok) return next();
  const faults = read.problems.map(({ name, message }) => `${name} ${message}`).join("; ");
  const refused = refusal("misconfigured", `Not configured: ${faults}.`, { hint: "GET /healthz shows every problem." });
  return context.get("refuse")(refused, context.get("callId"));
});
