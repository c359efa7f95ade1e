// `npm run pages` makes the public pages in console/dist: the start page, the reference as HTML and Markdown, the page for agents,
// and the API description itself. All come from docs/openapi.json. Files are replaced whole, so that nobody is served half of one.

import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { runnerImport } from "vite";
import { bundle } from "./bundle.ts";

const root = fileURLToPath(new URL("../..", import.meta.url).href);
const out = `${root}console/dist/`;

const { module } = await runnerImport<typeof import("./make.tsx")>(`${root}console/pages/make.tsx`, {
  configFile: false,
  logLevel: "error",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
});
const description = readFileSync(`${root}docs/openapi.json`, "utf8");
const bundled = await bundle(`${root}console/pages/browser`);
const files = new Map([...bundled.files, ...module.makePages(description, bundled.names)]);

cpSync(`${root}console/public`, out, { recursive: true });
for (const [path, content] of files) {
  const file = out + path;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.${process.pid}`, content);
  renameSync(`${file}.${process.pid}`, file);
}
// Those of earlier sources, under other hashes.
for (const name of readdirSync(`${out}assets`)) {
  if (!files.has(`assets/${name}`)) rmSync(`${out}assets/${name}`);
}
