// The committed API description: it is what the routes say, a valid OpenAPI 3.1 document, and whole in itself.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Validator } from "@seriousme/openapi-schema-validator";
import { expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url).href);
const text = readFileSync(`${ROOT}docs/openapi.json`, "utf8");

interface Answer {
  headers?: Record<string, unknown>;
}
interface Operation {
  operationId?: string;
  responses: Record<string, Answer | { $ref: string }>;
}
interface Schema {
  $ref?: string;
  description?: string;
  properties?: Record<string, Schema>;
  items?: Schema;
  anyOf?: Schema[];
  oneOf?: Schema[];
}
interface Description {
  paths: Record<string, Record<string, Operation>>;
  webhooks: Record<string, Record<string, Operation>>;
  components: { headers: Record<string, unknown> };
}
const description = JSON.parse(text) as Description;

/** What a reference within the document leads to. */
function at(ref: string): unknown {
  const steps = ref.replace(/^#\//, "").split("/");
  return steps.reduce<unknown>((inner, step) => (inner as Record<string, unknown> | undefined)?.[step], description);
}

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
  const lost = [...new Set(textsAt("$ref", description))].filter((ref) => at(ref) === undefined);
  expect(lost).toEqual([]);
});

interface Named {
  name: string;
  description?: string;
}

test("every parameter and every header says what it means", () => {
  const items = Object.entries(description.paths) as unknown as [
    string,
    Record<string, { parameters?: Named[] } | Named[]>,
  ][];
  const silent = items.flatMap(([path, item]) =>
    Object.values(item)
      .flatMap((each) => (Array.isArray(each) ? each : (each.parameters ?? [])))
      .filter((parameter) => (parameter.description ?? "") === "")
      .map(({ name }) => `${path} ${name}`),
  );
  expect(silent).toEqual([]);
  const headers = Object.entries(description.components.headers) as [string, { description?: string }][];
  expect(headers.filter(([, header]) => (header.description ?? "") === "")).toEqual([]);
});

test("every response has the id of its call", () => {
  const operations = Object.values(description.paths).flatMap(({ parameters: _, head: __, ...methods }) =>
    Object.values(methods),
  );
  const answers = operations.flatMap(({ operationId, responses }) =>
    Object.entries(responses).map(([status, answer]) => ({ name: `${operationId} ${status}`, answer })),
  );
  const without = answers.filter(({ answer }) => {
    const { headers } = "$ref" in answer ? (at(answer.$ref) as Answer) : answer;
    return headers?.["X-Request-Id"] === undefined;
  });
  expect(without.map(({ name }) => name)).toEqual([]);
});

/** Schemas whose fields a reader meets first. Those that only refer to another schema say it there. */
test.each([
  "Submit",
  "Request",
  "Key",
  "Plan",
  "PlanLimit",
  "Limit",
  "Upload",
  "WebhookEndpoint",
  "Delivery",
  "Problem",
])("every field of %s says what it means", (name) => {
  const silent: string[] = [];
  const walk = (schema: Schema, path: string): void => {
    for (const [field, inner] of Object.entries(schema.properties ?? {})) {
      if (inner.description === undefined && inner.$ref === undefined) silent.push(`${path}.${field}`);
      walk(inner, `${path}.${field}`);
    }
    for (const each of [schema.items, ...(schema.anyOf ?? []), ...(schema.oneOf ?? [])]) if (each) walk(each, path);
  };
  walk(at(`#/components/schemas/${name}`) as Schema, name);
  expect(silent).toEqual([]);
});

test("every operation has a name of its own", () => {
  const items = [...Object.values(description.paths), ...Object.values(description.webhooks)];
  const operations = items.flatMap(({ parameters: _, ...methods }) => Object.values(methods));
  const names = operations.map(({ operationId }) => operationId);
  expect(names.filter((name) => name === undefined || name === "")).toEqual([]);
  expect(names.filter((name, n) => names.indexOf(name) !== n)).toEqual([]);
});
