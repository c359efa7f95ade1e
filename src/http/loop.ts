// Keeps deliveries from going round: what a relay sent and somebody leads back here, by a name of ours that nobody knows as ours
// or through a server that passes everything on, starts nothing. fal's callbacks (/hooks) are met before this.

import { createMiddleware } from "hono/factory";
import { refusal } from "../platform/errors.ts";
import { HOP_HEADER } from "../webhooks/headers.ts";
import type { AppEnv } from "./app-env.ts";

/** 508 Loop Detected (RFC 5842, section 7.2). */
const LOOP_DETECTED = 508;

export const refuseDeliveries = createMiddleware<AppEnv>(async function refuseDeliveries(context, next) {
  if (context.req.header(HOP_HEADER) === undefined) return next();
  const refused = refusal("forbidden", "This is a webhook delivery that was led back to a relay.", {
    hint: `Whoever passes a delivery on and calls Sluice for it leaves its ${HOP_HEADER} header out.`,
    status: LOOP_DETECTED,
  });
  return context.get("refuse")(refused, context.get("callId"));
});
