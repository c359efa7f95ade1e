// Names and tags in headers: percent-encoded UTF-8, and nothing that a proxy could turn into something else.

import { expect, test } from "vitest";
import { headerText } from "../../../src/http/header-text.ts";

test.each([
  ["anna", "anna"],
  ["M%C3%BCller", "Müller"],
  ["%e6%9d%b1%E4%BA%AC", "東京"],
  ["100%25", "100%"],
  ["a b+c", "a b+c"],
  ["%F0%9F%98%80", "😀"],
])("%s is read", (value, text) => {
  expect(headerText(value, "user")).toEqual({ ok: true, text });
});

test.each(["Müller", "M\xfcller", "M\ufffdller", "東京", "a\u00a0b"])(
  "%j is refused, and the body's field named",
  (value) => {
    expect(headerText(value, "user")).toEqual({ ok: false, reason: expect.stringMatching(/ASCII.*%C3%BC.*`user`/) });
  },
);

test.each(["100%", "%zz", "%C3", "%ED%A0%80"])("%s is no percent-encoded UTF-8", (value) => {
  expect(headerText(value, "tags")).toEqual({ ok: false, reason: expect.stringMatching(/%25.*`tags`/) });
});
