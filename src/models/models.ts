// Known models and the input fields that are validated. Other fields and other models pass through: fal has more than a
// thousand models. Inputs are never extended.

import type * as z from "zod";
import { type Refusal, type Refused, refusal, refused } from "../platform/errors.ts";
import { lazy, zod } from "../platform/schema.ts";
import { parseFields } from "../platform/validate.ts";
import { withOwner } from "./model-id.ts";

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

const prompt = lazy((z) => z.string().meta({ description: "Text that describes the output." }));

const imageSize = lazy((z) =>
  z
    .union([z.enum(IMAGE_SIZES), z.looseObject({ width: z.int().min(1), height: z.int().min(1) })], {
      error: `must be one of ${IMAGE_SIZES.map((name) => `"${name}"`).join(", ")}, or { "width", "height" } in pixels`,
    })
    .meta({ description: "Image size: a preset, or width and height in pixels." }),
);

const count = lazy((z) => z.int().min(1));

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
 * Defaults are fal's, for documentation and estimates; they are not added to inputs.
 * Fields: the fal.ai skill page. Defaults: that page and https://fal.ai/models/<id>/llms.txt.
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
        num_images: count().optional().meta({ default: 1, description: "Number of images to generate." }),
        num_inference_steps: count()
          .optional()
          .meta({ default: 4, description: "Number of inference steps per image." }),
        seed: seed().optional(),
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
        num_images: count().optional().meta({ default: 1, description: "Number of images to generate." }),
        guidance_scale: z.number().optional().meta({
          default: 7.5,
          description: "Classifier-free guidance scale: how closely the output follows the prompt.",
        }),
        num_inference_steps: count()
          .optional()
          .meta({ default: 25, description: "Number of inference steps per image." }),
      }),
    ),
  },
  {
    id: "fal-ai/clarity-upscaler",
    title: "Clarity Upscaler",
    kind: "image-to-image",
    input: lazy((z) =>
      z.looseObject({
        image_url: z.string().min(1).meta({ description: "URL or data URI of the image." }),
        scale: z.literal([2, 4]).optional().meta({ default: 2, description: "Upscaling factor." }),
      }),
    ),
  },
  {
    id: "fal-ai/minimax/video-01",
    title: "MiniMax Video-01",
    kind: "text-to-video",
    input: lazy((z) => z.looseObject({ prompt: prompt() })),
  },
  {
    id: "fal-ai/f5-tts",
    title: "F5-TTS",
    kind: "text-to-speech",
    input: lazy((z) => z.looseObject({ gen_text: z.string().meta({ description: "Text to convert to speech." }) })),
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
export function unknownModel(id: string): Refusal | null {
  const full = fullIdFor(id);
  if (full === null) return null;
  return refusal("not_found", `No model found with the id "${id}".`, {
    hint: `Did you mean "${full}"? Model ids start with the owner.`,
  });
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
  const known = knownModel(model);
  const parsed = parseFields(known?.input() ?? zod().looseObject({}), input, "input");
  if (!parsed.ok) {
    const hint = known === null ? {} : { hint: `GET /v1/models/${model} returns the input schema.` };
    return refused(refusal("invalid_input", parsed.detail, hint));
  }
  const misplaced = SUBMIT_FIELDS.find((name) => Object.hasOwn(parsed.value as object, name));
  if (misplaced !== undefined) {
    const hint = "Set `webhook_url` next to `input`, not inside it.";
    return refused(refusal("invalid_input", `\`input.${misplaced}\` is not an input field.`, { hint }));
  }
  return { kind: "ok" };
}
