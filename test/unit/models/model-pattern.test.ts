// Patterns over model ids: the documented rules by a table and by comparison with a reading of them as regular expressions, what is no
// pattern, and a bound on the work of hostile ones, counted in characters that are looked at.

import { describe, expect, test } from "vitest";
import {
  MODEL_PATTERN_MAX_CHARS,
  matchesPattern,
  matchesSegments,
  patternFault,
  readPattern,
} from "../../../src/models/model-pattern.ts";
import { chanceOf } from "../../harness/chance.ts";

describe("a pattern", () => {
  test.each([
    ["fal-ai/flux/dev", "fal-ai/flux/dev", true],
    ["fal-ai/flux", "fal-ai/flux/dev", false],
    ["fal-ai/Flux", "fal-ai/flux", false],
    ["fal-ai/flux*", "fal-ai/flux", true],
    ["fal-ai/flux*", "fal-ai/flux-pro", true],
    ["fal-ai/flux*", "fal-ai/flux/dev", false],
    ["fal-ai/*", "fal-ai/flux/dev", false],
    ["*/*", "fal-ai/flux", true],
    ["acme/v?", "acme/v2", true],
    ["acme/v?", "acme/v", false],
    ["acme/v?", "acme/v10", false],
    ["**", "fal-ai/flux/dev", true],
    ["fal-ai/flux/**", "fal-ai/flux", true],
    ["fal-ai/flux/**", "fal-ai/flux/dev/image-to-image", true],
    ["fal-ai/flux/**", "fal-ai/flux-pro", false],
    ["**/image-to-image", "fal-ai/flux/dev/image-to-image", true],
    ["fal-ai/**/v2/**/edit", "fal-ai/x/v2/y/v2/edit", true],
    ["fal-ai/**/v2/**/edit", "fal-ai/x/v1/edit", false],
    ["fal-ai/flux**", "fal-ai/flux-pro", true],
    ["fal-ai/flux**", "fal-ai/flux/dev", false],
    ["fal-ai/{flux,sdxl}/**", "fal-ai/sdxl", true],
    ["fal-ai/{flux,sdxl}/**", "fal-ai/veo", false],
    ["{fal-ai/flux,acme/x}/{dev,pro}", "acme/x/pro", true],
    ["fal-ai/flux{,-pro}", "fal-ai/flux", true],
    ["owner/.*", "owner/.hidden", true],
    ["owner/*", "owner/.hidden", true],
  ])("%s on %s: %s", (pattern, model, matches) => {
    expect(patternFault(pattern)).toBeNull();
    expect(matchesPattern(pattern, model)).toBe(matches);
  });
});

describe("what is no pattern", () => {
  test.each([
    ["!fal-ai/veo", 'must not contain "!"'],
    ["fal-ai/[ab]", 'must not contain "["'],
    ["fal-ai/@(a|b)", 'must not contain "@"'],
    ["fal-ai\\flux", "must not contain"],
    ["fal-ai/flux ", 'must not contain " "'],
    ["fal-ai/flüx", 'must not contain "ü"'],
    ["fal-ai/{flux", "braces"],
    ["fal-ai/flux}", "braces"],
    ["fal-ai/{flux}", "braces"],
    ["fal-ai/{a,{b,c}}", "braces"],
    ["fal-ai/a,b", "braces"],
    ["fal-ai/v{1..3}", "braces"],
    ["{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}", "at most 32 texts"],
    ["fal-ai//flux", "empty segment"],
    ["fal-ai/flux/", "empty segment"],
    ["/fal-ai", "empty segment"],
    ["fal-ai/{,flux}", "empty segment"],
    [`fal-ai/${"x".repeat(MODEL_PATTERN_MAX_CHARS)}`, "at most 200 characters"],
  ])("%s is refused, with its name and the way out", (pattern, why) => {
    const fault = patternFault(pattern);
    expect(fault).toContain(why);
    expect(fault).toContain(JSON.stringify(pattern));
    expect(matchesPattern(pattern, "fal-ai/flux")).toBe(false);
  });
});

