// The Hono app: middleware and routes in the order in which a call passes them. Static assets (wrangler.toml) are served before this
// Worker runs.

import { Hono } from "hono";
import { createMiddleware } from "hono/factory";
import { falRefusal } from "./compat/fal-errors.ts";
import { matonRoutes, onlyFal } from "./compat/maton-routes.ts";
import { proxyRoutes } from "./compat/proxy.ts";
import { queueRoutes } from "./compat/queue-routes.ts";
import { refuseRealtime } from "./compat/realtime.ts";
import { restRoutes } from "./compat/rest-routes.ts";
import { runRoutes } from "./compat/run-routes.ts";
import type { AppEnv } from "./http/app-env.ts";
import { addressBrake, linkBrake } from "./http/brakes.ts";
import { callId } from "./http/call-id.ts";
import { callLog, formatRefusals } from "./http/call-log.ts";
import { consolePages } from "./http/console.ts";
import { cors } from "./http/cors.ts";
import { noRoute, onFault, plainProblem } from "./http/problem.ts";
import { methodsAt, mount, type Route } from "./http/route.ts";
import { auditRoutes } from "./http/routes/access/audit.ts";
import { connectionRoutes } from "./http/routes/access/connections.ts";
import { issuerRoutes } from "./http/routes/access/issuers.ts";
import { keyChangeRoutes } from "./http/routes/access/key-changes.ts";
import { keyRoutes } from "./http/routes/access/keys.ts";
import { meRoutes } from "./http/routes/access/me.ts";
import { planTestRoutes } from "./http/routes/access/plan-tests.ts";
import { planRoutes } from "./http/routes/access/plans.ts";
import { tokenRoutes } from "./http/routes/access/tokens.ts";
import { userRoutes } from "./http/routes/access/users.ts";
import { fileRetryRoutes } from "./http/routes/files/file-retry.ts";
import { files } from "./http/routes/files/files.ts";
import { shareRoutes } from "./http/routes/files/shares.ts";
import { takedownRoutes } from "./http/routes/files/takedown.ts";
import { capsRoutes } from "./http/routes/operator/caps.ts";
import { doctorRoutes } from "./http/routes/operator/doctor.ts";
import { healthRoutes } from "./http/routes/operator/health.ts";
import { operatorWebhookRoutes } from "./http/routes/operator/operator-webhook.ts";
import { overviewRoutes } from "./http/routes/operator/overview.ts";
import { sweepRoutes } from "./http/routes/operator/sweep.ts";
import { teamRoutes } from "./http/routes/operator/teams.ts";
import { adminUpstreamRoutes } from "./http/routes/operator/upstream.ts";
import { estimateRoutes } from "./http/routes/requests/estimate.ts";
import { hooks } from "./http/routes/requests/fal-webhook.ts";
import { modelRoutes } from "./http/routes/requests/models.ts";
import { requestRoutes } from "./http/routes/requests/requests.ts";
import { inputs } from "./http/routes/uploads/inputs.ts";
import { uploadRoutes, uploadTargets } from "./http/routes/uploads/uploads.ts";
import { alertRoutes } from "./http/routes/usage/alerts.ts";
import { archiveRoutes } from "./http/routes/usage/archive.ts";
import { usageMonthRoutes } from "./http/routes/usage/months.ts";
import { priceRoutes } from "./http/routes/usage/prices.ts";
import { usageRoutes } from "./http/routes/usage/usage.ts";
import { deliveryRoutes } from "./http/routes/webhooks/deliveries.ts";
import { deliveryListRoutes } from "./http/routes/webhooks/delivery-lists.ts";
import { webhookRoutes } from "./http/routes/webhooks/endpoints.ts";
import { eventRoutes } from "./http/routes/webhooks/events.ts";
import { refuseDeliveries } from "./http/webhook-loop.ts";
import { readConfig } from "./platform/config.ts";
import { refusal } from "./platform/errors.ts";

const apiRoutes: readonly Route[] = [
  ...requestRoutes,
  ...uploadRoutes,
  ...fileRetryRoutes,
  ...shareRoutes,
  ...takedownRoutes,
  ...modelRoutes,
  ...meRoutes,
  ...keyRoutes,
  ...keyChangeRoutes,
  ...teamRoutes,
  ...planRoutes,
  ...planTestRoutes,
  ...capsRoutes,
  ...tokenRoutes,
  ...issuerRoutes,
  ...estimateRoutes,
  ...priceRoutes,
  ...usageRoutes,
  ...usageMonthRoutes,
  ...archiveRoutes,
  ...userRoutes,
  ...alertRoutes,
  ...auditRoutes,
  ...webhookRoutes,
  ...deliveryListRoutes,
  ...deliveryRoutes,
  ...eventRoutes,
  ...operatorWebhookRoutes,
  ...overviewRoutes,
  ...adminUpstreamRoutes,
  ...sweepRoutes,
  ...doctorRoutes,
  ...connectionRoutes,
  ...queueRoutes("/fal/queue"),
  ...runRoutes,
  ...restRoutes,
  ...proxyRoutes,
  ...matonRoutes,
];

/** Every declared route: the source of the API description and of the tests over all routes. */
export const routes: readonly Route[] = [...healthRoutes, ...apiRoutes];

export function createApp(): Hono<AppEnv> {
  const app = new Hono<AppEnv>({ strict: false });
  app.use(callId);
  app.use(callLog);
  app.use(cors);
  app.use("/fal/*", falErrors);
  app.use("/maton/*", falErrors, onlyFal);
  for (const surface of ["/fal/*", "/maton/*"]) app.use(surface, refuseRealtime);
  app.use("/uploads/*", plainErrors);
  mount(app, healthRoutes);
  app.route("/console", consolePages);
  app.use(configured);
  app.route("/hooks", hooks);
  app.use(refuseDeliveries);
  for (const surface of ["/v1/*", "/fal/*", "/maton/*"]) app.use(surface, addressBrake);
  for (const links of ["/uploads/*", "/inputs/*"]) app.use(links, linkBrake);
  mount(app, apiRoutes);
  app.route("/files", files);
  app.route("/uploads", uploadTargets);
  app.route("/inputs", inputs);
  const methods = methodsAt(routes);
  app.notFound((context) => noRoute(context, methods(context.req.path)));
  app.onError(onFault);
  return app;
}

/** On fal-compatible paths, refusals and internal errors have fal's format. */
const falErrors = createMiddleware<AppEnv>(async function falErrors(context, next) {
  formatRefusals(context, falRefusal);
  await next();
});

/** Upload URLs are called by fal's clients too. */
const plainErrors = createMiddleware<AppEnv>(async function plainErrors(context, next) {
  formatRefusals(context, plainProblem);
  await next();
});

/** With an invalid configuration, every later path names the invalid settings instead of failing midway. */
const configured = createMiddleware<AppEnv>(async function configured(context, next) {
  const read = readConfig(context.env);
  if (read.ok) return next();
  const problems = read.problems.map(({ name, message }) => `${name} ${message}`).join("; ");
  const refused = refusal("misconfigured", `Invalid configuration: ${problems}.`, {
    hint: "GET /healthz lists every problem.",
  });
  return context.get("refuse")(refused, context.get("callId"));
});
