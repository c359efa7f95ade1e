// The public pages as they are made from the API description: whole, within their sizes, and without what the content security policy refuses.

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";

execFileSync(process.execPath, ["scripts/ensure-built.mjs"]);

const KIB = 1024;
const page = (name: string) => readFileSync(`console/dist/${name}`, "utf8");
const gzipKiB = (text: string) => gzipSync(text, { level: 9 }).length / KIB;
const asset = (start: string, ending: string) => {
  const name = readdirSync("console/dist/assets").find((each) => each.startsWith(start) && each.endsWith(ending));
  return page(`assets/${name}`);
};

interface Description {
  paths: Record<string, Record<string, { operationId?: string; summary: string }>>;
  webhooks: Record<string, unknown>;
  components: { schemas: { ErrorCode: { enum: string[] } }; headers: Record<string, unknown> };
}
const description = JSON.parse(readFileSync("docs/openapi.json", "utf8")) as Description;
const calls = Object.entries(description.paths).flatMap(([path, { parameters: _, head: __, ...operations }]) =>
  Object.entries(operations).map(([method, { summary }]) => ({ method, path, summary })),
);
const anchorOf = (method: string, path: string) =>
  `${method} ${path}`
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-|-$/g, "");

test("pages and their scripts keep their sizes", () => {
  expect(gzipKiB(page("docs.html"))).toBeLessThanOrEqual(90);
  expect(gzipKiB(asset("docs-", ".js"))).toBeLessThanOrEqual(4);
  expect(gzipKiB(asset("docs-", ".css"))).toBeLessThanOrEqual(14);
  expect(Buffer.byteLength(page("llms.txt")) / KIB).toBeLessThanOrEqual(12);
});

test.each(["docs.html", "index.html"])("%s has nothing inline, and loads nothing from elsewhere", (name) => {
  const html = page(name);
  expect(html).not.toMatch(/<style|\sstyle=|\son[a-z]+="|javascript:/);
  expect(
    [...html.matchAll(/<(?:script|link|img)[^>]*\s(?:src|href)="([^"]*)"/g)].map(([, url = ""]) => url[0]),
  ).toEqual(expect.arrayContaining(["/"]));
  expect(html).not.toMatch(/<(?:script|link|img)[^>]*\s(?:src|href)="(?!\/[^/])/);
});

test("/docs has every call, event, error and header under an anchor of its own, and no link into nothing", () => {
  const html = page("docs.html");
  const ids = [...html.matchAll(/\sid="([^"]+)"/g)].map(([, id = ""]) => id);
  expect(ids.filter((id, n) => ids.indexOf(id) !== n)).toEqual([]);
  const wanted = [
    ...calls.map(({ method, path }) => anchorOf(method, path)),
    ...Object.keys(description.webhooks).map((name) => `event-${name.replaceAll(/[._]/g, "-")}`),
    ...description.components.schemas.ErrorCode.enum.map((code) => `error-${code}`),
    ...Object.keys(description.components.headers).map((name) => `header-${name.toLowerCase()}`),
  ];
  expect(wanted.filter((id) => !ids.includes(id))).toEqual([]);
  const links = [...html.matchAll(/href="#([^"]+)"/g)].map(([, id = ""]) => id);
  expect([...new Set(links)].filter((id) => !ids.includes(id))).toEqual([]);
});

test("/docs.md has every call and every error code", () => {
  const text = page("docs.md");
  const lost = calls.filter(({ method, path }) => !text.includes(`\`${method.toUpperCase()} ${path}\``));
  expect(lost).toEqual([]);
  const codes = description.components.schemas.ErrorCode.enum;
  expect(codes.filter((code) => !text.includes(`| \`${code}\` |`))).toEqual([]);
});

test("/llms.txt has every error code with what to do, and leads to the rest", () => {
  const text = page("llms.txt");
  const codes = description.components.schemas.ErrorCode.enum;
  expect(codes.filter((code) => !text.includes(`- \`${code}\` (`))).toEqual([]);
  for (const link of ["(/docs.md)", "(/openapi.json)", "(/docs)"]) expect(text).toContain(link);
});

test("/openapi.json is the committed document", () => {
  expect(page("openapi.json")).toBe(readFileSync("docs/openapi.json", "utf8"));
});
