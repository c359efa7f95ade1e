// Alerts to the deployment's operator (OPERATOR_WEBHOOK_URL): what concerns no team alone. Signed as all webhooks are, with a
// secret that follows from SIGNING_KEY, so that there is nothing more to set up. Keeps nothing: whoever tells keeps the event
// and tries again. Imports ids, limits through deliver, and types.

import type { Config } from "../platform/config.ts";
import type { AttemptAnswer } from "./attempt.ts";
import { deliver } from "./send.ts";

/** What the operator is told. `id` is the `webhook-id`, the same at every try; `data` is spelled as it is sent. */
export interface OperatorEvent {
  id: string;
  /** `subject.verb_in_past`, e.g. `upstream.paused`. */
  type: string;
  /** Epoch ms of when it happened. */
  at: number;
  data: Record<string, unknown>;
}

type OperatorConfig = Pick<Config, "OPERATOR_WEBHOOK_URL" | "SIGNING_KEY" | "RELAY_ALLOW_HOSTS">;

/**
 * `whsec_…` of each signing key, the first one's first: while a key is rotated both sign, so that a receiver may hold either.
 * HMAC-SHA256 over a fixed text, so that the secret tells nothing of the key.
 */
export function operatorSecrets(signingKeys: readonly string[]): Promise<string[]> {
  return Promise.all(signingKeys.map(secretOf));
}

/** The body, the same at every try of an event. */
export function operatorBody({ type, at, data }: OperatorEvent): string {
  return JSON.stringify({ type, timestamp: new Date(at).toISOString(), data });
}

/** One try at telling the operator. Null: there is no address to tell. */
export async function tellOperator(
  { OPERATOR_WEBHOOK_URL: url, SIGNING_KEY, RELAY_ALLOW_HOSTS }: OperatorConfig,
  event: OperatorEvent,
  now: () => number,
): Promise<AttemptAnswer | null> {
  if (url === undefined) return null;
  const secrets = await operatorSecrets(SIGNING_KEY);
  // The operator named this address: it may be local, whatever customers may name.
  const guard = { allowHosts: [...RELAY_ALLOW_HOSTS, hostAndPort(url)], ownHosts: [] };
  return deliver({ url, eventId: event.id, body: operatorBody(event), secrets, now, guard });
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
