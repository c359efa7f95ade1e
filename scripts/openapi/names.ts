// Names of schemas in the API description. Schemas are looked up in the routes that use them, so that src/ need not export each.

import * as z from "zod";
import { submitBody } from "../../src/http/read-submit.ts";
import type { Method, Route } from "../../src/http/route.ts";
import { limitBody, planBody } from "../../src/http/schemas.ts";
import { requestBody, requestSummaryBody } from "../../src/requests/view/request-object.ts";
import { planSchema } from "../../src/team/quota/plan.ts";
import { priceSchema, priceTableSchema } from "../../src/team/quota/prices.ts";
import { nameSchema, responseSchema } from "./schemas.ts";

/** Schemas that are a response. */
const BY_ANSWER: readonly [name: string, Method, path: string, status: number][] = [
  ["Alerts", "GET", "/v1/team/alerts", 200],
  ["BulkReplay", "GET", "/v1/deliveries/replay/:id", 200],
  ["Connection", "GET", "/v1/connections/:id", 200],
  ["Delivery", "GET", "/v1/deliveries/:id", 200],
  ["Model", "GET", "/v1/models/:id{.+}", 200],
  ["Removal", "GET", "/v1/users/:id/removal", 200],
  ["Share", "POST", "/v1/requests/:id/shares", 201],
  ["Sweep", "GET", "/v1/admin/sweep", 200],
  ["Team", "GET", "/v1/team", 200],
  ["Upload", "GET", "/v1/uploads/:id", 200],
  ["User", "GET", "/v1/users/:id", 200],
  ["WebhookEndpoint", "GET", "/v1/webhooks/:id", 200],
  ["WebhookSecret", "GET", "/v1/webhooks/:id/secret", 200],
  ["FalStatus", "GET", "/fal/queue/:app{.+}/requests/:id/status", 200],
  ["FalSubmitted", "POST", "/fal/queue/:model{.+}", 200],
];

/** Schemas that are the items of a list response. */
const BY_LIST: readonly [name: string, path: string][] = [
  ["AuditEntry", "/v1/audit"],
  ["DeliverySummary", "/v1/deliveries"],
  ["Event", "/v1/events"],
  ["Issuer", "/v1/issuers"],
  ["Key", "/v1/keys"],
  ["RequestDelivery", "/v1/requests/:id/deliveries"],
];

/** Names the schemas, once, before any is converted. */
export function nameShapes(routes: readonly Route[]): void {
  nameSchema("Limit", limitBody());
  nameSchema("Plan", planBody());
  nameSchema("PlanTerms", planSchema());
  nameSchema("PlanLimit", planSchema().shape.limits.unwrap().element);
  nameSchema("Price", priceSchema());
  nameSchema("PriceTable", priceTableSchema());
  nameSchema("Request", requestBody());
  nameSchema("RequestSummary", requestSummaryBody());
  nameSchema("Submit", submitBody());
  for (const [name, method, path, status] of BY_ANSWER) nameSchema(name, answerOf(routes, method, path, status));
  for (const [name, path] of BY_LIST) nameSchema(name, itemOf(answerOf(routes, "GET", path, 200)));
}

function answerOf(routes: readonly Route[], method: Method, path: string, status: number): z.ZodType {
  const schema = routes.find((route) => route.method === method && route.path === path)?.answers[status]?.schema;
  if (schema === undefined) throw new Error(`${method} ${path} declares no body for ${status}`);
  return responseSchema(schema);
}

function itemOf(list: z.ZodType): z.ZodType {
  const data: unknown = list instanceof z.ZodObject ? list.shape.data : undefined;
  if (data instanceof z.ZodArray && data.element instanceof z.ZodType) return data.element;
  throw new Error("a response is not a list");
}
