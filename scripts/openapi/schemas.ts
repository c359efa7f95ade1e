// JSON Schemas of the API description, made from the routes' zod schemas. What several of them use stands once, by name.

import * as z from "zod";

export type JsonObject = { [key: string]: unknown };

/** Which side of a schema is described: what callers send, or what they get. */
type Direction = "input" | "output";

const LOCAL = "#/$defs/";
const SHARED = "#/components/schemas/";

export function schemaRef(name: string): JsonObject {
  return { $ref: SHARED + name };
}

/** Gives a schema the name under which every other one refers to it. Its description, if it has one, stays. */
export function nameSchema(name: string, schema: z.ZodType): void {
  z.globalRegistry.add(schema, { ...z.globalRegistry.get(schema), id: name });
}

/** Converts schemas, and keeps the named ones for `components.schemas`. */
export class SchemaRegistry {
  readonly #named: Record<Direction, Map<string, JsonObject>> = { input: new Map(), output: new Map() };

  /** What callers send. A named shape is referred to as `…Input` until `settled` knows whether it differs from what they get. */
  input(schema: z.ZodType): JsonObject {
    return this.#converted(schema, "input");
  }

  /** What callers get. */
  output(schema: z.ZodType): JsonObject {
    return this.#converted(schema, "output");
  }

  /** `document` with the named shapes under `components.schemas`; one that is the same both ways stands there once. */
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

/** References within one conversion become references within the document. */
function shared(schema: JsonObject, io: Direction): JsonObject {
  const text = JSON.stringify(schema).replaceAll(/"\$ref":"#\/\$defs\/([A-Za-z]+)"/g, (_, name: string) => {
    return `"$ref":"${SHARED}${io === "input" ? inputName(name) : name}"`;
  });
  if (text.includes(`"$ref":"${LOCAL}`)) throw new Error("a shape that refers to itself needs a name");
  return JSON.parse(text) as JsonObject;
}

/** What zod writes for its own sake: bounds of safe integers, the pattern of a format, and the closing of answers to new fields. */
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

/** Names of shapes that callers send otherwise than they get them, in themselves or in what they refer to. */
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
