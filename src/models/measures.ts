// Amounts that prices depend on: the worst case of an input, the actual amounts of an output. An amount comes only from fields
// that the model is known to read, or that the price names; a caller can add any others, so they change nothing. Pure.

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

/** fal counts 1024 x 1024 as one megapixel and rounds each image up (fal.ai/models/fal-ai/flux-2-flex/llms.txt). */
const MEGAPIXEL = 1024 * 1024;

/** Fields for a number: images per request, and the most images per requested one (Seedream's `max_images`). */
export const COUNT_FIELDS = ["num_images", "num_samples", "number_of_images", "max_images"] as const;
/** Fields for the size of each image: a name or object, or its two sides in pixels. */
export const SIZE_FIELDS = ["image_size", "width", "height"] as const;
/** Fields with text to speak or sing. */
export const TEXT_FIELDS = [
  "gen_text",
  "text",
  "script",
  "lyrics",
  "lyrics_prompt",
  "prompt",
  "texts",
  "inputs",
] as const;
/** Fields for the duration, with their unit in seconds. */
const DURATIONS = {
  duration: 1,
  duration_seconds: 1,
  seconds_total: 1,
  total_seconds: 1,
  duration_ms: 0.001,
  music_length_ms: 0.001,
} as const;
export const DURATION_FIELDS = Object.keys(DURATIONS) as (keyof typeof DURATIONS)[];
/** No model makes less, so a smaller value is one that the model raises or refuses. */
const SECONDS_MIN = 1;

/** Fields that a price may name. */
export type PricedField =
  | (typeof COUNT_FIELDS | typeof SIZE_FIELDS | typeof TEXT_FIELDS)[number]
  | keyof typeof DURATIONS;
/** What an input says in such fields: images, megapixels of `image_size`, pixels of a side, seconds, characters. Null: unreadable. */
export type FieldAmounts = Partial<Record<PricedField, number | null>>;

/** The worst case of an input. `fields` is for prices of other models; null for a known model, whose own fields alone count. */
export interface InputMeasures extends Measures {
  fields: FieldAmounts | null;
}

const UNKNOWN: Measures = { images: null, megapixels: null, seconds: null, characters: null };

/** What a known model makes of its own fields. `sizeDefault` is documented in models/models.ts too. */
const KNOWN: Readonly<
  Record<string, { counts: "num_images" | null; sizeDefault: string | null; text: "gen_text" | null }>
> = {
  "fal-ai/flux/schnell": { counts: "num_images", sizeDefault: "landscape_4_3", text: null },
  "fal-ai/fast-sdxl": { counts: "num_images", sizeDefault: "square_hd", text: null },
  // Its size depends on the image that it gets.
  "fal-ai/clarity-upscaler": { counts: null, sizeDefault: null, text: null },
  "fal-ai/minimax/video-01": { counts: null, sizeDefault: null, text: null },
  "fal-ai/f5-tts": { counts: null, sizeDefault: null, text: "gen_text" },
};
/** The model makes one image, whatever its input. */
const ONE_IMAGE = new Set(["fal-ai/clarity-upscaler"]);

/** The worst case of an input (a plain copy of its tree). Null where it is not known; a price in that unit has no estimate then. */
export function measureInput(model: string, plainInput: unknown): InputMeasures {
  const input = isRecord(plainInput) ? plainInput : {};
  const known = Object.hasOwn(KNOWN, model) ? KNOWN[model] : undefined;
  if (known === undefined) return { ...UNKNOWN, fields: fieldAmounts(input) };
  const { counts, sizeDefault, text } = known;
  const one = ONE_IMAGE.has(model) ? 1 : null;
  const images = counts === null ? one : isGiven(input[counts]) ? countOf(input[counts]) : 1;
  const size = sizeDefault === null ? null : sizeOf(input.image_size ?? sizeDefault);
  return {
    images,
    megapixels: images === null || size === null ? null : atMost(images * megapixelsOf(size)),
    seconds: null,
    characters: text === null ? null : textLength(input[text]),
    fields: null,
  };
}

