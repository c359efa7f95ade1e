import { describe, expect, test } from "vitest";
import { checkInput, fullIdFor, inputSchemaOf, knownModel, MODELS, unknownModel } from "../../../src/models/models.ts";

const FLUX = "fal-ai/flux/schnell";
const SDXL = "fal-ai/fast-sdxl";
const UPSCALER = "fal-ai/clarity-upscaler";
const VIDEO = "fal-ai/minimax/video-01";
const TTS = "fal-ai/f5-tts";
const SIZES = '"square_hd", "square", "portrait_4_3", "portrait_16_9", "landscape_4_3", "landscape_16_9"';

const LOCAL = (field: string) => `\`${field}\` names a file on your own machine, which the model cannot read.`;

describe("inputs that pass", () => {
  test.each<[string, string, unknown]>([
    ["the first example of the fal.ai page", FLUX, { prompt: "a cat", image_size: "square_hd", num_images: 1 }],
    ["a size in pixels", FLUX, { prompt: "a cat", image_size: { width: 640, height: 480 } }],
    ["a seed above 2^53", FLUX, { prompt: "a cat", seed: 196619188014358660 }],
    ["a seed that is null", FLUX, { prompt: "a cat", seed: null }],
    ["fields nobody knows here", FLUX, { prompt: "a cat", sync_mode: true, acceleration: { level: [1] } }],
    [
      "every field of Fast SDXL",
      SDXL,
      { prompt: "p", negative_prompt: "n", guidance_scale: 7.5, num_inference_steps: 25 },
    ],
    ["an upscale by four", UPSCALER, { image_url: "https://example.com/image.jpg", scale: 4 }],
    ["an image as data", UPSCALER, { image_url: "data:image/png;base64,AA==" }],
    ["a video of a prompt", VIDEO, { prompt: "A cat plays" }],
    ["speech of a text alone", TTS, { gen_text: "Hello" }],
    ["speech with a voice", TTS, { gen_text: "Hello", ref_audio_url: "https://example.com/voice.wav" }],
    ["the most that Schnell makes", FLUX, { prompt: "p", num_images: 4, num_inference_steps: 12, guidance_scale: 1 }],
    [
      "the most that Fast SDXL makes",
      SDXL,
      { prompt: "p", num_images: 8, num_inference_steps: 65, guidance_scale: 20 },
    ],
    ["the largest size", FLUX, { prompt: "p", image_size: { width: 14_142, height: 1 } }],
    ["an upscale by one and a half", UPSCALER, { image_url: "https://e.com/i.jpg", upscale_factor: 1.5 }],
    ["a path in a text that is no URL", "owner/app", { prompt: "/home/me/cat.png", text: "file:///x" }],
    ["a URL without its scheme", "owner/app", { image_url: "//example.com/cat.png" }],
    ["files below the input", "owner/app", { images: [{ url: "https://e.com/1.png" }], mask_urls: ["data:,"] }],
    ["anything for a model nobody knows here", "owner/app/path", { any: ["thing"] }],
    ["nothing for a model nobody knows here", "owner/app", {}],
  ])("%s", (_what, model, input) => {
    expect(checkInput(model, input)).toEqual({ kind: "ok" });
  });
});

