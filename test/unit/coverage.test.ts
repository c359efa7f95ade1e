// docs/coverage.md names the tests that show each failure case: it is in step with them, and they do not bear its codes.

import { globSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

interface Case {
  code: string;
  text: string;
  tests: { file: string; title: string }[];
}

const page = readFileSync("docs/coverage.md", "utf8");
const sections = page.split(/^## /m).slice(1);
const cases = sections.flatMap((section) => {
  return [...section.matchAll(/^\| ([A-Z]\d{1,2}) \| (.*) \| (.*) \|$/gm)].map(
    ([, code = "", text = "", tests = ""]): Case => {
      const named = [...tests.matchAll(/\]\(\.\.\/(test\/[^)]+)\) `([^`]+)`/g)];
      return { code, text, tests: named.map(([, file = "", title = ""]) => ({ file, title })) };
    },
  );
});

/** The literals of a file that are no empty texts, as they are when they are read. */
function literalsOf(file: string): string[] {
  const found = readFileSync(file, "utf8").matchAll(/"((?:[^"\\\n]|\\.)+)"|'((?:[^'\\\n]|\\.)+)'|`((?:[^`\\]|\\.)+)`/g);
  return [...found].map(([, double, single, text]) => (double ?? single ?? text ?? "").replace(/\\(.)/g, "$1"));
}

describe("the matrix of cases", () => {
  test("has all its rows read here", () => {
    const rows = page.split("\n").filter((line) => line.startsWith("| ") && !line.startsWith("| case |"));
    expect(cases).toHaveLength(rows.length);
    expect(rows.length).toBeGreaterThan(100);
  });

  test.each(cases)("$code is shown by tests that exist, or says why by none", ({ text, tests }) => {
    const missing = tests.filter(({ file, title }) => !literalsOf(file).includes(title));
    expect(missing).toEqual([]);
    expect(tests.length === 0).toBe(text.includes("No test: "));
  });
});

test("no title of a test begins with a code", () => {
  // R2 is Cloudflare's bucket.
  const code = /^(?!R2 )[A-Z]\d{1,2}(?:,? [A-Z]\d{1,2})*:? /;
  const coded = globSync("test/**/*.test.ts").flatMap((file) => {
    return literalsOf(file).flatMap((text) => (code.test(text) ? [`${file}: ${text}`] : []));
  });
  expect(coded).toEqual([]);
});
