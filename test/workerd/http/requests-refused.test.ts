// POST /v1/requests: what is refused before anything is sent, kept or counted, and what the caller reads then.

import { describe, expect } from "vitest";
import { METADATA_MAX_BYTES, TAGS_MAX } from "../../../src/platform/validate.ts";
import { test as base } from "../../harness/fixtures.ts";
import { upstreamRequests } from "../../harness/upstream.ts";

const FLUX = "fal-ai/flux/schnell";
const SDXL = "fal-ai/fast-sdxl";
const UPSCALER = "fal-ai/clarity-upscaler";
const VIDEO = "fal-ai/minimax/video-01";
const TTS = "fal-ai/f5-tts";

interface Problem {
  code: string;
  detail: string;
  hint?: string;
}

function cat(more: object = {}, input: object = {}): object {
  return { model: FLUX, input: { prompt: "a cat", ...input }, ...more };
}

/** Submits what is to be refused; nothing may have been sent, kept or counted. */
const test = base.extend("refused", async ({ team }) => {
  return async (body: unknown, headers: Record<string, string> = {}) => {
    const answer = await team.send<Problem>("POST", "/v1/requests", body, headers);
    expect(answer.headers.get("Content-Type")).toBe("application/problem+json");
    expect(await upstreamRequests()).toEqual([]);
    expect((await team.send<{ data: unknown[] }>("GET", "/v1/requests")).body.data).toEqual([]);
    return answer;
  };
});

const NAMED = '"square_hd", "square", "portrait_4_3", "portrait_16_9", "landscape_4_3", "landscape_16_9"';
const SIZE = `must be one of ${NAMED}, or { "width", "height" } in pixels, at most 14142 each.`;

describe("an input that its model would refuse is refused at once, with the field's name", () => {
  test.for<[string, object, string]>([
    [FLUX, {}, "`prompt` is required."],
    [FLUX, { prompt: ["a cat"] }, "`prompt` must be a string."],
    [FLUX, { prompt: "a cat", image_size: "huge" }, `\`image_size\` ${SIZE}`],
    [FLUX, { prompt: "a cat", image_size: { width: 0, height: 1 } }, "`image_size.width` must be at least 1."],
    [FLUX, { prompt: "a cat", num_images: 0 }, "`num_images` must be at least 1."],
    [FLUX, { prompt: "a cat", num_inference_steps: 1.5 }, "`num_inference_steps` must be an integer."],
    [FLUX, { prompt: "a cat", seed: "7" }, "`seed` must be a number."],
    [SDXL, { negative_prompt: "a dog" }, "`prompt` is required."],
    [SDXL, { prompt: "a cat", negative_prompt: 5 }, "`negative_prompt` must be a string."],
    [SDXL, { prompt: "a cat", image_size: 512 }, `\`image_size\` ${SIZE}`],
    [SDXL, { prompt: "a cat", num_images: "2" }, "`num_images` must be a number."],
    [SDXL, { prompt: "a cat", guidance_scale: "high" }, "`guidance_scale` must be a number."],
    [SDXL, { prompt: "a cat", num_inference_steps: 0 }, "`num_inference_steps` must be at least 1."],
    [UPSCALER, { scale: 2 }, "`image_url` is required."],
    [UPSCALER, { image_url: "", scale: 2 }, "`image_url` must be an http or https URL, or a data URI."],
    [UPSCALER, { image_url: "https://example.com/a.png", scale: 3 }, "`scale` must be one of 2, 4."],
    [VIDEO, { text: "a cat" }, "`prompt` is required."],
    [TTS, { text: "Hello" }, "`gen_text` is required."],
  ])("%s: %j", async ([model, input, detail], { refused }) => {
    const { status, body } = await refused({ model, input });
    expect([status, body.code, body.detail]).toEqual([422, "invalid_input", detail]);
    expect(body.hint).toContain(`/v1/models/${model}`);
  });

  test("a webhook's address inside the input is one too, and says where it belongs", async ({ refused }) => {
    const { status, body } = await refused(cat({}, { webhook_url: "https://example.com/hook" }));
    expect([status, body.code]).toEqual([422, "invalid_input"]);
    expect(body.hint).toContain("`webhook_url` next to `input`");
  });
});

