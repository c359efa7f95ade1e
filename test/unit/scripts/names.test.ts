import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { checkNames } from "../../../scripts/check/names.ts";
import { readTree } from "../../../scripts/check/source.ts";

const faultsOf = (...texts: string[]) => {
  const tree = new Map(texts.map((text, n) => [`${"abc"[n]}.ts`, text]));
  return checkNames(tree).map(({ file, line, reason }) => `${file}:${line} ${reason}`);
};

test("no two files of src/ export one name for two things", () => {
  expect(checkNames(readTree(fileURLToPath(new URL("../../../src", import.meta.url).href)))).toEqual([]);
});

describe("one name", () => {
  const SLOT = "export interface Slot {\n  id: string;\n}\n";

  test("in two files is found where it stands first, with the others", () => {
    expect(faultsOf(`import "./c.ts";\n\n${SLOT}`, SLOT.replace("string", "number"))).toEqual([
      "a.ts:3 `Slot` is also another thing: b.ts",
    ]);
  });

  test.each<[string, string[]]>([
    ["for a type and a function", ["export type Slot = string;\n", "export async function Slot() {}\n"]],
    ["for a class and a constant", ["export abstract class Slot {}\n", "export const Slot = 1;\n"]],
    [
      "for unions that differ in their last member",
      ["export type Slot =\n  | 1\n  | 2;\n", "export type Slot =\n  | 1\n  | 3;\n"],
    ],
  ])("%s is found", (_what, texts) => {
    expect(faultsOf(...texts)).toHaveLength(1);
  });

  test.each<[string, string[]]>([
    [
      "with the same text, comments and line breaks aside",
      [SLOT, "export interface Slot {\n  /** One. */ id: string;\n}\n"],
    ],
    ["that one file keeps to itself", [SLOT, "interface Slot {\n  other: true;\n}\n"]],
    ["for the overloads of a function", ["export function slot(a: 1): 1;\nexport function slot(a: 2): 2;\n"]],
    ["that is handed on", [SLOT, 'export type { Slot } from "./a.ts";\n']],
  ])("%s is no fault", (_what, texts) => {
    expect(faultsOf(...texts)).toEqual([]);
  });
});
