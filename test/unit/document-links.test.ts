// The Markdown pages name what is there: files and headings behind links, source files, decision pages, tables of the Durable
// Objects with their writers, names of the code.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, normalize } from "node:path";
import { expect, test } from "vitest";

const PAGES = [
  "README.md",
  "CONTRIBUTING.md",
  "CHANGELOG.md",
  "SECURITY.md",
  ...["bench", "docs", "examples", "sandbox"].flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => `${folder}/${name}`),
  ),
].filter((name) => name.endsWith(".md"));

const proseOf = (page: string) => readFileSync(page, "utf8").replace(/^```.*?^```/gms, "");

/** The anchors that GitHub gives a page's headings. */
function anchorsOf(page: string): string[] {
  const headings = [...proseOf(page).matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = ""]) => heading);
  return headings.map((heading) =>
    heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_\- ]/gu, "")
      .replaceAll(" ", "-"),
  );
}

/** What is wrong with the target of a link on this page; null where it leads somewhere. */
function faultOf(page: string, target: string): string | null {
  const [path = "", anchor] = target.split("#");
  const file = path === "" ? page : normalize(`${dirname(page)}/${path}`);
  if (!existsSync(file)) return `${target}: no such file`;
  return anchor === undefined || anchorsOf(file).includes(anchor) ? null : `${target}: no such heading`;
}

test.each(PAGES)("every relative link of %s leads somewhere", (page) => {
  const targets = [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target);
  const relative = targets.filter((target) => !/^[a-z]+:/.test(target));
  expect(relative.map((target) => faultOf(page, target)).filter((fault) => fault !== null)).toEqual([]);
});

test("a link to a missing file or heading is found", () => {
  expect(faultOf("docs/README.md", "nowhere.md")).toBe("nowhere.md: no such file");
  expect(faultOf("docs/README.md", "files.md#nowhere")).toBe("files.md#nowhere: no such heading");
  expect(faultOf("docs/README.md", "files.md#uploads")).toBeNull();
});

const FOLDERS = ["bench", "console", "examples", "sandbox", "scripts", "src", "test"];
const SOURCES = [
  ...readdirSync("."),
  ...FOLDERS.flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => `${folder}/${name}`),
  ),
].filter((name) => /\.(tsx?|mjs|py)$/.test(name));

/** Names of source files in a page, `*` for any part of a name. */
function filesNamedOn(text: string): string[] {
  return [...text.matchAll(/`([\w@./*-]*[\w*-]\.tsx?)`/g)].map(([, name = ""]) => name);
}

function isSource(name: string): boolean {
  const pattern = name.replaceAll(".", "\\.").replaceAll("*", "[^/]*");
  return SOURCES.some((file) => new RegExp(`(^|/)${pattern}$`).test(file));
}

test.each(PAGES)("every source file that %s names is there", (page) => {
  expect(filesNamedOn(proseOf(page)).filter((name) => !isSource(name))).toEqual([]);
});

test("a source file that is named and missing is found", () => {
  expect(["src/app.ts", "app.ts", "team/*.ts"].map(isSource)).toEqual([true, true, true]);
  expect(["src/access/env.ts", "pp.ts", "nowhere/*.ts"].map(isSource)).toEqual([false, false, false]);
});

/** Rows of the tables of a page whose first column has this heading: the text of each cell. */
function rowsUnder(page: string, heading: string): string[][] {
  const tables = proseOf(page).split(/\n(?!\|)/);
  const under = tables.map((table) => table.split("\n").filter((line) => line.startsWith(`|`)));
  return under
    .filter(([head = ""]) => head.startsWith(`| ${heading} |`))
    .flatMap(([, , ...lines]) =>
      lines.map((line) =>
        line
          .split("|")
          .slice(1, -1)
          .map((cell) => cell.trim()),
      ),
    );
}

const codesIn = (cell = "") => [...cell.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code);

test("the index of decisions lists every page once, with a status and a date", () => {
  const pages = readdirSync("docs/decisions").filter((name) => name !== "README.md");
  const rows = rowsUnder("docs/decisions/README.md", "page");
  expect(rows.map(([page = ""]) => /\]\((.+)\)/.exec(page)?.[1]).sort()).toEqual(pages.sort());
  for (const [page, , status, date] of rows) {
    expect(status, page).toMatch(/^(accepted|superseded by \[.+\]\(.+\)|measured, not held)$/);
    expect(date, page).toMatch(/^\d{4}-\d\d-\d\d$/);
  }
});

/** Which files of a room write to which table, by their SQL. */
function writersIn(folder: string, only: readonly string[]): Record<string, string[]> {
  const writers: Record<string, string[]> = {};
  for (const file of SOURCES.filter((name) => name.startsWith(`src/${folder}`))) {
    const text = readFileSync(file, "utf8");
    const writes = text.matchAll(/\b(?:INSERT (?:OR \w+ )?INTO|DELETE FROM|UPDATE) ([a-z_]+)\b/g);
    for (const [, table = ""] of writes) {
      if (!only.includes(table)) continue;
      writers[table] = [...new Set([...(writers[table] ?? []), file.replace("src/", "")])].sort();
    }
  }
  return writers;
}

/** Tables that a room's SQL makes and does not drop for good. */
function tablesIn(folder: string): string[] {
  const texts = SOURCES.filter((name) => name.startsWith(`src/${folder}`)).map((name) => readFileSync(name, "utf8"));
  const made = texts.flatMap((text) => [...text.matchAll(/CREATE TABLE (?:IF NOT EXISTS )?([a-z_]+)/g)]);
  return [...new Set(made.map(([, table = ""]) => table))].sort();
}

test.each([
  ["team", "team/"],
  ["tracker", "requests/engine/"],
  ["account", "upstream/"],
])("the page of the %s lists every table with the files that write it", (page, folder) => {
  const tables = tablesIn(folder);
  const rows = rowsUnder(`docs/architecture/${page}.md`, "table");
  expect(rows.flatMap(([table]) => codesIn(table)).sort()).toEqual(tables);
  const named = rows.map(([table, , writers]) => [codesIn(table)[0], codesIn(writers).sort()] as const);
  expect(Object.fromEntries(named)).toEqual(writersIn(folder, tables));
});

const WORDS = new Set(
  SOURCES.filter((name) => name.startsWith("src/")).flatMap((name) => readFileSync(name, "utf8").match(/\w+/g) ?? []),
);

test("every name of the code in the glossary is there, and each term stands once", () => {
  const rows = rowsUnder("docs/glossary.md", "term");
  const terms = rows.map(([term = ""]) => term);
  expect(terms.filter((term, n) => terms.indexOf(term) !== n)).toEqual([]);
  expect(rows.flatMap(([, , code]) => codesIn(code)).filter((name) => !WORDS.has(name))).toEqual([]);
});
