// The answers of the API, by the schemas that its routes declare. Types only: nothing of the Worker comes into the console's script.

import type * as z from "zod";
import type { auditEntryBody } from "../../../src/http/routes/access/audit.ts";
import type { connectionBody } from "../../../src/http/routes/access/connections.ts";
import type { issuerAnswer, jwtTestAnswer } from "../../../src/http/routes/access/issuers.ts";
import type { keyBody, newKey } from "../../../src/http/routes/access/keys.ts";
import type { meBody } from "../../../src/http/routes/access/me.ts";
import type { healthBody } from "../../../src/http/routes/operator/health.ts";
import type { teamBody } from "../../../src/http/routes/operator/teams.ts";
import type { upstreamBody } from "../../../src/http/routes/operator/upstream.ts";
import type { modelSummary } from "../../../src/http/routes/requests/models.ts";
import type { timelineBody } from "../../../src/http/routes/requests/requests.ts";
import type { alertsBody } from "../../../src/http/routes/usage/alerts.ts";
import type { usageAnswer } from "../../../src/http/routes/usage/usage.ts";
import type { deliveryBody, trackedDelivery } from "../../../src/http/routes/webhooks/deliveries.ts";
import type { listedDelivery, replayBody } from "../../../src/http/routes/webhooks/delivery-lists.ts";
import type { endpointBody } from "../../../src/http/routes/webhooks/endpoint-schemas.ts";
import type { limitBody, planBody } from "../../../src/http/schemas.ts";
import type { requestBody, requestSummaryBody } from "../../../src/requests/view/request-object.ts";
import type { feedLine } from "../../../src/webhooks/events.ts";

export type Me = z.output<typeof meBody>;
export type Scope = Me["key"]["scopes"][number];
export type Limit = z.output<typeof limitBody>;
export type Plan = z.output<typeof planBody>;
export type Health = z.output<typeof healthBody>;
export type Upstream = z.output<typeof upstreamBody>;
export type Team = z.output<typeof teamBody>;
export type RequestObject = z.output<typeof requestBody>;
export type RequestFile = RequestObject["files"][number];
export type RequestSummary = z.output<typeof requestSummaryBody>;
export type TimelineLine = z.output<typeof timelineBody>["data"][number];
export type Key = z.output<typeof keyBody>;
export type NewKey = z.input<typeof newKey>;
export type Model = z.output<typeof modelSummary>;
export type Usage = z.output<typeof usageAnswer>;
export type UsageLine = Usage["data"][number];
export type Alerts = z.output<typeof alertsBody>;
export type Endpoint = z.output<typeof endpointBody>;
export type Delivery = z.output<typeof listedDelivery>;
export type RequestDelivery = z.output<typeof trackedDelivery>;
export type DeliveryDetail = z.output<typeof deliveryBody>;
export type Replay = z.output<typeof replayBody>;
export type AuditEntry = z.output<typeof auditEntryBody>;
export type Issuer = z.output<typeof issuerAnswer>;
export type JwtTest = z.output<typeof jwtTestAnswer>;
export type Connection = z.output<typeof connectionBody>;
export type FeedEvent = z.output<typeof feedLine>;

export interface PageOf<T> {
  data: T[];
  next_cursor: string | null;
}
