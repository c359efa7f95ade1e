import { beforeEach, describe, expect, test } from "vitest";
import { readOutcomes } from "../../../sandbox/src/outcomes.ts";
import {
  advance,
  call,
  FLUX,
  finished,
  firstImageUrl,
  freshWorld,
  json,
  LONG_ENOUGH_MS,
  outbox,
  START,
  set,
  submit,
} from "../../harness/sandbox.ts";

const QUERY = `?fal_webhook=${encodeURIComponent("https://receiver.test/hook")}`;
const SMALL = { width: 64, height: 64 };

beforeEach(() => freshWorld());

describe("outcomes are read from", () => {
  test.each([
    ["a prompt", null, { prompt: "a cat sandbox:refused please" }, { refused: true }],
    ["the text to speak", null, { gen_text: "sandbox:slow:500" }, { slow: 500 }],
    [
      "several words",
      null,
      { prompt: "sandbox:many-files:3,nested sandbox:slow" },
      { "many-files": 3, nested: true, slow: true },
    ],
    ["a sentence", null, { prompt: "sandbox:refused, or not." }, { refused: true }],
    ["the header", "crash, webhook-lost", {}, { crash: true, "webhook-lost": true }],
    ["nothing", "", { prompt: "a sandbox: full of sand", image_url: "http://sandbox:8080/a.png" }, {}],
  ])("%s", (_what, header, input, outcomes) => {
    expect(readOutcomes(header, input)).toEqual({ ok: true, outcomes });
  });

  test.each([
    [null, { prompt: "sandbox:refuse" }, "refuse"],
    ["refused:3", {}, "refused:3"],
    ["slow:x", {}, "slow:x"],
    ["toString", {}, "toString"],
  ])("a word that is not on the list is refused: %s %j", (header, input, word) => {
    expect(readOutcomes(header, input)).toEqual({ ok: false, word });
  });

  test("an unknown word is 400 at submit", async () => {
    expect((await call("POST", `/fal-ai/${FLUX}`, { prompt: "sandbox:refuse" })).status).toBe(400);
    expect((await call("POST", `/fal-ai/${FLUX}`, { prompt: "a" }, { "x-sandbox-outcome": "refuse" })).status).toBe(
      400,
    );
  });
});

async function taken(): Promise<number> {
  const { requests } = (await json(await call("GET", "/_sandbox/requests"))) as { requests: unknown[] };
  return requests.length;
}

describe("a submit that is refused", () => {
  test.each([
    ["locked", 403, { detail: expect.stringMatching(/^User is locked\. Reason: Exhausted balance\./) }],
    ["submit-400", 400, { error_type: "bad_request" }],
    ["submit-401", 401, { detail: "invalid key credentials" }],
    ["submit-422", 422, { detail: [{ loc: ["body", "prompt"], type: "missing" }] }],
    ["submit-429", 429, { error_type: "concurrent_requests_limit" }],
    ["submit-500", 500, { error_type: "internal_error" }],
    ["submit-503", 503, { error_type: "runner_scheduling_failure" }],
    ["gateway-429", 429, { error: { code: 429 } }],
    ["gateway-500", 500, { error: { code: 500 } }],
  ])("by %s: %i, and nothing is taken unless `taken` says so", async (word, status, body) => {
    const answer = await call("POST", `/fal-ai/${FLUX}`, { prompt: `sandbox:${word}` });
    expect(answer.status).toBe(status);
    expect(answer.headers.has("x-fal-request-id")).toBe(false);
    expect(await json(answer)).toMatchObject(body);
    expect(await taken()).toBe(0);
    expect((await call("POST", `/fal-ai/${FLUX}`, { prompt: `sandbox:${word},taken` })).status).toBe(status);
    expect(await taken()).toBe(1);
  });
});

