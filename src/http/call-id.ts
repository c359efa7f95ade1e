// Gives every call an id of our own and says it in `X-Request-Id`, so that a caller's report finds its log line.
// A caller's own X-Request-Id is not taken over: ids in the log are ours.

import { createMiddleware } from "hono/factory";
import { randomText } from "../platform/ids.ts";
import type { AppEnv } from "./app-env.ts";
import { problemResponse } from "./problem.ts";

const CALL_ID_CHARS = 20;

export const callId = createMiddleware<AppEnv>(async function callId(context, next) {
  const id = randomText(CALL_ID_CHARS);
  context.set("callId", id);
  context.set("refuse", problemResponse);
  await next();
  context.header("X-Request-Id", id);
});
