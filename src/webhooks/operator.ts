// Alerts to the deployment's operator (OPERATOR_WEBHOOK_URL): what concerns no team alone. Signed as all webhooks are, with a
// secret that follows from SIGNING_KEY, so that there is nothing more to set up. Keeps nothing: whoever tells keeps the event
// and tries again.

import type { Config } from "../platform/config.ts";
import { newId } from "../platform/ids.ts";
import type { AttemptAnswer } from "./attempt.ts";
import { eventBody } from "./event-body.ts";
import { TEST_EVENT_TYPE } from "./event-types.ts";
import type { TypedEvent } from "./events.ts";
import { deliver } from "./send.ts";

/**
 * What the operator is told. `id` is the `webhook-id`, the same at every try; `at` is when it happened, epoch ms; `data` is
 * spelled as it is sent.
 */
export type OperatorEvent = { id: string; at: number } & TypedEvent<
  "upstream.paused" | "upstream.resumed" | "webhook.test"
>;

/** What tells the operator nothing but that it arrives. */
export function operatorTestEvent(now: number): OperatorEvent {
  return { id: newId("evt"), type: TEST_EVENT_TYPE, at: now, data: { test: true } };
}

type OperatorConfig = Pick<Config, "OPERATOR_WEBHOOK_URL" | "SIGNING_KEY" | "RELAY_ALLOW_HOSTS">;

/**
 * `whsec_…` of each signing key, the first one's first: while a key is rotated both sign, so that a receiver may hold either.
 * HMAC-SHA256 over a fixed text, so that the secret tells nothing of the key.
 */
export function operatorSecrets(signingKeys: readonly string[]): Promise<string[]> {
  return Promise.all(signingKeys.map(secretOf));
}

/** One try at telling the operator. Null: there is no address to tell. */
export async function notifyOperator(
  { OPERATOR_WEBHOOK_URL: url, SIGNING_KEY, RELAY_ALLOW_HOSTS }: OperatorConfig,
  event: OperatorEvent,
  now: () => number,
): Promise<AttemptAnswer | null> {
  if (url === undefined) return null;
  const secrets = await operatorSecrets(SIGNING_KEY);
  // The operator named this address: it may be local, whatever customers may name.
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
