import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { checkReferences, readRepository } from "../../../scripts/check/references.ts";

/** A small repository; what a test adds is checked beside it. */
const REPOSITORY: [string, string][] = [
  ["README.md", "# Sluice\n\n## Deploy\n"],
  ["sandbox/README.md", "# The sandbox\n\n## The control API\n"],
  ["docs/decisions/uploads.md", "# Uploads\n"],
  ["src/env.ts", "export const baseUrl = 1;"],
  ["sandbox/src/env.ts", "export const other = 1;"],
  ["src/http/delivery.ts", "// The log of a delivery.\nexport function nextTry() {}"],
  ["src/requests/record.ts", 'const column = "endedAt";'],
];

function faultsOf(file: string, text: string): string[] {
  const files = new Map([...REPOSITORY, [file, text] as const]);
  return checkReferences(files).map(({ file: where, line, reason }) => `${where}:${line} ${reason}`);
}

test("the comments of this repository refer to what is there", () => {
  expect(checkReferences(readRepository(fileURLToPath(new URL("../../..", import.meta.url).href)))).toEqual([]);
});

describe("the check allows", () => {
  test.each<[string, string]>([
    ["a file beside", "// See delivery.ts."],
    ["a file in a folder above, though another has its name", "// Bindings: env.ts."],
    ["a file elsewhere that is the only one of its name", "// Decided in record.ts."],
    ["a file by its folder", "// Decided in requests/record.ts; see sandbox/src/env.ts."],
    ["a page", "/** Why: docs/decisions/uploads.md. */"],
    ["a section of a README", '// Names and meanings: README, "Deploy".'],
    ["a function, a call, a name that stands in a text of code", "// `nextTry`, `nextTry()`, `endedAt`, `baseUrl`"],
    ["a word that is no name of code", "// `queued`, `webhook_url`, `POST`, `Content-Type`"],
    ["a file of another repository", "// fal-ai/fal-js:libs/client/src/retry.ts, …/figma/README.md"],
    ["a page of the web", "// https://example.com/docs/gone.md"],
    ["a file that a text of code names", 'const gone = "gone.ts"; const made = `a/gone.md`;'],
  ])("%s", (_what, text) => {
    expect(faultsOf("src/http/here.ts", text)).toEqual([]);
  });

  test("anything outside the folders of the code", () => {
    expect(faultsOf("examples/here.ts", "// Next: not-found.ts.")).toEqual([]);
  });
});

describe("the check refuses", () => {
  test.each<[string, string, string]>([
    ["a file that is not there", "// See deliveries.ts.", "1 there is no file deliveries.ts"],
    ["a file that is not where it is said to be", "\n// http/record.ts", "2 there is no file http/record.ts"],
    ["a page that is not there", "/**\n * docs/decisions/gone.md\n */", "2 there is no file docs/decisions/gone.md"],
    ["a name that no code has", "// see `backlogOf`", "1 no code has the name backlogOf"],
    ["a section that no README has", '// README, "Setup"', '1 no README above has a section "Setup"'],
    [
      "a section of another folder's README",
      '// README "The control API"',
      '1 no README above has a section "The control API"',
    ],
  ])("%s", (_what, text, fault) => {
    expect(faultsOf("src/http/here.ts", text)).toEqual([`src/http/here.ts:${fault}`]);
  });

  test("a name that two files elsewhere have", () => {
    expect(faultsOf("test/here.ts", "// env.ts")).toEqual([
      "test/here.ts:1 env.ts may be src/env.ts or sandbox/src/env.ts: name its folder",
    ]);
  });
});
