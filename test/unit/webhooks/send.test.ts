// One delivery: what is sent (checked with the receivers' own library), and how each answer is sorted.

import { Webhook } from "standardwebhooks";
import { Webhook as SvixWebhook } from "svix";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { DAY_MS, HOUR_MS } from "../../../src/platform/time.ts";
import { DELIVER_REPLY_KEPT_MAX_CHARS, DELIVER_REPLY_READ_MAX_BYTES } from "../../../src/webhooks/receiver-reply.ts";
import { DELIVER_TIMEOUT_MS, deliver, type OutgoingDelivery } from "../../../src/webhooks/send.ts";

const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OLD_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const NOW = Date.UTC(2026, 10, 5, 12, 0, 0, 987);
const BODY = `{"type":"request.completed","data":{"seed":196619188014358660,"prompt":"日本語 😀 é"}}`;

const delivery: OutgoingDelivery = {
  url: "https://hooks.example.com/sluice?token=t0ken",
  eventId: "evt_0123456789abcdefghij",
  body: BODY,
  secrets: [SECRET],
  now: () => Date.now(),
  guard: { allowHosts: [], ownHosts: ["sluice.example.com"] },
};

const fetchStub = vi.fn<(url: string, init: RequestInit) => Promise<Response>>();

beforeEach(() => {
  fetchStub.mockReset();
  vi.stubGlobal("fetch", fetchStub);
  vi.useFakeTimers({ now: NOW });
});

