import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { parseTree, printTree, readJson } from "../../../../src/platform/json.ts";
import { applyInputRules } from "../../../../src/team/quota/input-rules.ts";
import { planSchema } from "../../../../src/team/quota/plan.ts";

type Rules = { max?: Record<string, number>; force?: Record<string, unknown>; forbid?: string[] };

/** Applies rules to an input as text, and tells what goes on as text. */
function applied(rules: Rules, inputText: string) {
  const { input } = planSchema().parse({ input: rules });
  const parsed = parseTree(inputText);
  if (parsed === null) throw new Error("the test's input is not JSON");
  const before = printTree(parsed.tree);
  const answer = applyInputRules(input, parsed.tree, "demo");
  expect(printTree(parsed.tree)).toBe(before);
  return answer.kind === "ok" ? { text: printTree(answer.tree), forced: answer.forced } : { refusal: answer.refusal };
}

/** What is said about the field, without the plan's name behind test. */
function refusalOf(rules: Rules, inputText: string): string | null {
  const answer = applied(rules, inputText);
  if (answer.refusal === undefined) {
    expect(answer).toEqual({ text: inputText, forced: [] });
    return null;
  }
  expect(answer.refusal.code).toBe("invalid_input");
  expect(answer.refusal.hint).toContain("PATCH /v1/plans/demo");
  expect(answer.refusal.detail).toMatch(/ \(plan "demo"\)\.$/);
  return answer.refusal.detail.slice(0, -' (plan "demo").'.length);
}

const NUMBER_2 = "must be a number of at most 2, or omitted";

