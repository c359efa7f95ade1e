// `ai` with `@ai-sdk/fal` as published, in Node, against `npm start`, through the helper of examples/ai-sdk/.
// Calls covered: generateImage (helper; and `baseURL` alone), experimental_generateVideo (polls the result), generateSpeech,
// transcribe; refusals of each, and that none of them posts twice.

import { createFal, type FalProvider } from "@ai-sdk/fal";
import { APICallError, experimental_generateVideo, generateImage, generateSpeech, transcribe } from "ai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sluiceFetch } from "../../../examples/ai-sdk/sluice-fetch.ts";
import { type Sluice, startSluice } from "../../harness/sluice.ts";

/** Files are spelled with a public name: the SDK downloads nothing from localhost, unless it was called there. */
const PUBLIC = "https://sluice.example";
const MODEL = "fal-ai/flux/schnell";

let sluice: Sluice;
let fal: FalProvider;

beforeAll(async () => {
  sluice = await startSluice({ BASE_URL: PUBLIC });
  fal = createFal({ apiKey: sluice.key, fetch: sluiceFetch(PUBLIC, there) });
});

afterAll(() => sluice.stop());

/** What the public name leads to. */
const there: typeof fetch = (input, init) => {
  const url = input instanceof Request ? input.url : String(input);
  return fetch(url.replace(PUBLIC, sluice.url), init);
};

/** Two versions of the provider's types are installed; the objects are the same. */
type Video = Parameters<typeof experimental_generateVideo>[0]["model"];

const download = async ({ url }: { url: URL }) => {
  const answer = await there(url);
  return {
    data: new Uint8Array(await answer.arrayBuffer()),
    mediaType: answer.headers.get("Content-Type") ?? undefined,
  };
};

async function submits(): Promise<number> {
  return (await sluice.sandbox<{ requests: unknown[] }>("GET", "requests")).requests.length;
}

async function refusalOf(promise: Promise<unknown>): Promise<APICallError> {
  const reason: unknown = await promise.then(
    () => null,
    (fault: unknown) => fault,
  );
  if (!APICallError.isInstance(reason)) throw new Error(`no APICallError: ${String(reason)}`);
  return reason;
}

describe("generateImage", () => {
  test("gets a picture", async () => {
    const { image } = await generateImage({ model: fal.image(MODEL), prompt: "a cat", seed: 7 });
    expect(image.mediaType).toBe("image/png");
    expect(image.uint8Array.length).toBeGreaterThan(1_000);
  });

  test("gets one with the base URL alone", async () => {
    const direct = createFal({ apiKey: sluice.key, baseURL: `${sluice.url}/fal/run`, fetch: there });
    expect((await generateImage({ model: direct.image(MODEL), prompt: "a cat" })).image.mediaType).toBe("image/png");
  });

  test("rejects with what the model refused, and posts once", async () => {
    const before = await submits();
    const refused = await refusalOf(generateImage({ model: fal.image(MODEL), prompt: "a cat sandbox:refused" }));
    expect([refused.statusCode, refused.isRetryable]).toEqual([422, false]);
    expect(refused.message).toContain("flagged");
    expect((await submits()) - before).toBe(1);
  });

  test("does not post again after a failure of the model", async () => {
    const before = await submits();
    const failed = await refusalOf(generateImage({ model: fal.image(MODEL), prompt: "a cat sandbox:error500" }));
    expect([failed.statusCode, failed.isRetryable]).toEqual([424, false]);
    expect((await submits()) - before).toBe(1);
  });
});

describe("generateVideo", () => {
  const video = (prompt: string) =>
    experimental_generateVideo({
      ...{ model: fal.video("fal-ai/minimax/video-01") as Video, prompt, download },
      poll: { intervalMs: 500 },
    });

  test("gets a film", async () => {
    const film = (await video("a cat")).video;
    expect(film.mediaType).toBe("video/mp4");
    expect(film.uint8Array.length).toBeGreaterThan(1_000);
  });

  test("rejects with what the model refused", async () => {
    const before = await submits();
    await expect(video("a cat sandbox:refused")).rejects.toThrow(/flagged/);
    expect((await submits()) - before).toBe(1);
  });
});

describe("generateSpeech", () => {
  test("gets a voice", async () => {
    const { audio } = await generateSpeech({ model: fal.speech("fal-ai/minimax/speech-02-hd"), text: "Hello" });
    expect(audio.uint8Array.length).toBeGreaterThan(1_000);
  });

  test("rejects with what the model refused", async () => {
    const before = await submits();
    const wrong = generateSpeech({ model: fal.speech("fal-ai/minimax/speech-02-hd"), text: "Hello sandbox:refused" });
    expect((await refusalOf(wrong)).statusCode).toBe(422);
    expect((await submits()) - before).toBe(1);
  });
});

describe("transcribe", () => {
  test("gets the words", async () => {
    const audio = new Uint8Array(2_000);
    const { text, segments } = await transcribe({ model: fal.transcription("whisper"), audio });
    expect([text, segments.length]).toEqual(["a cat speaks", 3]);
  });

  test("rejects where a limit is used up, and posts nothing on", async () => {
    const limits = [{ name: "none", scope: "team", per: "request", limit: 0, window: "1d" }];
    const made = await fetch(`${sluice.url}/v1/admin/teams`, {
      method: "POST",
      headers: { Authorization: `Bearer ${sluice.adminToken}`, "Content-Type": "application/json" },
      body: JSON.stringify({ id: "poor", plan: { limits } }),
    });
    const { key } = (await made.json()) as { key: { secret: string } };
    const poor = createFal({ apiKey: key.secret, fetch: sluiceFetch(PUBLIC, there) });
    const before = await submits();
    const audio = new Uint8Array(2_000);
    const refused = await refusalOf(transcribe({ model: poor.transcription("whisper"), audio }));
    expect([refused.statusCode, refused.isRetryable]).toEqual([402, false]);
    expect(await submits()).toBe(before);
  });
});
