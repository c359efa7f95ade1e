// What the runner of the pages' commands takes for a command, and that no page with commands is left out.

import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { commandsOf, planOf } from "../../../scripts/docs/commands.ts";
import { PAGES } from "../../../scripts/docs/runner.ts";

const page = (...lines: string[]) => ["Text.", "```sh", ...lines, "```", "```json", "{ 'no command", "```"].join("\n");
const of = (...lines: string[]) => commandsOf("p.md", page(...lines));

test("a command ends where its quotes and backslashes do", () => {
  const two = of(
    "# a comment's own line",
    "curl -X PUT $A -d '{",
    '  "limit": "2"',
    "}'",
    "curl $B \\",
    '  -d "it\'s"',
  );
  expect(two.map(({ line, text }) => [line, text])).toEqual([
    [4, 'curl -X PUT $A -d \'{\n  "limit": "2"\n}\''],
    [7, 'curl $B \\\n  -d "it\'s"'],
  ]);
});

test("a comment may name the status, and a quote in a comment opens nothing", () => {
  const commands = of("curl $A   # 204: it's gone", "curl $B", "curl $C # the 404 of others", "curl '$D#5' # 202");
  expect(commands.map(({ expected }) => expected)).toEqual([204, null, null, 202]);
});

test("a block inside a list item has its commands without the indentation", () => {
  const inside = page("npx wrangler a", "curl $A \\", "  -X POST   # 409 here").replaceAll(/^/gm, "  ");
  const found = commandsOf("p.md", inside).map(({ line, text, expected }) => [line, text, expected]);
  expect(found).toEqual([
    [3, "npx wrangler a", null],
    [4, "curl $A \\\n  -X POST   # 409 here", 409],
  ]);
});

test("a block that ends inside a command is a fault of the page", () => {
  expect(() => of("curl -d '{")).toThrow("p.md:3: the block ends inside a command");
});

test.each([
  ["npx wrangler deploy", "skip"],
  ["MATON_API_KEY=… npm start", "skip"],
  ["export A=b", "export"],
  ["curl $SLUICE/v1/me", "run"],
  ["rm -rf whatever is not known", "run"],
])("%s: %s", (text, kind) => {
  expect(planOf({ page: "p.md", line: 1, text, expected: null }).kind).toBe(kind);
});

test("every page of README and docs that has commands is run", () => {
  const all = ["README.md", ...readdirSync("docs").map((name) => `docs/${name}`)].filter((name) =>
    name.endsWith(".md"),
  );
  const withCommands = all.filter((name) => commandsOf(name, readFileSync(name, "utf8")).length > 0);
  expect(withCommands.toSorted()).toEqual([...PAGES].toSorted());
});
