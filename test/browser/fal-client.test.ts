// `@fal-ai/client` as published, in headless Chromium, on a page whose origin is not the Worker's: every call is a cross-origin
// one with a preflight. Calls covered, through `proxyUrl` with a client token: subscribe (polling, streaming),
// queue.submit, queue.status, queue.result, queue.cancel, run, stream, storage.upload, a Blob in an input, ApiError,
// ValidationError with its request id.

import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openPage, type PageElsewhere } from "../harness/browser.ts";
import { type Sluice, startSluice } from "../harness/sluice.ts";

let sluice: Sluice;
let elsewhere: PageElsewhere;

beforeAll(async () => {
  const script = (await bundled()).replaceAll("</script", "<\\/script");
  [sluice, elsewhere] = await Promise.all([startSluice(), openPage(`<!doctype html><script>${script}</script>`)]);
  const token = await clientToken();
  const connect = ([url, text]: readonly [string, string]) =>
    Object.assign(globalThis, { fal: globalThis.connect(url, text) });
  await elsewhere.page.evaluate(connect, [sluice.url, token] as const);
});

afterAll(async () => {
  await elsewhere?.close();
  await sluice?.stop();
});

/** The client for a page, with what a page has to say: where the proxy is, and its token. */
async function bundled(): Promise<string> {
  const contents = `
    import { createFalClient } from "@fal-ai/client";
    globalThis.connect = (url, token) => createFalClient({
      proxyUrl: url + "/fal/proxy",
      requestMiddleware: async (request) => ({ ...request, headers: { ...request.headers, Authorization: "Bearer " + token } }),
    });
  `;
  const stdin = { contents, resolveDir: import.meta.dirname };
  const made = await build({ stdin, bundle: true, write: false, format: "iife", platform: "browser" });
  return made.outputFiles[0]?.text ?? "";
}

/** As a page's own server gets one for its user. */
async function clientToken(): Promise<string> {
  const answer = await fetch(`${sluice.url}/v1/tokens`, {
    method: "POST",
    headers: { Authorization: `Bearer ${sluice.key}`, "Content-Type": "application/json" },
    body: JSON.stringify({ user: "ada", origin: elsewhere.origin }),
  });
  return ((await answer.json()) as { token: string }).token;
}

/** Runs code of the page with `fal` at hand; a rejection becomes what a page would read of test. */
async function onPage(code: string): Promise<Record<string, unknown>> {
  return elsewhere.page.evaluate(
    `(async () => { ${code} })().catch(({ name, status, message, requestId, fieldErrors }) => ({ name, status, message, requestId, fieldErrors }))`,
  );
}

describe("a page on another origin", () => {
  test.each(["polling", "streaming"])("subscribes (%s), and shows the picture", async (mode) => {
    const seen = await onPage(`
      const states = [];
      const { data, requestId } = await fal.subscribe("fal-ai/flux/schnell", {
        input: { prompt: "a cat" }, mode: "${mode}", pollInterval: 100,
        onQueueUpdate: ({ status }) => states.push(status),
      });
      const picture = new Image();
      picture.src = data.images[0].url;
      await picture.decode();
      const read = await fetch(picture.src);
      return { first: states[0], last: states.at(-1), requestId, width: picture.naturalWidth, type: read.headers.get("content-type") };
    `);
    expect(seen).toMatchObject({ first: "IN_QUEUE", last: "COMPLETED", width: 1024, type: "image/png" });
    expect(seen.requestId).toMatch(/^[0-9a-f]{64}$/);
  });

  test("submits, asks, cancels, and reads the end", async () => {
    const seen = await onPage(`
      const { request_id: requestId } = await fal.queue.submit("fal-ai/flux/schnell", { input: { prompt: "sandbox:slow:20000" } });
      const { status } = await fal.queue.status("fal-ai/flux/schnell", { requestId });
      await fal.queue.cancel("fal-ai/flux/schnell", { requestId });
      const end = await fal.queue.subscribeToStatus("fal-ai/flux/schnell", { requestId, pollInterval: 100 });
      const result = await fal.queue.result("fal-ai/flux/schnell", { requestId }).catch((fault) => fault.status);
      return { status, end: end.status, result };
    `);
    expect(seen).toEqual({ status: "IN_QUEUE", end: "COMPLETED", result: 499 });
  });

  test("runs and streams", async () => {
    const seen = await onPage(`
      const { data } = await fal.run("fal-ai/flux/schnell", { input: { prompt: "a cat" } });
      const stream = await fal.stream("fal-ai/flux/schnell", { input: { prompt: "a cat" } });
      return { run: data.images.length, stream: (await stream.done()).images.length };
    `);
    expect(seen).toEqual({ run: 1, stream: 1 });
  });

  test("uploads a file, and sends a Blob in the input as one", async () => {
    const seen = await onPage(`
      const { data } = await fal.run("fal-ai/flux/schnell", { input: { prompt: "a cat" } });
      const blob = await (await fetch(data.images[0].url)).blob();
      const url = await fal.storage.upload(new File([blob], "cat.png", { type: "image/png" }));
      const back = await (await fetch(url)).blob();
      const larger = await fal.subscribe("fal-ai/clarity-upscaler", { input: { image_url: blob }, pollInterval: 100 });
      return { same: back.size === blob.size, larger: larger.data.image.url };
    `);
    expect(seen).toEqual({ same: true, larger: expect.stringContaining("/files/") });
  });

  test("reads errors, their text and their request id", async () => {
    const refused = await onPage(
      `return await fal.subscribe("fal-ai/flux/schnell", { input: { prompt: "sandbox:refused" }, pollInterval: 100 })`,
    );
    expect(refused).toMatchObject({
      name: "ValidationError",
      status: 422,
      requestId: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(refused.fieldErrors).toEqual([expect.objectContaining({ type: "content_policy_violation" })]);
    const unknown = await onPage(`return await fal.run("flux/schnell", { input: { prompt: "a cat" } })`);
    expect(unknown).toMatchObject({
      name: "ApiError",
      status: 404,
      message: expect.stringContaining("fal-ai/flux/schnell"),
    });
  });
});

declare global {
  var connect: (url: string, token: string) => unknown;
}
