// What is learned of a model's durations.

import { describe, expect, test } from "vitest";
import { DURATIONS_KEPT, durationsOf, type Sample, withDuration } from "../../../src/models/durations.ts";

const learned = (...all: number[]): Sample => all.reduce<Sample>(withDuration, []);

describe("durations", () => {
  test("say nothing before a few requests have ended", () => {
    expect(durationsOf(learned(8_000, 9_000))).toBeNull();
    expect(durationsOf(learned(8_000, 9_000, 20_000))).toEqual({ p50Ms: 9_000, p95Ms: 20_000, samples: 3 });
  });

  test("are not moved by one that took for ever", () => {
    const usual = Array.from({ length: 40 }, (_, n) => 8_000 + n);
    expect(durationsOf(learned(...usual, 3_600_000))).toMatchObject({ p50Ms: 8_020, p95Ms: 8_038 });
  });

  test("forget: a model that became slower shows it soon", () => {
    const before = Array<number>(500).fill(2_000);
    const after = Array<number>(DURATIONS_KEPT).fill(30_000);
    expect(durationsOf(learned(...before, ...after))).toEqual({
      p50Ms: 30_000,
      p95Ms: 30_000,
      samples: DURATIONS_KEPT,
    });
  });
});
