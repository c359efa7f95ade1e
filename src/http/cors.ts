// Lets pages of any origin read responses, refusals included. A preflight carries no key and therefore checks nothing: origins are
// checked later against the key's list. There are no cookies, so credentials are never allowed, and every header that is asked for is
// allowed: monitoring libraries add their own to each call.

import { createMiddleware } from "hono/factory";
import type { AppEnv } from "./app-env.ts";

const CORS_MAX_AGE_S = 7_200;

const METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/** Names of headers (RFC 9110, 5.6.2), as a browser lists them. */
const HEADER_NAMES = /^[\w!#$%&'*+.^`|~-]+(?:\s*,\s*[\w!#$%&'*+.^`|~-]+)*$/;

const RESPONSE_HEADERS = [
  "location",
  "etag",
  "retry-after",
  "preference-applied",
  "idempotent-replayed",
  "x-request-id",
  "x-sluice-version",
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
    const headers = new Headers({ Vary: "Origin, Access-Control-Request-Headers" });
    if (origin !== undefined) {
      headers.set("Access-Control-Allow-Origin", origin);
      headers.set("Access-Control-Allow-Methods", METHODS);
      const asked = context.req.header("Access-Control-Request-Headers");
      if (asked !== undefined && HEADER_NAMES.test(asked)) headers.set("Access-Control-Allow-Headers", asked);
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
