// The public pages as files, from the API description alone: path in the assets -> content.

import { docsPage } from "./docs.tsx";
import { readReference } from "./document.ts";
import { llmsPage } from "./llms.ts";
import { markdownPage } from "./markdown.ts";
import type { Assets } from "./shell.tsx";
import { startPage } from "./start.tsx";

export function makePages(description: string, assets: Assets): Map<string, string> {
  const reference = readReference(description);
  return new Map([
    ["index.html", startPage(assets)],
    ["docs.html", docsPage(reference, assets)],
    ["docs.md", markdownPage(reference)],
    ["llms.txt", llmsPage(reference)],
    ["openapi.json", description],
  ]);
}
