// Adds to a finished document what `words/` says of tags, operations, parameters and fields. A sentence that fits nothing any more is
// an error, so that none outlives what it describes.

import type { JsonObject } from "./schemas.ts";
import { FIELDS } from "./words/fields.ts";
import { OPERATIONS } from "./words/operations.ts";
import { PARAMETERS } from "./words/parameters.ts";
import { TAGS } from "./words/tags.ts";

interface Operation {
  operationId: string;
  description?: string;
  parameters?: Parameter[];
  tags: string[];
}
interface Parameter {
  name: string;
  in: string;
  description?: string;
}
interface Schema {
  $ref?: string;
  description?: string;
  properties?: Record<string, Schema>;
  items?: Schema;
  additionalProperties?: Schema | boolean;
  anyOf?: Schema[];
  oneOf?: Schema[];
}
type PathItem = { parameters?: Parameter[] } & Record<string, Operation | Parameter[]>;

/** Bodies that have the fields of a named schema without being it. */
const LIKE: Readonly<Record<string, string>> = {
  patchWebhooksById: "WebhookEndpoint",
  postEstimate: "Request",
  postKeys: "Key",
  postUploads: "Upload",
  postWebhooks: "WebhookEndpoint",
  postWebhooksByIdEnable: "WebhookEndpoint",
};

/** The document, which is changed in place. */
export function describe<D extends { paths: JsonObject; components: { schemas: JsonObject } }>(document: D): D {
  const used = new Set<string>();
  const say = (words: Readonly<Record<string, string>>, ...keys: string[]): { description?: string } => {
    const key = keys.find((each) => each in words);
    if (key === undefined) return {};
    used.add(key);
    return { description: words[key] ?? "" };
  };
  for (const item of Object.values(document.paths) as PathItem[]) {
    const { parameters: shared = [], ...operations } = item;
    for (const operation of Object.values(operations) as Operation[]) {
      operation.description ??= say(OPERATIONS, operation.operationId).description as string;
      if (operation.description === undefined) delete operation.description;
      for (const each of operation.parameters ?? []) {
        const name = `${each.in} ${each.name}`;
        if (each.description !== undefined) continue;
        Object.assign(each, say(PARAMETERS, `${name} ${operation.operationId}`, name));
      }
    }
    const tag = (Object.values(operations) as Operation[])[0]?.tags[0];
    for (const each of shared) {
      if (each.description !== undefined) continue;
      Object.assign(each, say(PARAMETERS, `${each.in} ${each.name} ${tag}`, `${each.in} ${each.name}`));
    }
  }
  const walk = (schema: Schema, path: string): void => {
    for (const [name, field] of Object.entries(schema.properties ?? {})) {
      const at = `${path}.${name}`;
      if (field.description === undefined && field.$ref === undefined) {
        Object.assign(field, say(FIELDS, at, at.replace(/^\w+(?=\.)/, nameOf), `*.${name}`));
      }
      walk(field, at);
    }
    const inner = [schema.items, schema.additionalProperties, ...(schema.anyOf ?? []), ...(schema.oneOf ?? [])];
    for (const each of inner) if (typeof each === "object") walk(each, path);
  };
  for (const [name, schema] of Object.entries(document.components.schemas)) walk(schema as Schema, name);
  eachBody(document.paths, (schema, operationId) => walk(schema, operationId));

  const known = [...Object.keys(PARAMETERS), ...Object.keys(OPERATIONS), ...Object.keys(FIELDS)];
  const unused = known.filter((key) => !used.has(key));
  if (unused.length > 0) throw new Error(`scripts/openapi/words describes what is not there: ${unused.join(", ")}`);
  return document;
}

/** The schema whose words fit one of this name. */
function nameOf(schema: string): string {
  return LIKE[schema] ?? schema.replace(/Input$/, "");
}

/** The document's `tags`, in the order of TAGS. */
export function tagsOf(paths: JsonObject): JsonObject[] {
  const items = Object.values(paths) as PathItem[];
  const named = new Set(items.flatMap(({ parameters: _, ...each }) => Object.values(each).flatMap((one) => tags(one))));
  const lost = [...named].filter((name) => !TAGS.some((tag) => tag.name === name));
  if (lost.length > 0) throw new Error(`scripts/openapi/words/tags.ts has no ${lost.join(", ")}`);
  return TAGS.filter(({ name }) => named.has(name)).map(({ name, title, description }) => {
    return { name, "x-displayName": title, description };
  });
}

function tags(operation: Operation | Parameter[]): string[] {
  return Array.isArray(operation) ? [] : operation.tags;
}

function eachBody(value: unknown, visit: (schema: Schema, operationId: string) => void, operationId = ""): void {
  if (typeof value !== "object" || value === null) return;
  const id = "operationId" in value && typeof value.operationId === "string" ? value.operationId : operationId;
  for (const [name, inner] of Object.entries(value)) {
    if (name === "content") {
      for (const { schema } of Object.values(inner as Record<string, { schema?: Schema }>)) {
        if (schema !== undefined) visit(schema, id);
      }
    } else eachBody(inner, visit, id);
  }
}
