// One version, wherever it is written down.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { VERSION } from "../../../src/platform/version.ts";

const versionIn = (file: string) => (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;

test.for(["package.json", "package-lock.json"])("the code has the version of %s", (file) => {
  expect(VERSION).toBe(versionIn(file));
});

test("the API description has the version of the code", () => {
  const { info } = JSON.parse(readFileSync("docs/openapi.json", "utf8")) as { info: { version: string } };
  expect(info.version).toBe(VERSION);
});
