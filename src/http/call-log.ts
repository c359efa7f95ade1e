// One log line for each call that was refused or failed, and for a share of those that went well (LOG_SAMPLE): the runtime's own
// lines are off, because they show URLs that are signed. A line has the declared path, never the one that was called.

import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import { readConfig } from "../platform/config.ts";
import { isSampled, logEvent } from "../platform/log.ts";
import type { AppEnv, Refuse } from "./app-env.ts";

/** What goes well elsewhere is told by other lines (attempts of requests), or is a file that anybody may read at any rate. */
const LOGGED_SURFACES = ["v1", "fal", "maton"];
/** First parts of paths that no declared route has; all others are shown as `other`, because callers make them up. */
const UNDECLARED = ["files", "uploads", "inputs", "hooks", ...LOGGED_SURFACES];

export const callLog = createMiddleware<AppEnv>(async function callLog(context, next) {
  const startedAt = Date.now();
  await next();
  const { method } = context.req;
  // A preflight carries no credential and decides nothing.
  if (method === "OPTIONS") return;
  const { status } = context.res;
  const call = context.get("callId");
  const surface = context.req.path.split("/", 2)[1] ?? "";
  if (status < 400 && !(LOGGED_SURFACES.includes(surface) && isSampled(call, sampleOf(context)))) return;
  const [code, team, key] = [context.get("refusedAs"), context.get("team"), context.get("key")];
  logEvent("call.answered", {
    call,
    method,
    route: context.get("route") ?? (UNDECLARED.includes(surface) ? `/${surface}/…` : "other"),
    status,
    ...(code === undefined ? {} : { code }),
    ...(team === undefined ? {} : { team }),
    ...(key === undefined ? {} : { key }),
    ms: Date.now() - startedAt,
  });
});

/** Sets how refusals of this call are written. The log has their code. */
export function formatRefusals(context: Context<AppEnv>, format: Refuse): void {
  context.set("refuse", (refused, callId, extras) => {
    context.set("refusedAs", refused.code);
    return format(refused, callId, extras);
  });
}

function sampleOf(context: Context<AppEnv>): number {
  const read = readConfig(context.env);
  return read.ok ? read.config.LOG_SAMPLE : 1;
}
