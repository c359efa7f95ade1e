// How ids are spelled, and that random ones are random.

import { describe, expect, test } from "vitest";
import { hex, newId, REQUEST_ID, randomText, sha256Hex, TEAM_ID } from "../../../src/platform/ids.ts";

describe("random text", () => {
  test.each([0, 1, 20, 22, 1_000])("of %i characters is letters and digits of that length", (length) => {
    expect(randomText(length)).toMatch(new RegExp(`^[0-9A-Za-z]{${length}}$`));
  });

  test("never comes twice", () => {
    expect(new Set(Array.from({ length: 1_000 }, () => randomText(20))).size).toBe(1_000);
  });

  test("has each of the 62 characters about equally often", () => {
    const counts = new Map<string, number>();
    const draws = 62_000;
    for (const character of randomText(draws)) counts.set(character, (counts.get(character) ?? 0) + 1);
    expect(counts.size).toBe(62);
    // Expected 1000 each with a deviation of 31. A modulo over all 256 byte values would give the first eight 1211.
    for (const [character, count] of counts) expect(Math.abs(count - 1_000), character).toBeLessThan(190);
  });
});

test.each(["key", "evt", "whk", "dlv"] as const)("a new id says that it is a %s, and has no dot", (prefix) => {
  expect(newId(prefix)).toMatch(new RegExp(`^${prefix}_[0-9A-Za-z]{20}$`));
});

describe("shapes", () => {
  test.each<[string, RegExp, string, boolean]>([
    ["a short team", TEAM_ID, "a", true],
    ["the longest team", TEAM_ID, "a-0".padEnd(32, "z"), true],
    ["a longer one", TEAM_ID, "a".repeat(33), false],
    ["no team", TEAM_ID, "", false],
    ["capitals", TEAM_ID, "Acme", false],
    ["what separates the parts of a key", TEAM_ID, "a_b", false],
    ["what separates the parts of a path", TEAM_ID, "a/b", false],
    ["a line break behind", TEAM_ID, "acme\n", false],
    ["a request", REQUEST_ID, "0123456789abcdef".repeat(4), true],
    ["capital digits", REQUEST_ID, "0123456789ABCDEF".repeat(4), false],
    ["a digit too few", REQUEST_ID, "a".repeat(63), false],
    ["a digit too many", REQUEST_ID, "a".repeat(65), false],
    ["another letter", REQUEST_ID, "g".repeat(64), false],
  ])("%s", (_what, shape, text, fits) => {
    expect(shape.test(text)).toBe(fits);
  });
});

describe("hex and digests", () => {
  test("spell every byte with two digits", () => {
    expect(hex(Uint8Array.of(0, 1, 15, 16, 255))).toBe("00010f10ff");
    expect(hex(Uint8Array.of(171).buffer)).toBe("ab");
    expect(hex(Uint8Array.of(1, 2, 3).subarray(1))).toBe("0203");
  });

  // FIPS 180-2, appendix B.1.
  test("are SHA-256, of text as UTF-8 and of bytes alike", async () => {
    const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    expect(await sha256Hex("abc")).toBe(abc);
    expect(await sha256Hex(Uint8Array.of(97, 98, 99))).toBe(abc);
    expect(await sha256Hex("é")).toBe(await sha256Hex(Uint8Array.of(0xc3, 0xa9)));
  });
});
