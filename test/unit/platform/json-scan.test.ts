// The scanner accepts what JSON.parse accepts, tells every part of it, and reads each character a bounded number of times.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fieldsOf, isJson, type JsonEvents, scanJson, stringsAt } from "../../../src/platform/json-scan.ts";

function accepts(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

describe("scanJson", () => {
  test("accepts any JSON, with or without white space", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 5 }), fc.constantFrom("", " ", "\n\t"), (text, space) => {
        expect(isJson(text)).toBe(true);
        expect(isJson(space + JSON.stringify(JSON.parse(text), null, 2) + space)).toBe(true);
      }),
    );
  });

  test("refuses whatever JSON.parse refuses, wherever a text was damaged", () => {
    fc.assert(
      fc.property(
        fc.json({ maxDepth: 3 }),
        fc.nat(),
        fc.constantFrom("", ",", '"', "\\", "}", "0", "-", "e", "\u0001"),
        (text, at, put) => {
          const cut = at % (text.length + 1);
          const damaged = text.slice(0, cut) + put + text.slice(cut + 1);
          expect(isJson(damaged), damaged).toBe(accepts(damaged));
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test.each([
    "",
    " ",
    "01",
    "1.",
    ".5",
    "+1",
    "1e",
    "--1",
    "-0",
    "1E+5",
    "tru",
    "nulll",
    "[1,]",
    "[,1]",
    "{,}",
    '{"a"}',
    '{"a":}',
    '{"a":1,}',
    "{a:1}",
    "[1 2]",
    '"\\x"',
    '"\\u12g4"',
    '"\\u12"',
    '"tab\t"',
    "'a'",
    "NaN",
    "Infinity",
    "[1]]",
    "[}",
    '"open',
    "\u00a01",
    "\ufeff1",
  ])("agrees with JSON.parse about %j", (text) => {
    expect(isJson(text)).toBe(accepts(text));
  });

  test.each([
    ["{\"a\":1 'b'}", { kind: "syntax", at: 7 }],
    ["[1,2", { kind: "syntax", at: 4 }],
    ["[[[1]]]", { kind: "too_deep" }],
    ["[1,2,3,4,5,6]", { kind: "too_many_values" }],
  ])("says what is wrong with %j", (text, fault) => {
    expect(scanJson(text, {}, { depth: 2, values: 6 })).toEqual(fault);
  });

  test("tells every part once, in order", () => {
    const parts: string[] = [];
    const text = ' {"a" : [1, "b"], "c":{}} ';
    const part = (start: number, end: number) => void parts.push(text.slice(start, end));
    expect(
      scanJson(text, {
        ...{ key: part, string: part, literal: part },
        open: (isArray) => void parts.push(isArray ? "[" : "{"),
        close: () => void parts.push("end"),
        gap: (start, end) => void parts.push("_".repeat(end - start)),
      }),
    ).toBeNull();
    expect(parts.join("")).toBe('_{"a"__[1_"b"end_"c"{endend_');
  });

  test.each([
    ["numbers", (n: number) => `[${Array.from({ length: n }, (_, i) => `${i}.10`).join(",")}]`],
    ["names", (n: number) => `{${Array.from({ length: n }, (_, i) => `"k${i}":1`).join(",")}}`],
    ["levels", (n: number) => "[".repeat(n) + "]".repeat(n)],
  ])("tells ten times as much of a text with ten times as many %s", (_what, textOf) => {
    const told = (text: string) => {
      let count = 0;
      const one = () => void count++;
      const events: JsonEvents = { open: one, close: one, key: one, string: one, literal: one, gap: one };
      expect(scanJson(text, events)).toBeNull();
      return count;
    };
    const [once, tenfold] = [told(textOf(2_000)), told(textOf(20_000))];
    expect(tenfold / once).toBeCloseTo(10, 1);
  });
});

describe("fieldsOf", () => {
  test("has the text of each value as it was written, of a name that stands twice the last", () => {
    const fields = fieldsOf('{"n":1.50,"s":"\\u00e9","o":{ "n":2 },"l":[1, 2],"n":196619188014358660,"\\u006e2":null}');
    expect(Object.fromEntries(fields ?? [])).toEqual({
      ...{ n: "196619188014358660", s: '"\\u00e9"', o: '{ "n":2 }', l: "[1, 2]", n2: "null" },
    });
  });

  test.each(["[]", "1", '"{}"', "{", ""])("has none of %j", (text) => {
    expect(fieldsOf(text)).toBeNull();
  });
});

test("stringsAt finds strings by their paths, and nothing else", () => {
  const text = '{"a":[{"url":"x"},[["y\\n"]]],"b":{"a":1},"a2":"z"}';
  const paths = [["a", 0, "url"], ["a", 1, 0, 0], ["b", "a"], ["a", 2], ["a2"], ["a", "0", "url"]];
  expect(stringsAt(text, paths)).toEqual(["x", "y\n", null, null, "z", null]);
  expect(stringsAt('"whole"', [[]])).toEqual(["whole"]);
});
