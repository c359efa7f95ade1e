// `@fal-ai/serverless-client` 0.15.0, the deprecated forerunner of @fal-ai/client, in Node, against `npm start`.
// Calls covered, through its request middleware on /fal/proxy: run, subscribe (polling, logs), queue.submit, queue.status,
// queue.subscribeToStatus, queue.result, queue.cancel, stream, storage.upload, a Blob in an input, ApiError, ValidationError.

import * as fal from "@fal-ai/serverless-client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Sluice, startSluice } from "../../harness/sluice.ts";

const MODEL = "fal-ai/flux/schnell";

let sluice: Sluice;

interface Pictures {
  images: { url: string }[];
}

beforeAll(async () => {
  sluice = await startSluice();
  fal.config({
    credentials: sluice.key,
    // Its `proxyUrl` does nothing outside browsers; this is what it does inside.
    requestMiddleware: async (request) => ({
      ...request,
      url: `${sluice.url}/fal/proxy`,
      headers: { ...request.headers, "x-fal-target-url": request.url },
    }),
  });
});

afterAll(() => sluice.stop());

async function faultOf(
  promise: Promise<unknown>,
): Promise<{ status: number; body: { status?: string }; name: string }> {
  return promise.then(
    () => {
      throw new Error("it was not refused");
    },
    (fault: unknown) => fault as { status: number; body: { status?: string }; name: string },
  );
}

describe("the deprecated client", () => {
  test("subscribes", async () => {
    const seen: string[] = [];
    const output = await fal.subscribe<{ prompt: string }, Pictures>(MODEL, {
      ...{ input: { prompt: "a cat" }, logs: true, pollInterval: 100 },
      onQueueUpdate: ({ status }) => void seen.push(status),
    });
    expect(output.images[0]?.url).toContain(`${sluice.url}/files/`);
    expect([seen[0], seen.at(-1)]).toEqual(["IN_QUEUE", "COMPLETED"]);
  });

  test("submits, asks, waits and reads", async () => {
    const { request_id: requestId } = await fal.queue.submit(MODEL, { input: { prompt: "a cat" } });
    expect(["IN_QUEUE", "IN_PROGRESS"]).toContain((await fal.queue.status(MODEL, { requestId })).status);
    await fal.queue.subscribeToStatus(MODEL, { requestId });
    expect((await fal.queue.result<Pictures>(MODEL, { requestId })).images).toHaveLength(1);
    const late = await faultOf(fal.queue.cancel(MODEL, { requestId }));
    expect([late.status, late.body.status]).toEqual([400, "ALREADY_COMPLETED"]);
  });

  test("runs and streams", async () => {
    expect((await fal.run<object, Pictures>(MODEL, { input: { prompt: "a cat" } })).images).toHaveLength(1);
    const stream = await fal.stream(MODEL, { input: { prompt: "a cat" } });
    expect(((await stream.done()) as Pictures).images).toHaveLength(1);
  });

  test("uploads, and sends a Blob in the input as an upload", async () => {
    const { images } = await fal.run<object, Pictures>(MODEL, { input: { prompt: "a cat" } });
    const bytes = new Uint8Array(await (await fetch(images[0]?.url ?? "")).arrayBuffer());
    const picture = new Blob([bytes], { type: "image/png" });
    const url = await fal.storage.upload(picture);
    expect(new Uint8Array(await (await fetch(url)).arrayBuffer())).toEqual(bytes);
    const larger = await fal.run<object, { image: { url: string } }>("fal-ai/clarity-upscaler", {
      input: { image_url: picture },
    });
    expect(larger.image.url).toContain("/files/");
  });

  test("rejects with fal's errors", async () => {
    const refused = await faultOf(
      fal.subscribe(MODEL, { input: { prompt: "a cat sandbox:refused" }, pollInterval: 100 }),
    );
    expect([refused.status, refused.name]).toEqual([422, "ValidationError"]);
    expect((await faultOf(fal.run("flux/schnell", { input: { prompt: "a cat" } }))).status).toBe(404);
  });
});
