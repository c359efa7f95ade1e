// An output on its way in and out: its files' places, its numbers, its fingerprint.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { DescribedOutput } from "../../../../src/contracts/tracker.ts";
import { FILES_PER_REQUEST_MAX } from "../../../../src/files/request-file.ts";
import { describeOutput, errorFingerprint, filledOutput, fingerprintOf } from "../../../../src/requests/view/output.ts";
import { MODEL_FAILED, REQUEST } from "../../../harness/requests.ts";

const allowed = (url: URL) => url.hostname === "v3.fal.media";
const PICTURE = "https://v3.fal.media/files/a/cat.png";
const DATA = "data:image/png;base64,iVBORw0KGgo=";

async function described(output: unknown): Promise<DescribedOutput> {
  const text = typeof output === "string" ? output : JSON.stringify(output);
  return describeOutput(REQUEST, { text, contentType: null }, allowed);
}

/** The output as a reader gets it, when file n is called `/n`. */
async function readBack(output: unknown, urlOf = (n: number) => `/${n}`): Promise<string> {
  return filledOutput(REQUEST, (await described(output)).outputText, urlOf);
}

describe("places", () => {
  test.each<[string, unknown, unknown, string[]]>([
    [
      "a list of pictures",
      { images: [{ url: PICTURE, width: 8 }, { url: `${PICTURE}?2` }], seed: 1 },
      { images: [{ url: "/0", width: 8 }, { url: "/1" }], seed: 1 },
      ["images.0.url", "images.1.url"],
    ],
    ["the same URL twice", { a: { url: PICTURE }, all: [PICTURE] }, { a: { url: "/0" }, all: ["/0"] }, ["a.url"]],
    ["a bare URL deep in a tree", { a: [[{ b: PICTURE }]] }, { a: [[{ b: "/0" }]] }, ["a.0.0.b"]],
    ["an output that is a URL", JSON.stringify(PICTURE), "/0", [""]],
    ["a data URI", { image: { url: DATA } }, { image: { url: "/0" } }, ["image.url"]],
    ["other people's URLs", { url: "https://example.com/a" }, { url: "https://example.com/a" }, []],
    ["text with a URL in it", { text: `see ${PICTURE}` }, { text: `see ${PICTURE}` }, []],
    ["no file at all", { text: "hello" }, { text: "hello" }, []],
    ["nothing", "null", null, []],
  ])("%s", async (_what, output, expected, paths) => {
    const { files } = await described(output);
    expect(files.map(({ path }) => path.join("."))).toEqual(paths);
    expect(JSON.parse(await readBack(output))).toEqual(expected);
  });

  test("are filled as JSON text, whatever is in the URL", async () => {
    const odd = 'https://v3.fal.media/"quoted"\\n$&$1\u2028';
    expect(JSON.parse(await readBack({ url: PICTURE }, () => odd))).toEqual({ url: odd });
  });

  test("of other requests, and text that only looks like one, stay as they are", async () => {
    const near = {
      other: `sluice-file:${"cd".repeat(32)}:0:`,
      short: `sluice-file:${REQUEST}:0`,
      word: `sluice-file:${REQUEST}:x:`,
      url: PICTURE,
    };
    expect(JSON.parse(await readBack(near))).toEqual({ ...near, url: "/0" });
  });

  test("beyond the most that are copied stay at their source, and are counted", async () => {
    const images = Array.from({ length: FILES_PER_REQUEST_MAX + 2 }, (_, n) => ({ url: `${PICTURE}?${n}` }));
    const { files, skipped } = await described({ images });
    expect([files.length, skipped]).toEqual([FILES_PER_REQUEST_MAX, 2]);
    const back = JSON.parse(await readBack({ images })) as { images: { url: string }[] };
    const beyond = [0, 1].map((n) => `${PICTURE}?${FILES_PER_REQUEST_MAX + n}`);
    expect(back.images.slice(-3).map(({ url }) => url)).toEqual([`/${FILES_PER_REQUEST_MAX - 1}`, ...beyond]);
  });
});

