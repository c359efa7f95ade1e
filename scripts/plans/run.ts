// `npm run plans` writes docs/plans.md, the reference of plans; `npm run plans -- --check` fails when it is not in step.

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { plansPage } from "./page.ts";

const PAGE = fileURLToPath(new URL("../../docs/plans.md", import.meta.url).href);

if (process.argv.includes("--check")) {
  if (readFileSync(PAGE, "utf8") !== plansPage()) {
    console.error("docs/plans.md is not in step with the schema of plans. Run `npm run plans`.");
    process.exit(1);
  }
} else {
  writeFileSync(PAGE, plansPage());
}
