import { Webhook } from "standardwebhooks";
import { Webhook as SvixWebhook } from "svix";
import { afterEach, describe, expect, test, vi } from "vitest";
import { notifyOperator, type OperatorEvent, operatorSecrets } from "../../../src/webhooks/operator.ts";

const KEYS = ["first-signing-key-of-at-least-32-bytes", "second-signing-key-of-at-least-32-bytes"];
const EVENT: OperatorEvent = {
  id: "evt_1",
  type: "upstream.paused",
  at: Date.now(),
  data: { why: "locked", since: "2026-11-05T12:00:00.000Z" },
};

afterEach(() => {
  vi.restoreAllMocks();
});

function receive(status = 204): Request[] {
  const received: Request[] = [];
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    received.push(new Request(input as RequestInfo, init));
    return new Response(null, { status });
  });
  return received;
}

const configOf = (url: string | undefined, keys = KEYS) => {
  return { OPERATOR_WEBHOOK_URL: url, SIGNING_KEY: keys, RELAY_ALLOW_HOSTS: [] };
};

describe("an alert to the operator", () => {
  test.each(["https://ops.example/hook?token=1", "http://localhost:9000/hook", "http://10.0.0.1/hook"])(
    "goes to %s, which the operator named, signed for every signing key",
    async (url) => {
      const received = receive();
      expect(await notifyOperator(configOf(url), EVENT, () => Date.now())).toMatchObject({
        kind: "taken",
        status: 204,
      });
      const [call] = received;
      if (call === undefined) throw new Error("nothing came");
      expect(call.url).toBe(url);
      const body = await call.text();
      const headers = Object.fromEntries(call.headers);
      for (const secret of await operatorSecrets(KEYS)) {
        expect(() => new Webhook(secret).verify(body, headers)).not.toThrow();
        expect(() => new SvixWebhook(secret).verify(body, headers)).not.toThrow();
      }
      expect(headers["webhook-id"]).toBe(EVENT.id);
      expect(JSON.parse(body)).toEqual({
        ...{ type: "upstream.paused", timestamp: new Date(EVENT.at).toISOString(), data: EVENT.data },
      });
    },
  );

  test("goes nowhere without an address", async () => {
    const received = receive();
    expect(await notifyOperator(configOf(undefined), EVENT, () => Date.now())).toBeNull();
    expect(received).toEqual([]);
  });

  test("says what a failing receiver answered", async () => {
    receive(503);
    const answer = await notifyOperator(configOf("https://ops.example/"), EVENT, () => Date.now());
    expect(answer).toMatchObject({ kind: "later", status: 503, category: "server_error" });
  });

  test("is signed with secrets that follow from the keys, and from nothing else", async () => {
    const secrets = await operatorSecrets(KEYS);
    expect(secrets).toEqual(await operatorSecrets(KEYS));
    expect(new Set(secrets).size).toBe(2);
    for (const [n, secret] of secrets.entries()) {
      expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
      expect(atob(secret.slice("whsec_".length))).not.toContain(KEYS[n]);
    }
  });
});
