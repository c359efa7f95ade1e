// Relative links of the Markdown pages: the file is there, and so is the heading behind `#`.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, normalize } from "node:path";
import { expect, test } from "vitest";

const PAGES = [
  "README.md",
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

test("the index of decisions names every page of its folder", () => {
  const pages = readdirSync("docs/decisions").filter((name) => name !== "README.md");
  const index = proseOf("docs/decisions/README.md");
  expect(pages.filter((name) => !index.includes(`(${name})`))).toEqual([]);
});
