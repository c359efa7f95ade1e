// Known models and the input fields that are validated. Other fields and other models pass through: fal has more than a
// thousand models. Inputs are never extended.

import type * as z from "zod";
import { type Refusal, type Refused, refusal, refused } from "../platform/errors.ts";
import { lazy, type Zod, zod } from "../platform/schema.ts";
import { nearest } from "../platform/suggest.ts";
import { fieldName, parseFields, shapeOf } from "../platform/validate.ts";
import { localFileIn } from "./media-urls.ts";
import { typedModelId, withOwner } from "./model-id.ts";

export interface KnownModel {
  id: string;
  title: string;
  /** fal's category. */
  kind: "text-to-image" | "image-to-image" | "text-to-video" | "text-to-speech";
  input: () => z.ZodType;
}

const IMAGE_SIZES = [
  "square_hd",
  "square",
  "portrait_4_3",
  "portrait_16_9",
  "landscape_4_3",
  "landscape_16_9",
] as const;

/** Largest side of fal's ImageSize (`maximum` in https://fal.ai/api/openapi/queue/openapi.json?endpoint_id=fal-ai/flux/schnell). */
const IMAGE_SIDE_MAX_PX = 14_142;

const prompt = lazy((z) => z.string().meta({ description: "Text that describes the output." }));

const imageSize = lazy((z) => {
  const side = z.int().min(1).max(IMAGE_SIDE_MAX_PX);
  return z
    .union([z.enum(IMAGE_SIZES), z.looseObject({ width: side, height: side })], {
      error: `must be one of ${IMAGE_SIZES.map((name) => `"${name}"`).join(", ")}, or { "width", "height" } in pixels, at most ${IMAGE_SIDE_MAX_PX} each`,
    })
    .meta({ description: "Image size: a preset, or width and height in pixels." });
});

/** Number of images, up to what the model makes at once. */
function images(z: Zod, most: number) {
  return z.int().min(1).max(most).optional().meta({ default: 1, description: "Number of images to generate." });
}

function steps(z: Zod, least: number, most: number, usual: number) {
  const description = "Number of inference steps per image.";
  return z.int().min(least).max(most).optional().meta({ default: usual, description });
}

function guidance(z: Zod, least: number, usual: number) {
  const description = "Classifier-free guidance scale: how closely the output follows the prompt.";
  return z.number().min(least).max(20).optional().meta({ default: usual, description });
}

function share(z: Zod, usual: number, description: string) {
  return z.number().min(0).max(1).optional().meta({ default: usual, description });
}

const safetyChecker = lazy((z) =>
  z.boolean().optional().meta({ default: true, description: "Whether the model's safety checker is used." }),
);

const imageFormat = lazy((z) => z.enum(["jpeg", "png"]).optional().meta({ description: "Format of the images." }));

/** A file that the model fetches. */
const fileUrl = lazy((z) =>
  z.string().regex(/^\s*(?:https?:\/\/|data:)/i, "must be an http or https URL, or a data URI"),
);

/** Seeds exceed 2^53, so `z.int()` (safe integers only) would refuse valid ones. */
const seed = lazy((z) =>
  z
    .number()
    .refine(Number.isInteger, "must be an integer")
    .meta({ type: "integer" })
    .nullable()
    .meta({ description: "Random seed. The same seed and input return the same output." }),
);

/**
 * The models of the fal.ai skill page with its fields. Ranges and defaults: https://fal.ai/models/<id>/llms.txt, for
 * flux/schnell also https://fal.ai/models/fal-ai/flux-1/schnell/llms.txt, the same model. A range that no page gives is not
 * checked. Defaults are for documentation and estimates; they are not added to inputs.
 */
