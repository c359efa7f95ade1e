// `@fal-ai/client` as published, in Node, against `npm start`: Worker and sandbox as processes.
// Calls covered, through `proxyUrl`: subscribe (polling, streaming), queue.submit, queue.status, queue.streamStatus,
// queue.subscribeToStatus, queue.result, queue.cancel, run, stream, storage.upload (one piece, parts), a Blob in an input,
// abort, timeout, ApiError, ValidationError, realtime's token (refused). Through a request middleware on /fal/queue and
// /fal/run: subscribe, run. In a browser: test/browser/fal-client.test.ts.

import { ApiError, createFalClient, type FalClient, type QueueStatus, ValidationError } from "@fal-ai/client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Sluice, startSluice } from "../../harness/sluice.ts";

const MODEL = "fal-ai/flux/schnell";
const MIB = 1024 * 1024;

let sluice: Sluice;
let fal: FalClient;

beforeAll(async () => {
  sluice = await startSluice();
  fal = clientOf(sluice.key);
});

afterAll(() => sluice.stop());

function clientOf(credentials: string): FalClient {
  return createFalClient({ credentials, proxyUrl: { url: `${sluice.url}/fal/proxy`, when: "always" } });
}

/** The body of every error here. */
interface ErrorBody {
  detail: unknown;
  error_type: string;
  message: string;
  status?: string;
}

/** What a promise was rejected with. */
function reasonOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => null,
    (reason: unknown) => reason,
  );
}

async function apiError(promise: Promise<unknown>): Promise<ApiError<ErrorBody>> {
  const reason = await reasonOf(promise);
  expect(reason).toBeInstanceOf(ApiError);
  return reason as ApiError<ErrorBody>;
}

async function validationError(promise: Promise<unknown>): Promise<ValidationError> {
  const reason = await reasonOf(promise);
  expect(reason).toBeInstanceOf(ValidationError);
  return reason as ValidationError;
}

async function bytesAt(url: string): Promise<{ status: number; type: string | null; bytes: Uint8Array }> {
  const answer = await fetch(url);
  return {
    status: answer.status,
    type: answer.headers.get("Content-Type"),
    bytes: new Uint8Array(await answer.arrayBuffer()),
  };
}

describe("fal.subscribe", () => {
  test.each(["polling", "streaming"] as const)(
    "(%s) tells the queue's states and resolves with the output",
    async (mode) => {
      const seen: QueueStatus["status"][] = [];
      let enqueued = "";
      const { data, requestId } = await fal.subscribe(MODEL, {
        ...{ input: { prompt: "a cat", seed: 7 }, mode, logs: true, pollInterval: 100 },
        onEnqueue: (id) => {
          enqueued = id;
        },
        onQueueUpdate: ({ status }) => void seen.push(status),
      });
      expect(requestId).toBe(enqueued);
      expect(data.images).toHaveLength(1);
      expect((await bytesAt(data.images[0]?.url ?? "")).type).toBe("image/png");
      expect(seen[0]).toBe("IN_QUEUE");
      expect(seen.at(-1)).toBe("COMPLETED");
    },
  );

  test("collects the log lines that were asked for", async () => {
    const lines: string[] = [];
    await fal.subscribe(MODEL, {
      ...{ input: { prompt: "a cat sandbox:slow:5000" }, mode: "streaming", logs: true },
      onQueueUpdate: (update) => {
        if ("logs" in update) lines.splice(0, lines.length, ...(update.logs ?? []).map(({ message }) => message));
      },
    });
    expect(lines[0]).toBe("Loading the model");
    expect(new Set(lines).size).toBe(lines.length);
  });

  test("rejects with what the model refused", async () => {
    const fault = await validationError(
      fal.subscribe(MODEL, { input: { prompt: "a cat sandbox:refused" }, pollInterval: 100 }),
    );
    expect(fault.status).toBe(422);
    expect(fault.fieldErrors[0]).toMatchObject({ loc: ["body", "prompt"], type: "content_policy_violation" });
    expect(fault.getFieldErrors("prompt")).toHaveLength(1);
    expect(fault.message).toContain("prompt");
    expect(fault.requestId).toMatch(/^[0-9a-f]{64}$/);
  });

  test("cancels and rejects when its own timeout is over", async () => {
    const input = { prompt: "a cat sandbox:slow:20000" };
    let id = "";
    const waits = fal.subscribe(MODEL, {
      input,
      timeout: 1_500,
      pollInterval: 100,
      onEnqueue: (given) => {
        id = given;
      },
    });
    await expect(waits).rejects.toThrow(/timed out waiting/);
    const fault = await apiError(untilOver(id));
    expect(fault.status).toBe(499);
  });

  test("stops at an abort", async () => {
    const stop = new AbortController();
    const waits = fal.subscribe(MODEL, {
      ...{ input: { prompt: "a cat" }, pollInterval: 50, abortSignal: stop.signal },
      onQueueUpdate: () => stop.abort(),
    });
    await expect(waits).rejects.toThrow(/abort/i);
  });

  test("sends a Blob in the input as an upload of ours", async () => {
    const picture = new Blob([await pngBytes()], { type: "image/png" });
    const { data } = await fal.subscribe("fal-ai/clarity-upscaler", {
      input: { image_url: picture },
      pollInterval: 100,
    });
    const { image } = data as unknown as { image: { url: string } };
    expect(image.url).toContain(`${sluice.url}/files/`);
    const requests = await sluice.sandbox<{ requests: { model: string; input: { image_url?: string } }[] }>(
      "GET",
      "requests",
    );
    const sent = requests.requests.findLast(({ model }) => model === "fal-ai/clarity-upscaler")?.input.image_url ?? "";
    expect(sent.startsWith(sluice.url)).toBe(true);
    expect((await bytesAt(sent)).bytes).toEqual(new Uint8Array(await picture.arrayBuffer()));
  });

  test("is turned away in words that say what to do", async () => {
    const noOwner = await apiError(fal.subscribe("flux/schnell", { input: {} }));
    expect([noOwner.status, noOwner.message]).toEqual([
      404,
      expect.stringContaining('Did you mean "fal-ai/flux/schnell"'),
    ]);
    const wrong = await validationError(fal.subscribe(MODEL, { input: { prompt: 7 as never } }));
    expect(wrong.fieldErrors[0]?.msg).toContain("`prompt`");
    const noKey = await apiError(clientOf("sl_sk_nobody_x").subscribe(MODEL, { input: { prompt: "a cat" } }));
    expect(noKey.status).toBe(401);
  });

  test("posts once against a limit that is used up, and once where fal refuses", async () => {
    const poor = clientOf(
      await keyOf({ limits: [{ name: "none", scope: "team", per: "request", limit: 0, window: "1d" }] }),
    );
    const refused = await apiError(poor.subscribe(MODEL, { input: { prompt: "a cat" } }));
    expect([refused.status, refused.body.error_type]).toEqual([402, "quota_exceeded"]);
    const before = await sluice.gatewayCalls();
    const bad = await apiError(fal.subscribe(MODEL, { input: { prompt: "a cat sandbox:submit-400" } }));
    expect([bad.status, bad.body.error_type]).toEqual([400, "bad_request"]);
    expect((await sluice.gatewayCalls()) - before).toBe(1);
  });
});

