// The committed API description: it is what the routes say, a valid OpenAPI 3.1 document, and whole in itself.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Validator } from "@seriousme/openapi-schema-validator";
import { expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url).href);
const text = readFileSync(`${ROOT}docs/openapi.json`, "utf8");

interface Description {
  paths: Record<string, Record<string, { operationId?: string }>>;
  webhooks: Record<string, Record<string, { operationId?: string }>>;
}
const description = JSON.parse(text) as Description;

/** Every text under a key named `key`, wherever it stands. */
function* textsAt(key: string, value: unknown): Generator<string> {
  if (typeof value !== "object" || value === null) return;
  for (const [name, inner] of Object.entries(value)) {
    if (name === key && typeof inner === "string") yield inner;
    else yield* textsAt(key, inner);
  }
}

test("the committed document is what the routes say", () => {
  const check = spawnSync(process.execPath, ["scripts/openapi/run.ts", "--check"], { cwd: ROOT, encoding: "utf8" });
  expect(check.stderr).toBe("");
  expect(check.status).toBe(0);
});

test("it is a valid OpenAPI 3.1 document", async () => {
  const validator = new Validator();
  expect(await validator.validate(JSON.parse(text))).toEqual({ valid: true });
  expect(validator.version).toBe("3.1");
});

test("every reference leads to something", () => {
  const lost = [...new Set(textsAt("$ref", description))].filter((ref) => {
    const steps = ref.replace(/^#\//, "").split("/");
    return (
      steps.reduce<unknown>((at, step) => (at as Record<string, unknown> | undefined)?.[step], description) ===
      undefined
    );
  });
  expect(lost).toEqual([]);
});

test("every operation has a name of its own", () => {
  const items = [...Object.values(description.paths), ...Object.values(description.webhooks)];
  const operations = items.flatMap(({ parameters: _, ...methods }) => Object.values(methods));
  const names = operations.map(({ operationId }) => operationId);
  expect(names.filter((name) => name === undefined || name === "")).toEqual([]);
  expect(names.filter((name, n) => names.indexOf(name) !== n)).toEqual([]);
});
