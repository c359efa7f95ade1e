// The parts that Team is asked by, each with the stores that it uses.

import type { TeamContract } from "../contracts/team.ts";
import type { Env } from "../platform/bindings.ts";
import { AuditLog } from "./audit/audit-log.ts";
import { IssuerAdmin } from "./auth/issuer-admin.ts";
import { KeyAdmin } from "./auth/key-admin.ts";
import { Deliveries } from "./endpoints/deliveries.ts";
import { EndpointAdmin } from "./endpoints/endpoint-admin.ts";
import { Events } from "./endpoints/events.ts";
import type { BacklogPacer } from "./endpoints/recovery-pacer.ts";
import { ReplayJobs } from "./endpoints/replay-jobs.ts";
import { PlanAdmin } from "./plans/plan-admin.ts";
import { PriceAdmin } from "./plans/price-admin.ts";
import { RequestList } from "./requests/request-list.ts";
import { Takedowns } from "./requests/takedown.ts";
import type { TeamStores } from "./stores.ts";
import type { TeamContext } from "./team-context.ts";
import { Settings } from "./team-settings.ts";
import { Uploads } from "./uploads/uploads.ts";
import { AlertAdmin } from "./usage/alert-admin.ts";
import { UsageReport } from "./usage/usage-report.ts";
import { UserAdmin } from "./user-admin.ts";

export type Parts = Pick<
  TeamContract,
  | "settings"
  | "takedowns"
  | "keys"
  | "issuers"
  | "plans"
  | "prices"
  | "users"
  | "usage"
  | "alerts"
  | "audit"
  | "requests"
  | "uploads"
  | "endpoints"
  | "deliveries"
  | "replayJobs"
  | "events"
>;

export function openParts(env: Env, context: TeamContext, stores: TeamStores, pacer: BacklogPacer): Parts {
  return {
    settings: new Settings(env, context, stores),
    takedowns: new Takedowns(env, context, stores),
    keys: new KeyAdmin(context, stores),
    issuers: new IssuerAdmin(env, context, stores),
    plans: new PlanAdmin(context, stores),
    prices: new PriceAdmin(context, stores),
    users: new UserAdmin(context, stores),
    usage: new UsageReport(context, stores),
    alerts: new AlertAdmin(context, stores),
    audit: new AuditLog(context, stores),
    requests: new RequestList(context, stores),
    uploads: new Uploads(env, context, stores),
    endpoints: new EndpointAdmin(context, stores),
    deliveries: new Deliveries(context, stores, pacer),
    replayJobs: new ReplayJobs(context, stores),
    events: new Events(context, stores),
  };
}
