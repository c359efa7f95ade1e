import { expect, test } from "vitest";
import { dataUriBytes, dataUriOf, readDataUri } from "../../../src/files/data-uri.ts";

function decode(text: string): { type: string | null; bytes: Uint8Array } | null {
  const uri = readDataUri(text);
  if (uri === null) return null;
  const bytes = Buffer.concat([...dataUriBytes(text, uri)]);
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
  ["other characters", "data:a/b;base64,QU-_"],
  ["padding in the middle", "data:a/b;base64,QQ==QQ=="],
  ["a line break", "data:a/b;base64,QUJD\nQUJD"],
  ["a space in percent form", "data:text/plain,hello world"],
  ["letters beyond ASCII in percent form", "data:text/plain,héllo"],
  ["a type without its half", "data:image;base64,QQ=="],
  ["text before it", "see data:image/png;base64,QQ=="],
])("does not take %s", (_name, text) => {
  expect(readDataUri(text)).toBeNull();
});

test("decodes large ones in slices without losing a byte at the seams", () => {
  const bytes = Uint8Array.from({ length: 1_000_003 }, (_, i) => (i * 31 + (i >> 8)) & 0xff);
  const base64 = `data:a/b;base64,${Buffer.from(bytes).toString("base64")}`;
  const percent = `data:a/b,${Array.from(bytes, (byte) => `%${byte.toString(16).padStart(2, "0")}`).join("")}`;
  for (const text of [base64, percent, `${percent.slice(0, 9)}x${percent.slice(9)}`]) {
    const uri = readDataUri(text);
    const slices = uri && [...dataUriBytes(text, uri)];
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
