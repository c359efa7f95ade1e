// How a submit may be spelled, in its body and in its headers, and what a caller reads about a fault.

import { describe, expect, test } from "vitest";
import { IDEMPOTENCY_KEY_MAX_CHARS, submitBody, submitHeaders } from "../../../src/http/read-submit.ts";
import { requestId } from "../../../src/http/routes/requests/schemas.ts";
import { parseFields, TAG_TEXT_MAX_CHARS, TAGS_MAX, USER_MAX_CHARS } from "../../../src/platform/validate.ts";
import { REQUEST } from "../../harness/requests.ts";

const good = { model: "fal-ai/flux/schnell", input: { prompt: "a cat" } };

function faultOf(schema: Parameters<typeof parseFields>[0], value: unknown): string {
  const parsed = parseFields(schema, value, "body");
  return parsed.ok ? "none" : parsed.detail;
}

/** One header's value after parsing, or the sentence that refuses test. */
function headerOf(name: string, text: string): unknown {
  const parsed = parseFields(submitHeaders(), { [name]: text }, "headers");
  return parsed.ok ? (parsed.value as Record<string, unknown>)[name] : parsed.detail;
}

function manyTags(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, n) => [`tag${n}`, "x"]));
}

describe("a submit's body", () => {
  test.each<[string, object]>([
    ["model and input alone", {}],
    ["an empty input", { input: {} }],
    ["any JSON as metadata", { metadata: [1, null, { a: "b" }] }],
    ["no metadata as null", { metadata: null }],
    ["the most tags, of the longest texts", { tags: manyTags(TAGS_MAX) }],
    ["an empty tag value", { tags: { ["n".repeat(TAG_TEXT_MAX_CHARS)]: "" } }],
    ["the longest user", { user: "u".repeat(USER_MAX_CHARS) }],
    ["a webhook", { webhook_url: "https://example.com/hook?a=1" }],
    ["low priority and the longest start time-out", { priority: "low", start_timeout_s: 86_400 }],
  ])("may have %s", (_what, more) => {
    expect(parseFields(submitBody(), { ...good, ...more }, "body")).toEqual({ ok: true, value: { ...good, ...more } });
  });

  const tooLong = "x".repeat(TAG_TEXT_MAX_CHARS + 1);

  test.each<[object, string]>([
    [{ model: undefined }, "`model` is required."],
    [{ model: 5 }, "`model` must be a string."],
    [{ input: undefined }, "`input` is required."],
    [{ input: null }, "`input` must be an object."],
    [{ input: "a cat" }, "`input` must be an object."],
    [{ input: ["a cat"] }, "`input` must be an object."],
    [{ user: "" }, "`user` must have at least 1 character."],
    [{ user: "u".repeat(USER_MAX_CHARS + 1) }, `\`user\` must have at most ${USER_MAX_CHARS} characters.`],
    [{ tags: ["a"] }, "`tags` must be an object."],
    [{ tags: { a: 1 } }, "`tags.a` must be a string."],
    [{ tags: { a: tooLong } }, `\`tags.a\` must have at most ${TAG_TEXT_MAX_CHARS} characters.`],
    [{ tags: manyTags(TAGS_MAX + 1) }, `\`tags\` must have at most ${TAGS_MAX} tags.`],
    [{ webhook_url: "example.com/hook" }, "`webhook_url` must be a valid url."],
    [{ webhook_url: "ftp://example.com/hook" }, "`webhook_url` must be a valid url."],
    [{ priority: "high" }, '`priority` must be one of "normal", "low".'],
    [{ start_timeout_s: 0 }, "`start_timeout_s` must be at least 1."],
    [{ start_timeout_s: 86_401 }, "`start_timeout_s` must be at most 86400."],
    [{ start_timeout_s: 1.5 }, "`start_timeout_s` must be an integer."],
    [{ start_timeout_s: "5" }, "`start_timeout_s` must be a number."],
    [{ webhookUrl: "https://example.com" }, "`webhookUrl` is not a known field; did you mean `webhook_url`?"],
    [{ prompt: "a cat" }, "`prompt` is not a known field."],
  ])("is refused with the field's name: %j", (more, detail) => {
    expect(faultOf(submitBody(), { ...good, ...more })).toBe(detail);
  });

  test("may not hide a long tag behind its name", () => {
    expect(faultOf(submitBody(), { ...good, tags: { [tooLong]: "x" } })).not.toBe("none");
    expect(faultOf(submitBody(), { ...good, tags: { "": "x" } })).not.toBe("none");
  });
});

