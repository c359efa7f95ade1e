// The version that answers name is the one of package.json.

import { expect, test } from "vitest";
import about from "../../../package.json" with { type: "json" };
import { VERSION } from "../../../src/platform/version.ts";

test("the version is package.json's: raise both together", () => {
  expect(VERSION).toBe(about.version);
});
