// Bodies as text: encodings that are named, guessed and wrong.

import { describe, expect, test } from "vitest";
import { bodyText, codingOf } from "../../../src/http/body-text.ts";

const bytes = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));
const utf16 = (text: string): Uint8Array => new Uint8Array(Uint16Array.from(text, (char) => char.charCodeAt(0)).buffer);

function read(body: Uint8Array, type: string | null = "application/json"): string {
  const answer = bodyText(body, type);
  return answer.kind === "text" ? answer.text : `${answer.refusal.code}: ${answer.refusal.detail}`;
}

describe("a body's text", () => {
  test.each([
    ["UTF-8", new TextEncoder().encode('{"a":"Müller 😀"}'), "application/json", '{"a":"Müller 😀"}'],
    ["UTF-8 with its mark", bytes("\xef\xbb\xbf{}"), null, "{}"],
    ["the charset that is named", bytes('{"a":"Perch\xe9"}'), "application/json; charset=iso-8859-1", '{"a":"Perché"}'],
    ["a charset in quotes", bytes('{"a":"\x80"}'), 'application/json;Charset="windows-1252"', '{"a":"€"}'],
    ["UTF-16 that is named", utf16('{"a":"ä"}'), "application/json; charset=utf-16le", '{"a":"ä"}'],
    ["Japanese that is named", bytes('{"a":"\x82\xa0"}'), "application/json; charset=shift_jis", '{"a":"あ"}'],
    ["nothing", new Uint8Array(), null, ""],
  ])("is decoded once: %s", (_name, body, type, text) => {
    expect(read(body, type)).toBe(text);
  });

  test.each([
    ["Latin-1 without a name", bytes('{"a":"Perch\xe9"}'), null, /is not valid UTF-8\./],
    ["half a character", bytes('{"a":"\xf0\x9f'), null, /is not valid UTF-8\./],
    ["surrogates in UTF-8", bytes('{"a":"\xed\xa0\x80"}'), null, /is not valid UTF-8\./],
    [
      "Latin-1 that says UTF-8",
      bytes('{"a":"\xe9"}'),
      "application/json; charset=utf-8",
      /UTF-8, as its Content-Type says/,
    ],
    ["UTF-16 with its mark", bytes("\xff\xfe{\0}\0"), null, /is UTF-16, not UTF-8/],
    ["UTF-16 without a mark", utf16("{}"), null, /is UTF-16, not UTF-8/],
    ["gzip without a header", bytes("\x1f\x8b\x08\0"), null, /compressed \(gzip\), and no header says so/],
    ["zlib without a header", bytes("\x78\x9c\x01\0"), null, /compressed \(deflate\), and no header says so/],
    ["a charset that nobody knows", bytes("{}"), "application/json; charset=klingon", /charset .* is unknown/],
  ])("is refused by name: %s", (_name, body, type, sentence) => {
    expect(read(body, type)).toMatch(/^invalid_request: /);
    expect(read(body, type)).toMatch(sentence);
  });
});

test.each([
  [null, null],
  ["identity", null],
  ["gzip", "gzip"],
  ["X-GZIP", "gzip"],
  [" deflate ", "deflate"],
])("Content-Encoding %j is known", (header, format) => {
  expect(codingOf(header)).toEqual({ kind: "known", format });
});

test.each(["br", "zstd", "gzip, gzip", "compress", "constructor"])("Content-Encoding %j is 415", (header) => {
  expect(codingOf(header)).toMatchObject({ kind: "refused", refusal: { code: "unsupported_encoding" } });
});
