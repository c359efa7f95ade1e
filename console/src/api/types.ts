// The answers of the API, by the schemas that its routes declare. Types only: nothing of the Worker comes into the console's script.

import type * as z from "zod";
import type { AuditChange as Change } from "../../../src/contracts/team-admin.ts";
import type { auditEntryBody } from "../../../src/http/routes/access/audit.ts";
import type { connectionBody } from "../../../src/http/routes/access/connections.ts";
import type { issuerAnswer, jwtTestAnswer } from "../../../src/http/routes/access/issuers.ts";
import type { keyWithUsage } from "../../../src/http/routes/access/key-changes.ts";
import type { keyBody, newKey } from "../../../src/http/routes/access/keys.ts";
import type { meBody } from "../../../src/http/routes/access/me.ts";
import type { replayAnswer, testAnswer } from "../../../src/http/routes/access/plan-tests.ts";
import type { versionBody } from "../../../src/http/routes/access/plans.ts";
import type { checkBody } from "../../../src/http/routes/operator/doctor.ts";
import type { healthBody } from "../../../src/http/routes/operator/health.ts";
import type { webhookTestBody } from "../../../src/http/routes/operator/operator-webhook.ts";
import type { overviewBody } from "../../../src/http/routes/operator/overview.ts";
import type { sweepBody } from "../../../src/http/routes/operator/sweep.ts";
import type { teamBody, teamLine } from "../../../src/http/routes/operator/teams.ts";
import type { upstreamBody } from "../../../src/http/routes/operator/upstream.ts";
import type { requestCountBody } from "../../../src/http/routes/requests/list.ts";
import type { modelSummary } from "../../../src/http/routes/requests/models.ts";
import type { timelineBody } from "../../../src/http/routes/requests/requests.ts";
import type { alertsBody } from "../../../src/http/routes/usage/alerts.ts";
import type { usageAnswer } from "../../../src/http/routes/usage/usage.ts";
import type { deliveryBody, trackedDelivery } from "../../../src/http/routes/webhooks/deliveries.ts";
import type { listedDelivery, replayBody } from "../../../src/http/routes/webhooks/delivery-lists.ts";
import type { endpointBody } from "../../../src/http/routes/webhooks/endpoint-schemas.ts";
import type { limitBody, planBody } from "../../../src/http/schemas.ts";
import type { requestBody, requestSummaryBody } from "../../../src/requests/view/request-object.ts";
import type { WindowWord } from "../../../src/team/quota/windows.ts";
import type { feedLine } from "../../../src/webhooks/events.ts";

export type Me = z.output<ReturnType<typeof meBody>>;
export type Scope = Me["key"]["scopes"][number];
export type Limit = z.output<ReturnType<typeof limitBody>>;
type StoredPlan = z.output<ReturnType<typeof planBody>>;
/** Windows are words on the wire. */
type InWords<L> = L extends { window: string } ? Omit<L, "window"> & { window: WindowWord } : L;
export type Plan = Omit<StoredPlan, "limits"> & { limits: InWords<StoredPlan["limits"][number]>[] };
export type Health = z.output<ReturnType<typeof healthBody>>;
export type CheckReport = z.output<ReturnType<typeof checkBody>>;
export type Overview = z.output<ReturnType<typeof overviewBody>>;
export type Sweep = z.output<ReturnType<typeof sweepBody>>;
export type WebhookTest = z.output<ReturnType<typeof webhookTestBody>>;
export type Upstream = z.output<ReturnType<typeof upstreamBody>>;
export type Team = z.output<ReturnType<typeof teamBody>>;
export type TeamLine = z.output<ReturnType<typeof teamLine>>;
export type RequestObject = z.output<ReturnType<typeof requestBody>>;
export type RequestFile = RequestObject["files"][number];
export type RequestSummary = z.output<ReturnType<typeof requestSummaryBody>>;
export type RequestCount = z.output<ReturnType<typeof requestCountBody>>;
export type TimelineLine = z.output<ReturnType<typeof timelineBody>>["data"][number];
export type Key = z.output<ReturnType<typeof keyBody>>;
export type KeyWithUsage = z.output<ReturnType<typeof keyWithUsage>>;
export type NewKey = z.input<ReturnType<typeof newKey>>;
export type Model = z.output<ReturnType<typeof modelSummary>>;
export type Usage = z.output<ReturnType<typeof usageAnswer>>;
export type UsageLine = Usage["data"][number];
export type Alerts = z.output<ReturnType<typeof alertsBody>>;
export type Endpoint = z.output<ReturnType<typeof endpointBody>>;
export type Delivery = z.output<ReturnType<typeof listedDelivery>>;
export type RequestDelivery = z.output<ReturnType<typeof trackedDelivery>>;
export type DeliveryDetail = z.output<ReturnType<typeof deliveryBody>>;
export type Replay = z.output<ReturnType<typeof replayBody>>;
export type PlanVersion = Omit<z.output<ReturnType<typeof versionBody>>, "plan"> & { plan: Plan };
export type PlanTest = z.output<ReturnType<typeof testAnswer>>;
export type PlanReplay = z.output<ReturnType<typeof replayAnswer>>;
export type AuditChange = Change;
export type AuditEntry = z.output<ReturnType<typeof auditEntryBody>>;
export type Issuer = z.output<ReturnType<typeof issuerAnswer>>;
export type JwtTest = z.output<ReturnType<typeof jwtTestAnswer>>;
export type Connection = z.output<ReturnType<typeof connectionBody>>;
export type FeedEvent = z.output<ReturnType<typeof feedLine>>;

export interface PageOf<T> {
  data: T[];
  next_cursor: string | null;
}
