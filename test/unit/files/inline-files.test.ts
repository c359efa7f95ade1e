// Which texts of an input are files: data URIs anywhere, bare base64 where a URL is asked for, and nothing else.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { dataUriBytes, readDataUri } from "../../../src/files/data-uri.ts";
import { INLINE_KEEP_MAX_CHARS, inlineFiles } from "../../../src/files/inline-files.ts";
import { parseTree, withValueAt } from "../../../src/platform/json.ts";

const PNG = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52);
const LONG = Buffer.concat([PNG, Buffer.alloc(INLINE_KEEP_MAX_CHARS, 7)]);
const BARE = LONG.toString("base64");
const URI = `data:image/png;base64,${BARE}`;
const SVG = `data:image/svg+xml,${"%3Csvg%3E".repeat(INLINE_KEEP_MAX_CHARS / 8)}`;

function found(input: unknown): { paths: string[]; contentType: string; bytes: number }[] {
  const tree = parseTree(JSON.stringify(input))?.tree ?? null;
  return inlineFiles(tree).map(({ paths, contentType, bytes }) => ({
    ...{ paths: paths.map((path) => path.join(".")), contentType, bytes },
  }));
}

describe("a text of an input", () => {
  test.each([
    ["a data URI in a URL field", { image_url: URI }, ["image_url"]],
    ["a data URI in any field", { mask: URI }, ["mask"]],
    ["a data URI in a list of URLs", { image_urls: ["https://a.test/b.png", URI] }, ["image_urls.1"]],
    ["a data URI deep inside", { a: [{ b: { url: URI } }] }, ["a.0.b.url"]],
    ["a data URI whose scheme is in capitals", { url: URI.replace("data:", "DATA:") }, ["url"]],
    ["bare base64 of a picture in a URL field", { image_url: BARE }, ["image_url"]],
    ["a data URI in percent form in a URL field", { url: SVG }, ["url"]],
    ["a data URI in percent form in any field", { mask: SVG }, ["mask"]],
    ["a data URI with a space before it", { image: ` ${URI}` }, ["image"]],
    ["a data URI in lines of base64", { image_url: URI.replace(/.{76}/g, "$&\r\n") }, ["image_url"]],
    ["a data URI with escapes in its base64", { image_url: URI.replaceAll("A", "%41") }, ["image_url"]],
    [
      "markup as a data URI in a URL field",
      { imageUrl: `data:image/svg+xml,${"<g />".repeat(INLINE_KEEP_MAX_CHARS / 4)}` },
      ["imageUrl"],
    ],
    ["a data URI that a lax decoder reads", { image_url: `${URI}!` }, ["image_url"]],
    ["bare base64 in lines in a URL field", { image_url: BARE.replace(/.{76}/g, "$&\n") }, ["image_url"]],
  ])("is a file: %s", (_name, input, paths) => {
    expect(found(input).map((file) => file.paths)).toEqual([paths]);
  });

  test.each([
    ["bare base64 in a field that is named after it", { image_base64: BARE }],
    ["bare base64 in a prompt", { prompt: BARE }],
    ["base64 in a URL field that begins as no file does", { image_url: "QUJD".repeat(INLINE_KEEP_MAX_CHARS / 2) }],
    ["a data URI in percent form with spaces in a prompt", { prompt: SVG.replaceAll("%3C", " ") }],
    ["a sentence after the word", { prompt: `data: ${"the new oil ".repeat(INLINE_KEEP_MAX_CHARS / 8)}` }],
    ["a data URI that is cut, in a prompt", { prompt: `${URI}!` }],
    ["a data URI as a key", { [URI]: 1 }],
    ["a long URL", { image_url: `https://a.test/${BARE}` }],
  ])("is left alone: %s", (_name, input) => {
    expect(found(input)).toEqual([]);
  });

  test("is left alone up to the length that fal advises, and no longer", () => {
    const head = "data:image/png;base64,";
    const ofLength = (chars: number) => head + BARE.slice(0, chars - head.length);
    // Base64 comes in groups of four.
    const most = INLINE_KEEP_MAX_CHARS - ((INLINE_KEEP_MAX_CHARS - head.length) % 4);
    expect([found({ url: ofLength(most) }).length, found({ url: ofLength(most + 4) }).length]).toEqual([0, 1]);
  });

  test("that stands twice is one file; where it is no file it is not counted among the places", () => {
    expect(found({ a_url: BARE, prompt: BARE, b_urls: [BARE] }).map(({ paths }) => paths)).toEqual([
      ["a_url", "b_urls.0"],
    ]);
  });
});

/** Any JSON, with files of different contents at random places. */
const { input: anyInput } = fc.letrec((tie) => ({
  leaf: fc.oneof(
    fc.integer(),
    fc.string(),
    fc.constant(null),
    fc.integer({ min: 0, max: 3 }).map((seed) => `data:image/png;base64,${BARE.slice(0, -8)}${"ABCD"[seed]}AAAAAAA`),
  ),
  input: fc.oneof(
    { depthSize: "small" },
    tie("leaf"),
    fc.array(tie("input"), { maxLength: 4 }),
    fc.dictionary(fc.constantFrom("url", "images", "prompt", "a.b", "0"), tie("input"), { maxKeys: 4 }),
  ),
}));

describe("whatever an input is", () => {
  test("putting URLs where the files are found leaves no file in it, and nothing else is changed", () => {
    fc.assert(
      fc.property(anyInput, (input) => {
        const text = JSON.stringify({ input });
        const tree = parseTree(text)?.tree ?? null;
        const files = inlineFiles(tree);
        for (const file of files) {
          for (const path of file.paths) withValueAt(tree, path, `https://x.test/${files.indexOf(file)}`);
        }
        expect(inlineFiles(tree)).toEqual([]);
        let expected = text;
        for (const [n, { dataUri }] of files.entries()) expected = expected.replaceAll(dataUri, `https://x.test/${n}`);
        expect(JSON.stringify(tree)).toBe(expected);
      }),
    );
  });

  test("a file's size and type are those of its bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: INLINE_KEEP_MAX_CHARS, maxLength: 9_000 }), fc.boolean(), (rest, bare) => {
        const bytes = Buffer.concat([PNG, rest]);
        const image_url = bare ? bytes.toString("base64") : `data:image/png;base64,${bytes.toString("base64")}`;
        const [file] = inlineFiles({ image_url });
        expect(file).toMatchObject({ bytes: bytes.length, contentType: "image/png" });
        const uri = readDataUri(file?.dataUri ?? "", "url_field");
        expect(uri && Buffer.concat([...dataUriBytes(uri)]).equals(bytes)).toBe(true);
      }),
      { numRuns: 30 },
    );
  });
});