function fieldAmounts(input: Record<string, unknown>): FieldAmounts {
  const amounts: FieldAmounts = {};
  const read = <N extends PricedField>(
    names: readonly N[],
    amountOf: (value: unknown, name: N) => number | null,
  ): void => {
    for (const name of names)
      if (Object.hasOwn(input, name) && isGiven(input[name])) amounts[name] = amountOf(input[name], name);
  };
  read(COUNT_FIELDS, countOf);
  read(["image_size"], (value) => {
    const size = sizeOf(value);
    return size === null ? null : megapixelsOf(size);
  });
  read(["width", "height"], (value) => {
    const pixels = lenientNumber(value);
    return isPositive(pixels) ? atMost(pixels) : null;
  });
  read(DURATION_FIELDS, (value, name) => secondsOf(value, DURATIONS[name]));
  read(TEXT_FIELDS, textLength);
  return amounts;
}

/** Images by the named counts, multiplied; an absent one is 1. */
export function imagesIn(amounts: FieldAmounts, named: readonly PricedField[]): number | null {
  let images = 1;
  for (const name of COUNT_FIELDS) {
    if (!named.includes(name)) continue;
    const count = amounts[name] === undefined ? 1 : amounts[name];
    if (count === null) return null;
    images = atMost(images * count);
  }
  return images;
}

/** Megapixels by the named sizes and counts: of `image_size`, or of both sides, the larger. */
export function megapixelsIn(amounts: FieldAmounts, named: readonly PricedField[]): number | null {
  const images = imagesIn(amounts, named);
  const bySize = named.includes("image_size") ? amounts.image_size : undefined;
  const { width, height } = amounts;
  const hasSides = named.includes("width") && named.includes("height") && width !== undefined && height !== undefined;
  const bySides = !hasSides ? undefined : width === null || height === null ? null : megapixelsOf({ width, height });
  const each = largest([bySize, bySides]);
  return images === null || each === null ? null : atMost(images * each);
}

/** Seconds by the named durations: the longest. */
export function secondsIn(amounts: FieldAmounts, named: readonly PricedField[]): number | null {
  return largest(DURATION_FIELDS.map((name) => (named.includes(name) ? amounts[name] : undefined)));
}

/** Characters of the named texts together. */
export function charactersIn(amounts: FieldAmounts, named: readonly PricedField[]): number | null {
  const given = TEXT_FIELDS.map((name) => (named.includes(name) ? amounts[name] : undefined)).filter(
    (it) => it !== undefined,
  );
  return given.length === 0 ? null : sum(given);
}

/** The largest of the given amounts; null if there is none, or one is unreadable. */
function largest(amounts: readonly (number | null | undefined)[]): number | null {
  const given = amounts.filter((amount) => amount !== undefined);
  if (given.length === 0) return null;
  let most = 0;
  for (const amount of given) {
    if (amount === null) return null;
    most = Math.max(most, amount);
  }
  return most;
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

/** At least 1; null if not a number. */
function countOf(value: unknown): number | null {
  const count = lenientNumber(value);
  return count === null ? null : atMost(Math.max(1, Math.ceil(count)));
}

/** Null for "auto" or 0: the model decides, so there is no upper bound. */
function secondsOf(value: unknown, unitS: number): number | null {
  const amount = lenientNumber(typeof value === "string" ? value.replace(/\s*(s|secs?|seconds?)\s*$/i, "") : value);
  return isPositive(amount) ? atMost(Math.max(SECONDS_MIN, amount * unitS)) : null;
}

function pixelsOf(width: unknown, height: unknown): Size | null {
  const sides = { width: lenientNumber(width), height: lenientNumber(height) };
  return isPositive(sides.width) && isPositive(sides.height) ? { width: sides.width, height: sides.height } : null;
}

function megapixelsOf({ width, height }: Size): number {
  return atMost(Math.ceil((width * height) / MEGAPIXEL));
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

/** fal takes null for an absent field. */
function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function isPositive(value: unknown): value is number {
  return typeof value === "number" && value > 0;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}
