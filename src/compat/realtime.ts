// fal's realtime connections, which Maton does not carry. A WebSocket is opened and closed with the reason: clients do not see the
// answer of a handshake that fails.

import { createMiddleware } from "hono/factory";
import type { AppEnv } from "../http/app-env.ts";

/** Of the range for applications (RFC 6455, 7.4.2): clients connect again after 1000 to 1015. */
export const REALTIME_CLOSE_CODE = 4400;
/** At most 123 bytes (RFC 6455, 5.5). */
export const REALTIME_CLOSE_REASON =
  'Realtime is not possible through Maton. Use fal.subscribe, with mode "streaming".';

export const refuseRealtime = createMiddleware<AppEnv>(async function refuseRealtime(context, next) {
  if (context.req.method !== "GET" || context.req.header("Upgrade")?.toLowerCase() !== "websocket") return next();
  const { 0: client, 1: server } = new WebSocketPair();
  server.accept();
  server.close(REALTIME_CLOSE_CODE, REALTIME_CLOSE_REASON);
  return new Response(null, { status: 101, webSocket: client });
});