afterEach(() => {
  expect(vi.getTimerCount(), "a delivery leaves no timer behind").toBe(0);
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function answer(status: number, headers: Record<string, string> = {}): void {
  fetchStub.mockResolvedValueOnce(new Response(null, { status, headers }));
}

interface Sent {
  url: string;
  init: RequestInit;
  headers: Record<string, string>;
}

function sent(n = 0): Sent {
  const [url, init] = fetchStub.mock.calls[n] ?? [];
  if (url === undefined || init === undefined) throw new Error("nothing was sent");
  return { url, init, headers: Object.fromEntries(new Headers(init.headers)) };
}

describe("what is sent", () => {
  test.each([
    [
      "plain JSON",
      SECRET,
      "msg_p5jXN8AQM9LWM0D4loKWxJek",
      1614265330,
      `{"test": 2432232314}`,
      "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    ],
    [
      "another secret",
      OLD_SECRET,
      "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
      1649367553,
      `{"email":"test@example.com","username":"test_user"}`,
      "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
    ],
    [
      "text beyond ASCII",
      SECRET,
      "msg_unicode",
      1700000000,
      `{"prompt":"日本語 😀 é"}`,
      "v1,PqOg0BDB8ysmZqbG3NdezL3t/BTgEk8wFK5SAsH3+F4=",
    ],
    ["an empty body", SECRET, "msg_empty", 1700000000, "", "v1,LrOGikvEp3ovC4ipwU5sfXzzFy9SMN1tDL3jPPGtLmc="],
  ])(
    "the signature of %s is the one of the standard's vectors, and both libraries take it then",
    async (_what, secret, eventId, seconds, body, signature) => {
      answer(204);
      await deliver({ ...delivery, eventId, body, secrets: [secret], now: () => seconds * 1000 });
      expect(sent().headers).toMatchObject({
        "webhook-id": eventId,
        "webhook-timestamp": String(seconds),
        "webhook-signature": signature,
      });
      expect(sent().init.body).toBe(body);
      vi.setSystemTime(seconds * 1000);
      const { headers } = sent();
      const parsed: unknown = body === "" ? undefined : JSON.parse(body);
      expect(new Webhook(secret).verify(body, headers)).toEqual(parsed);
      expect(() => new SvixWebhook(secret).verify(body, headers)).not.toThrow();
    },
  );

  test.each([
    ["without its id", { "webhook-id": "" }, "Missing required headers"],
    ["without its time stamp", { "webhook-timestamp": "" }, "Missing required headers"],
    ["without its signature", { "webhook-signature": "" }, "Missing required headers"],
    ["with another id", { "webhook-id": "evt_another" }, "No matching signature"],
    [
      "with the time stamp of a second later",
      { "webhook-timestamp": String(Math.floor(NOW / 1000) + 1) },
      "No matching signature",
    ],
    ["with a signature of no text", { "webhook-signature": "v1," }, "No matching signature"],
  ])("a delivery %s is taken by neither library", async (_what, changes, message) => {
    answer(200);
    await deliver(delivery);
    const headers = { ...sent().headers, ...changes };
    expect(() => new Webhook(SECRET).verify(BODY, headers)).toThrow(message);
    expect(() => new SvixWebhook(SECRET).verify(BODY, headers)).toThrow(message);
  });

  test("a right signature is found behind wrong ones and unknown versions", async () => {
    answer(200);
    await deliver(delivery);
    const signature = `v9,AAAA v1,AAAA ${sent().headers["webhook-signature"]}`;
    const headers = { ...sent().headers, "webhook-signature": signature };
    expect(() => new Webhook(SECRET).verify(BODY, headers)).not.toThrow();
    expect(() => new SvixWebhook(SECRET).verify(BODY, headers)).not.toThrow();
  });

  test("it is a POST of JSON that names its sender, and redirects are not followed", async () => {
    answer(200);
    await deliver(delivery);
    expect(sent().url).toBe(delivery.url);
    expect(sent().init).toMatchObject({ method: "POST", redirect: "manual", body: BODY });
    expect(sent().headers).toMatchObject({ "content-type": "application/json", "user-agent": "Sluice-Webhooks/1" });
  });

  test("during a rotation it verifies with either secret, and with no other", async () => {
    answer(200);
    await deliver({ ...delivery, secrets: [SECRET, OLD_SECRET] });
    const { headers } = sent();
    expect(headers["webhook-signature"]?.split(" ")).toHaveLength(2);
    for (const secret of [SECRET, OLD_SECRET]) {
      expect(() => new Webhook(secret).verify(BODY, headers)).not.toThrow();
      expect(() => new SvixWebhook(secret).verify(BODY, headers)).not.toThrow();
    }
    expect(() => new Webhook("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").verify(BODY, headers)).toThrow("No matching");
    expect(() => new Webhook(SECRET).verify(`${BODY} `, headers)).toThrow("No matching");
  });

  test("a try a day later has the same id and bytes, and a time stamp that receivers still accept", async () => {
    answer(500);
    answer(200);
    await deliver(delivery);
    vi.setSystemTime(NOW + DAY_MS);
    await deliver(delivery);
    const [first, second] = [sent(0), sent(1)];
    expect(second.init.body).toBe(first.init.body);
    expect(second.headers["webhook-id"]).toBe(first.headers["webhook-id"]);
    expect(second.headers["webhook-timestamp"]).toBe(String(Math.floor((NOW + DAY_MS) / 1000)));
    expect(() => new Webhook(SECRET).verify(BODY, second.headers)).not.toThrow();
    expect(() => new Webhook(SECRET).verify(BODY, first.headers)).toThrow("too old");
  });

  test("the endpoint's own headers go with it, ours over them", async () => {
    answer(200);
    const own = {
      Authorization: "Bearer abc",
      "Webhook-Signature": "v1,forged",
      HOST: "evil.example",
      "X-A": "\r\nx: y",
    };
    await deliver({ ...delivery, headers: own });
    const { headers } = sent();
    expect(() => new Webhook(SECRET).verify(BODY, headers)).not.toThrow();
    expect(headers).toMatchObject({ authorization: "Bearer abc", "sluice-hop": "1" });
    expect(Object.keys(headers)).not.toEqual(expect.arrayContaining(["host"]));
    expect(headers).not.toHaveProperty("x-a");
  });

  test("what it carried is not kept when the receiver sends it back", async () => {
    fetchStub.mockResolvedValueOnce(new Response(`no: ${SECRET} abc-own-token`, { status: 401 }));
    const { reply } = await deliver({ ...delivery, headers: { Authorization: "Bearer abc-own-token" } });
    expect(reply).toStrictEqual({ text: "no: [removed] [removed]", end: "whole" });
  });

  test("nothing is ever sent unsigned", async () => {
    await expect(deliver({ ...delivery, secrets: [] })).rejects.toThrow("secret");
    expect(fetchStub).not.toHaveBeenCalled();
  });
});

describe("the URL guard is asked at every try", () => {
  test.each([
    ["https://169.254.169.254/", "its host is an IP address"],
    ["http://hooks.example.com/", "it does not begin with https://"],
    ["https://sluice.example.com/hooks/fal/1/2", "its host is this gateway"],
  ])("%s is not called, and no later try would be", async (url, reason) => {
    expect(await deliver({ ...delivery, url })).toMatchObject({
      ...{ kind: "gone", category: "blocked", reason: `blocked by the URL guard: ${reason}` },
      ...{ status: null, reply: null, ms: 0 },
    });
    expect(fetchStub).not.toHaveBeenCalled();
  });

  test("a host that the operator listed is called", async () => {
    answer(200);
    const guard = { allowHosts: ["localhost:9000"], ownHosts: [] };
    expect(await deliver({ ...delivery, url: "http://localhost:9000/hook", guard })).toMatchObject({ kind: "taken" });
  });
});

describe("how an answer is sorted", () => {
  test.each([200, 201, 202, 204, 299])("%d counts as delivered", async (status) => {
    answer(status);
    expect(await deliver(delivery)).toMatchObject({ kind: "taken", category: "accepted", status });
  });

  test.each([301, 302, 303, 304, 307, 308])("%d is a failure, its target is shown and not called", async (status) => {
    answer(status, { location: "https://user:pw@169.254.169.254/latest?token=abc#x" });
    const answered = await deliver(delivery);
    expect(answered).toMatchObject({ kind: "later", category: "redirect", status, retryAfterMs: null });
    expect(answered.location).toBe("https://169.254.169.254/latest?[removed]");
    expect(fetchStub).toHaveBeenCalledTimes(1);
  });

  test("a redirect without a Location is a failure too", async () => {
    answer(302);
    expect(await deliver(delivery)).toMatchObject({ kind: "later", category: "redirect", location: null });
  });

  test.each([
    ...([400, 401, 403, 404, 405, 422] as const).map((status) => [status, "refused"] as const),
    ...([500, 502, 503, 504] as const).map((status) => [status, "server_error"] as const),
    [429, "rate_limited"],
    [520, "connection"],
    [521, "connection"],
    [522, "timeout"],
    [523, "connection"],
    [524, "timeout"],
    [525, "tls"],
    [526, "tls"],
    [530, "dns"],
  ] as const)("%d is tried again later: %s", async (status, category) => {
    answer(status);
    const expected = { kind: "later", category, reason: `HTTP ${status}`, retryAfterMs: null, status };
    expect(await deliver(delivery)).toMatchObject(expected);
  });

  test("410 means that the receiver wants no more, whatever else it answers", async () => {
    answer(410, { "retry-after": "120" });
    expect(await deliver(delivery)).toMatchObject({ kind: "gone", category: "gone", status: 410, retryAfterMs: null });
  });

  test.each([
    ["120", 120_000],
    ["0", 0],
    ["999999", DAY_MS],
    ["1000000000000", DAY_MS],
    [new Date(NOW + 90_000).toUTCString(), 90_000 - (NOW % 1000)],
    [new Date(NOW + 3 * DAY_MS).toUTCString(), DAY_MS],
    [new Date(NOW - 90_000).toUTCString(), 0],
    ["-5", null],
    ["abc", null],
    ["", null],
  ])("Retry-After %j asks for %j ms", async (header, retryAfterMs) => {
    for (const status of [429, 503]) {
      answer(status, { "retry-after": header });
      expect(await deliver(delivery)).toMatchObject({ kind: "later", retryAfterMs });
    }
  });

  test.each([
    ["Network connection lost.", "connection"],
    ["internal error; reference = abc", "unreachable"],
    ["connect ECONNREFUSED 203.0.113.9:443", "network"],
  ])("a call that fails with %j is tried again: %s", async (message, category) => {
    fetchStub.mockRejectedValueOnce(new Error(message));
    const answered = await deliver(delivery);
    expect(answered).toMatchObject({ kind: "later", category, status: null, reply: null, retryAfterMs: null });
    expect(JSON.stringify(answered)).not.toContain("203.0.113.9");
  });

  test.each([
    [NOW - 10 * 60_000, "HTTP 401; the receiver's clock is 10 min behind, so it may reject the timestamp"],
    [NOW + HOUR_MS, "HTTP 401; the receiver's clock is 60 min ahead, so it may reject the timestamp"],
    [NOW - 60_000, "HTTP 401"],
  ])("a receiver that refuses and whose clock says %d gets a hint", async (date, reason) => {
    answer(401, { date: new Date(date).toUTCString() });
    expect(await deliver(delivery)).toMatchObject({ kind: "later", category: "refused", reason });
  });
});

describe("the time limit and the answer's body", () => {
  /** Like the runtime: the call, and the reading of its body, fail when the signal says so. */
  function abortOf(init: RequestInit): Promise<never> {
    return new Promise((_resolve, reject) => {
      init.signal?.addEventListener("abort", () => reject(new DOMException("aborted", "AbortError")));
    });
  }

  test("a receiver that never answers is cut off at the limit", async () => {
    fetchStub.mockImplementationOnce((_url, init) => abortOf(init));
    const answered = vi.fn();
    const delivering = deliver(delivery).then(answered);
    await vi.advanceTimersByTimeAsync(DELIVER_TIMEOUT_MS - 1);
    expect(answered).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    await delivering;
    const expected = { kind: "later", category: "timeout", status: null, ms: DELIVER_TIMEOUT_MS };
    expect(answered).toHaveBeenCalledWith(expect.objectContaining(expected));
  });

  test.each([
    [200, { kind: "taken", status: 200 }],
    [500, { kind: "later", reason: "HTTP 500", retryAfterMs: null }],
  ])("a %d whose body drips on is cut off at the limit, and its status counts", async (status, expected) => {
    fetchStub.mockImplementationOnce(async (_url, init) => {
      const aborted = abortOf(init);
      const body = new ReadableStream({
        start: (controller) => controller.enqueue(new Uint8Array([1])),
        pull: () => aborted,
      });
      return new Response(body, { status });
    });
    const delivering = deliver(delivery);
    await vi.advanceTimersByTimeAsync(DELIVER_TIMEOUT_MS);
    const reply = { text: "\u0001", end: "broken" };
    expect(await delivering).toMatchObject({ ...expected, reply, ms: DELIVER_TIMEOUT_MS });
  });

  test("an answer without end is read to the cap and cancelled", async () => {
    const chunkBytes = 1024;
    let chunks = 0;
    const canceled = vi.fn();
    const body = new ReadableStream({
      pull(controller) {
        chunks++;
        controller.enqueue(new Uint8Array(chunkBytes).fill(97));
      },
      cancel: canceled,
    });
    fetchStub.mockResolvedValueOnce(new Response(body, { status: 200 }));
    const answered = await deliver(delivery);
    expect(answered).toMatchObject({ kind: "taken", status: 200, reply: { end: "cut" } });
    // Text without a break looks like a secret; what counts here is that little is kept.
    expect(answered.reply?.text.length).toBeLessThanOrEqual(DELIVER_REPLY_KEPT_MAX_CHARS);
    expect(canceled).toHaveBeenCalledTimes(1);
    // One chunk tells that there is more; the stream itself makes another ahead of its reader.
    expect(chunks).toBeLessThanOrEqual(DELIVER_REPLY_READ_MAX_BYTES / chunkBytes + 2);
  });

  test("a short answer is read to its end, not broken off", async () => {
    const canceled = vi.fn();
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode("ok"));
        controller.close();
      },
      cancel: canceled,
    });
    const response = new Response(body, { status: 200 });
    fetchStub.mockResolvedValueOnce(response);
    expect(await deliver(delivery)).toMatchObject({ reply: { text: "ok", end: "whole" } });
    expect(response.bodyUsed).toBe(true);
    expect(canceled).not.toHaveBeenCalled();
  });

  test("a body that breaks does not turn a success into a failure", async () => {
    const body = new ReadableStream({ pull: (controller) => controller.error(new TypeError("bad gzip")) });
    fetchStub.mockResolvedValueOnce(new Response(body, { status: 200 }));
    expect(await deliver(delivery)).toMatchObject({ kind: "taken", status: 200, reply: { text: "", end: "broken" } });
  });
});
