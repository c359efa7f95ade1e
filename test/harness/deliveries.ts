// What delivery flows share: how a receiver misbehaves, endpoints as no save would make them, and the log as the API tells it.

import { runInDurableObject } from "cloudflare:test";
import { expect } from "vitest";
import type { Endpoint } from "../../src/contracts/team-webhooks.ts";
import { newId } from "../../src/platform/ids.ts";
import { teamFor } from "../../src/platform/stubs.ts";
import { TeamDatabase } from "../../src/team/database.ts";
import { NEW_HEALTH } from "../../src/team/endpoints/endpoint-health.ts";
import { EndpointStore } from "../../src/team/endpoints/endpoint-store.ts";
import { bindings } from "./env.ts";
import type { AnswerWith } from "./receiver.ts";
import type { Team } from "./team.ts";

export function status(code: number, headers: Record<string, string> = {}, body: BodyInit | null = null): AnswerWith {
  return () => new Response(body, { status: code, headers });
}

/** Never answers, until its caller gives up. */
export const hang: AnswerWith = (request) =>
  new Promise((_resolve, reject) => {
    request.signal.addEventListener("abort", () => reject(request.signal.reason));
  });

/** What a receiver's connection does when it breaks, as the runtime says it. */
export const reset: AnswerWith = () => Promise.reject(new Error("Network connection lost."));

/** What signs deliveries to a request's own address. */
export async function teamSecret(team: Team): Promise<string> {
  const answer = await team.send<{ secret: string }>("GET", "/v1/team/webhook_secret");
  expect(answer.status).toBe(200);
  return answer.body.secret;
}

/** An endpoint of the team as if it had been saved, for addresses and states that no save would let in. */
export async function saveEndpoint(team: Team, changes: Partial<Endpoint> & { url: string }): Promise<Endpoint> {
  const endpoint: Endpoint = {
    ...{ id: newId("whk"), events: null, tags: {}, description: "", headers: {}, origin: "https://sluice.test" },
    ...{
      secrets: [{ secret: newSecret(), validUntil: null }],
      health: NEW_HEALTH,
      disabled: null,
      createdAt: Date.now(),
    },
    ...changes,
  };
  await withEndpoints(team, (endpoints) => endpoints.insert(endpoint));
  return endpoint;
}

export function withEndpoints(team: Team, work: (endpoints: EndpointStore) => void): Promise<void> {
  return runInDurableObject(teamFor(bindings, team.id), (_instance, state) => {
    work(new EndpointStore(new TeamDatabase(state.storage.sql)));
  });
}

export function newSecret(): string {
  return `whsec_${btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(32))))}`;
}

export interface DeliveryLine {
  id: string;
  request: string;
  endpoint: string | null;
  event_id: string;
  event_type: string;
  state: string;
  attempts: number;
  next_attempt_at: string | null;
}

export interface DeliveryAnswer extends DeliveryLine {
  sent: { body: string; end: string } | null;
  log: {
    at: string;
    duration_ms: number;
    group: number;
    replay: boolean;
    url: string;
    status: number | null;
    category: string;
    reason: string;
    response: { body: string; end: string } | null;
    location: string | null;
    cut_off_before: number;
    next: { at: string | null; why: string };
  }[];
}

export async function deliveriesOf(team: Team, id: string): Promise<DeliveryLine[]> {
  const answer = await team.send<{ data: DeliveryLine[] }>("GET", `/v1/requests/${id}/deliveries`);
  expect(answer.status).toBe(200);
  return answer.body.data;
}

export async function deliveryOf(team: Team, id: string): Promise<DeliveryAnswer> {
  const answer = await team.send<DeliveryAnswer>("GET", `/v1/deliveries/${id}`);
  expect(answer.status).toBe(200);
  return answer.body;
}