test("any JSON without files comes back with the same meaning", async () => {
  await fc.assert(
    fc.asyncProperty(fc.json({ maxDepth: 5 }), async (text) => {
      expect(JSON.parse(await readBack(text))).toEqual(JSON.parse(text));
    }),
  );
});

test("numbers keep their spelling, beyond 2^53 too", async () => {
  const text = `{"seed":196619188014358660,"scale":1.50,"e":1E+02,"url":"${PICTURE}","t":-0}`;
  expect(await readBack(text)).toBe(text.replace(PICTURE, "/0"));
});

describe("the text as it came", () => {
  test("is kept only while bytes of files lie in it", async () => {
    const text = `{ "image": { "url": "${DATA}" }, "seed": 1.0 }`;
    expect((await described(text)).payloadText).toBe(text);
    expect((await described(text)).outputText).not.toContain("iVBORw0KGgo");
    expect((await described({ url: PICTURE })).payloadText).toBeNull();
  });
});

test.each([
  ["NaN in JSON", `{"images": [{"url": "${PICTURE}"}], "score": NaN}`],
  ["text", `Here "it" is:\n${PICTURE}`],
  ["an answer that was cut off", `{"images":["${PICTURE}`],
])("%s is kept as a JSON string, and read back character by character", async (_what, text) => {
  const { files, outputText, textType } = await describeOutput(REQUEST, { text, contentType: "text/x-odd" }, allowed);
  expect([files.length, textType]).toEqual([1, "text/x-odd"]);
  expect(JSON.parse(filledOutput(REQUEST, outputText, () => PICTURE))).toBe(text);
});

test("an output is read to its end however deep and long it is, its numbers as they were written", async () => {
  const [open, close] = ["[".repeat(20_000), "]".repeat(20_000)];
  const numbers = Array.from({ length: 600_000 }, (_, n) => `${n}.50`).join(",");
  const text = `{"deep":${open}"${PICTURE}"${close},"numbers":[${numbers}],"seed":196619188014358660}`;
  const { files, outputText } = await described(text);
  expect(files).toMatchObject([{ source: { kind: "url", url: PICTURE } }]);
  expect(filledOutput(REQUEST, outputText, () => PICTURE) === text).toBe(true);
});

describe("a fingerprint", () => {
  const of = async (output: unknown) => (await described(output)).fingerprint;

  test("is the same for the same output, however it is spaced, and another for another", async () => {
    expect(await of('{ "seed" : 196619188014358660 }')).toBe(await of('{"seed":196619188014358660}'));
    expect(await of('{"seed":196619188014358661}')).not.toBe(await of('{"seed":196619188014358660}'));
  });

  test("tells the URLs of two reports apart, although both become places", async () => {
    expect(await of({ url: PICTURE })).not.toBe(await of({ url: `${PICTURE}?2` }));
  });

  test("of a failure is its detail, so that both roads tell the same, or its code where there is none", async () => {
    const withDetail = { ...MODEL_FAILED, detail: '"Out of memory"' };
    const byWebhook = { ...withDetail, message: "another wording", upstreamStatus: null };
    expect(await errorFingerprint(byWebhook)).toBe(await errorFingerprint(withDetail));
    expect(await errorFingerprint({ ...withDetail, detail: '"Other"' })).not.toBe(await errorFingerprint(withDetail));
    const timeout = { ...MODEL_FAILED, code: "upstream_timeout" } as const;
    expect(await errorFingerprint(timeout)).not.toBe(await errorFingerprint(MODEL_FAILED));
  });

  test("of one kind of end is never that of another kind", async () => {
    const kinds = ["output", "error", "canceled", "announced"] as const;
    const all = await Promise.all(kinds.map((kind) => fingerprintOf(kind, "null")));
    expect(new Set(all).size).toBe(kinds.length);
  });
});
