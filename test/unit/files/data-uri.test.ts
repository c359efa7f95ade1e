import { expect, test } from "vitest";
import { dataUriBytes, dataUriOf, readDataUri, type UriPlace } from "../../../src/files/data-uri.ts";

function decode(text: string, place: UriPlace = "any_field"): { type: string | null; bytes: Uint8Array } | null {
  const uri = readDataUri(text, place);
  if (uri === null) return null;
  const bytes = Buffer.concat([...dataUriBytes(uri)]);
  expect(bytes.length).toBe(uri.bytes);
  return { type: uri.type, bytes };
}

test.each([
  ["base64 with a type", "data:image/png;base64,iVBORw0KGgo=", "image/png", "89504e470d0a1a0a"],
  ["two paddings", "data:a/b;base64,QQ==", "a/b", "41"],
  ["no padding where there could be", "data:a/b;base64,QQ", "a/b", "41"],
  ["a whole group", "data:a/b;base64,QUJD", "a/b", "414243"],
  ["parameters", "data:text/plain;charset=utf-8;base64,4oKs", "text/plain", "e282ac"],
  ["no type", "data:;base64,QQ==", null, "41"],
  ["capitals", "DATA:Image/PNG;BASE64,QQ==", "Image/PNG", "41"],
  ["percent form", "data:text/plain,a%20b%e2%82%AC", "text/plain", "612062e282ac"],
  ["percent form with a stray sign", "data:text/plain,100%,%zz", "text/plain", Buffer.from("100%,%zz").toString("hex")],
])("reads %s", (_name, text, type, hex) => {
  const read = decode(text);
  expect(read?.type).toBe(type);
  expect(read && Buffer.from(read.bytes).toString("hex")).toBe(hex);
});

test.each([
  ["a sentence after the word", "data: the new oil, they say"],
  ["the bare scheme", "data:"],
  ["no comma", "data:image/png;base64"],
  ["no data", "data:image/png;base64,"],
  ["only padding", "data:image/png;base64,=="],
  ["no type and no base64", "data:,hello"],
  ["a lonely last character", "data:a/b;base64,QUJDR"],
  ["other characters", "data:a/b;base64,QU!_"],
  ["padding in the middle", "data:a/b;base64,QQ==QQ=="],
  ["a space in percent form", "data:text/plain,hello world"],
  ["letters beyond ASCII in percent form", "data:text/plain,héllo"],
  ["a type without its half", "data:image;base64,QQ=="],
  ["text before it", "see data:image/png;base64,QQ=="],
])("does not take %s", (_name, text) => {
  expect(readDataUri(text, "any_field")).toBeNull();
});

test.each([
  ["white space around it", " \n data:a/b;base64,QUJD\r\n ", "a/b", "414243"],
  ["a byte order mark before it", "\ufeffdata:a/b;base64,QUJD", "a/b", "414243"],
  ["base64 in lines", "data:a/b;base64,QUJD\r\nQUJD\n", "a/b", "414243414243"],
  ["base64 in lines and padded", "data:a/b;base64,QU\nJD QQ=\n=", "a/b", "41424341"],
  ["base64 with escapes", "data:a/b;base64,QUJD%0AQQ%3D%3D", "a/b", "41424341"],
  ["escaped characters of base64", "data:a/b;base64,%2B%2f8=", "a/b", "fbff"],
  ["the URL-safe alphabet", "data:a/b;base64,-_8=", "a/b", "fbff"],
  ["spaces in its head", "data: a/b ; base64 ,QUJD", "a/b", "414243"],
  ["a quoted parameter", 'data:a/b;name="a b.png";base64,QUJD', "a/b", "414243"],
])("reads it in any field with %s", (_name, text, type, hex) => {
  const read = decode(text);
  expect(read?.type).toBe(type);
  expect(read && Buffer.from(read.bytes).toString("hex")).toBe(hex);
});

test.each([
  ["no type and no base64", "data:,hello", null, "hello"],
  ["letters and spaces of any kind", "data:text/plain,héllo wörld 😀", "text/plain", "héllo wörld 😀"],
  ["markup as it is", "data:image/svg+xml;utf8,<svg width='1' />", "image/svg+xml", "<svg width='1' />"],
  ["a lonely last character", "data:a/b;base64,QUJDR", "a/b", "ABC"],
  ["what is no base64, which Python skips", "data:a/b;base64,!QU*JD", "a/b", "ABC"],
  ["a head that is none", "data:image;base64,QUJD", null, "ABC"],
  ["a long head", `data:a/b;name=${"x".repeat(2_000)};base64,QUJD`, "a/b", "ABC"],
])("reads it in a URL field with %s", (_name, text, type, words) => {
  const read = decode(text, "url_field");
  expect(read?.type).toBe(type);
  expect(read && new TextDecoder().decode(read.bytes)).toBe(words);
});

test.each(["data:", "data:image/png;base64", "data:image/png;base64,", "data:a/b;base64,==", "data:,", "see data:,a"])(
  "%j is none in a URL field either",
  (text) => {
    expect(readDataUri(text, "url_field")).toBeNull();
  },
);

test("decodes large ones in slices without losing a byte at the seams", () => {
  const bytes = Uint8Array.from({ length: 1_000_003 }, (_, i) => (i * 31 + (i >> 8)) & 0xff);
  const base64 = `data:a/b;base64,${Buffer.from(bytes).toString("base64")}`;
  const percent = `data:a/b,${Array.from(bytes, (byte) => `%${byte.toString(16).padStart(2, "0")}`).join("")}`;
  for (const text of [base64, percent, `${percent.slice(0, 9)}x${percent.slice(9)}`]) {
    const uri = readDataUri(text, "any_field");
    const slices = uri && [...dataUriBytes(uri)];
    expect(slices?.length).toBeGreaterThan(4);
    expect(Math.max(...(slices ?? []).map((slice) => slice.length))).toBeLessThanOrEqual(256 * 1024);
    const expected = text.includes(",x") ? [0x78, ...bytes] : bytes;
    expect(slices && Buffer.concat(slices).equals(Buffer.from(expected))).toBe(true);
  }
});

test.each([
  ["a plain type", "image/png", "image/png"],
  ["a type with parameters", "audio/pcm; rate=24000", "audio/pcm"],
  ["no type at all", "bytes, I think", null],
])("writes bytes with %s so that they are read back", (_name, contentType, type) => {
  for (const length of [1, 2, 3, 24 * 1024, 24 * 1024 + 1, 100_000]) {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * 31) & 0xff);
    const read = decode(dataUriOf(bytes, contentType));
    expect(read?.type).toBe(type);
    expect(read && Buffer.from(read.bytes).equals(bytes)).toBe(true);
  }
});