describe("a submit whose answer gets lost", () => {
  test("is taken, and answered only after a long time: submit-timeout", async () => {
    await set({ hang_ms: 50 });
    const answer = call("POST", `/fal-ai/${FLUX}`, { prompt: "sandbox:submit-timeout" });
    const first = await Promise.race([
      answer.then(() => "answer"),
      call("GET", "/_sandbox/requests").then(() => "control API"),
    ]);
    expect(first).toBe("control API");
    expect(await taken()).toBe(1);
    expect((await answer).status).toBe(200);
  });

  test("is taken, and breaks off in the middle: submit-drop", async () => {
    const read = call("POST", `/fal-ai/${FLUX}`, { prompt: "sandbox:submit-drop" }).then((answer) => answer.text());
    await expect(read).rejects.toThrow();
    expect(await taken()).toBe(1);
  });

  test("is taken, and answers a web page: submit-garbage", async () => {
    const answer = await call("POST", `/fal-ai/${FLUX}`, { prompt: "sandbox:submit-garbage" });
    expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "text/html"]);
    expect(await taken()).toBe(1);
  });
});

describe("a result that is forced", () => {
  test.each([
    ["refused", 422, { detail: [{ type: "content_policy_violation" }] }, "content_policy_violation", null],
    ["invalid", 422, { detail: expect.any(String) }, "value_error", null],
    ["crash", 503, { error_type: "runner_connection_error" }, "runner_connection_error", "runner_connection_error"],
    ["error500", 500, { detail: "Internal Server Error" }, "internal_server_error", null],
  ])("%s: %i, as status, result and webhook say alike", async (word, status, body, type, header) => {
    const request = await finished({ prompt: `sandbox:${word}` }, FLUX, QUERY);
    expect(await json(await call("GET", request.status))).toMatchObject({ status: "COMPLETED", error_type: type });
    const answer = await call("GET", request.result);
    expect([answer.status, answer.headers.get("x-fal-error-type")]).toEqual([status, header]);
    for (const name of ["x-fal-retryable", "x-fal-needs-retry"])
      expect(answer.headers.get(name)).toBe(status >= 500 ? "1" : "0");
    expect(await json(answer)).toMatchObject(body);
    const [delivery] = await outbox();
    expect(JSON.parse(delivery?.body ?? "")).toMatchObject({
      status: "ERROR",
      error: `Invalid status code: ${status}`,
      payload: body,
    });
  });

  test("crash: the last attempt has another id than the request, unless retries are off", async () => {
    await finished({ prompt: "sandbox:crash" }, FLUX, QUERY);
    await submit({ prompt: "sandbox:crash" }, { query: QUERY, headers: { "x-fal-no-retry": "1" } });
    const bodies = (await outbox("?all=1")).map(({ body }) => JSON.parse(body));
    expect(bodies.map((body) => body.request_id === body.gateway_request_id)).toEqual([false, true]);
  });

  test("slow: takes a minute, or as long as it says", async () => {
    const long = await submit({ prompt: "sandbox:slow" });
    const short = await submit({ prompt: "sandbox:slow:2000" });
    await advance(2_300);
    expect((await call("GET", short.result)).status).toBe(200);
    await advance(57_999);
    expect((await call("GET", long.result)).status).toBe(400);
    await advance(1);
    expect((await call("GET", long.result)).status).toBe(200);
  });

  test("binary-result: a picture as the body, and a webhook that cannot carry it", async () => {
    const request = await finished({ prompt: "sandbox:binary-result" }, FLUX, QUERY);
    const answer = await call("GET", request.result);
    expect(answer.headers.get("content-type")).toBe("image/png");
    expect(new Uint8Array(await answer.arrayBuffer())[1]).toBe(0x50);
    const [delivery] = await outbox();
    expect(JSON.parse(delivery?.body ?? "")).toMatchObject({
      status: "OK",
      payload: null,
      payload_error: expect.any(String),
    });
  });

  test("big-output: a data URI of the size it says", async () => {
    const request = await finished({ prompt: "sandbox:big-output:3000000", image_size: SMALL });
    const { images } = (await json(await call("GET", request.result))) as { images: { url: string }[] };
    expect(images[0]?.url.slice(0, 22)).toBe("data:image/png;base64,");
    expect(images[0]?.url.length).toBeGreaterThan(2_999_990);
    expect(images[0]?.url.length).toBeLessThanOrEqual(3_000_000);
  });

  test("many-files: as many as it says, each with a URL of its own", async () => {
    const request = await finished({ prompt: "sandbox:many-files:250" });
    const { images } = (await json(await call("GET", request.result))) as { images: { url: string }[] };
    expect(new Set(images.map(({ url }) => url)).size).toBe(250);
  });

  test("nested: deep trees, a bare URL and a foreign host", async () => {
    const request = await finished({ prompt: "sandbox:nested" });
    const output = await json(await call("GET", request.result));
    expect(output).toMatchObject({
      model_urls: { textures: [{ layers: [[{ url: expect.any(String) }]] }] },
      thumbnail_url: expect.stringMatching(/^https:/),
      model_mesh: { url: "https://assets.example.com/mesh.glb" },
    });
    expect((await call("GET", String(output.thumbnail_url))).status).toBe(200);
  });
});

