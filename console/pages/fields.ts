// Schemas as lists of fields: what a reader wants to know of each, in words.

import type { Parameter, Schema } from "./document.ts";

export interface Field {
  name: string;
  /** `string`, `integer or null`, `list of Key`. Names of described objects begin with a capital. */
  type: string;
  required: boolean;
  /** Ranges, lengths and the default: `1 to 100`, `default 20`. */
  facts: string[];
  /** The values of a closed list. */
  values: string[];
  description: string;
  /** Fields of what is in it. */
  fields: Field[];
  /** Names of the objects that it refers to. */
  links: string[];
}

export function fieldOf(name: string, schema: Schema, required: boolean): Field {
  return {
    name,
    type: typeOf(schema),
    required,
    facts: factsOf(schema),
    values: valuesOf(schema),
    description: schema.description ?? "",
    fields: innerFields(schema),
    links: linksOf(schema),
  };
}

export function parameterField({ name, schema, required = false, description = "" }: Parameter): Field {
  return { ...fieldOf(name, schema, required), description };
}

/** The fields of an object; of a union of objects, those of all, each once with every value that it may have. */
export function fieldsOf(schema: Schema): Field[] {
  const variants = objectsIn(schema);
  const names = [...new Set(variants.flatMap(({ properties = {} }) => Object.keys(properties)))];
  return names.map((name) => {
    const having = variants.filter(({ properties = {} }) => name in properties);
    const fields = having.map(({ properties = {}, required = [] }) => {
      return fieldOf(name, properties[name] ?? {}, required.includes(name));
    });
    return merged(fields, having.length === variants.length);
  });
}

/** The name at the end of a reference. */
export function nameOf(ref: string): string {
  return ref.replace(/^.*\//, "");
}

function merged(fields: Field[], isInAll: boolean): Field {
  const [first] = fields;
  if (first === undefined) throw new Error("a field of no variant");
  const types = [...new Set(fields.map(({ type }) => type))];
  return {
    ...first,
    type: types.join(" or "),
    required: isInAll && fields.every(({ required }) => required),
    values: [...new Set(fields.flatMap(({ values }) => values))],
    facts: fields.every(({ facts }) => facts.join() === first.facts.join()) ? first.facts : [],
    description: fields.find(({ description }) => description !== "")?.description ?? "",
  };
}

function objectsIn(schema: Schema): Schema[] {
  if (schema.properties !== undefined) return [schema];
  return [...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])].flatMap(objectsIn);
}

function innerFields(schema: Schema): Field[] {
  if (schema.items !== undefined) return innerFields(schema.items);
  if (typeof schema.additionalProperties === "object") return innerFields(schema.additionalProperties);
  return fieldsOf(schema);
}

export function typeOf(schema: Schema): string {
  const { $ref, type, items, additionalProperties, anyOf, oneOf } = schema;
  if ($ref !== undefined) return nameOf($ref);
  if (schema.const !== undefined || schema.enum !== undefined) return valueType(schema);
  const union = anyOf ?? oneOf;
  if (union !== undefined) return [...new Set(union.map(typeOf))].join(" or ");
  if (Array.isArray(type)) return type.join(" or ");
  if (type === "array") return items === undefined ? "list" : `list of ${plural(typeOf(items))}`;
  if (type === "object" && typeof additionalProperties === "object")
    return `map of ${plural(typeOf(additionalProperties))}`;
  return type ?? "any JSON";
}

function valueType({ enum: values, const: value, type }: Schema): string {
  if (typeof type === "string") return type;
  const types = new Set((values ?? [value]).map((each) => (each === null ? "null" : typeof each)));
  return [...types].join(" or ");
}

function plural(type: string): string {
  return /^(string|integer|number|boolean|object)$/.test(type) ? `${type}s` : type;
}

function valuesOf(schema: Schema): string[] {
  const union = [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])];
  if (union.length > 0) return union.filter(({ properties }) => properties === undefined).flatMap(valuesOf);
  if (schema.items !== undefined) return valuesOf(schema.items);
  const listed = schema.enum ?? (schema.const === undefined ? [] : [schema.const]);
  return listed.filter((value) => value !== null).map((value) => String(value));
}

function factsOf(schema: Schema): string[] {
  const plain = (schema.anyOf ?? []).filter(({ type }) => type !== "null");
  const [only] = plain;
  const of = plain.length === 1 && only !== undefined ? { ...only, default: schema.default } : schema;
  const facts = [
    range(of.minimum, of.maximum, ""),
    range(of.minLength, of.maxLength, " characters"),
    range(of.minItems, of.maxItems, " items"),
    of.format === undefined ? "" : (FORMATS[of.format] ?? of.format),
    isShown(of.default) ? `default ${JSON.stringify(of.default)}` : "",
  ];
  return facts.filter((fact) => fact !== "");
}

const FORMATS: Readonly<Record<string, string>> = { "date-time": "ISO 8601 time", date: "ISO 8601 date", uri: "URL" };

/** Null, and empty containers, are what one expects of a field that is left out. */
function isShown(value: unknown): boolean {
  if (value === undefined || value === null || value === "") return false;
  return typeof value !== "object" || Object.keys(value).length > 0;
}

function range(from: number | undefined, to: number | undefined, unit: string): string {
  const [low, high] = [from, to].map((bound) => bound?.toLocaleString("en"));
  if (low !== undefined && high !== undefined) return `${low} to ${high}${unit}`;
  if (high !== undefined) return `at most ${high}${unit}`;
  return low === undefined || (from === 0 && unit !== "") ? "" : `at least ${low}${unit}`;
}

function linksOf(schema: Schema): string[] {
  if (schema.$ref !== undefined) return [nameOf(schema.$ref)];
  const inner = [...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])];
  if (schema.items !== undefined) inner.push(schema.items);
  if (typeof schema.additionalProperties === "object") inner.push(schema.additionalProperties);
  return [...new Set(inner.flatMap(linksOf))];
}