describe("inputs that are refused, with the field and what is allowed", () => {
  test.each<[string, string, unknown, string]>([
    ["no prompt", FLUX, {}, "`prompt` is required."],
    ["a prompt that is no text", FLUX, { prompt: 5 }, "`prompt` must be a string."],
    [
      "a size nobody knows",
      FLUX,
      { prompt: "p", image_size: "huge" },
      `\`image_size\` must be one of ${SIZES}, or { "width", "height" } in pixels, at most 14142 each.`,
    ],
    [
      "half a size",
      FLUX,
      { prompt: "p", image_size: { width: 5 } },
      `\`image_size\` must be one of ${SIZES}, or { "width", "height" } in pixels, at most 14142 each.`,
    ],
    ["no images", FLUX, { prompt: "p", num_images: 0 }, "`num_images` must be at least 1."],
    ["no steps", FLUX, { prompt: "p", num_inference_steps: 0 }, "`num_inference_steps` must be at least 1."],
    ["half a step", SDXL, { prompt: "p", num_inference_steps: 1.5 }, "`num_inference_steps` must be an integer."],
    ["a seed with a fraction", FLUX, { prompt: "p", seed: 1.5 }, "`seed` must be an integer."],
    ["a guidance that is text", SDXL, { prompt: "p", guidance_scale: "7" }, "`guidance_scale` must be a number."],
    ["an upscale by three", UPSCALER, { image_url: "https://e.com/i.jpg", scale: 3 }, "`scale` must be one of 2, 4."],
    ["99 images", FLUX, { prompt: "p", num_images: 99 }, "`num_images` must be at most 4."],
    ["nine images", SDXL, { prompt: "p", num_images: 9 }, "`num_images` must be at most 8."],
    ["thirteen steps", FLUX, { prompt: "p", num_inference_steps: 13 }, "`num_inference_steps` must be at most 12."],
    ["too much guidance", SDXL, { prompt: "p", guidance_scale: 20.5 }, "`guidance_scale` must be at most 20."],
    [
      "an upscale by five",
      UPSCALER,
      { image_url: "https://e.com/i.jpg", upscale_factor: 5 },
      "`upscale_factor` must be at most 4.",
    ],
    [
      "three steps",
      UPSCALER,
      { image_url: "data:,", num_inference_steps: 3 },
      "`num_inference_steps` must be at least 4.",
    ],
    [
      "an image that is no URL",
      UPSCALER,
      { image_url: "cat.png" },
      "`image_url` must be an http or https URL, or a data URI.",
    ],
    ["a voice nobody has", TTS, { gen_text: "p", model_type: "F4" }, '`model_type` must be one of "F5-TTS", "E2-TTS".'],
    ["a local path", UPSCALER, { image_url: "/home/me/cat.png" }, LOCAL("image_url")],
    ["a file URL", TTS, { gen_text: "p", ref_audio_url: "file:///C:/voice.wav" }, LOCAL("ref_audio_url")],
    ["a local path for another model", "owner/app", { images: [{ url: "C:\\cat.png" }] }, LOCAL("images[0].url")],
    ["a home folder", "owner/app", { image_urls: ["https://e.com/1.png", "~/2.png"] }, LOCAL("image_urls[1]")],
    ["what a page alone can read", "owner/app", { imageUrl: "blob:https://app.example/1" }, LOCAL("imageUrl")],
    ["no image", UPSCALER, { scale: 2 }, "`image_url` is required."],
    ["no text to say", TTS, { prompt: "p" }, "`gen_text` is required."],
    ["two faults at once", FLUX, { num_images: 0 }, "`prompt` is required; `num_images` must be at least 1."],
    ["a list", "owner/app", [], "`input` must be an object."],
    ["a text", FLUX, "a cat", "`input` must be an object."],
    ["nothing", FLUX, undefined, "`input` is required."],
  ])("%s", (_what, model, input, detail) => {
    expect(checkInput(model, input)).toMatchObject({ kind: "refused", refusal: { code: "invalid_input", detail } });
  });

  test.each(["webhook_url", "webhookUrl"])("%s, which belongs beside the input", (field) => {
    const answer = checkInput("owner/app", { prompt: "p", [field]: "https://example.com" });
    expect(answer).toMatchObject({
      kind: "refused",
      refusal: { code: "invalid_input", hint: expect.stringContaining("next to `input`") },
    });
  });

  test("with the field that a mistyped name was meant to be", () => {
    const answer = checkInput(FLUX, { promt: "a cat" });
    const hint = "Did you mean `prompt`? GET /v1/models/fal-ai/flux/schnell returns the input schema.";
    expect(answer).toMatchObject({ refusal: { detail: "`prompt` is required.", hint } });
  });

  test("never repeats what was sent", () => {
    const answer = checkInput(FLUX, { prompt: 5, image_size: "my secret wish", seed: "another secret" });
    expect(JSON.stringify(answer)).not.toContain("secret");
  });
});

describe("the catalogue", () => {
  test("has the models of the fal.ai page", () => {
    expect(MODELS.map((model) => model.id)).toEqual([FLUX, SDXL, UPSCALER, VIDEO, TTS]);
  });

  test.each([
    ["flux/schnell", FLUX],
    ["fast-sdxl", SDXL],
    ["minimax/video-01", VIDEO],
    [FLUX, null],
    ["owner/app", null],
  ])("knows what %s lacks", (id, full) => {
    expect(fullIdFor(id)).toBe(full);
    expect(unknownModel(id)?.hint ?? null).toEqual(full === null ? null : expect.stringContaining(full));
  });

  test("describes inputs as JSON Schema with fal's defaults, and lets other fields be", () => {
    const flux = knownModel(FLUX);
    const schema = flux && inputSchemaOf(flux);
    expect(schema).toMatchObject({
      type: "object",
      required: ["prompt"],
      properties: {
        image_size: {
          default: "landscape_4_3",
          anyOf: [{ enum: expect.arrayContaining(["square_hd"]) }, { type: "object" }],
        },
        num_images: { type: "integer", minimum: 1, default: 1 },
        num_inference_steps: { type: "integer", minimum: 1, default: 4 },
        seed: { type: ["integer", "null"] },
      },
    });
    expect(schema).not.toHaveProperty("additionalProperties", false);
  });
});
