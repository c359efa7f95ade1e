// Prices: the team's price table, estimates and charges. Pure.

import type * as z from "zod";
import {
  COUNT_FIELDS,
  charactersIn,
  DURATION_FIELDS,
  type FieldAmounts,
  type InputMeasures,
  imagesIn,
  type Measures,
  megapixelsIn,
  type PricedField,
  SIZE_FIELDS,
  secondsIn,
  TEXT_FIELDS,
} from "../../models/measures.ts";
import { MODEL_PATTERN_MAX_CHARS, matchesPattern, patternFault } from "../../models/model-pattern.ts";
import { costOf, microOf } from "../../platform/money.ts";
import { lazy } from "../../platform/schema.ts";
import { usdSchema } from "./plan-limits.ts";

/** Maximum entries of a price table; each admission matches its patterns. */
const PRICES_PER_TEAM_MAX = 500;

/** Units of prices. Megapixels as fal counts them: 1024 x 1024, each image rounded up. */
const PRICE_UNITS = ["request", "image", "megapixel", "second", "thousand_characters"] as const;

/** Input fields that a price of each unit may name. */
const PRICED_FIELDS: Readonly<Record<(typeof PRICE_UNITS)[number], readonly PricedField[]>> = {
  request: [],
  image: COUNT_FIELDS,
  megapixel: [...SIZE_FIELDS, ...COUNT_FIELDS],
  second: DURATION_FIELDS,
  thousand_characters: TEXT_FIELDS,
};
const PRICED_FIELDS_ALL = [...COUNT_FIELDS, ...SIZE_FIELDS, ...DURATION_FIELDS, ...TEXT_FIELDS] as const;

const amount = lazy((z) => z.number().positive().max(1_000_000_000));

export const priceSchema = lazy((z) =>
  z.strictObject({
    unit: z.enum(PRICE_UNITS),
    usd: usdSchema(),
    fields: z
      .array(z.enum(PRICED_FIELDS_ALL))
      .min(1)
      .optional()
      .describe(
        "Input fields that determine the amount. Only these are read: without them, requests of a model whose input Sluice does not know have no estimate. Ignored for known models, whose own fields are read.",
      ),
    min: amount().optional().describe("Requests of less than this amount in `fields` are refused."),
    max: amount().optional().describe("Requests of more than this amount in `fields` are refused."),
    default: amount().optional().describe("Amount if the input has none of `fields`. Texts are given in characters."),
    source: z.string().max(500).optional().describe("Source of the price."),
    as_of: z.iso.date().optional().describe("Date on which the price was read from the source."),
  }),
);

/** Model id or pattern of an entry. */
export const pricedModel = lazy((z) => z.string().min(1).max(MODEL_PATTERN_MAX_CHARS));

/** Prices by model id or pattern. */
export const priceTableSchema = lazy((z) =>
  z
    .record(pricedModel(), priceSchema())
    .superRefine((table, context) => {
      for (const pattern of Object.keys(table)) {
        const message = patternFault(pattern);
        if (message !== null) context.addIssue({ code: "custom", message, path: [pattern] });
      }
      for (const [pattern, price] of Object.entries(table)) {
        const other = price.fields?.find((name) => !PRICED_FIELDS[price.unit].includes(name));
        if (other === undefined) continue;
        const message = `must not name \`${other}\`, which does not determine an amount in the unit "${price.unit}"`;
        context.addIssue({ code: "custom", message, path: [pattern, "fields"] });
      }
    })
    .refine(
      (table) => Object.keys(table).length <= PRICES_PER_TEAM_MAX,
      `must have at most ${PRICES_PER_TEAM_MAX} entries`,
    ),
);

export type Price = z.output<ReturnType<typeof priceSchema>>;
export type PriceTable = z.output<ReturnType<typeof priceTableSchema>>;

/** Price of a model, or null: its own entry, else the longest matching pattern, the later one among equals. */
export function priceFor(table: PriceTable, model: string): Price | null {
  if (Object.hasOwn(table, model)) return table[model] ?? null;
  let best: { pattern: string; price: Price } | null = null;
  for (const [pattern, price] of Object.entries(table)) {
    if (pattern.length < (best?.pattern.length ?? 0)) continue;
    if (matchesPattern(pattern, model)) best = { pattern, price };
  }
  return best?.price ?? null;
}

/** Measured amount in units of the price; null if unknown. */
function amountOf(price: Price, measures: Measures): number | null {
  switch (price.unit) {
    case "request":
      return 1;
    case "image":
      return measures.images;
    case "megapixel":
      return measures.megapixels;
    case "second":
      return measures.seconds;
    case "thousand_characters":
      return measures.characters === null ? null : measures.characters / 1_000;
  }
}

function costAt(price: Price, amount: number | string | null): number | null {
  const micro = microOf(price.usd);
  return micro === null || amount === null ? null : costOf(micro, amount);
}

/** Cost in micro-USD, rounded up; null if price or amount is unknown. */
function costOfOutput(price: Price, measures: Measures): number | null {
  return costAt(price, amountOf(price, measures));
}