const tags = (count: number, prefix: string) => Array.from({ length: count }, (_, n) => `${prefix}${n}=x`).join(",");

describe("a submit that cannot be meant so is refused", () => {
  test.for<[string, object, Record<string, string>, number, string]>([
    ["an unknown field", { prompt: "a cat" }, {}, 400, "`prompt` is not a known field."],
    ["a prototype", JSON.parse('{"__proto__":{"model":"x"}}'), {}, 400, "`__proto__` is not a known field."],
    ["an input that is text", { input: "a cat" }, {}, 400, "`input` must be an object."],
    ["a model that is none", { model: "fal-ai" }, {}, 400, "`model` must have the form owner/app."],
    ["a path upwards", { model: "fal-ai/../secrets" }, {}, 400, "`model` must be owner/app"],
    ["somebody's request", { model: "fal-ai/flux/requests/1" }, {}, 400, '`model` must not contain "requests"'],
    ["a user twice", { user: "anna" }, { "Sluice-User": "bob" }, 400, "Sluice-User header differ."],
    ["an empty user", { user: "" }, {}, 400, "`user` must have at least 1 character."],
    ["too many tags", {}, { "Sluice-Tags": tags(TAGS_MAX + 1, "a") }, 400, "`sluice-tags` must have at most 10 tags."],
    [
      "too many tags together",
      { tags: { one: "more" } },
      { "Sluice-Tags": tags(TAGS_MAX, "a") },
      400,
      "`tags` and the Sluice-Tags header together exceed 10 tags.",
    ],
    ["tags of another spelling", {}, { "Sluice-Tags": "job" }, 400, "`sluice-tags` must have the form name=value"],
    ["too much metadata", { metadata: "x".repeat(METADATA_MAX_BYTES) }, {}, 400, "`metadata` exceeds"],
    ["metadata of wide letters", { metadata: "€".repeat(6_000) }, {}, 400, "`metadata` exceeds"],
    ["a local webhook", { webhook_url: "https://localhost/hook" }, {}, 400, "`webhook_url` is not allowed"],
    ["a webhook to us", { webhook_url: "https://sluice.test/hook" }, {}, 400, "its host is this gateway."],
    ["a bad time-out", {}, { "X-Fal-Request-Timeout": "soon" }, 400, "`x-fal-request-timeout` must be a number."],
    ["an empty key", {}, { "Idempotency-Key": '""' }, 400, "`idempotency-key` must have at least 1 character."],
  ])("%s", async ([_what, more, headers, status, detail], { refused }) => {
    const answer = await refused(cat(more), headers);
    expect([answer.status, answer.body.code]).toEqual([status, "invalid_request"]);
    expect(answer.body.detail).toContain(detail);
  });

  test.for([
    ["flux/schnell", FLUX],
    ["fast-sdxl", SDXL],
    ["minimax/video-01", VIDEO],
    ["f5-tts", TTS],
  ] as const)("%s lacks its owner: 404 with the whole id", async ([model, whole], { refused }) => {
    const { status, body } = await refused({ model, input: {} });
    expect([status, body.code, body.hint]).toEqual([404, "not_found", expect.stringContaining(`"${whole}"`)]);
  });

  test("a page can read the refusal", async ({ refused }) => {
    const { headers } = await refused(cat({ prompt: "a cat" }), { Origin: "https://app.example" });
    expect(headers.get("Access-Control-Allow-Origin")).toBe("https://app.example");
  });
});

const testWithGlobs = test.extend("plan", { models: { allow: ["fal-ai/flux/**"], deny: ["**/dev"] } });

testWithGlobs.for([
  ["fal-ai/veo3/fast", 403],
  ["fal-ai/flux/dev", 403],
  ["fal-ai/flux/schnell", 202],
] as const)("a plan with globs answers a submit to %s with %i", async ([model, status], { team, refused }) => {
  const body = { model, input: { prompt: "a cat" } };
  if (status === 202) {
    expect((await team.send("POST", "/v1/requests", body)).status).toBe(202);
    return;
  }
  expect(await refused(body)).toMatchObject({
    status,
    body: {
      code: "model_not_allowed",
      detail: `Plan "default" does not allow model "${model}".`,
      hint: expect.stringContaining("GET /v1/models"),
    },
  });
});
