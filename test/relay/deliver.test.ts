// One delivery: what is sent (checked with the receivers' own library), and how each answer is sorted.

import { Webhook } from "standardwebhooks";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { DAY_MS, DELIVER_REPLY_READ_MAX_BYTES, DELIVER_TIMEOUT_MS } from "../../src/limits.ts";
import { type Delivery, deliver } from "../../src/relay/deliver.ts";

const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OLD_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const NOW = Date.UTC(2026, 10, 5, 12, 0, 0, 987);
const BODY = `{"type":"request.completed","data":{"seed":196619188014358660,"prompt":"日本語 😀 é"}}`;

const delivery: Delivery = {
  url: "https://hooks.example.com/sluice?token=t0ken",
  eventId: "evt_0123456789abcdefghij",
  body: BODY,
  secrets: [SECRET],
  nowMs: NOW,
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
    "the signature of %s is the one of the standard's vectors",
    async (_what, secret, eventId, seconds, body, signature) => {
      answer(204);
      await deliver({ ...delivery, eventId, body, secrets: [secret], nowMs: seconds * 1000 });
      expect(sent().headers).toMatchObject({
        "webhook-id": eventId,
        "webhook-timestamp": String(seconds),
        "webhook-signature": signature,
      });
      expect(sent().init.body).toBe(body);
    },
  );

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
    }
    expect(() => new Webhook("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").verify(BODY, headers)).toThrow("No matching");
    expect(() => new Webhook(SECRET).verify(`${BODY} `, headers)).toThrow("No matching");
  });

  test("a try a day later has the same id and bytes, and a time stamp that receivers still accept", async () => {
    answer(500);
    answer(200);
    await deliver(delivery);
    vi.setSystemTime(NOW + DAY_MS);
    await deliver({ ...delivery, nowMs: Date.now() });
    const [first, second] = [sent(0), sent(1)];
    expect(second.init.body).toBe(first.init.body);
    expect(second.headers["webhook-id"]).toBe(first.headers["webhook-id"]);
    expect(second.headers["webhook-timestamp"]).toBe(String(Math.floor((NOW + DAY_MS) / 1000)));
    expect(() => new Webhook(SECRET).verify(BODY, second.headers)).not.toThrow();
    expect(() => new Webhook(SECRET).verify(BODY, first.headers)).toThrow("too old");
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
    expect(await deliver({ ...delivery, url })).toStrictEqual({
      kind: "gone",
      reason: `refused by the URL guard: ${reason}`,
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
  test.each([200, 201, 202, 204, 299])("%d is a yes", async (status) => {
    answer(status);
    expect(await deliver(delivery)).toStrictEqual({ kind: "taken", status });
  });

  test.each([
    [301, "redirect (HTTP 301)"],
    [302, "redirect (HTTP 302)"],
    [304, "redirect (HTTP 304)"],
    [307, "redirect (HTTP 307)"],
    [308, "redirect (HTTP 308)"],
    [400, "HTTP 400"],
    [401, "HTTP 401"],
    [404, "HTTP 404"],
    [405, "HTTP 405"],
    [422, "HTTP 422"],
    [429, "HTTP 429"],
    [500, "HTTP 500"],
    [503, "HTTP 503"],
  ])("%d is tried again later: %s", async (status, reason) => {
    answer(status, { location: "https://169.254.169.254/" });
    expect(await deliver(delivery)).toStrictEqual({ kind: "later", reason, retryAfterMs: null });
    expect(fetchStub).toHaveBeenCalledTimes(1);
  });

  test("410 means that the receiver wants no more", async () => {
    answer(410, { "retry-after": "120" });
    expect(await deliver(delivery)).toStrictEqual({ kind: "gone", reason: "HTTP 410" });
  });

  test.each([
    ["120", 120_000],
    ["0", 0],
    ["999999", DAY_MS],
    [new Date(NOW + 90_000).toUTCString(), 90_000 - (NOW % 1000)],
    [new Date(NOW - 90_000).toUTCString(), 0],
    ["-5", null],
    ["abc", null],
    ["", null],
  ])("Retry-After %j asks for %j ms", async (header, retryAfterMs) => {
    answer(503, { "retry-after": header });
    expect(await deliver(delivery)).toStrictEqual({ kind: "later", reason: "HTTP 503", retryAfterMs });
  });

  test("a connection that fails is tried again", async () => {
    fetchStub.mockRejectedValueOnce(new TypeError("connect ECONNREFUSED 203.0.113.9:443"));
    expect(await deliver(delivery)).toStrictEqual({ kind: "later", reason: "network", retryAfterMs: null });
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
    expect(answered).toHaveBeenCalledWith({ kind: "later", reason: "timeout", retryAfterMs: null });
  });

  test.each([
    [200, { kind: "taken", status: 200 }],
    [500, { kind: "later", reason: "HTTP 500", retryAfterMs: null }],
  ])("a %d whose body drips on is cut off at the limit, and its status counts", async (status, expected) => {
    fetchStub.mockImplementationOnce(async (_url, init) => {
      const aborted = abortOf(init);
      const body = new ReadableStream({
        start: (controller) => controller.enqueue(new Uint8Array(1)),
        pull: () => aborted,
      });
      return new Response(body, { status });
    });
    const delivering = deliver(delivery);
    await vi.advanceTimersByTimeAsync(DELIVER_TIMEOUT_MS);
    expect(await delivering).toStrictEqual(expected);
  });

  test("an answer without end is read to the cap and cancelled", async () => {
    const chunkBytes = 1024;
    let chunks = 0;
    const canceled = vi.fn();
    const body = new ReadableStream({
      pull(controller) {
        chunks++;
        controller.enqueue(new Uint8Array(chunkBytes));
      },
      cancel: canceled,
    });
    fetchStub.mockResolvedValueOnce(new Response(body, { status: 200 }));
    expect(await deliver(delivery)).toStrictEqual({ kind: "taken", status: 200 });
    expect(canceled).toHaveBeenCalledTimes(1);
    // The stream itself makes one chunk ahead of its reader.
    expect(chunks).toBeLessThanOrEqual(DELIVER_REPLY_READ_MAX_BYTES / chunkBytes + 1);
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
    await deliver(delivery);
    expect(response.bodyUsed).toBe(true);
    expect(canceled).not.toHaveBeenCalled();
  });

  test("a body that breaks does not turn a yes into a no", async () => {
    const body = new ReadableStream({ pull: (controller) => controller.error(new TypeError("bad gzip")) });
    fetchStub.mockResolvedValueOnce(new Response(body, { status: 200 }));
    expect(await deliver(delivery)).toStrictEqual({ kind: "taken", status: 200 });
  });
});
