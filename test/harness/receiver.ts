// A customer's receivers as tests script them: they stand between the Worker and the world, keep what came in, and verify each
// delivery with two libraries that know nothing of ours.

import { Webhook } from "standardwebhooks";
import { Webhook as SvixWebhook } from "svix";
import { expect, onTestFinished } from "vitest";
import { interceptFetch } from "./wire.ts";

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
  /** By host: secrets that each delivery must verify with when it arrives. A host without any has no delivery that does. */
  readonly secrets = new Map<string, string[]>();
  readonly #answers = new Map<string, AnswerWith>();
  /** Where deliveries came that did not verify. A fault thrown at the call itself would pass for one of the network. */
  readonly #unverified: string[] = [];

  /**
   * Takes all calls to *.example until `vi.restoreAllMocks()`; they are answered 204 unless told otherwise. The test fails
   * unless every delivery verified when it came.
   */
  static open(): Receivers {
    const receivers = new Receivers();
    onTestFinished(() => expect(receivers.#unverified, "deliveries that do not verify").toEqual([]));
    interceptFetch(async (request, pass) => {
      const { hostname } = new URL(request.url);
      if (!hostname.endsWith(".example")) return pass();
      const body = await request.clone().text();
      const id = request.headers.get("webhook-id") ?? "";
      const event = JSON.parse(body) as Received["event"];
      const received = { url: request.url, headers: request.headers, id, body, event };
      receivers.received.push(received);
      const secrets = receivers.secrets.get(hostname) ?? [];
      const isVerified = secrets.length > 0 && secrets.every((secret) => verifies(received, secret));
      if (!isVerified) receivers.#unverified.push(hostname);
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

/** Whether a delivery verifies with this secret, for both libraries. */
export function verifies(received: Received, secret: string): boolean {
  try {
    expectVerified(received, secret);
    return true;
  } catch {
    return false;
  }
}
