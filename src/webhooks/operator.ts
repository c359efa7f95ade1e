// Operator webhook (OPERATOR_WEBHOOK_URL): events that concern the whole deployment. Signed with a secret derived from
// SIGNING_KEY. Stateless: the caller stores the event and retries.

import type { Config } from "../platform/config.ts";
import { newId } from "../platform/ids.ts";
import type { AttemptAnswer } from "./attempt.ts";
import { eventBody } from "./event-body.ts";
import { TEST_EVENT_TYPE } from "./event-types.ts";
import type { TypedEvent } from "./events.ts";
import { deliver } from "./send.ts";

/** An operator event. `id` is the `webhook-id`, the same at every attempt; `at` is the time of the event, epoch ms. */
export type OperatorEvent = { id: string; at: number } & TypedEvent<
  "upstream.paused" | "upstream.resumed" | "team.nearly_full" | "media_host.unlisted" | "webhook.test"
>;

/** Event that tests the operator webhook. */
export function operatorTestEvent(now: number): OperatorEvent {
  return { id: newId("evt"), type: TEST_EVENT_TYPE, at: now, data: { test: true } };
}

type OperatorConfig = Pick<Config, "OPERATOR_WEBHOOK_URL" | "SIGNING_KEY" | "RELAY_ALLOW_HOSTS">;

/**
 * One `whsec_…` per signing key, in order: during a key rotation all sign, so a receiver may hold any. HMAC-SHA256 over a fixed
 * text, so that the secret does not reveal the key.
 */
export function operatorSecrets(signingKeys: readonly string[]): Promise<string[]> {
  return Promise.all(signingKeys.map(secretOf));
}

/** One delivery attempt. Null if no operator webhook is configured. */
export async function notifyOperator(
  { OPERATOR_WEBHOOK_URL: url, SIGNING_KEY, RELAY_ALLOW_HOSTS }: OperatorConfig,
  event: OperatorEvent,
  now: () => number,
): Promise<AttemptAnswer | null> {
  if (url === undefined) return null;
  const secrets = await operatorSecrets(SIGNING_KEY);
  // The operator configured this address, so it may be local.
  const guard = { allowHosts: [...RELAY_ALLOW_HOSTS, hostAndPort(url)], ownHosts: [] };
  return deliver({ url, eventId: event.id, body: eventBody(event), secrets, now, guard });
}

function hostAndPort(url: string): string {
  const { hostname, port, protocol } = new URL(url);
  return `${hostname}:${port || (protocol === "http:" ? "80" : "443")}`;
}

async function secretOf(signingKey: string): Promise<string> {
  const encoder = new TextEncoder();
  const hmac = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", encoder.encode(signingKey), hmac, false, ["sign"]);
  const mark = await crypto.subtle.sign("HMAC", key, encoder.encode("operator webhook"));
  return `whsec_${btoa(String.fromCharCode(...new Uint8Array(mark)))}`;
}
