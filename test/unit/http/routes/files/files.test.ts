import { describe, expect, test } from "vitest";
import {
  conditionStatus,
  disposition,
  matchesEtag,
  parseRange,
  spanOf,
} from "../../../../../src/http/routes/files/files.ts";

describe("Range", () => {
  test.each([
    ["bytes=0-9", { first: 0, last: 9 }],
    ["bytes=90-", { first: 90, last: 99 }],
    ["bytes=-10", { first: 90, last: 99 }],
    ["bytes=0-0", { first: 0, last: 0 }],
    ["bytes=99-99", { first: 99, last: 99 }],
    ["bytes=50-5000", { first: 50, last: 99 }],
    ["bytes=-5000", { first: 0, last: 99 }],
    ["bytes=0-99999999999999999999999", { first: 0, last: 99 }],
    ["Bytes= 1-2 ", { first: 1, last: 2 }],
  ])("%s of 100 bytes is %j", (header, span) => {
    const range = parseRange(header);
    expect(range && spanOf(range, 100)).toEqual(span);
  });

  test.each(["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=99999999999999999999-"])(
    "%s of 100 bytes is outside",
    (header) => {
      const range = parseRange(header);
      expect(range).not.toBeNull();
      expect(range && spanOf(range, 100)).toBeNull();
    },
  );

  test.each(["bytes=0-", "bytes=-5", "bytes=0-0"])("%s of an empty file is outside", (header) => {
    const range = parseRange(header);
    expect(range && spanOf(range, 0)).toBeNull();
  });

  test.each([
    undefined,
    "",
    "bytes",
    "bytes=",
    "bytes=-",
    "bytes=5-2",
    "bytes=a-b",
    "bytes=0-1,5-6",
    "items=0-1",
    "bytes=1.5-2",
    "bytes=+1-2",
  ])("%s asks for the whole", (header) => {
    expect(parseRange(header)).toBeNull();
  });
});

describe("If-None-Match", () => {
  test.each([
    ['"abc"', true],
    ['W/"abc"', true],
    ['"x", "abc" , "y"', true],
    ["*", true],
    ['"abcd"', false],
    ["abc", false],
    ["", false],
    [undefined, false],
  ])("%s matches: %s", (header, expected) => {
    expect(matchesEtag(header, '"abc"')).toBe(expected);
  });
});

describe("Content-Disposition", () => {
  test.each([
    ["shows a picture", "image/png", "cat.png", null, 'inline; filename="cat.png"'],
    ["shows a picture without a name", "image/png", null, null, "inline"],
    ["saves a picture on request", "image/png", "cat.png", "", 'attachment; filename="cat.png"'],
    ["saves it under another name", "image/png", "cat.png", "dog.png", 'attachment; filename="dog.png"'],
    ["only saves markup", "text/html", "a.html", null, 'attachment; filename="a.html"'],
    ["only saves drawings", "image/svg+xml", null, null, "attachment"],
    ["only saves unknown bytes", "application/octet-stream", "a.bin", null, 'attachment; filename="a.bin"'],
    [
      "spells other letters twice",
      "image/png",
      null,
      "Grüße (1)'s.png",
      "attachment; filename=\"Gr__e (1)'s.png\"; filename*=UTF-8''Gr%C3%BC%C3%9Fe%20%281%29%27s.png",
    ],
    ["lets no quote end the name", "image/png", null, 'a".exe"; x="', 'attachment; filename="a_.exe_; x=_"'],
    ["lets no line break through", "image/png", null, "a\r\nset-cookie: x", 'attachment; filename="a__set-cookie_ x"'],
    ["lets no path through", "image/png", null, "../../.bashrc", 'attachment; filename="_.._.bashrc"'],
    ["lets no direction mark through", "image/png", null, "a\u202egnp.exe", 'attachment; filename="a_gnp.exe"'],
    [
      "survives half a character",
      "image/png",
      null,
      "a\ud800b",
      "attachment; filename=\"a_b\"; filename*=UTF-8''a%EF%BF%BDb",
    ],
  ])("%s", (_name, type, pathName, download, expected) => {
    expect(disposition(type, pathName, download)).toBe(expected);
  });

  test("keeps the extension of a long name", () => {
    expect(disposition("image/png", null, `${"x".repeat(300)}.png`)).toBe(
      `attachment; filename="${"x".repeat(96)}.png"`,
    );
  });

  test("cuts a long name between characters, where a file system can take it", () => {
    const header = disposition("image/png", null, "😀".repeat(300));
    expect(decodeURIComponent(header.split("''")[1] ?? "")).toBe("😀".repeat(60));
  });
});

describe("conditions", () => {
  const none = {
    ...{ ifMatch: undefined, ifNoneMatch: undefined },
    ...{ ifModifiedSince: undefined, ifUnmodifiedSince: undefined },
  };
  const at = Date.parse("Sun, 22 Nov 2026 10:00:00 GMT") + 500;
  test.each([
    [{}, null],
    [{ ifMatch: '"a"' }, null],
    [{ ifMatch: '"b", "a"' }, null],
    [{ ifMatch: "*" }, null],
    [{ ifMatch: '"b"' }, 412],
    [{ ifMatch: 'W/"a"' }, 412],
    [{ ifMatch: '"b"', ifNoneMatch: '"a"' }, 412],
    [{ ifNoneMatch: '"a"' }, 304],
    [{ ifNoneMatch: '"b"', ifModifiedSince: "Sun, 22 Nov 2026 10:00:00 GMT" }, null],
    [{ ifModifiedSince: "Sun, 22 Nov 2026 10:00:00 GMT" }, 304],
    [{ ifModifiedSince: "Sun, 22 Nov 2026 09:59:59 GMT" }, null],
    [{ ifModifiedSince: "yesterday" }, null],
    [{ ifModifiedSince: "2027" }, null],
    [{ ifUnmodifiedSince: "Sun, 22 Nov 2026 09:59:59 GMT" }, 412],
    [{ ifUnmodifiedSince: "Sun, 22 Nov 2026 10:00:00 GMT" }, null],
    [{ ifUnmodifiedSince: "Sunday, 22-Nov-26 09:59:59 GMT" }, 412],
    [{ ifUnmodifiedSince: "yesterday" }, null],
    [{ ifUnmodifiedSince: "Sun, 22 Nov 2026 09:59:59 GMT", ifMatch: '"a"' }, null],
    [{ ifUnmodifiedSince: "Sun, 22 Nov 2026 09:59:59 GMT", ifNoneMatch: '"a"' }, 412],
    [{ ifUnmodifiedSince: "Sun, 22 Nov 2026 10:00:00 GMT", ifNoneMatch: '"a"' }, 304],
  ])('%j of the file "a": %s', (headers, status) => {
    expect(conditionStatus({ ...none, ...headers }, '"a"', at)).toBe(status);
  });
});
