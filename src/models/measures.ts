// Amounts that prices depend on: the worst case of an input, the actual amounts of an output. Inputs of fields not listed here
// have no estimate. Pure.

/** Maximum of a measured amount (pixels, seconds, characters): above any limit, and still a number. */
export const MEASURE_MAX = 1_000_000_000_000;

/** Amounts in price units, at most MEASURE_MAX each; null if unknown. */
export interface Measures {
  images: number | null;
  /** Sum over all images, each rounded up to a whole megapixel. */
  megapixels: number | null;
  /** Of video or audio. */
  seconds: number | null;
  /** Characters of the text to speak. */
  characters: number | null;
}

export interface Size {
  width: number;
  height: number;
}

/** fal's names for sizes in pixels (fal-ai/fal-js:libs/client/src/types/endpoints.ts lists the names). */
const SIZES: Readonly<Record<string, Size>> = {
  square_hd: { width: 1024, height: 1024 },
  square: { width: 512, height: 512 },
  portrait_4_3: { width: 768, height: 1024 },
  portrait_16_9: { width: 576, height: 1024 },
  landscape_4_3: { width: 1024, height: 768 },
  landscape_16_9: { width: 1024, height: 576 },
};
/** Default of a side missing from an `image_size` object (ImageSize in fal-ai/fal-js:libs/client/src/types/endpoints.ts). */
const SIDE_DEFAULT = 512;

/** Default `image_size` of known models; models/models.ts documents the same. */
const SIZE_DEFAULTS: Readonly<Record<string, string>> = {
  "fal-ai/flux/schnell": "landscape_4_3",
  "fal-ai/fast-sdxl": "square_hd",
};

/** fal counts 1024 x 1024 as one megapixel and rounds each image up (fal.ai/models/fal-ai/flux-2-flex/llms.txt). */
const MEGAPIXEL = 1024 * 1024;

/** Fields for the number of images. A model reads one of them, so the largest counts. */
const COUNTS = ["num_images", "num_samples", "number_of_images"];
/** Maximum images per requested one (Seedream returns between `num_images` and `max_images` times as many). */
const PER_COUNT = "max_images";

/** Fields for the duration, with their unit in seconds. */
const DURATIONS: Readonly<Record<string, number>> = {
  duration: 1,
  duration_seconds: 1,
  seconds_total: 1,
  total_seconds: 1,
  duration_ms: 0.001,
  music_length_ms: 0.001,
};
/** Fields with text to speak or sing. A model reads one of them, so the longest counts. */
const SPOKEN = ["gen_text", "text", "script", "lyrics", "lyrics_prompt", "prompt", "texts", "inputs"];

/**
 * The worst case of an input (a plain copy of its tree). Null where the model decides; a price in that unit has no estimate
 * then. Unused fields can only raise the result.
 */
export function measureInput(model: string, plainInput: unknown): Measures {
  const input = isRecord(plainInput) ? plainInput : {};
  const images = imagesAsked(input);
  const size = sizeAsked(model, input);
  const megapixels = images === null || size === null ? null : atMost(images * megapixelsOf(size));
  return { images, megapixels, seconds: secondsAsked(input), characters: charactersOf(input) };
}

/** Amounts of an output (a plain copy of its tree), from its file objects. Outputs never contain the number of characters. */
export function measureOutput(plainOutput: unknown): Measures {
  const output = isRecord(plainOutput) ? plainOutput : {};
  const images = filesAt(output, "images") ?? filesAt(output, "image");
  const sizes = images?.map((image) => (isRecord(image) ? pixelsOf(image.width, image.height) : null)) ?? [];
  const megapixels = sum(sizes.map((size) => (size === null ? null : megapixelsOf(size))));
  return {
    images: images?.length ?? null,
    megapixels: images === null ? null : megapixels,
    seconds: secondsShown(output),
    characters: null,
  };
}

/** A size by its name ("square_hd"), as "1536x1024", or as an object; null for anything else, such as "auto". */
export function sizeOf(value: unknown): Size | null {
  if (typeof value === "string") {
    if (Object.hasOwn(SIZES, value)) return SIZES[value] ?? null;
    const [, width, height] = /^\s*(\d{1,9})\s*[x*×]\s*(\d{1,9})\s*$/i.exec(value) ?? [];
    return pixelsOf(width, height);
  }
  if (!isRecord(value)) return null;
  return pixelsOf(value.width ?? SIDE_DEFAULT, value.height ?? SIDE_DEFAULT);
}

