import { describe, expect, test } from "vitest";
import {
  type InputMeasures,
  MEASURE_MAX,
  type Measures,
  measureInput,
  measureOutput,
  sizeOf,
} from "../../../src/models/measures.ts";
import { inputSchemaOf, MODELS } from "../../../src/models/models.ts";

const SCHNELL = "fal-ai/flux/schnell";
const SDXL = "fal-ai/fast-sdxl";
const OTHER = "owner/other";

describe("the worst case of an input", () => {
  test.each<[string, string, unknown, Partial<InputMeasures>]>([
    ["one image of the default size", SCHNELL, { prompt: "a cat" }, { images: 1, megapixels: 1 }],
    ["the images that are asked for", SCHNELL, { num_images: 4 }, { images: 4, megapixels: 4 }],
    ["a named size", SCHNELL, { image_size: "square_hd", num_images: 2 }, { images: 2, megapixels: 2 }],
    ["a small size as a whole megapixel each", SCHNELL, { image_size: "square", num_images: 3 }, { megapixels: 3 }],
    ["a size in pixels", SDXL, { image_size: { width: 1920, height: 1080 } }, { megapixels: 2 }],
    ["just above a megapixel as two", SDXL, { image_size: { width: 1024, height: 1025 } }, { megapixels: 2 }],
    [
      "each image rounded up by itself",
      SDXL,
      { image_size: { width: 1100, height: 1100 }, num_images: 3 },
      { megapixels: 6 },
    ],
    ["a size with one side by fal's default", OTHER, { image_size: { width: 8192 } }, { fields: { image_size: 4 } }],
    ["sides as texts", OTHER, { image_size: { width: "2048", height: " 2048 " } }, { fields: { image_size: 4 } }],
    ["a size as text", OTHER, { image_size: "1536x1024" }, { fields: { image_size: 2 } }],
    ["null as the default", SDXL, { image_size: null, num_images: null }, { images: 1, megapixels: 1 }],
    [
      "width and height beside the prompt",
      OTHER,
      { width: 2048, height: "2048" },
      { fields: { width: 2048, height: 2048 } },
    ],
    ["no size where the model decides", OTHER, { prompt: "a cat" }, { images: null, megapixels: null }],
    ["no size for a name that is not known", OTHER, { image_size: "auto_4K" }, { fields: { image_size: null } }],
    ["no size for an array", SCHNELL, { image_size: [4096, 4096] }, { megapixels: null }],
    ["no size for a side that is no number", SCHNELL, { image_size: { width: "wide" } }, { megapixels: null }],
    ["no size for a side below one", SCHNELL, { image_size: { width: -1, height: 5 } }, { megapixels: null }],
    ["a count as text", SCHNELL, { num_images: "4" }, { images: 4 }],
    ["a count as a text with a fraction", SCHNELL, { num_images: "4.0" }, { images: 4 }],
    ["a count with underscores", SCHNELL, { num_images: "1_000" }, { images: 1_000 }],
    ["true as one", SCHNELL, { num_images: true }, { images: 1 }],
    ["half an image as one", SCHNELL, { num_images: 1.5 }, { images: 2 }],
    ["none or fewer as one", SCHNELL, { num_images: -3 }, { images: 1 }],
    ["no count for an array", SCHNELL, { num_images: [9] }, { images: null, megapixels: null }],
    ["no count for words", SCHNELL, { num_images: "four" }, { images: null }],
    [
      "an endless count as the most there is",
      SCHNELL,
      { num_images: Number.POSITIVE_INFINITY },
      { images: MEASURE_MAX, megapixels: MEASURE_MAX },
    ],
    [
      "an endless size as the most there is",
      SCHNELL,
      { image_size: { width: 1e200, height: 1e200 } },
      { megapixels: MEASURE_MAX },
    ],
    ["images per generation", OTHER, { num_images: 2, max_images: 6 }, { fields: { num_images: 2, max_images: 6 } }],
    [
      "nothing of another model but what a price may name",
      OTHER,
      { num_images: 1, num_samples: 4 },
      { images: null, fields: { num_images: 1, num_samples: 4 } },
    ],
    ["a duration", OTHER, { duration: 5 }, { seconds: null, fields: { duration: 5 } }],
    ["a duration as text", OTHER, { duration: "10" }, { fields: { duration: 10 } }],
    ["a duration with its unit", OTHER, { duration: "8s" }, { fields: { duration: 8 } }],
    ["a duration with its unit in full", OTHER, { duration: "6 seconds" }, { fields: { duration: 6 } }],
    ["a length in milliseconds", OTHER, { music_length_ms: 30_000 }, { fields: { music_length_ms: 30 } }],
    ["a second at least", OTHER, { duration: 1e-9 }, { fields: { duration: 1 } }],
    ["no duration where the model decides", OTHER, { duration: "auto" }, { fields: { duration: null } }],
    ["no duration for 0, which means auto", OTHER, { duration: 0 }, { fields: { duration: null } }],
    [
      "no duration beside one that cannot be read",
      OTHER,
      { duration: "5", seconds_total: [1] },
      { fields: { duration: 5, seconds_total: null } },
    ],
    ["no duration where none is named", OTHER, { num_frames: 81 }, { fields: {} }],
    ["the characters of a text to speak", "fal-ai/f5-tts", { gen_text: "hello" }, { characters: 5 }],
    ["a character of two code units as one", "fal-ai/f5-tts", { gen_text: "a😀" }, { characters: 2 }],
    [
      "several texts by their names",
      OTHER,
      { text: "hello", prompt: "soft" },
      { characters: null, fields: { text: 5, prompt: 4 } },
    ],
    ["a list of texts together", OTHER, { texts: ["one", "three"] }, { fields: { texts: 8 } }],
    [
      "a dialogue together",
      OTHER,
      { inputs: [{ text: "one", voice: "x" }, { text: "two" }] },
      { fields: { inputs: 6 } },
    ],
    ["no characters where there is no text", OTHER, { image_url: "https://example.com/x" }, { fields: {} }],
    [
      "nothing in an empty input",
      OTHER,
      {},
      { images: null, megapixels: null, seconds: null, characters: null, fields: {} },
    ],
    [
      "an input that is no object like an empty one",
      OTHER,
      [],
      { images: null, megapixels: null, seconds: null, characters: null, fields: {} },
    ],
  ])("is %s", (_what, model, input, measures) => {
    expect(measureInput(model, input)).toMatchObject(measures);
  });

  test("cannot be lowered by a field that the model does not read", () => {
    const known = { num_images: 4, image_size: { width: 2048, height: 2048 } };
    const extra = { num_samples: 1, max_images: 1, number_of_images: 1, width: 1, height: 1 };
    expect(measureInput(SCHNELL, { ...known, ...extra })).toMatchObject({ images: 4, megapixels: 16 });
    expect(measureInput("fal-ai/clarity-upscaler", { scale: 4, width: 1, height: 1 })).toMatchObject({
      megapixels: null,
    });
    expect(measureInput("fal-ai/minimax/video-01", { duration: 1e-9, num_images: 1 })).toMatchObject({
      seconds: null,
      images: null,
    });
    expect(measureInput("fal-ai/f5-tts", { gen_text: "a long text", text: "", prompt: "x" })).toMatchObject({
      characters: 11,
    });
  });

  test("stays a number when it crosses JSON", () => {
    const endless = {
      num_images: Number.POSITIVE_INFINITY,
      image_size: { width: Number.POSITIVE_INFINITY, height: Number.POSITIVE_INFINITY },
      width: Number.POSITIVE_INFINITY,
      duration: Number.POSITIVE_INFINITY,
    };
    const measures = measureInput(OTHER, endless);
    expect(JSON.parse(JSON.stringify(measures))).toEqual(measures);
    expect(measures.fields).toMatchObject({ width: MEASURE_MAX, duration: MEASURE_MAX });
  });

  test("takes a known model's defaults as its documents tell them", () => {
    for (const model of MODELS) {
      const properties = inputSchemaOf(model).properties ?? {};
      const told = Object.entries(properties).flatMap(([name, schema]) => {
        return typeof schema === "object" && schema.default !== undefined ? [[name, schema.default]] : [];
      });
      const measures = measureInput(model.id, { prompt: "p", gen_text: "p" });
      expect(measureInput(model.id, { prompt: "p", gen_text: "p", ...Object.fromEntries(told) })).toEqual(measures);
    }
  });
});

