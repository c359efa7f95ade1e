import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  COUNT_FIELDS,
  DURATION_FIELDS,
  type InputMeasures,
  type Measures,
  measureInput,
  SIZE_FIELDS,
  TEXT_FIELDS,
} from "../../../../src/models/measures.ts";
import { MODELS } from "../../../../src/models/models.ts";
import { MONEY_MAX_MICRO } from "../../../../src/platform/money.ts";
import { parseFields } from "../../../../src/platform/validate.ts";
import {
  amountOutOfRange,
  type Charge,
  chargeOf,
  estimate,
  type Price,
  priceFor,
  priceTableSchema,
  STARTER_PRICES,
} from "../../../../src/team/quota/prices.ts";

const price = (unit: Price["unit"], usd: string): Price => ({ unit, usd });
const nothing: Measures = { images: null, megapixels: null, seconds: null, characters: null };

describe("a price table", () => {
  test.each<[string, unknown, string]>([
    [
      "an unknown unit",
      { m: { unit: "token", usd: "1" } },
      '`m.unit` must be one of "request", "image", "megapixel", "second", "thousand_characters".',
    ],
    ["a price as a number", { m: { unit: "image", usd: 1 } }, "`m.usd` must be a string."],
    [
      "a price with seven places",
      { m: { unit: "image", usd: "0.0000001" } },
      '`m.usd` must be a USD amount as a string with at most six decimal places, e.g. "0.25".',
    ],
    ["no price", { m: { unit: "image" } }, "`m.usd` is required."],
    ["a day that is none", { m: { unit: "image", usd: "1", as_of: "2026-02-30" } }, "`m.as_of` must be a valid date."],
    [
      "a mistyped field",
      { m: { unit: "image", usd: "1", asof: "x" } },
      "`m.asof` is not a known field; did you mean `as_of`?",
    ],
    [
      "a pattern that is none",
      { "x/[ab]": { unit: "image", usd: "1" } },
      '`x/[ab]` is "x/[ab]", but a model pattern must not contain "[": use *, ?, ** as a segment, or {a,b}.',
    ],
    [
      "a field of another unit",
      { m: { unit: "second", usd: "1", fields: ["num_images"] } },
      '`m.fields` must not name `num_images`, which does not determine an amount in the unit "second".',
    ],
    ["a list", [], "`body` must be an object."],
  ])("is refused with the field's name when it holds %s", (_what, table, detail) => {
    expect(parseFields(priceTableSchema(), table, "body")).toEqual({ ok: false, detail });
  });

  const cheap = price("image", "0.01");
  const dear = price("image", "0.02");
  const other = price("image", "0.03");

  test.each<[string, Record<string, Price>, string, Price | null]>([
    ["the model's own entry wins over a longer glob", { "a/b": cheap, "a/{b,cccccccc}": dear }, "a/b", cheap],
    ["a longer glob wins over a shorter", { "fal-ai/flux/**": cheap, "fal-ai/**": dear }, "fal-ai/flux/dev", cheap],
    ["whatever their order", { "fal-ai/**": dear, "fal-ai/flux/**": cheap }, "fal-ai/flux/dev", cheap],
    ["among globs of one length the later wins", { "a/b*": cheap, "a/*c": dear }, "a/bc", dear],
    ["a glob with /** is the app's own price too", { "fal-ai/flux/**": cheap }, "fal-ai/flux", cheap],
    ["a glob may begin with anything", { "**/schnell": cheap }, "fal-ai/flux/schnell", cheap],
    ["a glob may end a segment", { "fal-ai/flux*": cheap }, "fal-ai/flux-2", cheap],
    ["a whole id is no prefix", { "fal-ai/flux": cheap }, "fal-ai/flux/dev", null],
    ["case matters", { "fal-ai/Flux": cheap }, "fal-ai/flux", null],
    ["what nothing matches has no price", { "a/**": cheap, "b/*": dear, c: other }, "fal-ai/flux", null],
    ["no price is found on the table's prototype", {}, "constructor", null],
  ])("%s", (_rule, table, model, found) => {
    expect(priceFor(table, model)).toBe(found);
  });
});

