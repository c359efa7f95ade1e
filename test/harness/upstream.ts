// What stands behind the Worker: the sandbox, which plays Maton, fal and fal's CDN. It holds its webhooks back
// (SANDBOX_WEBHOOKS=hold), so a test decides which arrive, when, and how often.

import { expect } from "vitest";
import { call } from "./calls.ts";

const SANDBOX = "https://gateway.sandbox.test";

/** The sandbox's door. */
export async function sandbox<T = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<T> {
  const answer = await fetch(`${SANDBOX}/_sandbox/${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
  });
  expect(answer.ok, `sandbox ${method} ${path}: ${answer.status}`).toBe(true);
  return (await answer.json()) as T;
}

export interface Delivery {
  id: string;
  request_id: string;
  url: string;
  headers: Record<string, string>;
  body: string;
}

/** The sandbox's webhooks that are due by its clock. */
export async function dueWebhooks(): Promise<Delivery[]> {
  return (await sandbox<{ deliveries: Delivery[] }>("GET", "outbox")).deliveries;
}

/** Posts a webhook as fal would; answers the status we gave. */
export async function post(delivery: Pick<Delivery, "url" | "headers" | "body">): Promise<number> {
  const answer = await call("POST", delivery.url, { headers: delivery.headers, body: delivery.body });
  await answer.text();
  return answer.status;
}

/** Posts every due webhook once, as fal would, and takes the answered ones out of the outbox. */
export async function deliverWebhooks(): Promise<number[]> {
  const statuses: number[] = [];
  for (const delivery of await dueWebhooks()) {
    const status = await post(delivery);
    statuses.push(status);
    if (status >= 200 && status < 300) await sandbox("DELETE", `outbox/${delivery.id}`);
  }
  return statuses;
}

export interface WebhookWish {
  /** fal's id of the request: `upstream.request_id`. */
  request_id: string;
  variant?: "ok" | "error" | "null" | "forged" | "stale" | "other_user";
  /** The fal user who signs; the request's own unless told otherwise. */
  user_id?: string;
  timestamp_offset_s?: number;
  /** Signed with a key that fal does not have. */
  forged?: boolean;
  /** Another body than fal would send, with a signature that fits it. */
  body?: string;
}

/** A webhook about a request as fal would sign it now, whether or not one is owed. */
export function signedWebhook(wish: WebhookWish): Promise<Pick<Delivery, "url" | "headers" | "body">> {
  return sandbox("POST", "webhooks", wish);
}

/**
 * A fal user that the account has never heard of signs from now on: a webhook is proven by a call that the alarm makes, so that what
 * follows runs in the alarm too and not after the answer to the webhook.
 */
export async function signAsNewUser(): Promise<void> {
  await sandbox("PATCH", "settings", { user_id: `user_${crypto.randomUUID()}` });
}

/** What the sandbox counted at its gateway. */
export function sandboxCalls(): Promise<{ total: number; counts: Record<string, number>; rate_limited: number }> {
  return sandbox("GET", "calls");
}

/** What the sandbox took: one entry per submit that came through. */
export async function upstreamRequests(): Promise<UpstreamRequest[]> {
  return (await sandbox<{ requests: UpstreamRequest[] }>("GET", "requests")).requests;
}

interface UpstreamRequest {
  request_id: string;
  status: string;
  calls: Record<string, number>;
  /** Names our request's id, where webhooks are on. */
  webhook_url: string;
}

/** Where file `n` of the sandbox's only request lies at its CDN. */
export async function sourcePath(n: number): Promise<string> {
  const [sent] = (await upstreamRequests()) as unknown as { files: { path: string }[] }[];
  return sent?.files[n]?.path ?? "";
}