describe("a size", () => {
  test.each<[unknown, { width: number; height: number } | null]>([
    ["square_hd", { width: 1024, height: 1024 }],
    ["square", { width: 512, height: 512 }],
    ["portrait_4_3", { width: 768, height: 1024 }],
    ["portrait_16_9", { width: 576, height: 1024 }],
    ["landscape_4_3", { width: 1024, height: 768 }],
    ["landscape_16_9", { width: 1024, height: 576 }],
    [" 1024 x 768 ", { width: 1024, height: 768 }],
    ["toString", null],
    ["Square_HD", null],
    ["1024x", null],
    ["1024x768x3", null],
    [
      { width: 1, height: 2, more: 3 },
      { width: 1, height: 2 },
    ],
    [{}, { width: 512, height: 512 }],
    [{ width: 0, height: 2 }, null],
    [{ width: {}, height: 2 }, null],
    [1024, null],
    [null, null],
    [[1, 2], null],
  ])("of %j is %j", (value, size) => {
    expect(sizeOf(value)).toEqual(size);
  });
});

describe("what an output shows", () => {
  const image = { url: "https://example.com/x.png", width: 1024, height: 1024 };

  test.each<[string, unknown, Partial<Measures>]>([
    ["its images", { images: [image, image] }, { images: 2, megapixels: 2, seconds: null, characters: null }],
    ["a single image", { image: { ...image, width: 2048, height: 2048 } }, { images: 1, megapixels: 4 }],
    ["images without sizes", { images: [{ url: "x" }] }, { images: 1, megapixels: null }],
    [
      "one image without a size among others",
      { images: [image, { url: "x", width: null, height: null }] },
      { images: 2, megapixels: null },
    ],
    ["images as bare URLs", { images: ["https://example.com/x.png"] }, { images: 1, megapixels: null }],
    ["that there is no image", { images: [] }, { images: 0, megapixels: 0 }],
    [
      "the length of a video",
      { video: { url: "x", duration: 5.04 } },
      { seconds: 5.04, images: null, megapixels: null },
    ],
    ["the length of a video by its frames", { video: { url: "x", num_frames: 81, fps: 16 } }, { seconds: 5.0625 }],
    ["the length of all videos", { videos: [{ duration: 5 }, { duration: 6 }] }, { seconds: 11 }],
    ["no length where one video lacks it", { videos: [{ duration: 5 }, {}] }, { seconds: null }],
    ["the length of a sound", { audio_url: { url: "x", duration: 1.5 } }, { seconds: 1.5 }],
    ["the video's length before the sound's", { audio: { duration: 9 }, video: { duration: 5 } }, { seconds: 5 }],
    ["a length beside the file", { audio: { url: "x" }, duration_ms: 2_500 }, { seconds: 2.5 }],
    ["no length without frames a second", { video: { num_frames: 81, fps: 0 } }, { seconds: null }],
    [
      "nothing for a video that says nothing",
      { video: { url: "x" } },
      { images: null, megapixels: null, seconds: null },
    ],
    ["nothing for no object", "text", { images: null, megapixels: null, seconds: null, characters: null }],
  ])("is %s", (_what, output, measures) => {
    expect(measureOutput(output)).toMatchObject(measures);
  });
});
