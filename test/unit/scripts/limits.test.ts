// The page of limits is made from the code, and says each value in the unit of its name.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { readTree } from "../../../scripts/check/source.ts";
import { limitsPage } from "../../../scripts/limits.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url).href);
const tree = readTree(`${ROOT}src`);

test("docs/limits.md is in step with the code; npm run limits writes it", () => {
  expect(readFileSync(`${ROOT}docs/limits.md`, "utf8")).toBe(limitsPage(tree));
});

test("a limit is shown as its value in the unit that its name has, lists as lists", () => {
  const page = limitsPage(tree);
  expect(page).toContain("| 10 MiB |");
  expect(page).toContain(
    "| 5 seconds, 5 minutes, 30 minutes, 2 hours, 5 hours, 10 hours, 14 hours, 20 hours, 24 hours |".replace(
      "24 hours",
      "1 day",
    ),
  );
  expect(page).toContain("| 6 hours |");
});

test("a listed constant that the code has no more is an error that names it", () => {
  expect(() => limitsPage(new Map())).toThrow("no constant of src/ is named REQUEST_BODY_MAX_BYTES");
});