describe("the most that a field may be", () => {
  test.each<[string, Rules["max"] & object, string, string | null]>([
    ["lets less through", { num_images: 2 }, '{"num_images":1}', null],
    ["lets just as much through", { num_images: 2 }, '{"num_images":2}', null],
    ["lets an absent field through", { num_images: 2 }, '{"prompt":"x"}', null],
    ["keeps numbers as they were written", { num_images: 2 }, '{"num_images":2.0,"seed":196619188014358660}', null],
    ["refuses more", { num_images: 2 }, '{"num_images":3}', "`input.num_images` must be at most 2"],
    ["refuses a little more", { guidance: 2.5 }, '{"guidance":2.5000001}', "`input.guidance` must be at most 2.5"],
    ["refuses an exponent", { num_images: 2 }, '{"num_images":3e0}', "`input.num_images` must be at most 2"],
    ["refuses an endless exponent", { num_images: 2 }, '{"num_images":1e309}', "`input.num_images` must be at most 2"],
    ["refuses more as text", { num_images: 2 }, '{"num_images":"4"}', "`input.num_images` must be at most 2"],
    [
      "refuses more as a padded text",
      { num_images: 2 },
      '{"num_images":" 4.0\\n"}',
      "`input.num_images` must be at most 2",
    ],
    [
      "refuses more as a text with underscores",
      { num_images: 2 },
      '{"num_images":"1_0"}',
      "`input.num_images` must be at most 2",
    ],
    [
      "refuses more as a text with an exponent",
      { num_images: 2 },
      '{"num_images":"3e0"}',
      "`input.num_images` must be at most 2",
    ],
    ["lets less as text through", { num_images: 2 }, '{"num_images":"2"}', null],
    ["refuses words", { num_images: 2 }, '{"num_images":"four"}', `\`input.num_images\` ${NUMBER_2}`],
    ["refuses digits of other scripts", { num_images: 2 }, '{"num_images":"٤"}', `\`input.num_images\` ${NUMBER_2}`],
    ["refuses hexadecimal", { num_images: 2 }, '{"num_images":"0x9"}', `\`input.num_images\` ${NUMBER_2}`],
    ["refuses an empty text", { num_images: 2 }, '{"num_images":""}', `\`input.num_images\` ${NUMBER_2}`],
    [
      "refuses null, which may mean no limit",
      { num_images: 2 },
      '{"num_images":null}',
      `\`input.num_images\` ${NUMBER_2}`,
    ],
    ["refuses true", { num_images: 2 }, '{"num_images":true}', `\`input.num_images\` ${NUMBER_2}`],
    ["refuses an object", { num_images: 2 }, '{"num_images":{"value":9}}', `\`input.num_images\` ${NUMBER_2}`],
    ["counts the items of an array", { prompts: 2 }, '{"prompts":["a","b"]}', null],
    [
      "refuses a longer array",
      { prompts: 2 },
      '{"prompts":["a","b","c"]}',
      "`input.prompts` must have at most 2 entries",
    ],
    ["reads a duration", { duration: 5 }, '{"duration":"5s"}', null],
    ["refuses a longer duration", { duration: 5 }, '{"duration":"10s"}', "`input.duration` must be at most 5"],
    ["refuses a longer duration as text", { duration: 5 }, '{"duration":"10"}', "`input.duration` must be at most 5"],
    [
      "refuses a duration that the model decides",
      { duration: 5 },
      '{"duration":"auto"}',
      "`input.duration` must be a number of at most 5, or omitted",
    ],
    [
      "refuses a duration in minutes",
      { duration: 5 },
      '{"duration":"1m"}',
      "`input.duration` must be a number of at most 5, or omitted",
    ],
    ["reads a resolution", { resolution: 720 }, '{"resolution":"720p"}', null],
    [
      "refuses a higher resolution",
      { resolution: 720 },
      '{"resolution":"1080p"}',
      "`input.resolution` must be at most 720",
    ],
    [
      "refuses 4k",
      { resolution: 720 },
      '{"resolution":"4k"}',
      "`input.resolution` must be a number of at most 720, or omitted",
    ],
    ["reaches into an object", { "image_size.width": 1024 }, '{"image_size":{"width":1024,"height":9999}}', null],
    [
      "refuses inside an object",
      { "image_size.width": 1024 },
      '{"image_size":{"width":1025}}',
      "`input.image_size.width` must be at most 1024",
    ],
    [
      "refuses a text inside an object",
      { "image_size.width": 1024 },
      '{"image_size":{"width":"2048"}}',
      "`input.image_size.width` must be at most 1024",
    ],
    ["knows the sides of a named size", { "image_size.width": 1000 }, '{"image_size":"square"}', null],
    [
      "refuses a named size",
      { "image_size.width": 1000 },
      '{"image_size":"square_hd"}',
      "`input.image_size` must have a width of at most 1000",
    ],
    [
      "refuses a size as text",
      { "image_size.height": 1000 },
      '{"image_size":"512x2048"}',
      "`input.image_size` must have a height of at most 1000",
    ],
    [
      "refuses a named size that is not known",
      { "image_size.width": 1000 },
      '{"image_size":"auto_4K"}',
      "`input.image_size` must be an object whose `width` is at most 1000, or omitted",
    ],
    [
      "refuses an array in the place of an object",
      { "image_size.width": 1000 },
      '{"image_size":[{"width":4096}]}',
      "`input.image_size` must be an object whose `width` is at most 1000, or omitted",
    ],
    [
      "refuses null in the place of an object",
      { "image_size.width": 1000 },
      '{"image_size":null}',
      "`input.image_size` must be an object whose `width` is at most 1000, or omitted",
    ],
    ["holds both sides of a size", { image_size: 1024 }, '{"image_size":{"width":1024,"height":1024}}', null],
    [
      "refuses one side of a size",
      { image_size: 1024 },
      '{"image_size":{"width":512,"height":1025}}',
      "`input.image_size` must be at most 1024",
    ],
    [
      "refuses a side that is left to the default",
      { image_size: 500 },
      '{"image_size":{"width":1}}',
      "`input.image_size` must be at most 500",
    ],
    [
      "holds the sides of a named size",
      { image_size: 1000 },
      '{"image_size":"portrait_16_9"}',
      "`input.image_size` must be at most 1000",
    ],
    ["reaches every item", { "loras.*.scale": 1 }, '{"loras":[{"scale":1},{"path":"x"}]}', null],
    [
      "refuses in any item",
      { "loras.*.scale": 1 },
      '{"loras":[{"scale":1},{"scale":2}]}',
      "`input.loras.1.scale` must be at most 1",
    ],
    ["reaches one item", { "loras.0.scale": 1 }, '{"loras":[{"scale":1},{"scale":2}]}', null],
    [
      "refuses in one item",
      { "loras.0.scale": 1 },
      '{"loras":[{"scale":2}]}',
      "`input.loras.0.scale` must be at most 1",
    ],
    [
      "reaches items that stand in an object",
      { "loras.*.scale": 1 },
      '{"loras":{"0":{"scale":9}}}',
      "`input.loras.0.scale` must be at most 1",
    ],
    [
      "reaches one item that stands in an object",
      { "loras.0.scale": 1 },
      '{"loras":{"0":{"scale":9}}}',
      "`input.loras.0.scale` must be at most 1",
    ],
    [
      "refuses an item that is no object",
      { "loras.*.scale": 1 },
      '{"loras":["x"]}',
      "`input.loras.0` must be an object whose `scale` is at most 1, or omitted",
    ],
    [
      "finds a name that is written with escapes",
      { num_images: 2 },
      '{"num_images":9}'.replace("n", "\\u006e"),
      "`input.num_images` must be at most 2",
    ],
    [
      "refuses another case",
      { num_images: 2 },
      '{"Num_Images":1}',
      "`input.Num_Images` must be named `num_images`: the plan has a rule for this field",
    ],
    [
      "refuses camel case",
      { num_images: 2 },
      '{"numImages":1}',
      "`input.numImages` must be named `num_images`: the plan has a rule for this field",
    ],
    [
      "refuses dashes",
      { num_images: 2 },
      '{"num-images":1}',
      "`input.num-images` must be named `num_images`: the plan has a rule for this field",
    ],
    [
      "refuses white space",
      { num_images: 2 },
      '{"num_images ":1}',
      "`input.num_images ` must be named `num_images`: the plan has a rule for this field",
    ],
    [
      "refuses full width",
      { num_images: 2 },
      '{"ｎum_images":1}',
      "`input.ｎum_images` must be named `num_images`: the plan has a rule for this field",
    ],
    [
      "refuses another case further in",
      { "image_size.width": 9 },
      '{"image_size":{"WIDTH":1}}',
      "`input.image_size.WIDTH` must be named `width`: the plan has a rule for this field",
    ],
    ["lets other names through", { num_images: 2 }, '{"num_images_2":9,"images":9,"":9,"_":9}', null],
    ["is not fooled by the prototype", { constructor: 2, "toString.length": 0 }, '{"prompt":"x"}', null],
    [
      "finds a field that is called __proto__",
      { "__proto__.n": 1 },
      '{"__proto__":{"n":2}}',
      "`input.__proto__.n` must be at most 1",
    ],
  ])("%s", (_what, max, input, refusal) => {
    expect(refusalOf({ max }, input)).toBe(refusal);
  });
});

