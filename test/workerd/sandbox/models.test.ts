import { beforeEach, describe, expect, test } from "vitest";
import { call, finished, freshWorld, json, set, submit } from "../../harness/sandbox.ts";

beforeEach(() => freshWorld({ cdn_origin: "https://cdn.sandbox.test" }));

const URL_OF = (ending: string) =>
  expect.stringMatching(new RegExp(`^https://cdn.sandbox.test/files/b/[0-9a-f]{8}/.*${ending}$`));

describe("what a model answers", () => {
  test.each([
    [
      "fal-ai/flux/schnell",
      { prompt: "a", image_size: "landscape_16_9", num_images: 2 },
      {
        images: [
          { url: URL_OF(".png"), width: 1024, height: 576, content_type: "image/png" },
          { url: URL_OF(".png"), width: 1024, height: 576, content_type: "image/png" },
        ],
        timings: { inference: 0.9 },
        seed: expect.any(Number),
        has_nsfw_concepts: [false, false],
        prompt: "a",
      },
      "2",
    ],
    ["fal-ai/flux/schnell", { prompt: "a" }, { images: [{ width: 1024, height: 768 }] }, "1"],
    [
      "fal-ai/flux/schnell",
      { prompt: "a", image_size: { width: 40, height: 30 } },
      { images: [{ width: 40, height: 30 }] },
      "1",
    ],
    ["fal-ai/fast-sdxl", { prompt: "a", negative_prompt: "b" }, { images: [{ width: 1024, height: 1024 }] }, "1"],
    [
      "fal-ai/clarity-upscaler",
      { image_url: "https://example.com/a.jpg", scale: 2 },
      { image: { width: 1024, height: 1024 } },
      "1.000",
    ],
    [
      "fal-ai/clarity-upscaler",
      { image_url: "data:image/png;base64,AA", scale: 4 },
      { image: { width: 2048, height: 2048 } },
      "4.000",
    ],
    [
      "fal-ai/minimax/video-01",
      { prompt: "a" },
      { video: { url: URL_OF("_output.mp4"), content_type: "video/mp4" } },
      "1",
    ],
    [
      "fal-ai/f5-tts",
      { gen_text: "Hello world" },
      { audio_url: { url: URL_OF("_speech.wav"), content_type: "audio/wav", file_size: 66_194 } },
      "0.011",
    ],
    [
      "sandbox/echo/own-model/v2",
      { x: [1] },
      { output: { x: [1] }, images: [{ url: URL_OF(".png"), width: 512, height: 512 }] },
      "1",
    ],
  ])("%s %j", async (model, input, output, units) => {
    const request = await finished(input, model);
    const answer = await call("GET", request.result);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toBe("application/json");
    expect(answer.headers.get("x-fal-billable-units")).toBe(units);
    expect(await json(answer)).toMatchObject(output);
  });

  test("names a seed above 2^53, written out", async () => {
    const request = await finished({ prompt: "a" });
    const [, seed = ""] = /"seed":([0-9]+)/.exec(await (await call("GET", request.result)).text()) ?? [];
    expect(BigInt(seed) > 2n ** 53n).toBe(true);
  });

  test.each(["fal-ai/flux/schnell", "sandbox/echo/own-model"])(
    "gives the seed back as it was written: %s",
    async (model) => {
      const answer = await call("POST", `/fal-ai/${model}`, '{"prompt":"a","seed":196619188014358661}');
      const request = await json(answer);
      await call("POST", "/_sandbox/clock", { advance_ms: 5_000 });
      const path = String(request.response_url).replace("https://queue.fal.run", "/fal-ai");
      expect(await (await call("GET", path)).text()).toContain('"seed":196619188014358661');
    },
  );

  test("puts pictures into the result with sync_mode, and none on the CDN", async () => {
    const request = await finished({
      prompt: "a",
      image_size: { width: 16, height: 16 },
      num_images: 2,
      sync_mode: true,
    });
    const { images } = (await json(await call("GET", request.result))) as { images: { url: string }[] };
    expect(images).toHaveLength(2);
    for (const { url } of images) expect(atob(url.replace("data:image/png;base64,", "")).slice(1, 4)).toBe("PNG");
    expect(await json(await call("GET", `/_sandbox/requests/${request.id}`))).toMatchObject({ files: [] });
  });
});

