// The public pages as files, from the API description alone: path in the assets -> content.

import type { Assets } from "./shell.tsx";
import { startPage } from "./start.tsx";

export function makePages(description: string, assets: Assets): Map<string, string> {
  return new Map([
    ["index.html", startPage(assets)],
    ["openapi.json", description],
  ]);
}