describe("a forbidden field", () => {
  test.each<[string, string[], string, string | null]>([
    ["is fine when absent", ["sync_mode"], '{"prompt":"x"}', null],
    ["is refused when true", ["sync_mode"], '{"sync_mode":true}', "`input.sync_mode` must not be sent"],
    ["is refused when false", ["sync_mode"], '{"sync_mode":false}', "`input.sync_mode` must not be sent"],
    ["is refused when null", ["sync_mode"], '{"sync_mode":null}', "`input.sync_mode` must not be sent"],
    [
      "is refused in another case",
      ["sync_mode"],
      '{"syncMode":true}',
      "`input.syncMode` must be named `sync_mode`: the plan has a rule for this field",
    ],
    ["is refused inside an object", ["a.b"], '{"a":{"b":1}}', "`input.a.b` must not be sent"],
    [
      "is refused in any item",
      ["loras.*.path"],
      '{"loras":[{"scale":1},{"path":"x"}]}',
      "`input.loras.1.path` must not be sent",
    ],
    ["is not there in a text", ["a.b"], '{"a":"b"}', null],
    ["is not there in null", ["a.b"], '{"a":null}', null],
    ["is not there in an empty list", ["loras.*.path"], '{"loras":[]}', null],
    [
      "may not hide in an array",
      ["a.b"],
      '{"a":[{"b":1}]}',
      "`input.a` must not be an array: the plan has a rule for its fields",
    ],
    [
      "is found when written with escapes",
      ["sync_mode"],
      '{"sync\\u005fmode":1}',
      "`input.sync_mode` must not be sent",
    ],
  ])("%s", (_what, forbid, input, refusal) => {
    expect(refusalOf({ forbid }, input)).toBe(refusal);
  });
});