/** The documented rules as a regular expression, for patterns that are in order. */
function expressionOf(pattern: string): RegExp {
  const withBraces = (text: string): string[] => {
    const [whole, inner] = /\{([^{}]*)\}/.exec(text) ?? [];
    if (whole === undefined || inner === undefined) return [text];
    return inner.split(",").flatMap((choice) => withBraces(text.replace(whole, () => choice)));
  };
  const one = (text: string) =>
    text
      .split("/")
      .map((segment) => {
        if (segment === "**") return "(?:/[^/]+)*";
        const chars = [...segment].map((char) =>
          char === "*" ? "[^/]*" : char === "?" ? "[^/]" : char.replace(".", "\\."),
        );
        return `/${chars.join("")}`;
      })
      .join("");
  return new RegExp(`^(?:${withBraces(pattern).map(one).join("|")})$`);
}

/** A pattern, mostly in order, over few characters: so that it matches now and then. */
function patternBy(random: () => number): string {
  const pick = <T>(values: readonly T[]) => values[Math.floor(random() * values.length)] as T;
  const segment = () => {
    if (random() < 0.2) return "**";
    const parts = Array.from({ length: 1 + Math.floor(random() * 4) }, () =>
      pick(["a", "b", "*", "?", ".", "{a,b}", "{ab,}", "{a/b,b}"]),
    );
    return parts.join("");
  };
  return Array.from({ length: 1 + Math.floor(random() * 4) }, segment).join("/");
}

test("20,000 patterns mean what the documented rules say", () => {
  const random = chanceOf(11);
  let compared = 0;
  let matched = 0;
  while (compared < 20_000) {
    const pattern = patternBy(random);
    if (patternFault(pattern) !== null) continue;
    const segment = () =>
      Array.from({ length: 1 + Math.floor(random() * 3) }, () => "ab."[Math.floor(random() * 3)]).join("");
    const model = Array.from({ length: 1 + Math.floor(random() * 4) }, segment).join("/");
    const expected = expressionOf(pattern).test(`/${model}`);
    expect(matchesPattern(pattern, model), `${pattern} on ${model}`).toBe(expected);
    compared++;
    if (expected) matched++;
  }
  expect(matched).toBeGreaterThan(1_000);
});

/** A text whose characters are counted when they are looked at. */
function counted(text: string, looks: { count: number }): ArrayLike<string> {
  return new Proxy([...text], {
    get(chars, name) {
      if (name !== "length") looks.count++;
      return Reflect.get(chars, name);
    },
  });
}

test("10,000 hostile patterns cost no more than their length times the model's", () => {
  const random = chanceOf(12);
  const models = [
    "a".repeat(200),
    Array.from({ length: 10 }, () => "a".repeat(19)).join("/"),
    `${"ab".repeat(60)}/${"a".repeat(60)}c`,
  ];
  const shapes = ["*a", "a*", "?*", "*?a", "**/", "**/*a/", "*a*b", "a"];
  for (let i = 0; i < 10_000; i++) {
    let pattern = "";
    while (pattern.length < 180) {
      const shape = shapes[Math.floor(random() * shapes.length)] ?? "";
      pattern += shape.startsWith("**") && pattern !== "" && !pattern.endsWith("/") ? `/${shape}` : shape;
    }
    pattern += "b";
    const read = readPattern(pattern);
    if (read.kind !== "read") throw new Error(read.why);
    const model = models[i % models.length] as string;
    for (const alternative of read.alternatives) {
      const looks = { count: 0 };
      const segments = model.split("/").map((segment) => counted(segment, looks));
      matchesSegments(alternative, segments);
      // Each segment of the pattern meets one of the model once at most, and so does each character within.
      expect(looks.count, pattern).toBeLessThanOrEqual(alternative.join("/").length * model.length);
    }
  }
});
