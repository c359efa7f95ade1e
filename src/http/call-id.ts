// Gives every call an id and returns it in `X-Request-Id`, so that a caller's report leads to its log line, and names the code that
// answered in `X-Sluice-Version`. A caller's own X-Request-Id is ignored.

import { createMiddleware } from "hono/factory";
import { randomText } from "../platform/ids.ts";
import { VERSION } from "../platform/version.ts";
import type { AppEnv } from "./app-env.ts";
import { formatRefusals } from "./call-log.ts";
import { problemResponse } from "./problem.ts";

const CALL_ID_CHARS = 20;

export const callId = createMiddleware<AppEnv>(async function callId(context, next) {
  const id = randomText(CALL_ID_CHARS);
  context.set("callId", id);
  formatRefusals(context, problemResponse);
  await next();
  context.header("X-Request-Id", id);
  context.header("X-Sluice-Version", VERSION);
});
