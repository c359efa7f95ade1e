// Retired words: where the check finds them, and where it does not look.

import { describe, expect, test } from "vitest";
import { checkWords, type Words } from "../../../scripts/check/words.ts";

const WORDS: Words = {
  identifiers: { oldName: "newName", old_event: "new_event" },
  sentences: { "It is over": "It expired." },
};

function faultsOf(file: string, text: string): string[] {
  return checkWords(new Map([[file, text]]), WORDS).map(({ line, reason }) => `${line}: ${reason}`);
}

describe("the check refuses", () => {
  test.each<[string, string, string, string]>([
    ["a retired name in code", "src/a.ts", "x();\nconst oldName = 1;", "2: oldName is retired: newName"],
    [
      "a retired event in a text of code",
      "src/a.ts",
      'apply({ type: "old_event" });',
      "1: old_event is retired: new_event",
    ],
    [
      "a retired sentence in a document",
      "docs/a.md",
      "# A\n\nIt is over now.",
      '3: "It is over" is retired: It expired.',
    ],
    ["a retired sentence in an answer", "src/a.ts", '"It is over."', '1: "It is over" is retired: It expired.'],
  ])("%s", (_what, file, text, fault) => {
    expect(faultsOf(file, text)).toEqual([fault]);
  });

  test("each place of a sentence that stands twice", () => {
    expect(faultsOf("docs/a.md", "It is over.\nIt is over.")).toHaveLength(2);
  });
});

describe("the check allows", () => {
  test.each<[string, string, string]>([
    ["a name that only begins alike", "src/a.ts", "const oldNames = 1; const $oldName = 2;"],
    ["a name that is a word of a comment or a text", "src/a.ts", '// An oldName.\nconst text = "oldName";'],
    ["a name in a document, which may tell of it", "docs/a.md", "`oldName` was its name."],
    ["the list itself", "scripts/words.json", '{ "It is over": "" }'],
  ])("%s", (_what, file, text) => {
    expect(faultsOf(file, text)).toEqual([]);
  });
});
