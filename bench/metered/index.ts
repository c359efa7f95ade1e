// Sluice with a meter around it, for bench/cost.ts and bench/rows.ts: the same Worker and the same objects, every call, row,
// alarm, bucket operation and line of the log counted on its way through. GET /_meter returns the counts.

import sluice, * as objects from "../../src/index.ts";
import type { Env } from "../../src/platform/bindings.ts";
import { metered } from "./bindings.ts";
import { meteredClass } from "./objects.ts";
import { settleCursors } from "./storage.ts";
import { type Tally, tally } from "./tally.ts";

countLogLines();

export default {
  async fetch(request: Request, env: Env, context: ExecutionContext): Promise<Response> {
    if (new URL(request.url).pathname === "/_meter") return Response.json(currentTally());
    tally.invocations += 1;
    return sluice.fetch(request, metered(env), context);
  },
};

export const Team = meteredClass("Team", objects.Team);
export const RequestTracker = meteredClass("RequestTracker", objects.RequestTracker);
export const UpstreamAccount = meteredClass("UpstreamAccount", objects.UpstreamAccount);
export const BucketSweeper = meteredClass("BucketSweeper", objects.BucketSweeper);

function currentTally(): Tally {
  settleCursors();
  return tally;
}

/** A line of the log is billed, not what is in it (developers.cloudflare.com/workers/observability/logs/workers-logs). */
function countLogLines(): void {
  for (const level of ["debug", "log", "info", "warn", "error"] as const) {
    const write = console[level].bind(console);
    console[level] = (...args: unknown[]) => {
      tally.logLines += 1;
      write(...args);
    };
  }
}
