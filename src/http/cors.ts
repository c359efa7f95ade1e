// Lets pages of any origin read responses, refusals included. A preflight carries no key and therefore checks nothing: origins are
// checked later against the key's list. There are no cookies, so credentials are never allowed.

import { createMiddleware } from "hono/factory";
import type { AppEnv } from "./app-env.ts";

const CORS_MAX_AGE_S = 7_200;

const METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/** A wildcard would not cover `authorization`, so each is named (fal's: fal-ai/fal-js:libs/client/src). */
const REQUEST_HEADERS = [
  "accept",
  "authorization",
  "content-type",
  "if-none-match",
  "if-range",
  "last-event-id",
  "range",
  "prefer",
  "idempotency-key",
  "sluice-user",
  "sluice-tags",
  "sluice-team",
  "maton-connection",
  "x-fal-target-url",
  "x-fal-queue-priority",
  "x-fal-runner-hint",
  "x-fal-request-timeout",
  "x-fal-request-start-timeout",
  "x-fal-no-retry",
  "x-fal-retry-config",
  "x-fal-store-io",
  "x-fal-tags",
  "x-fal-object-lifecycle-preference",
  "x-fal-object-lifecycle",
  "x-fal-client-proxy",
  "x-app-fal-disable-fallback",
].join(", ");

const RESPONSE_HEADERS = [
  "location",
  "etag",
  "retry-after",
  "preference-applied",
  "idempotent-replayed",
  "x-request-id",
  "ratelimit",
  "ratelimit-policy",
  "allow",
  "content-range",
  "content-disposition",
  "accept-ranges",
  "x-fal-request-id",
  "x-fal-billable-units",
  "x-fal-error-type",
  "x-fal-request-timeout-type",
  "x-fal-retryable",
  "x-fal-needs-retry",
  "x-fal-served-from",
].join(", ");

/** Answers every OPTIONS call, and adds CORS headers for the calling origin to every other response. */
export const cors = createMiddleware<AppEnv>(async function cors(context, next) {
  const origin = context.req.header("Origin");
  if (context.req.method === "OPTIONS") {
    const headers = new Headers({ Vary: "Origin" });
    if (origin !== undefined) {
      headers.set("Access-Control-Allow-Origin", origin);
      headers.set("Access-Control-Allow-Methods", METHODS);
      headers.set("Access-Control-Allow-Headers", REQUEST_HEADERS);
      headers.set("Access-Control-Max-Age", String(CORS_MAX_AGE_S));
    }
    return new Response(null, { status: 204, headers });
  }
  await next();
  // Routes that are open to every origin (files: `*`) set the header themselves.
  if (context.res.headers.has("Access-Control-Allow-Origin")) return;
  context.header("Vary", "Origin", { append: true });
  if (origin === undefined) return;
  context.header("Access-Control-Allow-Origin", origin);
  context.header("Access-Control-Expose-Headers", RESPONSE_HEADERS);
  return;
});
