// The result of a request: status, headers, body and files, fixed at submit so that it can be replayed. Data URIs are stored as
// recipes and filled in when the body is read. Pure.

import { exactNumber, isRecord, parseExact } from "./json.ts";
import { MEDIA_TYPES, type MediaRecipe, makeDataUri, makeMedia } from "./media/recipe.ts";
import { wavSize } from "./media/wav.ts";
import { type FieldError, IMAGE_SIZES, type Model } from "./models.ts";
import { type Outcomes, outcomeNumber } from "./outcomes.ts";
import { type Random, randomFrom } from "./random.ts";

export interface PlannedFile {
  /** Path on the CDN, without origin. */
  path: string;
  recipe: MediaRecipe;
}

export interface Result {
  status: number;
  headers: Record<string, string>;
  /** JSON text with placeholders for data URIs, or a media file as the whole body. */
  body: { kind: "json"; text: string; inlines: Inline[] } | { kind: "media"; recipe: MediaRecipe };
  /** The error that the status call shows. */
  error: { message: string; type: string } | null;
  files: PlannedFile[];
}

interface Inline {
  placeholder: string;
  recipe: MediaRecipe;
  /** Minimum length of the data URI in characters. */
  length: number;
}

export interface ResultInput {
  model: Model;
  input: Record<string, unknown>;
  /** The input's `seed` as source text, if it had one. */
  inputSeed: string | null;
  /** The input as JSON text, for the echo. */
  inputText: string;
  faults: FieldError[];
  outcomes: Outcomes;
  /** Source of the seed when the input has none, and of file names. */
  random: Random;
  cdnOrigin: string;
  inferenceMs: number;
}

/** Filler of the outcome `webhook-big`: over 1 MB together with the rest. */
const BIG_PAYLOAD_CHARS = 1_200_000;
/** The billing unit of image models; fal counts 1024x1024 as one. */
const MEGAPIXEL = 1024 * 1024;
/** Assumed size of the picture to enlarge: inputs are not fetched. */
const UPSCALER_INPUT_SIDE = 512;
const SPEECH_SECONDS_PER_CHARACTER = 0.06;

/** The result of a request that runs to completion. */
export function planResult(input: ResultInput): Result {
  const { outcomes } = input;
  if (input.faults.length > 0) return modelError(422, { detail: input.faults }, input.faults[0]?.type ?? "value_error");
  if (outcomes.refused) {
    const type = "content_policy_violation";
    const msg = "The content could not be processed because it contained material flagged by a content checker.";
    const detail = [{ loc: ["body", "prompt"], msg, type, url: `https://docs.fal.ai/errors/#${type}` }];
    return modelError(422, { detail }, type);
  }
  if (outcomes.invalid) return modelError(422, { detail: "The input could not be processed" }, "value_error");
  if (outcomes.crash) return requestError(503, "runner_connection_error", "The runner could not be reached");
  if (outcomes.error500) return modelError(500, { detail: "Internal Server Error" }, "internal_server_error");
  return new OutputPlan(input).result();
}

/** fal's own errors about a request (https://fal.ai/docs/documentation/model-apis/request-errors). */
export function requestError(status: number, type: string, detail: string): Result {
  return {
    status,
    headers: { "x-fal-error-type": type, ...retryHeaders(status) },
    body: { kind: "json", text: JSON.stringify({ detail, error_type: type }), inlines: [] },
    error: { message: detail, type },
    files: [],
  };
}

/** The result of a request whose start deadline passed. */
export function startTimeoutResult(): Result {
  const result = requestError(504, "request_timeout", "Request timed out before it was started");
  return { ...result, headers: { ...result.headers, "x-fal-request-timeout-type": "user" } };
}

/** The result of a request that was cancelled, in the queue or while it ran. */
export function cancelledResult(): Result {
  return requestError(499, "client_cancelled", "The request was cancelled");
}

function modelError(status: number, body: object, type: string): Result {
  return {
    status,
    headers: { "x-fal-billable-units": "0", ...retryHeaders(status) },
    body: { kind: "json", text: JSON.stringify(body), inlines: [] },
    error: { message: `Invalid status code: ${status}`, type },
    files: [],
  };
}

/** Both names of the hint are in circulation at fal. */
function retryHeaders(status: number): Record<string, string> {
  const retryable = status >= 500;
  return { "x-fal-retryable": retryable ? "1" : "0", "x-fal-needs-retry": retryable ? "1" : "0" };
}

export interface RenderedResult {
  contentType: string;
  body: string | Uint8Array<ArrayBuffer>;
}

/** The response body. */
export async function renderResult(result: Result): Promise<RenderedResult> {
  if (result.body.kind === "media") {
    const { recipe } = result.body;
    return { contentType: MEDIA_TYPES[recipe.kind], body: await makeMedia(recipe) };
  }
  let text = result.body.text;
  for (const { placeholder, recipe, length } of result.body.inlines) {
    const uri = await makeDataUri(recipe, length);
    text = text.replace(`"${placeholder}"`, () => `"${uri}"`);
  }
  return { contentType: "application/json", body: text };
}

/** Builds an output and collects its files. */
class OutputPlan {
  readonly #input: ResultInput;
  readonly #files: PlannedFile[] = [];
  readonly #inlines: Inline[] = [];
  /** As text: it may exceed the range of a JavaScript number. */
  readonly #seed: string;
  /** Seed of the media: equal prompt and seed give equal files, as with a real model. */
  readonly #key: string;

  constructor(input: ResultInput) {
    this.#input = input;
    this.#seed = input.inputSeed ?? input.random.bigInteger();
    this.#key = randomFrom(this.#seed, input.inputText).hex(32);
  }

