import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import * as z from "zod";
import { type Env, FAKE_UPSTREAM_NAME } from "../../../sandbox/src/env.ts";
import { defaultSettings, readSettings } from "../../../sandbox/src/settings.ts";
import { keySet, signatureHeaders } from "../../../sandbox/src/signing.ts";
import {
  advance,
  call,
  type Delivery,
  FLUX,
  finished,
  freshWorld,
  json,
  LONG_ENOUGH_MS,
  outbox,
  START,
  set,
  submit,
  submitted,
} from "../../harness/sandbox.ts";

const HOOK = "https://receiver.test/hook?token=a%20b";
const QUERY = `?fal_webhook=${encodeURIComponent(HOOK)}`;

beforeEach(() => freshWorld());

const jwksSchema = z.object({
  keys: z.array(z.object({ kty: z.literal("OKP"), crv: z.literal("Ed25519"), x: z.string() })),
});

/** What a receiver does: every key of the set over the raw body. */
async function verifies(headers: Record<string, string>, body: string): Promise<boolean> {
  const { keys } = jwksSchema.parse(
    await (await call("GET", "/.well-known/jwks.json", undefined, { authorization: "" })).json(),
  );
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(body));
  const hash = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const names = ["x-fal-webhook-request-id", "x-fal-webhook-user-id", "x-fal-webhook-timestamp"];
  const signed = new TextEncoder().encode([...names.map((name) => headers[name]), hash].join("\n"));
  const signature = Uint8Array.from(headers["x-fal-webhook-signature"]?.match(/../g) ?? [], (pair) =>
    Number.parseInt(pair, 16),
  );
  for (const { kty, crv, x } of keys) {
    const key = await crypto.subtle.importKey(
      "jwk",
      { kty, crv, x: x.replace(/=+$/, "") },
      { name: "Ed25519" },
      false,
      ["verify"],
    );
    if (await crypto.subtle.verify({ name: "Ed25519" }, key, signature, signed)) return true;
  }
  return false;
}

async function only(deliveries: Promise<Delivery[]>): Promise<Delivery> {
  const [first, ...rest] = await deliveries;
  if (!first || rest.length > 0) throw new Error("expected one delivery");
  return first;
}

describe("a webhook that is held", () => {
  test("is due when the request ends, signed, with the result byte for byte in it", async () => {
    const request = await submit({ prompt: "a" }, { query: QUERY });
    expect(await outbox()).toEqual([]);
    expect((await only(outbox("?all=1"))).due_at).toBe(START + 1_200);
    await advance(1_200);
    const delivery = await only(outbox());
    expect(delivery).toMatchObject({ request_id: request.id, url: HOOK });
    const result = await (await call("GET", request.result)).text();
    expect(delivery.body).toBe(
      `{"request_id":"${request.id}","gateway_request_id":"${request.id}","status":"OK","payload":${result}}`,
    );
    expect(delivery.headers["x-fal-webhook-user-id"]).toBe("user_sandbox");
    expect(delivery.headers["x-fal-webhook-timestamp"]).toBe(String((START + 1_200) / 1_000 - 0.2));
    expect(await verifies(delivery.headers, delivery.body)).toBe(true);
    expect(await verifies(delivery.headers, `${delivery.body} `)).toBe(false);
  });

  test("stays until it is taken away", async () => {
    await finished({ prompt: "a" }, FLUX, QUERY);
    const { id } = await only(outbox());
    expect(await outbox()).toHaveLength(1);
    expect((await call("DELETE", `/_sandbox/outbox/${id}`)).status).toBe(200);
    expect((await call("DELETE", `/_sandbox/outbox/${id}`)).status).toBe(404);
    expect(await outbox("?all=1")).toEqual([]);
  });

  test("is not owed to a request that asked for none", async () => {
    await finished({ prompt: "a" });
    expect(await outbox("?all=1")).toEqual([]);
  });

  test("tells a failure by the status of the result", async () => {
    const request = await finished({}, FLUX, QUERY);
    const { body } = await only(outbox());
    const { detail } = await json(await call("GET", request.result));
    expect(JSON.parse(body)).toMatchObject({ status: "ERROR", error: "Invalid status code: 422", payload: { detail } });
  });

  test("tells a missed start deadline as 504", async () => {
    await submit({ prompt: "a" }, { query: QUERY, headers: { "x-fal-request-start-timeout": "0.2" } });
    await advance(200);
    const { body } = await only(outbox());
    expect(JSON.parse(body)).toMatchObject({ status: "ERROR", error: "Invalid status code: 504" });
  });

  test.each([
    [false, 0],
    [true, 1],
  ])("of a cancelled request is sent only when the settings say so: %s", async (webhook_on_cancel, count) => {
    await set({ webhook_on_cancel });
    const request = await submit({ prompt: "a" }, { query: QUERY });
    await call("PUT", request.cancel);
    const deliveries = await outbox("?all=1");
    expect(deliveries).toHaveLength(count);
    for (const { due_at, body } of deliveries) {
      expect(due_at).toBe(START);
      expect(JSON.parse(body)).toMatchObject({ status: "ERROR", error: "Invalid status code: 499" });
    }
  });

  test("is dropped for a private target when the settings say so", async () => {
    await set({ webhook_private_targets: false });
    await submit({ prompt: "a" }, { query: "?fal_webhook=http://127.0.0.1:8787/hook" });
    expect(await outbox("?all=1")).toEqual([]);
  });

  test("is signed for the user of the connection", async () => {
    await set({ user_id: "user_other" });
    await finished({ prompt: "a" }, FLUX, QUERY);
    expect((await only(outbox())).headers["x-fal-webhook-user-id"]).toBe("user_other");
  });
});