describe("fal.queue", () => {
  test("submits, tells, streams, and shows the result", async () => {
    const { request_id: requestId, status } = await fal.queue.submit(MODEL, {
      ...{ input: { prompt: "a cat" }, priority: "low", hint: "runner-1", startTimeout: 60 },
    });
    expect(status).toBe("IN_QUEUE");
    const first = await fal.queue.status(MODEL, { requestId, logs: true });
    expect(["IN_QUEUE", "IN_PROGRESS"]).toContain(first.status);
    const stream = await fal.queue.streamStatus(MODEL, { requestId, logs: true });
    const told: string[] = [];
    for await (const { status: each } of stream) told.push(each);
    expect(told.at(-1)).toBe("COMPLETED");
    expect(stream.requestId).toBe(requestId);
    await fal.queue.subscribeToStatus(MODEL, { requestId });
    const { data, requestId: same } = await fal.queue.result(MODEL, { requestId });
    expect([same, data.images.length]).toEqual([requestId, 1]);
  });

  test("cancels, once", async () => {
    const { request_id: requestId } = await fal.queue.submit(MODEL, { input: { prompt: "a cat sandbox:slow:20000" } });
    await fal.queue.cancel(MODEL, { requestId });
    expect((await apiError(untilOver(requestId))).status).toBe(499);
    const late = await apiError(fal.queue.cancel(MODEL, { requestId }));
    expect([late.status, late.body.status]).toEqual([400, "ALREADY_COMPLETED"]);
    const none = await apiError(fal.queue.cancel(MODEL, { requestId: "0".repeat(64) }));
    expect([none.status, none.body.status]).toEqual([404, "NOT_FOUND"]);
  });

  test("says that a result is not there yet", async () => {
    const key = await keyOf({ hold_s: 0 });
    const { request_id: requestId } = await clientOf(key).queue.submit(MODEL, { input: { prompt: "a cat" } });
    const early = await apiError(clientOf(key).queue.result(MODEL, { requestId }));
    expect([early.status, early.body.detail]).toEqual([400, "Request is still in progress"]);
  });
});

describe("fal.run and fal.stream", () => {
  test("run waits for the output", async () => {
    const { data, requestId } = await fal.run(MODEL, { input: { prompt: "a cat" } });
    expect(data.images[0]?.url).toContain("/files/");
    expect(requestId).toMatch(/^[0-9a-f]{64}$/);
  });

  test("run rejects once and for all where the model failed", async () => {
    const before = await submits();
    const fault = await apiError(fal.run(MODEL, { input: { prompt: "a cat sandbox:crash" } }));
    expect([fault.status, fault.body.error_type]).toEqual([424, "runner_connection_error"]);
    expect((await submits()) - before).toBe(1);
  });

  test("stream yields the final output", async () => {
    const stream = await fal.stream(MODEL, { input: { prompt: "a cat" } });
    const parts: unknown[] = [];
    for await (const part of stream) parts.push(part);
    expect(parts).toHaveLength(1);
    expect(await stream.done()).toEqual(parts[0]);
  });

  test("stream rejects with what the model refused", async () => {
    const stream = await fal.stream(MODEL, { input: { prompt: "a cat sandbox:refused" } });
    expect((await validationError(stream.done())).status).toBe(422);
  });
});