  result(): Result {
    const { output, units } = this.#output();
    if (this.#input.outcomes["webhook-big"]) output.notes = "x".repeat(BIG_PAYLOAD_CHARS);
    if (this.#input.outcomes.nested) Object.assign(output, this.#nested());
    const headers = { "x-fal-billable-units": units };
    if (this.#input.outcomes["binary-result"]) {
      const recipe = this.#picture(0, 512, 512);
      return { status: 200, headers, body: { kind: "media", recipe }, error: null, files: [] };
    }
    const text = JSON.stringify(output);
    return {
      status: 200,
      headers,
      body: { kind: "json", text, inlines: this.#inlines },
      error: null,
      files: this.#files,
    };
  }

  /** Shapes: https://fal.ai/models, as typed in fal-ai/fal-js:libs/client/src/types/endpoints.ts. */
  #output(): { output: Record<string, unknown>; units: string } {
    const { input, model, inputText } = this.#input;
    const seed = exactNumber(this.#seed);
    const timings = { inference: this.#input.inferenceMs / 1_000 };
    switch (model.output) {
      case "images": {
        const { width, height } = imageSize(input.image_size ?? model.imageSize);
        const count = this.#count(typeof input.num_images === "number" ? input.num_images : 1);
        const images = Array.from({ length: count }, (_, n) => this.#image(n, width, height));
        const has_nsfw_concepts = images.map(() => false);
        const output = { images, timings, seed, has_nsfw_concepts, prompt: input.prompt };
        return { output, units: String(Math.ceil((width * height) / MEGAPIXEL) * count) };
      }
      case "upscaled": {
        const side = UPSCALER_INPUT_SIDE * (input.scale === 4 ? 4 : 2);
        const units = ((side * side) / MEGAPIXEL).toFixed(3);
        return { output: { image: this.#image(0, side, side), seed, timings }, units };
      }
      case "video": {
        const recipe: MediaRecipe = { kind: "mp4", key: this.#key };
        return { output: { video: this.#file(recipe, "output") }, units: "1" };
      }
      case "speech": {
        const text = String(input.gen_text);
        const seconds = Math.min(8, Math.max(1.5, text.length * SPEECH_SECONDS_PER_CHARACTER));
        const recipe: MediaRecipe = { kind: "wav", key: this.#key, seconds };
        const output = { audio_url: { ...this.#file(recipe, "speech"), file_size: wavSize(seconds) } };
        return { output, units: (text.length / 1_000).toFixed(3) };
      }
      case "spoken": {
        const text = String(input.text);
        const seconds = Math.min(8, Math.max(1.5, text.length * SPEECH_SECONDS_PER_CHARACTER));
        const recipe: MediaRecipe = { kind: "wav", key: this.#key, seconds };
        return {
          output: { audio: this.#file(recipe, "speech"), duration_ms: Math.round(seconds * 1_000) },
          units: (text.length / 1_000).toFixed(3),
        };
      }
      case "transcript": {
        const words = ["a", "cat", "speaks"];
        const chunks = words.map((text, n) => ({ text, timestamp: [n, n + 1] }));
        return { output: { text: words.join(" "), chunks, inferred_languages: ["en"] }, units: "3" };
      }
      case "echo": {
        const images = Array.from({ length: this.#count(1) }, (_, n) => this.#image(n, 512, 512));
        return { output: { output: parseExact(inputText), images, seed, timings }, units: "1" };
      }
    }
  }

  #count(asked: number): number {
    return outcomeNumber(this.#input.outcomes, "many-files", 100) ?? asked;
  }

  #picture(n: number, width: number, height: number): MediaRecipe {
    return { kind: "png", key: `${this.#key} ${n}`, width, height };
  }

  /** fal's Image; it becomes a data URI with `sync_mode` or the outcome `big-output`. */
  #image(n: number, width: number, height: number): Record<string, unknown> {
    const recipe = this.#picture(n, width, height);
    const length = outcomeNumber(this.#input.outcomes, "big-output", 1_000_000);
    if (length === undefined && this.#input.input.sync_mode !== true) {
      return { ...this.#file(recipe, ""), width, height };
    }
    const placeholder = `inline-${this.#input.random.text(20)}`;
    this.#inlines.push({ placeholder, recipe, length: length ?? 0 });
    return { url: placeholder, width, height, content_type: MEDIA_TYPES.png };
  }

  /** fal's File. Paths look like those of v3b.fal.media: eight hex digits, then a token and a name. */
  #file(recipe: MediaRecipe, name: string): { url: string; content_type: string } {
    const { random, cdnOrigin } = this.#input;
    const path = `/files/b/${random.hex(8)}/${random.text(21)}${name && `_${name}`}.${recipe.kind}`;
    this.#files.push({ path, recipe });
    return { url: cdnOrigin + path, content_type: MEDIA_TYPES[recipe.kind] };
  }

  /** Files in the places where 3D and composite models put them: deep trees, a bare URL string, a host that is not fal's. */
  #nested(): Record<string, unknown> {
    const side = (n: number) => this.#file(this.#picture(n, 256, 256), `texture_${n}`);
    return {
      model_urls: { glb: side(100), textures: [{ base_color: side(101), layers: [[side(102)]] }] },
      thumbnail_url: side(103).url,
      model_mesh: { url: "https://assets.example.com/mesh.glb", content_type: "model/gltf-binary" },
    };
  }
}

/** A checked `image_size`: a name, or width and height. */
function imageSize(value: unknown): { width: number; height: number } {
  if (isRecord(value)) return { width: Number(value.width), height: Number(value.height) };
  return IMAGE_SIZES[String(value)] ?? { width: 1024, height: 768 };
}
