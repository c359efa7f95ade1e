// Detects webhook loops: a call that carries the header of a webhook delivery (through an alias of this deployment, or a server that
// forwards everything) is refused. fal's callbacks (/hooks) are served before this.

import { createMiddleware } from "hono/factory";
import { refusal } from "../platform/errors.ts";
import { HOP_HEADER } from "../webhooks/headers.ts";
import type { AppEnv } from "./app-env.ts";

/** 508 Loop Detected (RFC 5842, section 7.2). */
const LOOP_DETECTED = 508;

export const refuseDeliveries = createMiddleware<AppEnv>(async function refuseDeliveries(context, next) {
  if (context.req.header(HOP_HEADER) === undefined) return next();
  const refused = refusal("forbidden", "Webhook loop detected: this call carries the header of a webhook delivery.", {
    hint: `Remove the ${HOP_HEADER} header from calls to Sluice, and check that no endpoint URL leads back to it.`,
    status: LOOP_DETECTED,
  });
  return context.get("refuse")(refused, context.get("callId"));
});