describe("fal.storage.upload", () => {
  test("keeps a file in one piece", async () => {
    const bytes = await pngBytes();
    const url = await fal.storage.upload(new File([bytes], "a cat.png", { type: "image/png" }));
    expect(await bytesAt(url)).toMatchObject({ status: 200, type: "image/png", bytes });
  });

  test("keeps one above 90 MiB in parts", async () => {
    const bytes = new Uint8Array(91 * MIB);
    bytes.set(await pngBytes());
    bytes[bytes.length - 1] = 7;
    const url = await fal.storage.upload(new File([bytes], "large.png", { type: "image/png" }));
    const head = await fetch(url, { method: "HEAD" });
    expect(head.headers.get("Content-Length")).toBe(String(bytes.length));
    const last = await fetch(url, { headers: { Range: "bytes=-1" } });
    expect(new Uint8Array(await last.arrayBuffer())).toEqual(new Uint8Array([7]));
  });
});

describe("fal.realtime", () => {
  test("gets no token, and its caller hears what to use instead", async () => {
    const answer = await fetch(`${sluice.url}/fal/proxy`, {
      method: "POST",
      headers: {
        ...{ Authorization: `Key ${sluice.key}`, "Content-Type": "application/json" },
        "x-fal-target-url": "https://rest.fal.ai/tokens/",
      },
      body: JSON.stringify({ allowed_apps: ["flux"], token_expiration: 120 }),
    });
    expect(answer.status).toBe(400);
    expect(((await answer.json()) as { message: string }).message).toMatch(/POST \/v1\/tokens.*fal\.subscribe/);
  });
});

describe("a whole URL of fal's as the id", () => {
  test("is run, streamed and submitted here", async () => {
    const input = { prompt: "a cat" };
    expect((await fal.run(`https://fal.run/${MODEL}`, { input })).data).toMatchObject({ images: [{ width: 1024 }] });
    const stream = await fal.stream(`https://fal.run/${MODEL}`, { input });
    expect(await stream.done()).toMatchObject({ images: [{ width: 1024 }] });
    const { request_id: requestId } = await fal.queue.submit(`https://queue.fal.run/${MODEL}`, { input });
    await fal.queue.subscribeToStatus(MODEL, { requestId });
    expect((await fal.queue.result(MODEL, { requestId })).data.images).toHaveLength(1);
  });
});

describe("a request middleware instead of proxyUrl", () => {
  test("reaches /fal/queue and /fal/run by their own paths", async () => {
    const hosts: Record<string, string> = { "queue.fal.run": "queue", "fal.run": "run" };
    const native = createFalClient({
      credentials: sluice.key,
      requestMiddleware: async (request) => {
        const { hostname, pathname, search } = new URL(request.url);
        return { ...request, url: `${sluice.url}/fal/${hosts[hostname]}${pathname}${search}` };
      },
    });
    expect((await native.subscribe(MODEL, { input: { prompt: "a cat" } })).data.images).toHaveLength(1);
    expect((await native.run(MODEL, { input: { prompt: "a cat" } })).data.images).toHaveLength(1);
  });
});

/** Waits for the end of a request, and asks for its result. */
async function untilOver(requestId: string): Promise<unknown> {
  await fal.queue.subscribeToStatus(MODEL, { requestId, pollInterval: 100 });
  return fal.queue.result(MODEL, { requestId });
}

async function submits(): Promise<number> {
  return (await sluice.sandbox<{ requests: unknown[] }>("GET", "requests")).requests.length;
}

/** A key of a fresh team with this plan. */
async function keyOf(plan: object): Promise<string> {
  const answer = await fetch(`${sluice.url}/v1/admin/teams`, {
    method: "POST",
    headers: { Authorization: `Bearer ${sluice.adminToken}`, "Content-Type": "application/json" },
    body: JSON.stringify({ id: `t-${crypto.randomUUID().slice(0, 8)}`, plan }),
  });
  return ((await answer.json()) as { key: { secret: string } }).key.secret;
}

let png: Promise<Uint8Array<ArrayBuffer>> | null = null;

/** A small picture, as the sandbox makes them. */
function pngBytes(): Promise<Uint8Array<ArrayBuffer>> {
  png ??= (async () => {
    const { data } = await fal.run(MODEL, { input: { prompt: "a picture", image_size: { width: 64, height: 64 } } });
    return new Uint8Array((await bytesAt(data.images[0]?.url ?? "")).bytes);
  })();
  return png;
}