describe("a request that gets lost later", () => {
  test("status-404: is known while it waits and never after, and no webhook comes", async () => {
    const request = await submit({ prompt: "sandbox:status-404" }, { query: QUERY });
    expect((await call("GET", request.status)).status).toBe(202);
    await advance(300);
    for (const path of [request.status, request.result]) expect((await call("GET", path)).status).toBe(404);
    expect((await call("PUT", request.cancel)).status).toBe(404);
    expect(await outbox("?all=1")).toEqual([]);
  });

  test("status-500: every call about it fails, or the first few", async () => {
    const always = await submit({ prompt: "sandbox:status-500" });
    const twice = await submit({ prompt: "sandbox:status-500:2" });
    const statuses = async (path: string) => {
      const seen = [];
      for (let n = 0; n < 3; n++) seen.push((await call("GET", path)).status);
      return seen;
    };
    expect(await statuses(always.status)).toEqual([500, 500, 500]);
    expect(await statuses(twice.status)).toEqual([500, 500, 202]);
  });
});

describe("a webhook that is forced", () => {
  async function deliveries(word: string) {
    await finished({ prompt: `sandbox:${word}`, image_size: SMALL }, FLUX, QUERY);
    return await outbox("?all=1");
  }
  const bodies = (list: { body: string }[]) => list.map(({ body }) => JSON.parse(body));

  test("webhook-lost: none", async () => {
    expect(await deliveries("webhook-lost")).toEqual([]);
  });

  test("webhook-twice: the same body twice", async () => {
    const [first, second, ...rest] = await deliveries("webhook-twice");
    expect(rest).toEqual([]);
    expect(second?.body).toBe(first?.body);
    expect(second?.id).not.toBe(first?.id);
  });

  test("webhook-late: half a minute after the end", async () => {
    const [late] = await deliveries("webhook-late");
    expect(late?.due_at).toBe(START + 1_200 + 30_000);
  });

  test("webhook-stale: signed ten minutes ago", async () => {
    const [stale] = await deliveries("webhook-stale");
    const age = (START + LONG_ENOUGH_MS) / 1_000 - Number(stale?.headers["x-fal-webhook-timestamp"]);
    expect(age).toBe(600);
  });

  test("webhook-other-user: signed for another user", async () => {
    const [otherUser] = await deliveries("webhook-other-user");
    expect(otherUser?.headers["x-fal-webhook-user-id"]).toBe("user_sandbox_other");
  });

  test("webhook-forged: signed by nobody's key, everything else as it should be", async () => {
    const [forged] = await deliveries("webhook-forged");
    const good = (await (
      await call("POST", "/_sandbox/webhooks", { request_id: forged?.request_id })
    ).json()) as typeof forged;
    const { "x-fal-webhook-signature": signature, ...rest } = forged?.headers ?? {};
    expect(good?.headers).toMatchObject(rest);
    expect(good?.headers["x-fal-webhook-signature"]).not.toBe(signature);
    expect(good?.body).toBe(forged?.body);
  });

  test("webhook-null: no payload, but why", async () => {
    expect(bodies(await deliveries("webhook-null"))).toMatchObject([
      { status: "OK", payload: null, payload_error: expect.any(String) },
    ]);
  });

  test("webhook-error-then-ok: two that contradict each other, in this order", async () => {
    const list = await deliveries("webhook-error-then-ok");
    expect(bodies(list).map(({ status }) => status)).toEqual(["ERROR", "OK"]);
  });

  test("webhook-big: more than a megabyte, and the result alike", async () => {
    const [big] = await deliveries("webhook-big");
    expect(big?.body.length).toBeGreaterThan(1024 * 1024);
  });

  test("webhook-first: due at once, and the result is there", async () => {
    const request = await submit({ prompt: "sandbox:webhook-first" }, { query: QUERY });
    expect(await outbox()).toHaveLength(1);
    expect((await call("GET", request.result)).status).toBe(200);
  });
});