describe("a forced value", () => {
  test.each<[string, Record<string, unknown>, string, string, string[]]>([
    [
      "is set when absent",
      { enable_safety_checker: true },
      "{}",
      '{"enable_safety_checker":true}',
      ["enable_safety_checker"],
    ],
    [
      "replaces what was sent",
      { enable_safety_checker: true },
      '{"enable_safety_checker":false}',
      '{"enable_safety_checker":true}',
      ["enable_safety_checker"],
    ],
    [
      "replaces null",
      { enable_safety_checker: true },
      '{"enable_safety_checker":null}',
      '{"enable_safety_checker":true}',
      ["enable_safety_checker"],
    ],
    [
      "is not told when it was sent as it is",
      { enable_safety_checker: true },
      '{"enable_safety_checker":true}',
      '{"enable_safety_checker":true}',
      [],
    ],
    [
      "keeps order and numbers of all else",
      { n: 1 },
      '{"a":1.50,"n":7,"seed":196619188014358660}',
      '{"a":1.50,"n":1,"seed":196619188014358660}',
      ["n"],
    ],
    [
      "may be an object",
      { image_size: { width: 512, height: 512 } },
      '{"image_size":"square_hd"}',
      '{"image_size":{"width":512,"height":512}}',
      ["image_size"],
    ],
    ["may be null", { seed: null }, '{"seed":5}', '{"seed":null}', ["seed"]],
    ["makes the objects on its way", { "a.b.c": 1 }, "{}", '{"a":{"b":{"c":1}}}', ["a.b.c"]],
    ["makes them in the place of null", { "a.b": 1 }, '{"a":null}', '{"a":{"b":1}}', ["a.b"]],
    ["goes into objects that are there", { "a.b": 1 }, '{"a":{"b":2,"c":3}}', '{"a":{"b":1,"c":3}}', ["a.b"]],
    [
      "goes into every item",
      { "loras.*.scale": 1 },
      '{"loras":[{"scale":2},{}]}',
      '{"loras":[{"scale":1},{"scale":1}]}',
      ["loras.*.scale"],
    ],
    [
      "goes into one item",
      { "loras.0.scale": 1 },
      '{"loras":[{"scale":2},{"scale":2}]}',
      '{"loras":[{"scale":1},{"scale":2}]}',
      ["loras.0.scale"],
    ],
    ["makes no items", { "loras.*.scale": 1, "loras.0.scale": 1 }, "{}", "{}", []],
    ["makes no items in null", { "loras.*.scale": 1 }, '{"loras":null}', '{"loras":null}', []],
    ["makes no items in a list that ends before", { "loras.1.scale": 1 }, '{"loras":[{}]}', '{"loras":[{}]}', []],
    ["sets several fields", { a: 1, b: 2 }, '{"a":1}', '{"a":1,"b":2}', ["b"]],
  ])("%s", (_what, force, input, text, forced) => {
    expect(applied({ force }, input)).toEqual({ text, forced });
  });

  test.each<[string, Record<string, unknown>, string, string]>([
    [
      "a text stands in its way",
      { "image_size.width": 512 },
      '{"image_size":"square"}',
      "`input.image_size` must be an object: the plan sets its `width`",
    ],
    [
      "an array stands in its way",
      { "image_size.width": 512 },
      '{"image_size":[]}',
      "`input.image_size` must not be an array: the plan sets a field of it",
    ],
    [
      "a list is a number",
      { "loras.*.scale": 1 },
      '{"loras":5}',
      "`input.loras` must be an object: the plan sets its `*.scale`",
    ],
    [
      "its name comes in another case too",
      { enable_safety_checker: true },
      '{"Enable_Safety_Checker":false}',
      "`input.Enable_Safety_Checker` must be named `enable_safety_checker`: the plan has a rule for this field",
    ],
    ["the input is no object", { a: 1 }, "5", "`input` must be an object: the plan sets its `a`"],
  ])("refuses when %s", (_what, force, input, refusal) => {
    expect(refusalOf({ force }, input)).toBe(refusal);
  });

  test("comes before the most that a field may be", () => {
    const rules = { max: { num_images: 2 }, force: { num_images: 1 } };
    expect(applied(rules, '{"num_images":9}')).toEqual({ text: '{"num_images":1}', forced: ["num_images"] });
  });

  test("does not save a forbidden field", () => {
    expect(refusalOf({ force: { a: 1 }, forbid: ["a"] }, '{"a":1}')).toBe("`input.a` must not be sent");
  });

  test("never touches what objects have by themselves", () => {
    expect(applied({ force: { "constructor.x": 1 } }, "{}")).toEqual({
      text: '{"constructor":{"x":1}}',
      forced: ["constructor.x"],
    });
    expect(applied({ force: { x: 1 } }, '{"__proto__":{"y":2}}')).toEqual({
      text: '{"__proto__":{"y":2},"x":1}',
      forced: ["x"],
    });
    expect(({} as { x?: unknown }).x).toBeUndefined();
  });
});

