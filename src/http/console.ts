// GET /console/…: every path of the console that is no asset is its one page, which then shows the screen of the path. Unknown scripts
// and styles are 404, so that a tab of an older version learns that they are gone. Works with an invalid configuration: Start says what
// is wrong with it.

import { Hono } from "hono";
import type { AppEnv } from "./app-env.ts";

export const consolePages = new Hono<AppEnv>().get("/*", (context, next) => {
  const { url } = context.req.raw;
  if (new URL(url).pathname.startsWith("/console/assets/")) return next();
  return context.env.ASSETS.fetch(new Request(new URL("/console/", url), { method: context.req.method }));
});