describe("a webhook signed on demand", () => {
  async function signed(wish: Record<string, unknown>): Promise<Delivery> {
    const answer = await call("POST", "/_sandbox/webhooks", wish);
    return (await answer.json()) as Delivery;
  }

  test("is there whatever the state of the request, with any body, user and time", async () => {
    const { id } = await submit({ prompt: "a" }, { query: QUERY });
    const plain = await signed({ request_id: id });
    expect(plain.url).toBe(HOOK);
    expect(await verifies(plain.headers, plain.body)).toBe(true);
    const made = await signed({ request_id: id, body: "no json", user_id: "u", timestamp_offset_s: -301 });
    expect(made.body).toBe("no json");
    expect(made.headers).toMatchObject({
      "x-fal-webhook-user-id": "u",
      "x-fal-webhook-timestamp": String(START / 1_000 - 301),
    });
    expect(await verifies(made.headers, made.body)).toBe(true);
    const forged = await signed({ request_id: id, forged: true });
    expect(await verifies(forged.headers, forged.body)).toBe(false);
  });

  test("says which field is wrong", async () => {
    for (const [wish, field] of [
      [{}, "request_id"],
      [{ request_id: "x", variant: "loud" }, "variant"],
      [{ request_id: "x", more: 1 }, "more"],
    ] as const) {
      const answer = await call("POST", "/_sandbox/webhooks", wish);
      expect(answer.status).toBe(400);
      expect(await json(answer)).toMatchObject({ error: { field } });
    }
    expect((await call("POST", "/_sandbox/webhooks", { request_id: "nope" })).status).toBe(404);
  });
});

describe("the key set", () => {
  const keys = async () =>
    jwksSchema.parse(await (await call("GET", "/.well-known/jwks.json")).json()).keys.map(({ x }) => x);

  test("follows from the seed and rotates: the old key stays, or goes", async () => {
    const [old] = await keys();
    await set({ signing_key: 1 });
    const both = await keys();
    expect(both).toHaveLength(2);
    expect(both[0]).toBe(old);
    await set({ jwks_keeps_old: false });
    expect(await keys()).toEqual([both[1]]);
    await finished({ prompt: "a" }, FLUX, QUERY);
    const { headers, body } = await only(outbox());
    expect(await verifies(headers, body)).toBe(true);
    await set({ signing_key: 0 });
    expect(await verifies(headers, body)).toBe(false);
  });

  test.each([
    ["down", 503, /Unavailable/],
    ["garbage", 200, /<html>/],
    ["empty", 200, /^\{"keys":\[\]\}$/],
    ["slow", 200, /"kty":"OKP"/],
  ])("can be %s", async (jwks, status, body) => {
    await set({ jwks, jwks_slow_ms: 20 });
    const answer = await call("GET", "/.well-known/jwks.json");
    expect(answer.status).toBe(status);
    expect(await answer.text()).toMatch(body);
  });

  test("pads its keys when the settings say so", async () => {
    const [plain = ""] = await keys();
    await set({ jwks_padded: true });
    expect(await keys()).toEqual([`${plain}=`]);
    expect(plain).toHaveLength(43);
  });
});

