// The `webhooks` of the API description: one entry per event type that Sluice delivers.

import { type AnyEventType, anyEvent, END_EVENT_TYPES } from "../../src/webhooks/events.ts";
import { type JsonObject, type SchemaRegistry, schemaRef } from "./schemas.ts";

const text = { type: "string" };

const DELIVERY_HEADERS = [
  ["webhook-id", "Id of the event, the same for every attempt. Receivers use it to ignore duplicates."],
  ["webhook-timestamp", "Unix time in seconds at which this attempt was signed."],
  [
    "webhook-signature",
    "Signature of id, timestamp and body with the endpoint's secret (Standard Webhooks); several during a rotation.",
  ],
  ["sluice-hop", "Marks a delivery. Sluice refuses calls with this header, to detect webhook loops."],
] as const;

/** `webhooks` of the document by event type, from the events' schemas, and fal's format as `fal_webhook`. */
export function webhooks(book: SchemaRegistry): JsonObject {
  const events = anyEvent().options.map((schema) => {
    const type = schema.shape.type.value;
    const described = book.output(schema);
    // The events' schema leaves the fields of requests open: it may not import them.
    const data = isEndEvent(type) ? schemaRef("EndedRequest") : (described.properties as JsonObject).data;
    const body = { ...described, properties: { ...(described.properties as JsonObject), data } };
    return [type, webhook(type, schema.description ?? type, body)];
  });
  const toFalClients = webhook(
    "fal_webhook",
    "The end of a request, sent to the `fal_webhook` of its submit",
    schemaRef("FalWebhook"),
  );
  return Object.fromEntries([...events, ["fal_webhook", toFalClients]]);
}

function isEndEvent(type: AnyEventType): boolean {
  return END_EVENT_TYPES.some((each) => each === type);
}

function webhook(name: string, summary: string, schema: JsonObject): JsonObject {
  const operationId = `on${name
    .split(/[._]/)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join("")}`;
  return {
    post: {
      operationId,
      summary,
      tags: ["webhooks"],
      parameters: DELIVERY_HEADERS.map(([header, description]) => {
        return { name: header, in: "header", required: true, description, schema: text };
      }),
      requestBody: { required: true, content: { "application/json": { schema } } },
      responses: {
        "2XX": { description: "The delivery is acknowledged." },
        "410": { description: "The endpoint is disabled." },
        default: { description: "The delivery is retried for several days." },
      },
    },
  };
}

function object(properties: JsonObject, required = Object.keys(properties)): JsonObject {
  return { type: "object", properties, required };
}

/** The schemas that webhooks refer to. */
export function webhookSchemas(): JsonObject {
  return {
    EndedRequest: {
      description: "The request. If it is too large for an event, only `id`, `status` and `links`.",
      anyOf: [schemaRef("Request"), object({ id: text, status: text, links: { type: "object" } })],
    },
    FalWebhook: {
      ...object(
        {
          request_id: text,
          gateway_request_id: text,
          status: { enum: ["OK", "ERROR"] },
          payload: { description: "The model's output, or `detail` of its failure; null if it is too large." },
          error: text,
          payload_error: { type: "string", description: "Why `payload` is null." },
        },
        ["request_id", "gateway_request_id", "status", "payload"],
      ),
      description: "In the format of fal's webhooks.",
    },
  };
}