describe("an estimate", () => {
  test.each<[string, Price | null, Partial<InputMeasures>, number | null]>([
    ["a request costs its price", price("request", "0.5"), {}, 500_000],
    ["images cost each", price("image", "0.04"), { images: 3 }, 120_000],
    ["megapixels cost each", price("megapixel", "0.003"), { megapixels: 4 }, 12_000],
    ["seconds cost each", price("second", "0.095"), { seconds: 5.5 }, 522_500],
    ["characters cost by the thousand", price("thousand_characters", "0.05"), { characters: 53 }, 2_650],
    ["a part of a micro-dollar is a whole one", price("thousand_characters", "0.000001"), { characters: 1 }, 1],
    ["free is free", price("image", "0"), { images: 9 }, 0],
    ["without a price there is none", null, { images: 1 }, null],
    ["without the amount there is none", price("second", "1"), { images: 1 }, null],
    ["an absurd amount is dear, not unknown", price("second", "0.01"), { seconds: 1e12 }, MONEY_MAX_MICRO],
  ])("%s", (_rule, priced, measures, micro) => {
    expect(estimate(priced, { ...nothing, fields: null, ...measures })).toBe(micro);
  });

  const OTHER = "owner/other";
  const seconds = (more: Partial<Price>): Price => ({ ...price("second", "0.1"), ...more });

  test.each<[string, Price, object, number | null]>([
    ["of a field that the price does not name is unknown", seconds({}), { duration: 5 }, null],
    ["of the field that it names is priced", seconds({ fields: ["duration"] }), { duration: 5 }, 500_000],
    [
      "is the longest of several",
      seconds({ fields: ["duration", "seconds_total"] }),
      { duration: 1, seconds_total: 4 },
      400_000,
    ],
    ["cannot be read from one that says `auto`", seconds({ fields: ["duration"] }), { duration: "auto" }, null],
    ["is a second at least", seconds({ fields: ["duration"] }), { duration: 1e-9 }, 100_000],
    ["is the default without the field", seconds({ fields: ["duration"], default: 8 }), { num_frames: 1 }, 800_000],
    [
      "is not the default beside an unreadable field",
      seconds({ fields: ["duration"], default: 8 }),
      { duration: [] },
      null,
    ],
    ["is one image without the count", { ...price("image", "1"), fields: ["num_images"] }, {}, 1_000_000],
    [
      "multiplies counts",
      { ...price("image", "1"), fields: ["num_images", "max_images"] },
      { num_images: 2, max_images: 3 },
      6_000_000,
    ],
    ["needs both sides", { ...price("megapixel", "1"), fields: ["width", "height"] }, { width: 4096 }, null],
    [
      "counts both sides",
      { ...price("megapixel", "1"), fields: ["width", "height"] },
      { width: 2048, height: 1024 },
      2_000_000,
    ],
    [
      "adds texts",
      { ...price("thousand_characters", "1"), fields: ["text", "lyrics"] },
      { text: "abc", lyrics: "de" },
      5_000,
    ],
  ])("of another model %s", (_rule, priced, input, micro) => {
    expect(estimate(priced, measureInput(OTHER, input))).toBe(micro);
  });

  test.each([
    [{ duration: 3 }, 3],
    [{ duration: 11 }, 11],
    [{ duration: 1e-9 }, 1],
    [{ duration: 4 }, null],
    [{ duration: "auto" }, null],
    [{}, null],
  ])("of %j outside the price's range is told: %s", (input, amount) => {
    const priced = seconds({ fields: ["duration"], min: 4, max: 10 });
    expect(amountOutOfRange(priced, measureInput(OTHER, input))).toBe(amount);
  });

  test("is not lowered by any added field", () => {
    const readable = [...COUNT_FIELDS, ...SIZE_FIELDS, ...DURATION_FIELDS, ...TEXT_FIELDS];
    const names = [
      ...readable,
      "num_frames",
      "fps",
      "seconds",
      "megapixels",
      "images",
      "scale",
      "__proto__",
      "constructor",
    ];
    const values = fc.oneof(
      fc.double(),
      fc.integer({ min: -2, max: 10_000 }),
      fc.string(),
      fc.boolean(),
      fc.constantFrom<unknown>(
        null,
        "auto",
        "1",
        1e-9,
        [],
        {},
        "square",
        { width: 1, height: 1 },
        ["a"],
        [{ text: "" }],
      ),
    );
    const inputs = fc.dictionary(fc.constantFrom(...names), values);
    const units = fc.constantFrom<Price["unit"]>("request", "image", "megapixel", "second", "thousand_characters");
    const models = fc.constantFrom(OTHER, ...MODELS.map(({ id }) => id));
    fc.assert(
      fc.property(models, units, inputs, inputs, (model, unit, input, added) => {
        const priced = price(unit, "0.01");
        const own = Object.fromEntries(Object.entries(input).filter(([name]) => name !== "__proto__"));
        const all = { ...added, ...own };
        const before = estimate(priced, measureInput(model, own));
        const after = estimate(priced, measureInput(model, all));
        // A known amount may become unknown or rise. An unknown one becomes known by the text of a speech model alone.
        if (before !== null && after !== null) expect(after).toBeGreaterThanOrEqual(before);
        if (before === null && !("gen_text" in added)) expect(after).toBeNull();
      }),
      { numRuns: 2_000 },
    );
  });

  test("of another model depends on the fields that its price names alone", () => {
    const values = fc.constantFrom<unknown>(1, "1", 1e-9, null, "square", "x", { width: 1, height: 1 });
    const inputs = fc.dictionary(fc.constantFrom(...DURATION_FIELDS, ...COUNT_FIELDS, ...TEXT_FIELDS), values);
    fc.assert(
      fc.property(inputs, ({ duration, ...others }) => {
        const priced = seconds({ fields: ["duration"], default: 3 });
        const alone = duration === undefined ? {} : { duration };
        expect(estimate(priced, measureInput(OTHER, { ...others, ...alone }))).toBe(
          estimate(priced, measureInput(OTHER, alone)),
        );
      }),
    );
  });
});

