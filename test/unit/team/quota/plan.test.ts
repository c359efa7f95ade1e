import { describe, expect, test } from "vitest";
import { parseFields } from "../../../../src/platform/validate.ts";
import { defaultPlan, matchesModel, missingTags, modelAllowed, planSchema } from "../../../../src/team/quota/plan.ts";
import { limitSize } from "../../../../src/team/quota/plan-limits.ts";

const daily = { name: "daily", scope: "team", per: "request", limit: 100, window: "1d" };
const money = { name: "money", scope: "user", per: "usd", limit: "5", window: "1mo" };
const atOnce = { name: "at-once", scope: "visitor", per: "concurrent", limit: 2 };
const bytes = { name: "bytes", scope: "tag:client", per: "output_byte", limit: 1e12, window: "1h" };

function planOf(models: { allow?: string[]; deny?: string[] }) {
  return planSchema().parse({ models });
}

describe("a plan", () => {
  test("allows everything and limits nothing unless it says otherwise", () => {
    expect(defaultPlan()).toEqual({
      limits: [],
      require_tags: [],
      tag_values: {},
      models: { allow: ["**"], deny: [] },
      input: { max: {}, force: {}, forbid: [] },
      max_cost_per_request: null,
      unknown_price: "allow",
      assumed_cost: null,
      charge_422: true,
      exact_cost: false,
      dedupe_s: 0,
      hold_s: 10,
      file_link_s: null,
      retention: { records_days: null, files_days: null, inputs_days: null },
      uploads: { max_bytes: 1024 ** 3, browser_max_bytes: 10 * 1024 ** 2, types: null },
      origins: [],
      webhooks: null,
      store_false: false,
      when_paused: "hold",
    });
  });

  test("is kept as it was written, and read back the same", () => {
    const written = {
      limits: [daily, money, atOnce, bytes],
      require_tags: ["client", "a.b"],
      tag_values: { client: ["acme", ""], "a.b": ["c"] },
      models: { allow: ["fal-ai/flux/**"], deny: ["fal-ai/flux/dev"] },
      input: {
        max: { num_images: 2, "image_size.width": 1024, "loras.*.scale": 1.5 },
        force: { enable_safety_checker: true, image_size: { width: 512, height: 512 }, tags: ["a"], none: null },
        forbid: ["sync_mode"],
      },
      max_cost_per_request: "0.25",
      unknown_price: "refuse",
      assumed_cost: "0.5",
      charge_422: false,
      exact_cost: true,
      dedupe_s: 60,
      hold_s: 0,
      file_link_s: 3_600,
      retention: { records_days: 30, files_days: null, inputs_days: 1 },
      uploads: { max_bytes: 10_000_000, browser_max_bytes: 5_000_000, types: ["image/*", "application/zip"] },
      origins: ["https://demo.example", "http://localhost:3000", "capacitor://localhost"],
      webhooks: false,
      store_false: true,
      when_paused: "hold",
    };
    const plan = planSchema().parse(written);
    expect(plan).toEqual(written);
    expect(planSchema().parse(JSON.parse(JSON.stringify(plan)))).toEqual(plan);
  });

  test("fills in what a part of it leaves out", () => {
    expect(planSchema().parse({ models: { deny: ["x/**"] } }).models.allow).toEqual(["**"]);
    expect(planSchema().parse({ input: { forbid: ["a"] } }).input).toEqual({ max: {}, force: {}, forbid: ["a"] });
    expect(planSchema().parse({ retention: { files_days: 7 } }).retention.records_days).toBeNull();
  });

  const PER = '"request", "usd", "output_byte", "upload", "upload_byte", "concurrent"';
  const SCOPES = '"team", "key", "user", "visitor", "ip", "network", or "tag:" followed by a tag name';
  const USD = 'must be a USD amount as a string with at most six decimal places, e.g. "0.25".';
  const many = Array.from({ length: 51 }, (_, n) => [`f${n}`, 1]);

  test.each<[string, unknown, string]>([
    [
      "an unknown window",
      { limits: [{ ...daily, window: "1y" }] },
      '`limits[0].window` must be one of "minute", "hour", "day", "month".',
    ],
    [
      "no window",
      { limits: [{ ...daily, window: undefined }] },
      '`limits[0].window` must be one of "minute", "hour", "day", "month".',
    ],
    [
      "a window on what is open at once",
      { limits: [{ ...atOnce, window: "1d" }] },
      "`limits[0].window` must be omitted: concurrent limits have no window.",
    ],
    ["an unknown scope", { limits: [{ ...daily, scope: "world" }] }, `\`limits[0].scope\` must be one of ${SCOPES}.`],
    [
      "a tag scope without a tag",
      { limits: [{ ...daily, scope: "tag:" }] },
      `\`limits[0].scope\` must be one of ${SCOPES}.`,
    ],
    ["an unknown unit", { limits: [{ ...daily, per: "eur" }] }, `\`limits[0].per\` must be one of ${PER}.`],
    ["no unit", { limits: [{ ...daily, per: undefined }] }, `\`limits[0].per\` must be one of ${PER}.`],
    ["no limit at all", { limits: ["daily"] }, "`limits[0]` must be an object."],
    ["money as a number", { limits: [{ ...money, limit: 5 }] }, "`limits[0].limit` must be a string."],
    ["money with seven places", { limits: [{ ...money, limit: "0.0000001" }] }, `\`limits[0].limit\` ${USD}`],
    ["negative money", { limits: [daily, { ...money, limit: "-5" }] }, `\`limits[1].limit\` ${USD}`],
    ["half a request", { limits: [{ ...daily, limit: 1.5 }] }, "`limits[0].limit` must be an integer."],
    ["a negative limit", { limits: [{ ...daily, limit: -1 }] }, "`limits[0].limit` must be at least 0."],
    ["a limit as text", { limits: [{ ...daily, limit: "5" }] }, "`limits[0].limit` must be a number."],
    ["a limit without a name", { limits: [{ ...daily, name: undefined }] }, "`limits[0].name` is required."],
    ["two limits of one name", { limits: [daily, daily] }, "`limits` must have unique names."],
    [
      "a mistyped field",
      { limits: [{ ...daily, windw: "1d" }] },
      "`limits[0].windw` is not a known field; did you mean `window`?",
    ],
    [
      "a mistyped model list",
      { models: { allowed: ["**"] } },
      "`models.allowed` is not a known field; did you mean `allow`?",
    ],
    [
      "a pattern that is none",
      { models: { allow: ["!fal-ai/veo"] } },
      '`models.allow[0]` is "!fal-ai/veo", but a model pattern must not contain "!": use *, ?, ** as a segment, or {a,b}.',
    ],
    ["an unknown field", { budget: 1 }, "`budget` is not a known field."],
    [
      "a count that is none",
      { limits: [{ ...daily, count: "started" }] },
      '`limits[0].count` must be one of "admitted", "completed".',
    ],
    ["a count of money", { limits: [{ ...money, count: "admitted" }] }, "`limits[0].count` is not a known field."],
    ["no value of a tag", { tag_values: { client: [] } }, "`tag_values.client` must have at least 1 entry."],
    ["a value of a tag twice", { tag_values: { client: ["a", "a"] } }, "`tag_values.client` must not repeat a value."],
    ["an assumed cost of nothing", { assumed_cost: "0" }, "`assumed_cost` must be above 0."],
    ["a tag twice", { require_tags: ["a", "a"] }, "`require_tags` must not contain duplicate tags."],
    ["a rule without a number", { input: { max: { n: "2" } } }, "`input.max.n` must be a number."],
    [
      "a path with an empty part",
      { input: { max: { "a..b": 2 } } },
      "`input.max.a..b` must be field names joined by dots, e.g. image_size.width or loras.*.scale.",
    ],
    [
      "a path that is empty",
      { input: { forbid: [""] } },
      "`input.forbid[0]` must be field names joined by dots, e.g. image_size.width or loras.*.scale.",
    ],
    [
      "a forced value that is too deep",
      { input: { force: { a: { b: { c: 1 } } } } },
      "`input.force.a` must be a string, number, boolean or null, or an array or object of these.",
    ],
    ["too many rules", { input: { max: Object.fromEntries(many) } }, "`input.max` must have at most 50 rules."],
    ["an unknown rule", { input: { min: {} } }, "`input.min` is not a known field."],
    ["a price per request as a number", { max_cost_per_request: 1 }, "`max_cost_per_request` must be a string."],
    ["an unknown choice", { unknown_price: "ask" }, '`unknown_price` must be one of "refuse", "allow".'],
    ["a long memory for equal posts", { dedupe_s: 3601 }, "`dedupe_s` must be at most 3600."],
    ["a hold that outlasts clients", { hold_s: 60 }, "`hold_s` must be at most 20."],
    ["no day of retention", { retention: { files_days: 0 } }, "`retention.files_days` must be at least 1."],
    [
      "an origin with a path",
      { origins: ["https://a.example/"] },
      "`origins[0]` must be an exact origin, e.g. https://app.example.",
    ],
    [
      "an origin with its default port",
      { origins: ["https://a.example:443"] },
      "`origins[0]` must be an exact origin, e.g. https://app.example.",
    ],
    ["an origin for all", { origins: ["*"] }, "`origins[0]` must be an exact origin, e.g. https://app.example."],
    [
      "an origin for all subdomains",
      { origins: ["https://*.example.com"] },
      "`origins[0]` must be an exact origin, e.g. https://app.example.",
    ],
    [
      "an origin for all ports",
      { origins: ["http://localhost:*"] },
      "`origins[0]` must be an exact origin, e.g. https://app.example.",
    ],
    [
      "an origin for all hosts",
      { origins: ["https://*"] },
      "`origins[0]` must be an exact origin, e.g. https://app.example.",
    ],
    [
      "a part of a host as a wildcard",
      { origins: ["https://preview-*.example.com"] },
      "`origins[0]` must be an exact origin, e.g. https://app.example.",
    ],
    [
      "an origin in capitals",
      { origins: ["https://A.example"] },
      "`origins[0]` must be an exact origin, e.g. https://app.example.",
    ],
    ["a list", [], "`body` must be an object."],
    ["nothing", undefined, "`body` is required."],
  ])("is refused with the field's name when it holds %s", (_what, plan, detail) => {
    expect(parseFields(planSchema(), plan, "body")).toEqual({ ok: false, detail });
  });
});

