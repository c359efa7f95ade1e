import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { costOf, MONEY_MAX_MICRO, microOf, moneyText } from "../../../src/platform/money.ts";

describe("an amount of USD as text", () => {
  it.each<[string, number | null]>([
    ["5", 5_000_000],
    ["0.003", 3_000],
    ["0.000001", 1],
    ["12.50", 12_500_000],
    ["007.5", 7_500_000],
    ["0", 0],
    ["1000000000", MONEY_MAX_MICRO],
    ["1000000000.000001", null],
    ["1000000001", null],
    ["99999999999", null],
    ["0.0000001", null],
    ["-1", null],
    ["+1", null],
    ["1e3", null],
    ["1.", null],
    [".5", null],
    ["1,5", null],
    [" 1", null],
    ["1\n", null],
    ["", null],
    ["٣", null],
    ["0x10", null],
    ["NaN", null],
  ])("%j is %s micro-USD", (text, micro) => {
    expect(microOf(text)).toBe(micro);
  });

  it.each<[number, string]>([
    [0, "0.000000"],
    [1, "0.000001"],
    [3_000, "0.003000"],
    [5_000_000, "5.000000"],
    [MONEY_MAX_MICRO, "1000000000.000000"],
    [-3_000, "-0.003000"],
  ])("%s micro-USD is %j", (micro, text) => {
    expect(moneyText(micro)).toBe(text);
  });

  it("comes back as it went out", () => {
    fc.assert(fc.property(fc.nat(MONEY_MAX_MICRO), (micro) => microOf(moneyText(micro)) === micro));
  });
});

describe("the cost of an amount", () => {
  it.each<[number, number | string, number | null]>([
    [3_000, 4, 12_000],
    [50_000, 0.123, 6_150],
    // In binary, 0.1 x 3 is a little more than 0.3: that must not cost a micro more.
    [3, 0.1, 1],
    [1_000_000, 0.3, 300_000],
    [100_000, 1.1, 110_000],
    [3_000, "3.008", 9_024],
    [1, "0.000000000000000000000000001", 1],
    [3_000, "0", 0],
    [3_000, 0, 0],
    [0, 1e300, 0],
    [3_000, 1e-9, 1],
    [3_000, 1e300, MONEY_MAX_MICRO],
    [3_000, Number.POSITIVE_INFINITY, MONEY_MAX_MICRO],
    [3_000, "9".repeat(40), MONEY_MAX_MICRO],
    [MONEY_MAX_MICRO, 2, MONEY_MAX_MICRO],
    [3_000, -1, null],
    [3_000, Number.NaN, null],
    [3_000, "-1", null],
    [3_000, "1e3", null],
    [3_000, "", null],
    [3_000, "units", null],
    [3_000, "1 2", null],
  ])("of %s micro-USD x %s is %s", (micro, amount, cost) => {
    expect(costOf(micro, amount)).toBe(cost);
  });

  it("is never below the exact product, and less than a micro above it", () => {
    fc.assert(
      fc.property(fc.nat(1_000_000), fc.nat(1_000_000_000), fc.nat(6), (micro, digits, places) => {
        const amount = `${Math.floor(digits / 10 ** places)}.${String(digits % 10 ** places).padStart(places, "0")}`;
        const cost = BigInt(costOf(micro, places === 0 ? String(digits) : amount) ?? -1);
        const scale = 10n ** BigInt(places);
        const exact = BigInt(micro) * BigInt(digits);
        expect(cost * scale >= exact && (cost - 1n) * scale < exact).toBe(true);
      }),
    );
  });
});