describe("a refusal", () => {
  test("names the field and the plan and never the value", () => {
    const { refusal } = applied({ max: { prompt: 2 } }, '{"prompt":"a secret prompt"}');
    expect(refusal?.detail).toBe('`input.prompt` must be a number of at most 2, or omitted (plan "demo").');
    expect(JSON.stringify(refusal)).not.toContain("secret");
  });
});

describe("a plan without rules", () => {
  test("lets everything through as it is", () => {
    expect(applied({}, '{"a":[1.0,null,"x"],"":{}}')).toEqual({ text: '{"a":[1.0,null,"x"],"":{}}', forced: [] });
  });
});

describe("a name that stands twice", () => {
  test.each<[string, string, string | null]>([
    ["is found", '{"a":1,"a":2}', "a"],
    ["is found further in", '{"input":{"num_images":1,"x":[],"num_images":9}}', "input.num_images"],
    ["is found in an item", '{"loras":[{},{"scale":1,"scale":2}]}', "loras.1.scale"],
    ["is found behind a nested object of the same names", '{"a":{"b":1},"b":[{"a":1}],"a":2}', "a"],
    ["is found when written with escapes", '{"num_images":1,"num\\u005fimages":9}', "num_images"],
    ["is found when it is empty", '{"":1,"":2}', ""],
    ["is found when it is __proto__", '{"__proto__":1,"__proto__":2}', "__proto__"],
    ["is found behind texts with quotes and brackets", '{"a":"\\"{[,","b":"\\\\","b":1}', "b"],
    ["is no name that is a value", '{"a":"a","b":"a"}', null],
    ["is no item of a list", '["a","a",{"a":["a","a"]}]', null],
    ["is no name of another object", '{"a":{"x":1},"b":{"x":1},"c":[{"x":1},{"x":1}]}', null],
    ["is no name in another case", '{"a":1,"A":2}', null],
    ["is not there in a text", '"a"', null],
    ["is not there in nothing", "{}", null],
  ])("%s", (_what, text, name) => {
    expect(JSON.parse(text)).toBeDefined();
    expect(duplicateIn(text)).toBe(name);
  });

  test("is never found in what a printer printed, whatever it holds and however it is spaced", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(0, 1, "\t"), (value, space) => {
        expect(duplicateIn(JSON.stringify(value, null, space))).toBeNull();
      }),
      { numRuns: 1_000 },
    );
  });

  test("is found wherever it is put", () => {
    const key = fc.string({ minLength: 1 }).filter((text) => text !== "__proto__");
    fc.assert(
      fc.property(fc.dictionary(key, fc.jsonValue(), { minKeys: 1 }), fc.nat(), fc.jsonValue(), (object, at, value) => {
        const names = Object.keys(object);
        const twice = names[at % names.length] ?? "";
        const again = `${JSON.stringify(twice)}:${JSON.stringify(value)}`;
        const text = `${JSON.stringify({ wrap: [object] }).slice(0, -"}]}".length)},${again}}]}`;
        expect(duplicateIn(text)).toBe(`wrap.0.${twice}`);
      }),
      { numRuns: 1_000 },
    );
  });

  test("is found behind ten million characters of a data URI", () => {
    expect(duplicateIn(`{"a":"${"x".repeat(10_000_000)}","a":1}`)).toBe("a");
  });
});

test("each name is normalized once, however many names there are and however many rules look at them", () => {
  const normalize = vi.spyOn(String.prototype, "normalize");
  const names = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`Key-${n}`, 1]));
  const rules = Object.fromEntries(Array.from({ length: 10 }, (_, n) => [`rule_${n}`, 1]));
  const counts = [100, 1_000].map((count) => {
    normalize.mockClear();
    expect(applyInputRules({ forbid: Object.keys(rules), force: {}, max: rules }, names(count), "demo").kind).toBe(
      "ok",
    );
    return normalize.mock.calls.length;
  });
  normalize.mockRestore();
  // Each rule has a name of its own as well.
  expect(counts).toEqual([100 + 20, 1_000 + 20]);
});

function duplicateIn(text: string): string | null {
  const parsed = readJson(text);
  return parsed.kind === "parsed" ? parsed.duplicate : null;
}