describe("the size of a limit", () => {
  test("is micro-USD for money, and its number otherwise", () => {
    const { limits } = planSchema().parse({ limits: [daily, money, atOnce, bytes] });
    expect(limits.map(limitSize)).toEqual([100, 5_000_000, 2, 1e12]);
  });
});

describe("required tags", () => {
  const plan = planSchema().parse({ require_tags: ["client", "env"] });

  test.each<[string, Record<string, string>, string[]]>([
    ["with a value each are not missing", { client: "acme", env: "prod", other: "" }, []],
    ["are missing when absent", { client: "acme" }, ["env"]],
    ["are missing when empty or blank", { client: "", env: " " }, ["client", "env"]],
  ])("%s", (_what, tags, missing) => {
    expect(missingTags(plan, tags)).toEqual(missing);
  });

  test("are not found on the prototype of the tags", () => {
    expect(missingTags(planSchema().parse({ require_tags: ["constructor"] }), {})).toEqual(["constructor"]);
  });
});

describe("the models of a plan", () => {
  test.each<[string, { allow?: string[]; deny?: string[] }, string, boolean]>([
    ["** allows a plain id", {}, "fal-ai/fast-sdxl", true],
    ["** allows a deep id", {}, "fal-ai/kling-video/v2/master/text-to-video", true],
    ["** allows a segment that begins with a dot", {}, "owner/.hidden/x", true],
    ["a whole id allows itself", { allow: ["fal-ai/flux/dev"] }, "fal-ai/flux/dev", true],
    ["a whole id allows nothing below it", { allow: ["fal-ai/flux"] }, "fal-ai/flux/dev", false],
    ["/** allows what is below", { allow: ["fal-ai/flux/**"] }, "fal-ai/flux/dev/image-to-image", true],
    ["/** allows the app itself", { allow: ["fal-ai/flux/**"] }, "fal-ai/flux", true],
    ["/** allows no longer name", { allow: ["fal-ai/flux/**"] }, "fal-ai/flux-pro/new", false],
    ["* stays in one segment", { allow: ["fal-ai/*"] }, "fal-ai/flux/dev", false],
    ["case matters", { allow: ["fal-ai/Flux/**"] }, "fal-ai/flux/dev", false],
    ["one of several is enough", { allow: ["a/**", "fal-ai/**"] }, "fal-ai/flux/dev", true],
    ["deny wins over allow", { allow: ["**"], deny: ["fal-ai/veo/**"] }, "fal-ai/veo/fast", false],
    ["deny leaves the rest", { allow: ["**"], deny: ["fal-ai/veo/**"] }, "fal-ai/flux/dev", true],
    ["an empty list allows nothing", { allow: [] }, "fal-ai/flux/dev", false],
  ])("%s", (_rule, models, model, allowed) => {
    expect(modelAllowed(planOf(models), model)).toBe(allowed);
  });

  test("are matched by the same rule for a list of their own", () => {
    expect(matchesModel(["fal-ai/flux/**"], "fal-ai/flux/dev")).toBe(true);
    expect(matchesModel([], "fal-ai/flux/dev")).toBe(false);
  });
});
