// Model ids: what is taken, what is refused, what is left of them on request URLs.
import { describe, expect, test } from "vitest";
import { appOf, parseModelId, withOwner } from "../../../src/models/model-id.ts";

describe("parseModelId", () => {
  test.each([
    "fal-ai/flux",
    "fal-ai/flux/schnell",
    "CassetteAI/sound-effects-generator",
    "fal-ai/kling-video/v1.6/pro/image-to-video",
    "workflows/somebody/my_flow",
    "comfy/somebody/flow/path",
    "workflows-team/app",
  ])("takes %s as it is", (model) => {
    expect(parseModelId(model)).toEqual({ ok: true, model });
  });

  test("splits the one-word ids of old", () => {
    expect(parseModelId("110602490-lora")).toEqual({ ok: true, model: "110602490/lora" });
  });

  test.each([
    "https://fal.ai/models/fal-ai/flux/dev",
    "https://fal.ai/models/fal-ai/flux/dev/api?share=1",
    "https://www.fal.ai/models/fal-ai/flux/dev/playground/",
    "https://queue.fal.run/fal-ai/flux/dev",
    " fal-ai/flux/dev\n",
    "/fal-ai/flux/dev/",
    "fal-ai//flux/dev",
  ])("understands %j as people type and copy it", (text) => {
    expect(parseModelId(text)).toEqual({ ok: true, model: "fal-ai/flux/dev" });
  });

  test.each([
    ["nothing", ""],
    ["an app without its owner", "flux"],
    ["a way up", "fal-ai/flux/../other"],
    ["a dot segment", "fal-ai/./flux"],
    ["an encoded slash", "fal-ai/flux%2fschnell"],
    ["a query", "fal-ai/flux?fal_webhook=x"],
    ["a space", "fal-ai/flux schnell"],
    ["a letter outside ASCII", "fal-ai/flüx"],
    ["a namespace without its app", "workflows/somebody"],
    ["a path to a request", "fal-ai/flux/requests/764cabcf"],
    ["a path to a workflow's request", "workflows/a/b/requests/764cabcf"],
    ["an address of elsewhere", "https://example.com/models/fal-ai/flux"],
    ["the list of models", "https://fal.ai/models"],
    ["too many segments", "a/b/c/d/e/f/g/h/i/j/k"],
    ["too many characters", `fal-ai/${"x".repeat(200)}`],
  ])("refuses %s", (_name, text) => {
    const answer = parseModelId(text);
    expect(answer.ok).toBe(false);
    if (!answer.ok) expect(answer.reason).toMatch(/^must /);
  });
});

test.each([
  ["fal-ai/flux", "fal-ai/flux"],
  ["fal-ai/flux/schnell", "fal-ai/flux"],
  ["fal-ai/kling-video/v1.6/pro/image-to-video", "fal-ai/kling-video"],
  ["workflows/somebody/flow/path", "workflows/somebody/flow"],
  ["comfy/somebody/flow", "comfy/somebody/flow"],
])("the app of %s is %s", (model, app) => {
  expect(appOf(model)).toBe(app);
});

describe("withOwner", () => {
  const known = ["fal-ai/flux/schnell", "fal-ai/f5-tts", "other/thing"];

  test.each([
    ["flux/schnell", "fal-ai/flux/schnell"],
    ["flux/dev", "fal-ai/flux/dev"],
    ["f5-tts", "fal-ai/f5-tts"],
    ["thing", null],
    ["unheard/of", null],
    ["flux/../x", null],
  ])("guesses %s as %s", (text, meant) => {
    expect(withOwner(text, known)).toBe(meant);
  });
});
