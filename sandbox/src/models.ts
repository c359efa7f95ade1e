// The models of the sandbox: their parameters, validated as strictly as fal does, and their kind. As at fal, other ids are unknown
// applications. Pure.

import { isRecord } from "./json.ts";

export type ModelKind = "image" | "video" | "audio" | "other";
export type ModelOutput = "images" | "upscaled" | "video" | "speech" | "spoken" | "transcript" | "echo";

interface Parameter {
  type: "text" | "url" | "integer" | "number" | "boolean" | "image_size" | "choice";
  required?: true;
  min?: number;
  max?: number;
  choices?: readonly (string | number)[];
}

export interface Model {
  kind: ModelKind;
  output: ModelOutput;
  /** Default `image_size`. */
  imageSize?: string;
  parameters: Record<string, Parameter>;
}

/** One entry of fal's `detail` array (https://fal.ai/docs/documentation/model-apis/errors). */
export interface FieldError {
  loc: (string | number)[];
  msg: string;
  type: string;
  url?: string;
  ctx?: Record<string, unknown>;
  input?: unknown;
}

/** fal's names for sizes in pixels. */
export const IMAGE_SIZES: Readonly<Record<string, { width: number; height: number }>> = {
  square_hd: { width: 1024, height: 1024 },
  square: { width: 512, height: 512 },
  portrait_4_3: { width: 768, height: 1024 },
  portrait_16_9: { width: 576, height: 1024 },
  landscape_4_3: { width: 1024, height: 768 },
  landscape_16_9: { width: 1024, height: 576 },
};
/** Images are drawn at request time; a larger one would take seconds. */
const IMAGE_SIDE_MAX = 4096;

const TEXT_TO_IMAGE: Record<string, Parameter> = {
  prompt: { type: "text", required: true },
  image_size: { type: "image_size" },
  seed: { type: "integer" },
  sync_mode: { type: "boolean" },
  enable_safety_checker: { type: "boolean" },
  output_format: { type: "choice", choices: ["jpeg", "png"] },
};

const MODELS: Readonly<Record<string, Model>> = {
  "fal-ai/flux/schnell": {
    kind: "image",
    output: "images",
    imageSize: "landscape_4_3",
    parameters: {
      ...TEXT_TO_IMAGE,
      num_images: { type: "integer", min: 1, max: 4 },
      num_inference_steps: { type: "integer", min: 1, max: 12 },
    },
  },
  "fal-ai/flux/dev/image-to-image": {
    kind: "image",
    output: "images",
    imageSize: "landscape_4_3",
    parameters: {
      ...TEXT_TO_IMAGE,
      image_url: { type: "url", required: true },
      strength: { type: "number", min: 0.01, max: 1 },
      num_images: { type: "integer", min: 1, max: 4 },
    },
  },
  "fal-ai/fast-sdxl": {
    kind: "image",
    output: "images",
    imageSize: "square_hd",
    parameters: {
      ...TEXT_TO_IMAGE,
      negative_prompt: { type: "text" },
      num_images: { type: "integer", min: 1, max: 8 },
      num_inference_steps: { type: "integer", min: 1, max: 65 },
      guidance_scale: { type: "number", min: 0, max: 20 },
    },
  },
  "fal-ai/clarity-upscaler": {
    kind: "image",
    output: "upscaled",
    parameters: {
      image_url: { type: "url", required: true },
      prompt: { type: "text" },
      scale: { type: "choice", choices: [2, 4] },
      seed: { type: "integer" },
    },
  },
  "fal-ai/minimax/video-01": {
    kind: "video",
    output: "video",
    parameters: { prompt: { type: "text", required: true }, prompt_optimizer: { type: "boolean" } },
  },
  "fal-ai/f5-tts": {
    kind: "audio",
    output: "speech",
    parameters: {
      gen_text: { type: "text", required: true },
      ref_audio_url: { type: "url" },
      ref_text: { type: "text" },
      model_type: { type: "choice", choices: ["F5-TTS", "E2-TTS"] },
    },
  },
  "fal-ai/minimax/speech-02-hd": {
    kind: "audio",
    output: "spoken",
    parameters: { text: { type: "text", required: true }, output_format: { type: "choice", choices: ["url", "hex"] } },
  },
  "fal-ai/whisper": {
    kind: "audio",
    output: "transcript",
    parameters: {
      audio_url: { type: "url", required: true },
      task: { type: "choice", choices: ["transcribe", "translate"] },
    },
  },
};

