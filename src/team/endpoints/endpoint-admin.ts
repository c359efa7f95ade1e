// What admins do with webhook endpoints. Each change writes its audit line in the same transaction. Synchronous over the
// stores, with the clock passed in; new secrets are made here.

import type { Actor } from "../../contracts/team-admin.ts";
import type { Endpoint, EndpointAnswer, EndpointSecret, EndpointTerms } from "../../contracts/team-webhooks.ts";
import { type Refusal, type Refused, refusal, refused } from "../../platform/errors.ts";
import { newId } from "../../platform/ids.ts";
import { ENDPOINTS_PER_TEAM_MAX } from "../../platform/limits.ts";
import { TEST_EVENT_TYPE } from "../../webhooks/event-types.ts";
import { makeWebhookSecret } from "../auth/keys.ts";
import type { Books } from "../stores.ts";
import { skipBacklog } from "./delivery-scheduler.ts";
import { UNTRIED } from "./endpoint-health.ts";
import { rotated, stillValid, summaryOf } from "./endpoint-rules.ts";
import { sendToOne } from "./publish-event.ts";

/** Makes an endpoint. Its secret is told once here, and again on wish. */
export function createEndpoint(
  books: Books,
  terms: EndpointTerms,
  origin: string,
  by: Actor,
  now: number,
): { kind: "created"; endpoint: ReturnType<typeof summaryOf>; secret: string } | Refused {
  if (books.endpoints.count() >= ENDPOINTS_PER_TEAM_MAX) {
    return refused(refusal("conflict", `A team has at most ${ENDPOINTS_PER_TEAM_MAX} webhook endpoints.`));
  }
  const secret = makeWebhookSecret();
  const endpoint: Endpoint = {
    ...terms,
    ...{ id: newId("whk"), secrets: [{ secret, validUntil: null }], health: UNTRIED },
    ...{ disabled: null, origin, createdAt: now },
  };
  books.endpoints.insert(endpoint);
  books.audit.note(by, "webhook.created", endpoint.id, { events: terms.events?.join(" ") ?? "all" }, now);
  return { kind: "created", endpoint: summaryOf(endpoint), secret };
}

/** Changes what is named. The next try of every delivery goes by it, those under way included. */
export function changeEndpoint(
  books: Books,
  id: string,
  changes: Partial<EndpointTerms>,
  origin: string,
  by: Actor,
  now: number,
): EndpointAnswer {
  const endpoint = books.endpoints.byId(id);
  if (endpoint === null) return NO_ENDPOINT;
  const { url, events, tags, description, headers } = { ...endpoint, ...changes };
  books.endpoints.setTerms(id, { url, events, tags, description, headers }, origin);
  books.audit.note(by, "webhook.changed", id, { fields: Object.keys(changes).join(" ") }, now);
  return endpointNow(books, id);
}

/** Ends an endpoint. What is still on its way to it is told of as gone. */
export function removeEndpoint(books: Books, id: string, by: Actor, now: number): { kind: "removed" } | Refused {
  if (books.endpoints.byId(id) === null) return NO_ENDPOINT;
  books.endpoints.remove(id);
  books.audit.note(by, "webhook.deleted", id, {}, now);
  return { kind: "removed" };
}

export type SecretAnswer = { kind: "secrets"; secret: string; previousUntil: number | null } | Refused;

/** Gives an endpoint another secret. With no overlap every try from now on is signed with the new one alone. */
export function rotateSecret(books: Books, id: string, overlapS: number, by: Actor, now: number): SecretAnswer {
  const endpoint = books.endpoints.byId(id);
  if (endpoint === null) return NO_ENDPOINT;
  const next = rotated(endpoint.secrets, makeWebhookSecret(), overlapS * 1_000, now);
  if (next.kind === "refused") return next;
  books.endpoints.setSecrets(id, next.secrets);
  books.audit.note(by, "webhook.rotated", id, { overlap_s: overlapS }, now);
  return secretsOf(books, id, now);
}