/** A number as fal parses it: also text ("4", " 4.0 ", "1_000") and booleans. Infinity for 1e309. */
export function lenientNumber(value: unknown): number | null {
  if (typeof value === "number") return value;
  if (typeof value === "boolean") return Number(value);
  if (typeof value !== "string") return null;
  const text = value.trim().replaceAll(/(?<=\d)_(?=\d)/g, "");
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : null;
}

function imagesAsked(input: Record<string, unknown>): number | null {
  const counts = COUNTS.map((name) => countAt(input, name));
  const each = countAt(input, PER_COUNT);
  if (each === null || counts.includes(null)) return null;
  return atMost(Math.max(...counts.map((count) => count ?? 1)) * each);
}

/** A field's count: 1 if absent, null if not a number, at least 1. */
function countAt(input: Record<string, unknown>, name: string): number | null {
  if (input[name] === undefined || input[name] === null) return 1;
  const count = lenientNumber(input[name]);
  return count === null ? null : atMost(Math.max(1, Math.ceil(count)));
}

function sizeAsked(model: string, input: Record<string, unknown>): Size | null {
  const asked = input.image_size ?? SIZE_DEFAULTS[model];
  return asked === undefined ? pixelsOf(input.width, input.height) : sizeOf(asked);
}

function pixelsOf(width: unknown, height: unknown): Size | null {
  const sides = { width: lenientNumber(width), height: lenientNumber(height) };
  return isPositive(sides.width) && isPositive(sides.height) ? { width: sides.width, height: sides.height } : null;
}

function megapixelsOf({ width, height }: Size): number {
  return atMost(Math.ceil((width * height) / MEGAPIXEL));
}

function secondsAsked(input: Record<string, unknown>): number | null {
  let longest: number | null = null;
  for (const [name, unitS] of Object.entries(DURATIONS)) {
    const value = input[name];
    if (value === undefined || value === null) continue;
    const amount = lenientNumber(typeof value === "string" ? value.replace(/\s*(s|secs?|seconds?)\s*$/i, "") : value);
    // "auto" or 0: the model decides, so there is no upper bound.
    if (!isPositive(amount)) return null;
    longest = Math.max(longest ?? 0, atMost(amount * unitS));
  }
  return longest;
}

function charactersOf(input: Record<string, unknown>): number | null {
  const lengths = SPOKEN.map((name) => textLength(input[name])).filter((length) => length !== null);
  return lengths.length === 0 ? null : Math.max(...lengths);
}

/** Unicode code points, as Python counts; the sum over lists, also of objects with a `text`. */
function textLength(value: unknown): number | null {
  if (typeof value === "string") return [...value].length;
  if (Array.isArray(value)) return sum(value.map((item) => textLength(isRecord(item) ? item.text : item)));
  return null;
}

/** The file or files in a field: objects, or bare URLs. */
function filesAt(output: Record<string, unknown>, name: string): unknown[] | null {
  const value = output[name];
  if (value === undefined || value === null) return null;
  return Array.isArray(value) ? value : [value];
}

/** Duration of the video, else of the audio, from the files or the output itself. */
function secondsShown(output: Record<string, unknown>): number | null {
  for (const name of ["video", "videos", "audio", "audio_url", "audio_file"]) {
    const files = filesAt(output, name);
    if (files === null) continue;
    const seconds = sum(files.map((file) => (isRecord(file) ? fileSeconds(file) : null)));
    if (seconds !== null) return seconds;
  }
  return fileSeconds(output);
}

function fileSeconds(file: Record<string, unknown>): number | null {
  const { duration, duration_ms: ms, fps } = file;
  if (typeof duration === "number") return atMost(duration);
  if (typeof ms === "number") return atMost(ms / 1_000);
  const frames = file.num_frames ?? file.frame_count;
  return typeof frames === "number" && isPositive(fps) ? atMost(frames / fps) : null;
}

/** Null if any amount is unknown. */
function sum(amounts: readonly (number | null)[]): number | null {
  let total = 0;
  for (const amount of amounts) {
    if (amount === null) return null;
    total += amount;
  }
  return atMost(total);
}

/** Caps an amount: JSON turns Infinity into null, which means unknown. */
function atMost(amount: number): number {
  return Math.min(amount, MEASURE_MAX);
}

function isPositive(value: unknown): value is number {
  return typeof value === "number" && value > 0;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}
