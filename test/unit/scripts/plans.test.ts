// The page of plans is made from the schema, with words for each field and a reason for each number of a preset.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { plansPage } from "../../../scripts/plans/page.ts";
import { planSchema } from "../../../src/team/quota/plan.ts";

const PAGE = fileURLToPath(new URL("../../../docs/plans.md", import.meta.url).href);

test("docs/plans.md is in step with the schema; npm run plans writes it", () => {
  expect(readFileSync(PAGE, "utf8")).toBe(plansPage());
});

test("every field of a plan has a row with its type, range, default and meaning", () => {
  const page = plansPage();
  for (const name of Object.keys(planSchema().shape)) expect(page).toContain(`| \`${name}\` |`);
  expect(page).toContain("| `hold_s` | integer | 0 to 20 | `10` |");
  expect(page).toContain('| `unknown_price` | word | `refuse`, `allow` | `"allow"` |');
  expect(page).toContain("| `window` | word | `minute`, `hour`, `day`, `month` |");
});

test("the complete examples are plans, as they are sent", () => {
  const bodies = [...plansPage().matchAll(/curl -X PUT "[^"]+" [^']*-d '(\{[^']+\})'/g)].map(([, body = ""]) => body);
  expect(bodies.length).toBeGreaterThan(3);
  for (const body of bodies) expect(planSchema().safeParse(JSON.parse(body)).success).toBe(true);
});