describe("an input that a model refuses", () => {
  test.each([
    ["fal-ai/flux/schnell", {}, "prompt", "missing"],
    ["fal-ai/flux/schnell", { prompt: null }, "prompt", "missing"],
    ["fal-ai/flux/schnell", { prompt: 1 }, "prompt", "string_type"],
    ["fal-ai/flux/schnell", { prompt: "a", image_size: "huge" }, "image_size", "one_of"],
    ["fal-ai/flux/schnell", { prompt: "a", image_size: 5 }, "image_size", "one_of"],
    ["fal-ai/flux/schnell", { prompt: "a", image_size: { width: 5 } }, "image_size.height", "missing"],
    [
      "fal-ai/flux/schnell",
      { prompt: "a", image_size: { width: 0, height: 5 } },
      "image_size.width",
      "greater_than_equal",
    ],
    [
      "fal-ai/flux/schnell",
      { prompt: "a", image_size: { width: 5, height: 9999 } },
      "image_size.height",
      "less_than_equal",
    ],
    ["fal-ai/flux/schnell", { prompt: "a", num_images: 0 }, "num_images", "greater_than_equal"],
    ["fal-ai/flux/schnell", { prompt: "a", num_images: 5 }, "num_images", "less_than_equal"],
    ["fal-ai/flux/schnell", { prompt: "a", num_images: 1.5 }, "num_images", "int_type"],
    ["fal-ai/flux/schnell", { prompt: "a", num_inference_steps: 0 }, "num_inference_steps", "greater_than_equal"],
    ["fal-ai/flux/schnell", { prompt: "a", sync_mode: "yes" }, "sync_mode", "bool_type"],
    ["fal-ai/fast-sdxl", { prompt: "a", guidance_scale: "7" }, "guidance_scale", "float_type"],
    ["fal-ai/clarity-upscaler", {}, "image_url", "missing"],
    ["fal-ai/clarity-upscaler", { image_url: "a.png" }, "image_url", "file_download_error"],
    ["fal-ai/clarity-upscaler", { image_url: "https://example.com/a.png", scale: 3 }, "scale", "one_of"],
    ["fal-ai/minimax/video-01", { prompt_optimizer: true }, "prompt", "missing"],
    ["fal-ai/f5-tts", { text: "a" }, "gen_text", "missing"],
  ])("%s %j: 422 at the result, for %s, %s", async (model, input, field, type) => {
    const request = await finished(input, model);
    const answer = await call("GET", request.result);
    expect(answer.status).toBe(422);
    expect(answer.headers.get("x-fal-billable-units")).toBe("0");
    const loc = ["body", ...field.split(".")];
    expect(await json(answer)).toMatchObject({ detail: [{ loc, msg: expect.any(String), type }] });
    const status = await json(await call("GET", request.status));
    expect(status).toMatchObject({ status: "COMPLETED", error: "Invalid status code: 422", error_type: type });
  });

  test.each(["", "no json", "[]", '"text"'])("is 422 when the body is %j", async (body) => {
    const answer = await call("POST", "/fal-ai/fal-ai/flux/schnell", body);
    expect(answer.status).toBe(200);
    await call("POST", "/_sandbox/clock", { advance_ms: 5_000 });
    const path = String((await json(answer)).response_url).replace("https://queue.fal.run", "/fal-ai");
    expect((await call("GET", path)).status).toBe(422);
  });

  test("is 422 at once when the settings say so", async () => {
    await set({ validate_at_submit: true });
    const answer = await call("POST", "/fal-ai/fal-ai/flux/schnell", {});
    expect(answer.status).toBe(422);
    expect(await json(answer)).toMatchObject({ detail: [{ loc: ["body", "prompt"], type: "missing" }] });
  });

  test("shows in the result only, when the settings say so", async () => {
    await set({ status_shows_model_errors: false });
    const request = await finished({});
    expect(await json(await call("GET", request.status))).not.toHaveProperty("error");
    expect((await call("GET", request.result)).status).toBe(422);
  });
});

describe("the same seed", () => {
  async function story(seed: string): Promise<string[]> {
    await freshWorld({ seed, jitter: 0.5 });
    const texts: string[] = [];
    for (const prompt of ["a", "b", "a"]) {
      const request = await submit({ prompt });
      const seen = await json(await call("GET", `/_sandbox/requests/${request.id}`));
      await call("POST", "/_sandbox/clock", { advance_ms: 5_000 });
      texts.push(`${request.id} ${seen.ends_at} ${await (await call("GET", request.result)).text()}`);
    }
    return texts;
  }

  test("gives the same ids, durations and results; another seed gives others", async () => {
    const first = await story("one");
    expect(await story("one")).toEqual(first);
    const other = await story("two");
    for (const [n, text] of other.entries()) expect(text).not.toBe(first[n]);
    expect(new Set(first).size).toBe(3);
  });
});
