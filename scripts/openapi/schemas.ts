// JSON Schemas of the API description, converted from the routes' zod schemas. Named schemas are shared.

import * as z from "zod";
import type { AnswerSpec } from "../../src/http/route.ts";
import { zod } from "../../src/platform/schema.ts";

export type JsonObject = { [key: string]: unknown };

/** Which side of a schema is described: what callers send, or what they receive. */
type Direction = "input" | "output";

const LOCAL = "#/$defs/";
const SHARED = "#/components/schemas/";

export function schemaRef(name: string): JsonObject {
  return { $ref: SHARED + name };
}

type MakeSchema = NonNullable<AnswerSpec["schema"]>;
const made = new WeakMap<MakeSchema, z.ZodType>();

/** The schema of a response, made once: its name is kept by the schema itself. */
export function responseSchema(make: MakeSchema): z.ZodType {
  const schema = made.get(make) ?? make(zod());
  made.set(make, schema);
  return schema;
}

/** Names a schema, so that others refer to it. Keeps its description. */
export function nameSchema(name: string, schema: z.ZodType): void {
  z.globalRegistry.add(schema, { ...z.globalRegistry.get(schema), id: name });
}

/** Converts schemas, and collects the named ones for `components.schemas`. */
export class SchemaRegistry {
  readonly #named: Record<Direction, Map<string, JsonObject>> = { input: new Map(), output: new Map() };

  /** What callers send. A named schema is referred to as `…Input` until `settled` finds whether it differs from the output. */
  input(schema: z.ZodType): JsonObject {
    return this.#converted(schema, "input");
  }

  /** What callers receive. */
  output(schema: z.ZodType): JsonObject {
    return this.#converted(schema, "output");
  }

  /** `document` with the named schemas under `components.schemas`; one that is the same in both directions is listed once. */
  settled<D extends { components: { schemas: JsonObject } }>(document: D): D {
    const { input, output } = this.#named;
    const different = differing(input, output);
    const rename = (text: string) =>
      text.replaceAll(/"#\/components\/schemas\/([A-Za-z]+)Input"/g, (whole, name: string) =>
        different.has(name) ? whole : `"${SHARED}${name}"`,
      );
    const sent = [...input].map(([name, schema]) => [different.has(name) ? inputName(name) : name, schema] as const);
    const shapes = new Map([...Object.entries(document.components.schemas), ...sent, ...output]);
    const schemas = Object.fromEntries([...shapes].sort(([one], [other]) => (one < other ? -1 : 1)));
    const components = { ...document.components, schemas };
    return JSON.parse(rename(JSON.stringify({ ...document, components }))) as D;
  }

  #converted(schema: z.ZodType, io: Direction): JsonObject {
    const made = z.toJSONSchema(schema, { io, override: ({ jsonSchema }) => tidy(jsonSchema as JsonObject, io) });
    const { $schema: _, $defs = {}, ...rest } = shared(made as JsonObject, io);
    for (const [name, { id: _id, ...shape }] of Object.entries($defs as Record<string, JsonObject>)) {
      if (!/^[A-Z][A-Za-z]*$/.test(name)) throw new Error(`${name} needs a name`);
      this.#named[io].set(name, shape);
    }
    return rest;
  }
}

function inputName(name: string): string {
  return `${name}Input`;
}

/** Turns references within one conversion into references within the document. */
function shared(schema: JsonObject, io: Direction): JsonObject {
  const text = JSON.stringify(schema).replaceAll(/"\$ref":"#\/\$defs\/([A-Za-z]+)"/g, (_, name: string) => {
    return `"$ref":"${SHARED}${io === "input" ? inputName(name) : name}"`;
  });
  if (text.includes(`"$ref":"${LOCAL}`)) throw new Error("a recursive schema needs a name");
  return JSON.parse(text) as JsonObject;
}

/** Removes what zod adds: bounds of safe integers, patterns of formats, and `additionalProperties: false` of responses. */
function tidy(schema: JsonObject, io: Direction): void {
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum;
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
  if (schema.format === "date-time" || schema.format === "date") delete schema.pattern;
  if (io === "output" && schema.additionalProperties === false) delete schema.additionalProperties;
  if (isEmpty(schema.additionalProperties)) delete schema.additionalProperties;
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

/** Names of schemas whose input differs from their output, directly or through references. */
function differing(input: ReadonlyMap<string, JsonObject>, output: ReadonlyMap<string, JsonObject>): Set<string> {
  const different = new Set<string>();
  const isSame = (name: string): boolean => {
    const got = output.get(name);
    if (got === undefined) return true;
    const sent = JSON.stringify(input.get(name)).replaceAll(
      /"#\/components\/schemas\/([A-Za-z]+)Input"/g,
      (whole, of) => (different.has(of) ? whole : `"${SHARED}${of}"`),
    );
    return sent === JSON.stringify(got);
  };
  for (let before = -1; before < different.size; ) {
    before = different.size;
    for (const name of input.keys()) if (!different.has(name) && !isSame(name)) different.add(name);
  }
  return different;
}