describe("a file that is forced", () => {
  async function file(words: string, count = 1): Promise<string[]> {
    const request = await finished({ prompt: `sandbox:${words}`, image_size: SMALL, num_images: count });
    const { images } = (await json(await call("GET", request.result))) as { images: { url: string }[] };
    return images.map(({ url }) => url);
  }
  const statuses = async (urls: string[]) =>
    await Promise.all(urls.map(async (url) => (await call("GET", url)).status));

  test.each([
    ["file-403", 403],
    ["file-404", 404],
    ["file-500", 500],
  ])("%s", async (word, status) => {
    expect(await statuses(await file(word, 2))).toEqual([status, status]);
  });

  test("file-404:1 hits the second file only", async () => {
    expect(await statuses(await file("file-404:1", 3))).toEqual([200, 404, 200]);
  });

  test("file-flaky:2 fails twice and then works", async () => {
    const [url = ""] = await file("file-flaky:2");
    expect([await statuses([url]), await statuses([url]), await statuses([url])]).toEqual([[500], [500], [200]]);
  });

  test("file-truncated: breaks off after half of the length that it named", async () => {
    const [url = ""] = await file("file-truncated");
    const answer = await call("GET", url);
    expect(Number(answer.headers.get("content-length"))).toBeGreaterThan(0);
    await expect(answer.arrayBuffer()).rejects.toThrow();
  });

  test("file-chunked: names no length", async () => {
    const [url = ""] = await file("file-chunked");
    const answer = await call("GET", url);
    expect(answer.headers.has("content-length")).toBe(false);
    expect((await answer.arrayBuffer()).byteLength).toBeGreaterThan(100);
  });

  test("file-html: a web page that says it is a picture", async () => {
    const [url = ""] = await file("file-html");
    const answer = await call("GET", url);
    expect(answer.headers.get("content-type")).toBe("image/png");
    expect(new TextDecoder().decode(await answer.arrayBuffer())).toMatch(/^<!doctype html>/);
  });

  test("file-wrong-type: a picture that says it is text", async () => {
    const [url = ""] = await file("file-wrong-type");
    const answer = await call("GET", url);
    expect(answer.headers.get("content-type")).toBe("text/plain");
    expect(new Uint8Array(await answer.arrayBuffer())[1]).toBe(0x50);
  });

  test("file-slow: comes in pieces", async () => {
    await set({ file_slow_ms: 40 });
    const [url = ""] = await file("file-slow");
    const answer = await call("GET", url);
    let pieces = 0;
    for await (const _piece of answer.body ?? []) pieces++;
    expect(pieces).toBeGreaterThan(5);
  });

  test("file-huge: as long as it says, whole and in ranges", async () => {
    const [url = ""] = await file("file-huge:5000000");
    const answer = await call("GET", url);
    expect(answer.headers.get("content-length")).toBe("5000000");
    const whole = new Uint8Array(await answer.arrayBuffer());
    expect(whole.length).toBe(5_000_000);
    const part = await call("GET", url, undefined, { range: "bytes=1000000-2999999" });
    expect(part.headers.get("content-range")).toBe("bytes 1000000-2999999/5000000");
    expect(new Uint8Array(await part.arrayBuffer())).toEqual(whole.slice(1_000_000, 3_000_000));
  });

  test("file-huge: in ranges only while it is the same", async () => {
    const [url = ""] = await file("file-huge:5000000,file-changing:1");
    const first = await call("GET", url);
    const etag = first.headers.get("etag") ?? "";
    const whole = new Uint8Array(await first.arrayBuffer());
    const second = await call("GET", url, undefined, { range: "bytes=4000000-", "if-range": etag });
    expect([second.status, second.headers.get("etag") === etag]).toEqual([200, false]);
    expect(new Uint8Array(await second.arrayBuffer())).not.toEqual(whole);
    const now = second.headers.get("etag") ?? "";
    const third = await call("GET", url, undefined, { range: "bytes=4000000-", "if-range": now });
    expect([third.status, (await third.arrayBuffer()).byteLength]).toEqual([206, 1_000_000]);
  });

  test("file-no-ranges: says so and sends the whole", async () => {
    const [url = ""] = await file("file-huge:500000,file-no-ranges");
    const answer = await call("GET", url, undefined, { range: "bytes=400000-" });
    expect([answer.status, answer.headers.get("accept-ranges")]).toEqual([200, "none"]);
    expect((await answer.arrayBuffer()).byteLength).toBe(500_000);
  });

  test("file-breaking: breaks off after so many bytes of each answer", async () => {
    const [url = ""] = await file("file-huge:500000,file-breaking:300000");
    await expect((await call("GET", url)).arrayBuffer()).rejects.toThrow();
    const rest = await call("GET", url, undefined, { range: "bytes=300000-" });
    expect((await rest.arrayBuffer()).byteLength).toBe(200_000);
  });

  test("file-endless: has no length and goes on and on", async () => {
    const [url = ""] = await file("file-endless");
    const answer = await call("GET", url);
    expect(answer.headers.get("content-length")).toBeNull();
    let bytes = 0;
    for await (const piece of answer.body ?? []) {
      bytes += piece.length;
      if (bytes > 1_000_000) break;
    }
    expect(bytes).toBeGreaterThan(1_000_000);
  });

  test("file-silent: names its length and sends nothing", async () => {
    const [url = ""] = await file("file-silent");
    const answer = await call("GET", url);
    expect(Number(answer.headers.get("content-length"))).toBeGreaterThan(0);
    const reader = answer.body?.getReader();
    const silence = new Promise((resolve) => setTimeout(() => resolve("silence"), 200));
    expect(await Promise.race([reader?.read(), silence])).toBe("silence");
    await reader?.cancel();
  });

  test("file-redirect: leads to the same file, or where the settings say", async () => {
    const [url = ""] = await file("file-redirect");
    const answer = await call("GET", url);
    expect(answer.status).toBe(302);
    const target = answer.headers.get("location") ?? "";
    expect((await call("GET", target)).status).toBe(200);
    await set({ redirect_target: "http://169.254.169.254/latest" });
    expect((await call("GET", url)).headers.get("location")).toBe("http://169.254.169.254/latest");
  });

  test("names the file's fetches to the test", async () => {
    const request = await finished({ prompt: "a", image_size: SMALL });
    const url = await firstImageUrl(request);
    await call("GET", url);
    await call("HEAD", url);
    await call("GET", url);
    const seen = await json(await call("GET", `/_sandbox/requests/${request.id}`));
    expect(seen.files).toEqual([{ path: new URL(url).pathname, gets: 2 }]);
  });
});
