import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  isRawNumber,
  JSON_DEPTH_MAX,
  type JsonTree,
  objectText,
  parseTree,
  plainCopy,
  printTree,
  RawText,
  valueAt,
  withValueAt,
} from "../../../src/platform/json.ts";

function tree(text: string): JsonTree {
  const parsed = parseTree(text);
  if (parsed === null) throw new Error("the fixture is not JSON");
  return parsed.tree;
}

describe("numbers", () => {
  test.each([
    "196619188014358660",
    "-9223372036854775808",
    "18446744073709551616123",
    "1.50",
    "1e2",
    "1E+02",
    "-0",
    "0.1000000000000000055511151231257827",
    "1e999",
  ])("%s keeps its spelling", (number) => {
    expect(printTree(tree(number))).toBe(number);
    expect(printTree(tree(`{"a":[${number},{"seed":${number}}]}`))).toBe(`{"a":[${number},{"seed":${number}}]}`);
  });

  test("are told apart from objects that look like them", () => {
    expect(isRawNumber(tree("7.0"))).toBe(true);
    expect(tree("7")).toBe(7);
    expect(isRawNumber(tree('{"rawJSON":"7"}'))).toBe(false);
    expect(printTree(tree('{"rawJSON":"7"}'))).toBe('{"rawJSON":"7"}');
  });

  test("become JavaScript numbers in a plain copy only", () => {
    const parsed = tree('{"seed":196619188014358660,"n":[1.50]}');
    expect(plainCopy(parsed)).toEqual({ seed: Number("196619188014358660"), n: [1.5] });
    expect(printTree(parsed)).toBe('{"seed":196619188014358660,"n":[1.50]}');
  });
});

test("any JSON comes back with the same meaning, and text that is printed again does not change", () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6 }), (text) => {
      const printed = printTree(tree(text));
      expect(JSON.parse(printed)).toEqual(JSON.parse(text));
      expect(printTree(tree(printed))).toBe(printed);
    }),
  );
});

test.each([
  ["text", "hello"],
  ["nothing", ""],
  ["two values", "{} {}"],
  ["an open object", '{"a":1'],
  ["a trailing comma", "[1,]"],
  ["a leading zero", "01"],
  ["NaN", "NaN"],
  ["a raw line break in a string", '"a\nb"'],
])("%s is not JSON", (_name, text) => {
  expect(parseTree(text)).toBeNull();
});

describe("depth", () => {
  const nested = (depth: number) => `${'{"a":['.repeat(depth / 2)}1${"]}".repeat(depth / 2)}`;

  test("up to the limit is read and printed", () => {
    expect(printTree(tree(nested(JSON_DEPTH_MAX)))).toBe(nested(JSON_DEPTH_MAX));
  });

  test("beyond the limit is refused, however deep", () => {
    expect(parseTree(nested(JSON_DEPTH_MAX + 2))).toBeNull();
    expect(parseTree("[".repeat(5_000_000))).toBeNull();
  });

  test("brackets in strings and after escapes do not count", () => {
    const text = JSON.stringify({ a: '["\\'.repeat(1_000), b: "\\", c: "[".repeat(1_000) });
    expect(printTree(tree(text))).toBe(text);
  });

  test("siblings do not add up", () => {
    expect(parseTree(`[${Array(1_000).fill("[]").join(",")}]`)).not.toBeNull();
  });
});

describe("paths", () => {
  const text = '{"a":[{"url":"x"},null],"__proto__":{"b":1},"":{"c.d":true},"n":5}';

  test.each([
    [["a", 0, "url"], '"x"'],
    [["a", 1], "null"],
    [["__proto__", "b"], "1"],
    [["", "c.d"], "true"],
    [[], text],
  ])("%j leads to %s", (path, expected) => {
    const value = valueAt(tree(text), path);
    expect(value === undefined ? undefined : printTree(value)).toBe(expected);
  });

  test.each([
    [["b"]],
    [["a", 2]],
    [["a", 0, "url", 0]],
    [["a", 1, "x"]],
    [["toString"]],
    [["a", "push"]],
    [["constructor", "prototype"]],
  ])("%j leads nowhere and changes nothing", (path) => {
    const parsed = tree(text);
    expect(valueAt(parsed, path)).toBeUndefined();
    expect(printTree(withValueAt(parsed, path, "new"))).toBe(text);
  });

  test("nothing lies inside a number", () => {
    expect(valueAt(tree(text), ["n", "rawJSON"])).toBeUndefined();
  });

  test("a value is put in its place and nowhere else", () => {
    const parsed = tree(text);
    withValueAt(parsed, ["a", 0, "url"], "new");
    withValueAt(parsed, ["__proto__", "b"], "own");
    expect(printTree(parsed)).toBe('{"a":[{"url":"new"},null],"__proto__":{"b":"own"},"":{"c.d":true},"n":5}');
    expect(Object.hasOwn(Object.prototype, "b")).toBe(false);
  });

  test("replacing __proto__ itself keeps it a plain key", () => {
    const parsed = tree('{"__proto__":{"b":1}}');
    expect(printTree(withValueAt(parsed, ["__proto__"], "x"))).toBe('{"__proto__":"x"}');
  });

  test("at the root the new value is the tree", () => {
    expect(withValueAt(tree('"old"'), [], "new")).toBe("new");
  });
});

describe("objectText", () => {
  test("prints plain values, places raw text as it is, leaves undefined out", () => {
    const raw = new RawText('{"seed":196619188014358660}');
    expect(objectText({ id: 'a"b', output: raw, error: null, logs: undefined, tags: { x: 1 } })).toBe(
      '{"id":"a\\"b","output":{"seed":196619188014358660},"error":null,"tags":{"x":1}}',
    );
    expect(objectText({})).toBe("{}");
  });

  test("raw text stands as it is at any depth, and a kept number as it was written", () => {
    const raw = new RawText('{"n":1.50}');
    const parsed = parseTree('{"seed":1.50}');
    expect(objectText({ error: { detail: raw, left: undefined }, list: [raw, null, 1], kept: parsed?.tree })).toBe(
      '{"error":{"detail":{"n":1.50}},"list":[{"n":1.50},null,1],"kept":{"seed":1.50}}',
    );
  });

  test("keys that need escapes get them", () => {
    expect(JSON.parse(objectText({ 'a"\n': 1 }))).toEqual({ 'a"\n': 1 });
  });
});
