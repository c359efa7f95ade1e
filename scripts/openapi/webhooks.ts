// What Sluice posts to receivers, as the `webhooks` of the API description: one entry for each event type.

import { type AnyEventType, anyEvent, END_EVENT_TYPES } from "../../src/webhooks/events.ts";
import { type JsonObject, type SchemaRegistry, schemaRef } from "./schemas.ts";

const text = { type: "string" };

const DELIVERY_HEADERS = [
  ["webhook-id", "The event's id: the same at every try. Receivers skip one that they have seen."],
  ["webhook-timestamp", "When this try was signed, in seconds since 1970."],
  [
    "webhook-signature",
    "Of id, timestamp and body, by the endpoint's secret (Standard Webhooks); several while it is rotated.",
  ],
  ["sluice-hop", "Marks a delivery: a call to Sluice that has it is refused, so that none goes round."],
] as const;

/** `webhooks` of the document, by event type, from the events' own schemas; fal's shape has a name beside them. */
export function webhooks(book: SchemaRegistry): JsonObject {
  const events = anyEvent.options.map((schema) => {
    const type = schema.shape.type.value;
    const described = book.output(schema);
    // Requests are built above the events, whose schema leaves their fields open.
    const data = isEndEvent(type) ? schemaRef("EndedRequest") : (described.properties as JsonObject).data;
    const body = { ...described, properties: { ...(described.properties as JsonObject), data } };
    return [type, webhook(type, schema.description ?? type, body)];
  });
  const toFalClients = webhook(
    "fal_webhook",
    "The end of a run, to the `fal_webhook` of its submit",
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
      ...{ operationId, summary, tags: ["webhooks"] },
      parameters: DELIVERY_HEADERS.map(([header, description]) => {
        return { name: header, in: "header", required: true, description, schema: text };
      }),
      requestBody: { required: true, content: { "application/json": { schema } } },
      responses: {
        "2XX": { description: "It was taken." },
        "410": { description: "The endpoint is to be disabled." },
        default: { description: "It is tried again, for some days." },
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
      description: "The request; one that is too large for an event has `id`, `status` and `links` alone.",
      anyOf: [schemaRef("Request"), object({ id: text, status: text, links: { type: "object" } })],
    },
    FalWebhook: {
      ...object(
        {
          request_id: text,
          gateway_request_id: text,
          status: { enum: ["OK", "ERROR"] },
          payload: { description: "The model's output, or `detail` of its failure; null where it is too large." },
          error: text,
          payload_error: { type: "string", description: "Why `payload` is null." },
        },
        ["request_id", "gateway_request_id", "status", "payload"],
      ),
      description: "In the shape of fal's own webhook.",
    },
  };
}
