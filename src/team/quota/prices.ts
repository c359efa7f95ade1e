// What models cost: the team's price table, the worst case of one request, and what it did cost at its end. Pure.

import * as z from "zod";
import type { Measures } from "../../models/measures.ts";
import { costOf, microOf } from "../../platform/money.ts";
import { matchesModel, usdSchema } from "./plan.ts";

/** Entries of a team's price table; the globs among them are matched in each admit. */
const PRICES_PER_TEAM_MAX = 500;

/** What a price is for one of. Megapixels are fal's: 1024 x 1024, each image rounded up. */
const PRICE_UNITS = ["request", "image", "megapixel", "second", "thousand_characters"] as const;

export const priceSchema = z.strictObject({
  unit: z.enum(PRICE_UNITS),
  usd: usdSchema,
  source: z.string().max(500).optional().describe("Source of the price."),
  as_of: z.iso.date().optional().describe("Date on which the price was read from the source."),
});

/** Whole model ids, or globs over them, each with its price. */
export const priceTableSchema = z
  .record(z.string().min(1).max(200), priceSchema)
  .refine(
    (table) => Object.keys(table).length <= PRICES_PER_TEAM_MAX,
    `must have at most ${PRICES_PER_TEAM_MAX} entries`,
  );

export type Price = z.output<typeof priceSchema>;
export type PriceTable = z.output<typeof priceTableSchema>;

/** The price of a model, or null: its own entry, else the longest glob that matches, among equals the later one. */
export function priceFor(table: PriceTable, model: string): Price | null {
  if (Object.hasOwn(table, model)) return table[model] ?? null;
  let best: { pattern: string; price: Price } | null = null;
  for (const [pattern, price] of Object.entries(table)) {
    if (!model.startsWith(plainStart(pattern)) || pattern.length < (best?.pattern.length ?? 0)) continue;
    if (matchesModel([pattern], model)) best = { pattern, price };
  }
  return best?.price ?? null;
}

/** What of a glob is no pattern. Most entries fall out by it, and compiling a glob costs a hundred times as much. */
function plainStart(pattern: string): string {
  return /^[^*?[\]{}()!+@\\]*/.exec(pattern)?.[0].replace(/\/$/, "") ?? "";
}

/** How many of the price's units were measured; null where the measures do not tell. */
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

/** Micro-USD that these measures cost, rounded up; null where price or amount is not known. */
export function estimate(price: Price | null, measures: Measures): number | null {
  return price === null ? null : costAt(price, amountOf(price, measures));
}

export interface Charge {
  /** Micro-USD; null = not known, which is never shown as zero. */
  micro: number | null;
  source: "units" | "measured" | "reserved" | "unknown";
  /** It cost more than was reserved: booked all the same, and flagged. */
  above: boolean;
}

/**
 * What an ended request cost, at the price fixed at its admit: by the units that fal billed (`x-fal-billable-units`, in the
 * model's own unit), else by its measured output, else what was reserved.
 *
 * `estimate` is what was reserved, in micro-USD. `reservation` is how the request ended: `refund` costs nothing, `keep` is
 * not known until somebody says.
 */
export function chargeOf(input: {
  price: Price | null;
  estimate: number | null;
  units: string | null;
  measured: Measures | null;
  reservation: "take" | "refund" | "keep";
}): Charge {
  const { price, reservation, units, measured } = input;
  if (reservation === "keep") return { micro: null, source: "unknown", above: false };
  if (reservation === "refund") return { micro: 0, source: "reserved", above: false };
  const charged = (micro: number, source: Charge["source"]): Charge => {
    return { micro, source, above: input.estimate !== null && micro > input.estimate };
  };
  const byUnits = price === null || units === null ? null : costAt(price, units.trim());
  if (byUnits !== null) return charged(byUnits, "units");
  const byOutput = measured === null ? null : estimate(price, measured);
  if (byOutput !== null) return charged(byOutput, "measured");
  if (input.estimate !== null) return charged(input.estimate, "reserved");
  return { micro: null, source: "unknown", above: false };
}

/**
 * A first table for the models of models/models.ts. List prices change, an account may have its own, and copies of pages
 * age: check before you bill. `fal-ai/fast-sdxl` is left out, because fal bills it by compute seconds, which neither input
 * nor output tells (fal.ai/docs/examples/image-generation/fast-sdxl: about $0.0025 a run).
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