/** Gives its input back as `output`, with one image, on every path. Nobody at fal has this owner's name. */
const ECHO: Model = { kind: "other", output: "echo", parameters: {} };
const ECHO_APP = "sandbox/echo";
/** What people build at fal themselves; which there are, nobody else knows. */
const OWN_WORK = /^(?:workflows|comfy)\//;

/** The model of a full id; null for an application that fal does not know. */
export function findModel(id: string): Model | null {
  if (Object.hasOwn(MODELS, id)) return MODELS[id] ?? null;
  return id === ECHO_APP || id.startsWith(`${ECHO_APP}/`) || OWN_WORK.test(id) ? ECHO : null;
}

/** The validation errors of an input in fal's format; empty when it is valid. Unknown parameters are allowed, as at fal. */
export function checkInput(model: Model, input: Record<string, unknown>): FieldError[] {
  const errors: FieldError[] = [];
  for (const [name, parameter] of Object.entries(model.parameters)) {
    const value = input[name];
    const loc = ["body", name];
    if (value === undefined || value === null) {
      if (parameter.required) errors.push({ loc, msg: "Field required", type: "missing" });
      continue;
    }
    const error = checkValue(parameter, value, loc);
    if (error) errors.push(error);
  }
  return errors;
}

/** The error for a body that is not a JSON object. */
export const NOT_AN_OBJECT: FieldError = {
  loc: ["body"],
  msg: "Input should be a valid dictionary or object",
  type: "dict_type",
};

function checkValue(parameter: Parameter, value: unknown, loc: string[]): FieldError | null {
  switch (parameter.type) {
    case "text":
      return typeof value === "string" ? null : plain(loc, "Input should be a valid string", "string_type");
    case "boolean":
      return typeof value === "boolean" ? null : plain(loc, "Input should be a valid boolean", "bool_type");
    case "url": {
      const isValid = typeof value === "string" && (/^data:/.test(value) || /^https?:\/\//.test(value));
      return isValid ? null : documented(loc, "Failed to download the file", "file_download_error", {}, value);
    }
    case "choice": {
      if (parameter.choices?.some((choice) => choice === value)) return null;
      const expected = parameter.choices ?? [];
      return documented(loc, `Input should be one of ${expected.join(", ")}`, "one_of", { expected }, value);
    }
    case "integer":
      if (!Number.isInteger(value)) return plain(loc, "Input should be a valid integer", "int_type");
      return checkRange(parameter, Number(value), loc);
    case "number":
      if (typeof value !== "number") return plain(loc, "Input should be a valid number", "float_type");
      return checkRange(parameter, value, loc);
    case "image_size":
      return checkImageSize(value, loc);
  }
}

function checkRange(parameter: Parameter, value: number, loc: string[]): FieldError | null {
  const { min, max } = parameter;
  if (min !== undefined && value < min) {
    const msg = `Input should be greater than or equal to ${min}`;
    return documented(loc, msg, "greater_than_equal", { ge: min }, value);
  }
  if (max !== undefined && value > max) {
    return documented(loc, `Input should be less than or equal to ${max}`, "less_than_equal", { le: max }, value);
  }
  return null;
}

function checkImageSize(value: unknown, loc: string[]): FieldError | null {
  if (typeof value === "string" && Object.hasOwn(IMAGE_SIZES, value)) return null;
  if (!isRecord(value)) {
    const expected = Object.keys(IMAGE_SIZES);
    return documented(loc, `Input should be one of ${expected.join(", ")}`, "one_of", { expected }, value);
  }
  const side: Parameter = { type: "integer", min: 1, max: IMAGE_SIDE_MAX };
  for (const name of ["width", "height"]) {
    const at = [...loc, name];
    if (value[name] === undefined) return plain(at, "Field required", "missing");
    const error = checkValue(side, value[name], at);
    if (error) return error;
  }
  return null;
}

/** Errors of the validator itself have no documentation page. */
function plain(loc: string[], msg: string, type: string): FieldError {
  return { loc, msg, type };
}

/** Documented types link to fal's list; text is not echoed, because inputs are private. */
function documented(loc: string[], msg: string, type: string, ctx: object, value: unknown): FieldError {
  const error: FieldError = { loc, msg, type, url: `https://docs.fal.ai/errors/#${type}` };
  if (Object.keys(ctx).length > 0) error.ctx = { ...ctx };
  if (typeof value === "number") error.input = value;
  return error;
}