/** Worst cost of an input in micro-USD, rounded up; null if price or amount is unknown. */
export function estimate(price: Price | null, measures: InputMeasures): number | null {
  return price === null ? null : costAt(price, amountOf(price, measuresUsed(price, measures)));
}

/** An amount of an input outside the range of its price, or null. */
export function amountOutOfRange(price: Price | null, { fields }: InputMeasures): number | null {
  if (price === null || fields === null || !namesAny(price, fields)) return null;
  const amount = amountInFields(price, fields);
  if (amount === null) return null;
  return amount < (price.min ?? 0) || amount > (price.max ?? Number.POSITIVE_INFINITY) ? amount : null;
}

/** The amounts that an estimate used: of other models, only that of the price's unit. */
export function measuresUsed(price: Price | null, { fields, ...own }: InputMeasures): Measures {
  const amount = price === null || fields === null ? null : amountOrDefault(price, fields);
  switch (price?.unit) {
    case undefined:
    case "request":
      return own;
    case "image":
      return { ...own, images: own.images ?? amount };
    case "megapixel":
      return { ...own, megapixels: own.megapixels ?? amount };
    case "second":
      return { ...own, seconds: own.seconds ?? amount };
    case "thousand_characters":
      return { ...own, characters: own.characters ?? amount };
  }
}

function amountOrDefault(price: Price, fields: FieldAmounts): number | null {
  return namesAny(price, fields) || price.default === undefined ? amountInFields(price, fields) : price.default;
}

function namesAny(price: Price, fields: FieldAmounts): boolean {
  return price.fields?.some((name) => fields[name] !== undefined) ?? false;
}

/** Amount by the fields that the price names; null if there are none, or the input does not determine it. Texts in characters. */
function amountInFields({ unit, fields: named }: Price, amounts: FieldAmounts): number | null {
  if (named === undefined) return null;
  switch (unit) {
    case "request":
      return null;
    case "image":
      return imagesIn(amounts, named);
    case "megapixel":
      return megapixelsIn(amounts, named);
    case "second":
      return secondsIn(amounts, named);
    case "thousand_characters":
      return charactersIn(amounts, named);
  }
}

/** What becomes of the holds of an ended request. `keep`: they stay reserved until the charge is known. */
export type Verdict = "charge" | "refund" | "keep";

export interface Charge {
  /** Micro-USD; null if unknown, which is never shown as zero. */
  micro: number | null;
  source: "units" | "measured" | "reserved" | "unknown";
  /** The charge exceeds the estimate. */
  above: boolean;
}

/**
 * Charge of an ended request at the price fixed at admission: by billed units (`x-fal-billable-units`), else by measured
 * output, else the estimate. `reservation`: `refund` costs nothing, `keep` is unknown until settled manually.
 */
export function chargeOf(input: {
  price: Price | null;
  estimate: number | null;
  units: string | null;
  measured: Measures | null;
  reservation: Verdict;
}): Charge {
  const { price, reservation, units, measured } = input;
  if (reservation === "keep") return { micro: null, source: "unknown", above: false };
  if (reservation === "refund") return { micro: 0, source: "reserved", above: false };
  const charged = (micro: number, source: Charge["source"]): Charge => {
    return { micro, source, above: input.estimate !== null && micro > input.estimate };
  };
  const byUnits = price === null || units === null ? null : costAt(price, units.trim());
  if (byUnits !== null) return charged(byUnits, "units");
  const byOutput = price === null || measured === null ? null : costOfOutput(price, measured);
  if (byOutput !== null) return charged(byOutput, "measured");
  if (input.estimate !== null) return charged(input.estimate, "reserved");
  return { micro: null, source: "unknown", above: false };
}

/**
 * Initial price table for the known models. List prices change and accounts may differ. `fal-ai/fast-sdxl` is omitted, because
 * fal bills compute seconds, which neither input nor output contains (fal.ai/docs/examples/image-generation/fast-sdxl: about
 * $0.0025 a run).
 */
export const STARTER_PRICES: PriceTable = {
  "fal-ai/flux/schnell": {
    unit: "megapixel",
    usd: "0.003",
    source: "fal.ai/models/fal-ai/flux/schnell: each image rounded up to a whole megapixel. Verify before billing.",
    as_of: "2026-10-02",
  },
  "fal-ai/clarity-upscaler": {
    unit: "megapixel",
    usd: "0.03",
    source: "fal.ai/models/fal-ai/clarity-upscaler/llms.txt, a copy without a date. Verify before billing.",
  },
  "fal-ai/minimax/video-01": {
    unit: "request",
    usd: "0.5",
    source: "api.fal.ai/v1/models/pricing: 0.5 per video. Verify before billing.",
    as_of: "2026-01-04",
  },
  "fal-ai/f5-tts": {
    unit: "thousand_characters",
    usd: "0.05",
    source: "fal.ai/models/fal-ai/f5-tts/llms.txt and api.fal.ai/v1/models/pricing. Verify before billing.",
    as_of: "2026-01-04",
  },
};