/** The same for what signs deliveries to requests' own URLs. */
export function rotateTeamSecret(books: Books, overlapS: number, by: Actor, now: number): SecretAnswer {
  const next = rotated(books.team.webhookSecrets(), makeWebhookSecret(), overlapS * 1_000, now);
  if (next.kind === "refused") return next;
  books.team.setWebhookSecrets(next.secrets);
  books.audit.note(by, "team.webhook_secret_rotated", null, { overlap_s: overlapS }, now);
  return shownSecrets(next.secrets, now);
}

export function secretsOf(books: Books, id: string, now: number): SecretAnswer {
  const endpoint = books.endpoints.byId(id);
  return endpoint === null ? NO_ENDPOINT : shownSecrets(endpoint.secrets, now);
}

/** The secret that signs now, and until when the one before it signs too. */
export function shownSecrets(secrets: readonly EndpointSecret[], now: number): SecretAnswer {
  const [newest, previous] = stillValid(secrets, now);
  if (newest === undefined) throw new Error("the newest secret has no end");
  return { kind: "secrets", secret: newest.secret, previousUntil: previous?.validUntil ?? null };
}

/** Stops deliveries to an endpoint; what comes meanwhile is its backlog. Again: the same answer. */
export function disableEndpoint(books: Books, id: string, by: Actor, now: number): EndpointAnswer {
  const endpoint = books.endpoints.byId(id);
  if (endpoint === null) return NO_ENDPOINT;
  if (endpoint.disabled === null) {
    books.endpoints.setDisabled(id, { at: now, reason: "by_hand" });
    books.endpoints.setHealth(id, endpoint.health, null);
    books.audit.note(by, "webhook.disabled", id, { reason: "by_hand" }, now);
  }
  return endpointNow(books, id);
}

/**
 * Lets deliveries go on. What was missed stays where it is (`skip`: not even what was still on its way is tried again) or is for
 * the caller to send. It comes in slowly, as after an outage. Again: the same answer.
 */
export function enableEndpoint(
  books: Books,
  id: string,
  backlog: "skip" | "send",
  by: Actor,
  now: number,
): EndpointAnswer {
  const endpoint = books.endpoints.byId(id);
  if (endpoint === null) return NO_ENDPOINT;
  if (endpoint.disabled !== null) {
    books.endpoints.setDisabled(id, null);
    books.endpoints.setHealth(id, { ...UNTRIED, lastSuccessAt: endpoint.health.lastSuccessAt, recoveredAt: now }, null);
    if (backlog === "skip") skipBacklog(books, id, now);
    books.audit.note(by, "webhook.enabled", id, { backlog }, now);
  }
  return endpointNow(books, id);
}

/** Sends an event that says that it is a test, on the road of all others; also to a disabled endpoint, before it is enabled. */
export function testEndpoint(
  books: Books,
  id: string,
  by: Actor,
  now: number,
): { kind: "sent"; deliveryId: string; eventId: string } | Refused {
  const endpoint = books.endpoints.byId(id);
  if (endpoint === null) return NO_ENDPOINT;
  const data = { test: true, endpoint_id: id, message: "Sluice reaches this endpoint." };
  const eventId = newId("evt");
  const deliveryId = sendToOne(books, endpoint, { id: eventId, type: TEST_EVENT_TYPE, at: now, data }, now);
  books.audit.note(by, "webhook.tested", id, {}, now);
  return { kind: "sent", deliveryId, eventId };
}

export function endpointNow(books: Books, id: string): EndpointAnswer {
  const endpoint = books.endpoints.byId(id);
  return endpoint === null ? NO_ENDPOINT : { kind: "known", endpoint: summaryOf(endpoint) };
}

const NO_ENDPOINT = refused(
  refusal("not_found", "There is no webhook endpoint with this id.", { hint: "GET /v1/webhooks lists them." }),
);
