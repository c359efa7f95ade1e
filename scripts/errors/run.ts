// Writes docs/errors.md: each error code with status, cause, way out, and whether to retry. `npm run errors` writes the page,
// `npm run errors -- --check` fails when it is not in step.

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { errorsPage } from "./page.ts";

const PAGE = fileURLToPath(new URL("../../docs/errors.md", import.meta.url).href);

if (process.argv.includes("--check")) {
  if (readFileSync(PAGE, "utf8") !== errorsPage()) {
    console.error("docs/errors.md is not in step with src/platform/errors.ts. Run `npm run errors`.");
    process.exit(1);
  }
} else {
  writeFileSync(PAGE, errorsPage());
}