describe("Prefer", () => {
  const AS_LONG_AS_ALLOWED = Number.POSITIVE_INFINITY;

  test.each<[string, number | undefined]>([
    ["wait=10", 10],
    ["wait=0", 0],
    ["Wait=7", 7],
    ["wait", AS_LONG_AS_ALLOWED],
    ["respond-async, wait=5", 5],
    ["wait=5, respond-async", 5],
    ["wait=5; foo=bar", 5],
    ["wait=5, wait=9", 5],
    ["wait = 5", 5],
    ['wait="5"', 5],
    ["wait, handling=lenient", AS_LONG_AS_ALLOWED],
    ["respond-async", undefined],
    ["await=5", undefined],
    ["waiting=5", undefined],
    ["wait=soon", undefined],
    ["wait=-5", undefined],
    ["wait=1.5", undefined],
    ["wait=", undefined],
    ["x=wait", undefined],
    ["", undefined],
  ])("%j waits %j seconds", (text, seconds) => {
    expect(headerOf("prefer", text)).toBe(seconds);
  });
});

describe("Idempotency-Key", () => {
  test.each([
    ["bare", "k-1", "k-1"],
    ["quoted", '"k-1"', "k-1"],
    ["with one quote", '"k-1', '"k-1'],
    ["as long as can be", "k".repeat(IDEMPOTENCY_KEY_MAX_CHARS), "k".repeat(IDEMPOTENCY_KEY_MAX_CHARS)],
    ["quoted with nothing in it", '""', "`idempotency-key` must have at least 1 character."],
    [
      "longer",
      "k".repeat(IDEMPOTENCY_KEY_MAX_CHARS + 1),
      `\`idempotency-key\` must have at most ${IDEMPOTENCY_KEY_MAX_CHARS} characters.`,
    ],
  ])("%s", (_how, text, expected) => {
    expect(headerOf("idempotency-key", text)).toBe(expected);
  });
});

describe("Sluice-Tags", () => {
  test.each<[string, unknown]>([
    ["job=7", { job: "7" }],
    [" job = 7 , team = red ", { job: "7", team: "red" }],
    ["note=a b = c", { note: "a b = c" }],
    ["empty=", { empty: "" }],
    ["a=1,a=2", { a: "2" }],
    ["job", "`sluice-tags` must have the form name=value,name=value."],
    ["=7", "`sluice-tags` must have the form name=value,name=value."],
    ["job=7,", "`sluice-tags` must have the form name=value,name=value."],
    ["", "`sluice-tags` must have the form name=value,name=value."],
    [
      `a=${"x".repeat(TAG_TEXT_MAX_CHARS + 1)}`,
      `\`sluice-tags.a\` must have at most ${TAG_TEXT_MAX_CHARS} characters.`,
    ],
  ])("%j", (text, expected) => {
    expect(headerOf("sluice-tags", text)).toEqual(expected);
  });
});

describe("fal's headers", () => {
  test.each<[string, string, unknown]>([
    ["x-fal-request-timeout", "30", 30],
    ["x-fal-request-timeout", "1.1", 2],
    ["x-fal-request-start-timeout", "86400", 86_400],
    ["x-fal-request-timeout", "0.5", "`x-fal-request-timeout` must be at least 1."],
    ["x-fal-request-timeout", "soon", "`x-fal-request-timeout` must be a number."],
    ["x-fal-request-timeout", "", "`x-fal-request-timeout` must be at least 1."],
    ["x-fal-request-start-timeout", "86401", "`x-fal-request-start-timeout` must be at most 86400."],
    ["x-fal-queue-priority", "low", "low"],
    ["x-fal-queue-priority", "urgent", undefined],
    ["x-fal-no-retry", "1", true],
    ["x-fal-no-retry", "YES", true],
    ["x-fal-no-retry", "0", false],
    ["x-fal-runner-hint", "session-7", "session-7"],
    ["x-fal-runner-hint", "h".repeat(257), "`x-fal-runner-hint` must have at most 256 characters."],
  ])("%s: %s is read as %j", (name, text, expected) => {
    expect(headerOf(name, text)).toBe(expected);
  });

  test("that nobody knows are no reason to refuse", () => {
    expect(faultOf(submitHeaders(), { "x-fal-whatever": "1", accept: "*/*" })).toBe("none");
  });
});

test.each([
  [REQUEST, "none"],
  [REQUEST.toUpperCase(), "`id` must be a request id: 64 hexadecimal characters."],
  [REQUEST.slice(1), "`id` must be a request id: 64 hexadecimal characters."],
  [`${REQUEST}\n`, "`id` must be a request id: 64 hexadecimal characters."],
])("the request id %j: %s", (id, fault) => {
  expect(faultOf(requestId(), { id })).toBe(fault);
});