export const MODELS: readonly KnownModel[] = [
  {
    id: "fal-ai/flux/schnell",
    title: "FLUX.1 [schnell]",
    kind: "text-to-image",
    input: lazy((z) =>
      z.looseObject({
        prompt: prompt(),
        image_size: imageSize().optional().meta({ default: "landscape_4_3" }),
        num_images: images(z, 4),
        num_inference_steps: steps(z, 1, 12, 4),
        guidance_scale: guidance(z, 1, 3.5),
        seed: seed().optional(),
        enable_safety_checker: safetyChecker(),
        output_format: imageFormat(),
      }),
    ),
  },
  {
    id: "fal-ai/fast-sdxl",
    title: "Fast SDXL",
    kind: "text-to-image",
    input: lazy((z) =>
      z.looseObject({
        prompt: prompt(),
        negative_prompt: z.string().optional().meta({ description: "Text that describes what to avoid." }),
        image_size: imageSize().optional().meta({ default: "square_hd" }),
        num_images: images(z, 8),
        guidance_scale: guidance(z, 0, 7.5),
        num_inference_steps: steps(z, 1, 65, 25),
        seed: seed().optional(),
        enable_safety_checker: safetyChecker(),
      }),
    ),
  },
  {
    id: "fal-ai/clarity-upscaler",
    title: "Clarity Upscaler",
    kind: "image-to-image",
    input: lazy((z) =>
      z.looseObject({
        image_url: fileUrl().meta({ description: "URL or data URI of the image." }),
        scale: z.literal([2, 4]).optional().meta({ default: 2, description: "Upscaling factor." }),
        upscale_factor: z.number().min(1).max(4).optional().meta({ default: 2, description: "Upscaling factor." }),
        creativity: share(z, 0.35, "How far the result may differ from the prompt."),
        resemblance: share(z, 0.6, "How closely the result keeps to the image."),
        guidance_scale: guidance(z, 0, 4),
        num_inference_steps: steps(z, 4, 50, 18),
        seed: seed().optional(),
        enable_safety_checker: safetyChecker(),
      }),
    ),
  },
  {
    id: "fal-ai/minimax/video-01",
    title: "MiniMax Video-01",
    kind: "text-to-video",
    input: lazy((z) =>
      z.looseObject({
        prompt: prompt(),
        prompt_optimizer: z
          .boolean()
          .optional()
          .meta({ default: true, description: "Whether the model rewrites the prompt." }),
      }),
    ),
  },
  {
    id: "fal-ai/f5-tts",
    title: "F5-TTS",
    kind: "text-to-speech",
    input: lazy((z) =>
      z.looseObject({
        gen_text: z.string().meta({ description: "Text to convert to speech." }),
        ref_audio_url: fileUrl().optional().meta({ description: "URL or data URI of a recording of the voice." }),
        ref_text: z.string().optional().meta({ description: "What the recording says; recognized if left out." }),
        model_type: z.enum(["F5-TTS", "E2-TTS"]).optional(),
        remove_silence: z.boolean().optional().meta({ default: true }),
      }),
    ),
  },
];

const modelsById = new Map(MODELS.map((model) => [model.id, model]));
const MODEL_IDS = MODELS.map((model) => model.id);

export function knownModel(id: string): KnownModel | null {
  return modelsById.get(id) ?? null;
}

/** The full id for one without the owner ("flux/schnell" -> "fal-ai/flux/schnell"), or null. */
export function fullIdFor(id: string): string | null {
  return knownModel(id) === null ? withOwner(id, MODEL_IDS) : null;
}

/** Refusal for an id without its owner, with the full id; null otherwise. */
export function unknownModel(typed: string): Refusal | null {
  const id = typedModelId(typed);
  const full = fullIdFor(id) ?? nearest(`fal-ai/${id}`, MODEL_IDS);
  if (full === null || knownModel(id) !== null || id.startsWith("fal-ai/")) return null;
  return refusal("not_found", `No model found with the id "${id}".`, {
    hint: `Did you mean "${nearest(full, MODEL_IDS) ?? full}"? Model ids start with the owner.`,
  });
}

/** The known model, or one of `more`, that a mistyped id is close to. fal has others, so the id may be right all the same. */
export function similarModel(id: string, more: readonly string[] = []): string | null {
  return nearest(id, new Set([...MODEL_IDS, ...more]));
}

/** JSON Schema (2020-12) of a known model's input. */
export function inputSchemaOf(model: KnownModel): z.core.JSONSchema.BaseSchema {
  return zod().toJSONSchema(model.input(), { io: "input" });
}

const SUBMIT_FIELDS = ["webhook_url", "webhookUrl"];

/**
 * Validates the plain copy of a model's input: an object, known fields of known models, no submit fields inside. Returns no
 * value, because the input goes upstream as its exact text.
 */
export function checkInput(model: string, input: unknown): { kind: "ok" } | Refused {
  const local = localFileIn(input);
  if (local !== null) {
    const hint = "Upload the file with POST /v1/uploads and send its `file_url`, or send a data URI.";
    const detail = `\`${fieldName(local, "input")}\` names a file on your own machine, which the model cannot read.`;
    return refused(refusal("invalid_input", detail, { hint }));
  }
  const known = knownModel(model);
  const schema = known?.input() ?? zod().looseObject({});
  const parsed = parseFields(schema, input, "input");
  if (!parsed.ok) {
    const hint = known === null ? undefined : inputHint(known, input);
    return refused(refusal("invalid_input", parsed.detail, hint === undefined ? {} : { hint }));
  }
  const misplaced = SUBMIT_FIELDS.find((name) => Object.hasOwn(parsed.value as object, name));
  if (misplaced !== undefined) {
    const hint = "Set `webhook_url` next to `input`, not inside it.";
    return refused(refusal("invalid_input", `\`input.${misplaced}\` is not an input field.`, { hint }));
  }
  return { kind: "ok" };
}

/** The way out of a faulty input: the field that a mistyped name was meant to be, and the schema. */
function inputHint({ id, input: schema }: KnownModel, input: unknown): string {
  const where = `GET /v1/models/${id} returns the input schema.`;
  if (typeof input !== "object" || input === null) return where;
  const sent = Object.keys(input);
  const names = Object.keys(shapeOf(schema()) ?? {}).filter((name) => !sent.includes(name));
  const meant = sent.map((name) => nearest(name, names)).filter((name) => name !== null);
  return meant.length === 0 ? where : `Did you mean \`${meant.join("`, `")}\`? ${where}`;
}
