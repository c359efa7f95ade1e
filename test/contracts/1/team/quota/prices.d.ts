import type * as z from "zod";
import { type InputMeasures, type Measures } from "../../models/measures.ts";
export declare const priceSchema: () => z.ZodObject<{
    unit: z.ZodEnum<{
        image: "image";
        megapixel: "megapixel";
        request: "request";
        second: "second";
        thousand_characters: "thousand_characters";
    }>;
    usd: z.ZodString;
    fields: z.ZodOptional<z.ZodArray<z.ZodEnum<{
        duration: "duration";
        duration_ms: "duration_ms";
        duration_seconds: "duration_seconds";
        gen_text: "gen_text";
        height: "height";
        image_size: "image_size";
        inputs: "inputs";
        lyrics: "lyrics";
        lyrics_prompt: "lyrics_prompt";
        max_images: "max_images";
        music_length_ms: "music_length_ms";
        num_images: "num_images";
        num_samples: "num_samples";
        number_of_images: "number_of_images";
        prompt: "prompt";
        script: "script";
        seconds_total: "seconds_total";
        text: "text";
        texts: "texts";
        total_seconds: "total_seconds";
        width: "width";
    }>>>;
    min: z.ZodOptional<z.ZodNumber>;
    max: z.ZodOptional<z.ZodNumber>;
    default: z.ZodOptional<z.ZodNumber>;
    source: z.ZodOptional<z.ZodString>;
    as_of: z.ZodOptional<z.ZodISODate>;
}, z.core.$strict>;
export declare const pricedModel: () => z.ZodString;
export declare const priceTableSchema: () => z.ZodRecord<z.ZodString, z.ZodObject<{
    unit: z.ZodEnum<{
        image: "image";
        megapixel: "megapixel";
        request: "request";
        second: "second";
        thousand_characters: "thousand_characters";
    }>;
    usd: z.ZodString;
    fields: z.ZodOptional<z.ZodArray<z.ZodEnum<{
        duration: "duration";
        duration_ms: "duration_ms";
        duration_seconds: "duration_seconds";
        gen_text: "gen_text";
        height: "height";
        image_size: "image_size";
        inputs: "inputs";
        lyrics: "lyrics";
        lyrics_prompt: "lyrics_prompt";
        max_images: "max_images";
        music_length_ms: "music_length_ms";
        num_images: "num_images";
        num_samples: "num_samples";
        number_of_images: "number_of_images";
        prompt: "prompt";
        script: "script";
        seconds_total: "seconds_total";
        text: "text";
        texts: "texts";
        total_seconds: "total_seconds";
        width: "width";
    }>>>;
    min: z.ZodOptional<z.ZodNumber>;
    max: z.ZodOptional<z.ZodNumber>;
    default: z.ZodOptional<z.ZodNumber>;
    source: z.ZodOptional<z.ZodString>;
    as_of: z.ZodOptional<z.ZodISODate>;
}, z.core.$strict>>;
export type Price = z.output<ReturnType<typeof priceSchema>>;
export type PriceTable = z.output<ReturnType<typeof priceTableSchema>>;
export declare function priceFor(table: PriceTable, model: string): Price | null;
export declare function estimate(price: Price | null, measures: InputMeasures): number | null;
export declare function amountOutOfRange(price: Price | null, { fields }: InputMeasures): number | null;
export declare function measuresUsed(price: Price | null, { fields, ...own }: InputMeasures): Measures;
export type Verdict = "charge" | "refund" | "keep";
export interface Charge {
    micro: number | null;
    source: "units" | "measured" | "reserved" | "unknown";
    above: boolean;
}
export declare function chargeOf(input: {
    price: Price | null;
    estimate: number | null;
    units: string | null;
    measured: Measures | null;
    reservation: Verdict;
}): Charge;
export declare const STARTER_PRICES: PriceTable;
