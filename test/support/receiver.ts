// A customer's receivers as tests script them: they stand between the Worker and the world, keep what came in, and verify each
// delivery with two libraries that know nothing of ours.

import { Webhook } from "standardwebhooks";
import { Webhook as SvixWebhook } from "svix";
import { expect } from "vitest";
import { interceptFetch } from "./world.ts";

export interface Received {
  url: string;
  headers: Headers;
  id: string;
  body: string;
  event: { type: string; timestamp: string; data: Record<string, unknown> };
}

export type AnswerWith = (request: Request, received: Received) => Response | Promise<Response>;

export class Receivers {
  /** What came in, in its order. */
  readonly received: Received[] = [];
  /** By host: secrets that each delivery verifies with, when it arrives. */
  readonly secrets = new Map<string, string[]>();
  readonly #answers = new Map<string, AnswerWith>();

  /** Takes all calls to *.example until `vi.restoreAllMocks()`; they are answered 204 unless told otherwise. */
  static open(): Receivers {
    const receivers = new Receivers();
    interceptFetch(async (request, pass) => {
      const { hostname } = new URL(request.url);
      if (!hostname.endsWith(".example")) return pass();
      const body = await request.clone().text();
      const id = request.headers.get("webhook-id") ?? "";
      const event = JSON.parse(body) as Received["event"];
      const received = { url: request.url, headers: request.headers, id, body, event };
      receivers.received.push(received);
      for (const secret of receivers.secrets.get(hostname) ?? []) expectVerified(received, secret);
      return (receivers.#answers.get(hostname) ?? (() => new Response(null, { status: 204 })))(request, received);
    });
    return receivers;
  }

  /** From now on this host answers so. */
  answer(hostname: string, answer: number | AnswerWith): void {
    this.#answers.set(hostname, typeof answer === "number" ? () => new Response(null, { status: answer }) : answer);
  }

  at(hostname: string): Received[] {
    return this.received.filter(({ url }) => new URL(url).hostname === hostname);
  }

  types(hostname: string): string[] {
    return this.at(hostname).map(({ event }) => event.type);
  }
}

/** Asserts that a delivery verifies with this secret, for both libraries, at the clock's time. */
export function expectVerified({ headers, body }: Received, secret: string): void {
  const named = Object.fromEntries(headers);
  expect(() => new Webhook(secret).verify(body, named)).not.toThrow();
  expect(() => new SvixWebhook(secret).verify(body, named)).not.toThrow();
}

/** Whether a delivery verifies with this secret. */
export function verifies({ headers, body }: Received, secret: string): boolean {
  try {
    new Webhook(secret).verify(body, Object.fromEntries(headers));
    return true;
  } catch {
    return false;
  }
}
