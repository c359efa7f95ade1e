// docs/errors.md is in step with the list of codes, and what an app's user is told is fit for them.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { errorsPage } from "../../../scripts/errors/page.ts";
import { WORDS } from "../../../scripts/openapi/words/errors.ts";
import { ERRORS, type ErrorCode, userMessageOf } from "../../../src/platform/errors.ts";

const CODES = Object.keys(ERRORS) as ErrorCode[];

test("docs/errors.md is in step with the list of codes; npm run errors writes it", () => {
  const page = fileURLToPath(new URL("../../../docs/errors.md", import.meta.url).href);
  expect(readFileSync(page, "utf8")).toBe(errorsPage());
});

test.each(CODES)("%s has a cause and a way out, each in sentences", (code) => {
  for (const text of [WORDS[code].cause, WORDS[code].remedy]) expect(text).toMatch(/^[A-Z`].*\.$/);
});

test.each(CODES.filter((code) => userMessageOf(code) !== null))("the sentence of %s fits an app's own user", (code) => {
  const message = userMessageOf(code) ?? "";
  expect(message).toMatch(/^[A-Z].*\.$/);
  // Nobody outside knows these words, and an address of the API helps nobody.
  expect(message).not.toMatch(/`|\/v1|\b(API|key|token|plan|team|quota|upstream|fal|Maton|Sluice|retry)\b/i);
});