describe("a charge", () => {
  const perImage = price("image", "0.01");
  const asked = { price: perImage, estimate: 20_000, units: null, measured: null, reservation: "charge" } as const;
  const two: Measures = { ...nothing, images: 2 };

  test.each<[string, Parameters<typeof chargeOf>[0], Charge]>([
    [
      "units win over the output",
      { ...asked, units: "1", measured: two },
      { micro: 10_000, source: "units", above: false },
    ],
    ["units may be a fraction", { ...asked, units: "1.5" }, { micro: 15_000, source: "units", above: false }],
    ["units of zero are free", { ...asked, units: "0", measured: two }, { micro: 0, source: "units", above: false }],
    [
      "units that are no number are passed over",
      { ...asked, units: "n/a", measured: two },
      { micro: 20_000, source: "measured", above: false },
    ],
    [
      "the output wins over the reservation",
      { ...asked, measured: { ...two, images: 1 } },
      { micro: 10_000, source: "measured", above: false },
    ],
    [
      "an output without images is free",
      { ...asked, measured: { ...two, images: 0 } },
      { micro: 0, source: "measured", above: false },
    ],
    [
      "what shows nothing costs the reservation",
      { ...asked, measured: nothing },
      { micro: 20_000, source: "reserved", above: false },
    ],
    ["no output costs the reservation", asked, { micro: 20_000, source: "reserved", above: false }],
    [
      "more than was reserved is flagged",
      { ...asked, measured: { ...two, images: 3 } },
      { micro: 30_000, source: "measured", above: true },
    ],
    [
      "units above the reservation are flagged",
      { ...asked, units: "2.01" },
      { micro: 20_100, source: "units", above: true },
    ],
    [
      "what had no estimate cannot be above it",
      { ...asked, estimate: null, measured: two },
      { micro: 20_000, source: "measured", above: false },
    ],
    [
      "without price it is unknown, whatever is measured",
      { ...asked, price: null, estimate: null, units: "1", measured: two },
      { micro: null, source: "unknown", above: false },
    ],
    [
      "without estimate and output it is unknown",
      { ...asked, estimate: null },
      { micro: null, source: "unknown", above: false },
    ],
    [
      "a refund costs nothing",
      { ...asked, reservation: "refund", units: "3", measured: two },
      { micro: 0, source: "reserved", above: false },
    ],
    [
      "what nobody can judge is unknown",
      { ...asked, reservation: "keep" },
      { micro: null, source: "unknown", above: false },
    ],
  ])("%s", (_rule, input, charge) => {
    expect(chargeOf(input)).toEqual(charge);
  });
});

describe("the table that teams begin with", () => {
  test("is a valid table whose entries say where they are from and to check them", () => {
    expect(priceTableSchema().parse(STARTER_PRICES)).toEqual(STARTER_PRICES);
    for (const { source } of Object.values(STARTER_PRICES)) expect(source).toMatch(/fal\.ai.*[Vv]erify before billing/);
  });

  test("says of each price when it was seen, but of the one whose page has no date", () => {
    const undated = Object.entries(STARTER_PRICES).filter(([, price]) => price.as_of === undefined);
    expect(undated.map(([model, { source }]) => [model, source])).toEqual([
      ["fal-ai/clarity-upscaler", expect.stringContaining("without a date")],
    ]);
  });

  test("prices known models only, and leaves out what it does not know", () => {
    const priced = MODELS.map((model) => model.id).filter((id) => priceFor(STARTER_PRICES, id) !== null);
    expect(Object.keys(STARTER_PRICES)).toEqual(priced);
    expect(priced).not.toContain("fal-ai/fast-sdxl");
  });

  test.each<[string, object, number | null]>([
    ["fal-ai/flux/schnell", { prompt: "a cat", num_images: 2 }, 6_000],
    ["fal-ai/minimax/video-01", { prompt: "a cat" }, 500_000],
    ["fal-ai/f5-tts", { gen_text: "x".repeat(1_000) }, 50_000],
    // Its output's size depends on a picture that only fal fetches.
    ["fal-ai/clarity-upscaler", { image_url: "https://example.com/x.png", scale: 4 }, null],
  ])("estimates %s of %o", (model, input, micro) => {
    expect(estimate(priceFor(STARTER_PRICES, model), measureInput(model, input))).toBe(micro);
  });
});