test("signs as WebCrypto verifies, over four lines", async () => {
  const settings = readSettings(defaultSettings({} as Env));
  const signed = { requestId: "r", userId: "u", timestampS: 1_700_000_000, body: "{}" };
  const headers = await signatureHeaders(settings, "current", signed);
  const [jwk] = (await keySet(settings)).keys;
  if (!jwk) throw new Error("no key");
  const key = await crypto.subtle.importKey("jwk", jwk, { name: "Ed25519" }, false, ["verify"]);
  const bodyHash = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
  const text = new TextEncoder().encode(`r\nu\n1700000000\n${bodyHash}`);
  const signature = Uint8Array.from(headers["x-fal-webhook-signature"]?.match(/../g) ?? [], (pair) =>
    Number.parseInt(pair, 16),
  );
  expect(signature).toHaveLength(64);
  expect(await crypto.subtle.verify({ name: "Ed25519" }, key, signature, text)).toBe(true);
});

describe("a webhook that is pushed", () => {
  interface Received {
    url: string;
    headers: Record<string, string>;
    body: string;
  }
  let received: Received[] = [];
  let answers: (() => Response | Promise<Response>)[] = [];
  let arrived: () => void = () => undefined;

  beforeEach(async () => {
    received = [];
    answers = [];
    vi.spyOn(globalThis, "fetch").mockImplementation(async (url, init) => {
      const request = new Request(url, init as RequestInit);
      received.push({ url: request.url, headers: Object.fromEntries(request.headers), body: await request.text() });
      const answer = answers.shift();
      arrived();
      return answer ? await answer() : new Response("ok");
    });
    await set({ webhooks: "push" });
  });
  afterEach(() => vi.restoreAllMocks());

  /** Waits until so many deliveries have come in and been booked. */
  async function arrivals(
    count: number,
    id: string,
  ): Promise<{ attempts: number; last_outcome: string; done_at: number | null }[]> {
    while (received.length < count) await new Promise<void>((resolve) => (arrived = resolve));
    return await vi.waitUntil(async () => {
      const { deliveries } = (await json(await call("GET", `/_sandbox/requests/${id}`))) as {
        deliveries: { attempts: number; last_outcome: string; done_at: number | null }[];
      };
      return deliveries.reduce((sum, { attempts }) => sum + attempts, 0) >= count && deliveries;
    });
  }

  test("comes when the clock reaches the end, signed", async () => {
    const request = await submit({ prompt: "a" }, { query: QUERY });
    expect(received).toEqual([]);
    await advance(LONG_ENOUGH_MS);
    expect(await arrivals(1, request.id)).toMatchObject([
      { attempts: 1, last_outcome: "200", done_at: START + LONG_ENOUGH_MS },
    ]);
    const [first] = received;
    expect(first?.url).toBe(HOOK);
    expect(await verifies(first?.headers ?? {}, first?.body ?? "")).toBe(true);
  });

  test("comes by alarm in real time", async () => {
    await call("POST", "/_sandbox/clock", "null");
    await set({ queue_ms: { image: 5 }, run_ms: { image: 5 } });
    const request = await submit({ prompt: "a" }, { query: QUERY });
    await arrivals(1, request.id);
    expect(received).toHaveLength(1);
  });

  test("is tried again with a fresh time stamp after a failure, the same bytes each time", async () => {
    answers = [() => new Response("no", { status: 500 }), () => Promise.reject(new Error("connection refused"))];
    const request = await submit({ prompt: "a" }, { query: QUERY });
    await advance(LONG_ENOUGH_MS);
    expect(await arrivals(1, request.id)).toMatchObject([{ last_outcome: "500", done_at: null }]);
    await advance(LONG_ENOUGH_MS);
    expect(await arrivals(2, request.id)).toMatchObject([{ last_outcome: "unreachable", done_at: null }]);
    await advance(10_000);
    expect(await arrivals(3, request.id)).toMatchObject([
      { attempts: 3, last_outcome: "200", done_at: START + 20_000 },
    ]);
    expect(new Set(received.map(({ body }) => body)).size).toBe(1);
    expect(received.map(({ headers }) => Number(headers["x-fal-webhook-timestamp"]) - START / 1_000)).toEqual([
      5, 10, 20,
    ]);
  });

  test("keeps its first time stamp when the settings say so", async () => {
    await set({ webhook_fresh_signature: false });
    answers = [() => new Response("no", { status: 500 })];
    const request = await submit({ prompt: "a" }, { query: QUERY });
    await advance(LONG_ENOUGH_MS);
    await arrivals(1, request.id);
    await advance(LONG_ENOUGH_MS);
    await arrivals(2, request.id);
    expect(new Set(received.map(({ headers }) => headers["x-fal-webhook-timestamp"])).size).toBe(1);
  });

  test("waits as long as the settings allow", async () => {
    await set({ webhook_first_timeout_ms: 20 });
    vi.mocked(fetch).mockImplementationOnce((_url, init) => {
      const { promise, reject } = Promise.withResolvers<Response>();
      init?.signal?.addEventListener("abort", () => reject(init.signal?.reason));
      received.push({ url: "", headers: {}, body: "" });
      arrived();
      return promise;
    });
    const request = await submit({ prompt: "a" }, { query: QUERY });
    await advance(LONG_ENOUGH_MS);
    expect(await arrivals(1, request.id)).toMatchObject([{ last_outcome: "timeout" }]);
  });

  test("is taken up again after the process that sent it died", async () => {
    const request = await submit({ prompt: "a" }, { query: QUERY });
    const stub = (env as unknown as Env).FAKE_UPSTREAM.getByName(FAKE_UPSTREAM_NAME);
    await runInDurableObject(stub, (_upstream, state) => {
      // As if a process had taken the row at the end and died with it; the lease is a time-out and some slack.
      state.storage.sql.exec("UPDATE deliveries SET lease_until = ?", START + 1_200 + 125_000);
    });
    await advance(LONG_ENOUGH_MS);
    expect(received).toEqual([]);
    await advance(130_000);
    await arrivals(1, request.id);
    expect(received).toHaveLength(1);
  });

  test("comes before the answer of the submit under webhook-first", async () => {
    const order: string[] = [];
    answers = [
      () => {
        order.push("webhook");
        return new Response("ok");
      },
    ];
    const request = await submitted(await call("POST", `/fal-ai/${FLUX}${QUERY}`, { prompt: "sandbox:webhook-first" }));
    order.push("answer");
    expect(order).toEqual(["webhook", "answer"]);
    expect((await call("GET", request.result)).status).toBe(200);
  });

  test("records nothing in a sandbox that was reset while the attempt was in progress", async () => {
    const { promise, resolve } = Promise.withResolvers<Response>();
    answers = [() => promise];
    const old = await submit({ prompt: "a" }, { query: QUERY });
    await advance(LONG_ENOUGH_MS);
    await vi.waitUntil(() => received.length === 1);
    await freshWorld();
    const request = await submit({ prompt: "a" }, { query: QUERY });
    expect(request.id).toBe(old.id);
    resolve(new Response("ok"));
    await set({ webhooks: "push" });
    await advance(LONG_ENOUGH_MS);
    expect(await arrivals(1, request.id)).toMatchObject([{ attempts: 1, last_outcome: "200" }]);
    expect(received).toHaveLength(2);
  });

  test("stops when the settings go over to holding", async () => {
    await submit({ prompt: "a" }, { query: QUERY });
    await set({ webhooks: "hold" });
    await advance(LONG_ENOUGH_MS);
    expect(await outbox()).toHaveLength(1);
    expect(received).toEqual([]);
  });
});
