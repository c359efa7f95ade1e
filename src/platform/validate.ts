// Validates caller input with zod and reports one sentence that names each field and what it accepts. Never quotes the value.

import type * as z from "zod";
import { nearest } from "./suggest.ts";

/** Bytes of caller's `metadata`, `tags` entries and their lengths. */
export const METADATA_MAX_BYTES = 16 * 1024;
/** Tags of a request or of a plan. */
export const TAGS_MAX = 10;
/** Characters of a tag's name, and of its value. */
export const TAG_TEXT_MAX_CHARS = 128;
/** Characters of a user's name. */
export const USER_MAX_CHARS = 128;
/** Characters of a URL that a caller sends: webhooks, origins. */
export const URL_MAX_CHARS = 2_048;

/** Characters of an unknown field's name that are repeated. */
const NAME_SHOWN_CHARS = 64;
/** Maximum number of faults in one sentence. */
const FAULTS_SHOWN = 3;

export type FieldsAnswer<T> = { ok: true; value: T } | { ok: false; detail: string };

/**
 * Parses `value`. `where` names the whole ("input", "body") for faults outside a field. The detail reads: "`limits[0].window`
 * must be one of "1d", "1mo"".
 */
export function parseFields<S extends z.ZodType>(schema: S, value: unknown, where: string): FieldsAnswer<z.output<S>> {
  const parsed = schema.safeParse(value, { error: faultText });
  if (parsed.success) return { ok: true, value: parsed.data };
  const faults = parsed.error.issues.flatMap((issue) => sentences(issue, where));
  const text = [...new Set(faults)].slice(0, FAULTS_SHOWN).join("; ");
  return { ok: false, detail: text.endsWith("?") ? text : `${text}.` };
}

function sentences(issue: z.core.$ZodIssue, where: string): string[] {
  if (issue.code !== "unrecognized_keys") return [`\`${fieldName(issue.path, where)}\` ${issue.message}`];
  // `faultText` says one thing for each key.
  const texts = issue.message.split("\n");
  return issue.keys.map((key, n) => {
    const name = key.length > NAME_SHOWN_CHARS ? `${key.slice(0, NAME_SHOWN_CHARS)}…` : key;
    return `\`${fieldName([...issue.path, name], where)}\` ${texts[n]}`;
  });
}

/** The fields of an object schema; null for any other. */
export function shapeOf(schema: unknown): Record<string, unknown> | null {
  const { def } = (schema as { _zod?: { def?: { shape?: Record<string, unknown> } } })._zod ?? {};
  return def?.shape ?? null;
}

/** "is not a known field", with the known one that was meant. */
function unknownField(key: string, known: readonly string[]): string {
  const meant = nearest(key, known);
  return meant === null ? "is not a known field" : `is not a known field; did you mean \`${meant}\`?`;
}

/** Longest field name in a message: callers choose the names of unknown fields. */
const FIELD_NAME_MAX_CHARS = 300;

/** Path in code notation, e.g. `limits[0].window`. */
export function fieldName(path: readonly PropertyKey[], where: string): string {
  let name = "";
  for (const step of path) {
    if (typeof step === "number") name += `[${step}]`;
    else name += name === "" ? String(step) : `.${String(step)}`;
  }
  if (name.length > FIELD_NAME_MAX_CHARS) return `${name.slice(0, FIELD_NAME_MAX_CHARS).toWellFormed()}…`;
  return name === "" ? where : name;
}

/** Undefined keeps the message of the schema or of zod. */
function faultText(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case "invalid_type":
      return issue.input === undefined ? "is required" : `must be ${typeText(issue.expected)}`;
    case "invalid_value":
      return oneOfText(issue.values, issue.input);
    case "unrecognized_keys": {
      const known = Object.keys(shapeOf(issue.inst) ?? {});
      return issue.keys.map((key) => unknownField(key, known)).join("\n");
    }
    case "too_small":
      return `must ${amountText("at least", issue.minimum, issue.origin)}`;
    case "too_big":
      return `must ${amountText("at most", issue.maximum, issue.origin)}`;
    case "invalid_format":
      return `must be a valid ${issue.format}`;
    default:
      return undefined;
  }
}

/** "must be one of …", with the one that was meant. */
export function oneOfText(values: readonly unknown[], input: unknown): string {
  const allowed = values.map((value) => JSON.stringify(value)).join(", ");
  const words = values.filter((value) => typeof value === "string");
  const meant = typeof input === "string" ? nearest(input, words) : null;
  const list = values.length === 1 ? `must be ${allowed}` : `must be one of ${allowed}`;
  return meant === null || values.length === 1 ? list : `${list}; did you mean ${JSON.stringify(meant)}?`;
}

function typeText(expected: string): string {
  switch (expected) {
    case "int":
      return "an integer";
    case "array":
    case "object":
      return `an ${expected}`;
    case "record":
      return "an object";
    case "boolean":
      return "a boolean";
    default:
      return `a ${expected}`;
  }
}

function amountText(bound: string, amount: number | bigint, origin: string): string {
  if (origin === "string") return `have ${bound} ${amount} character${amount === 1 ? "" : "s"}`;
  if (origin === "array") return `have ${bound} ${amount} entr${amount === 1 ? "y" : "ies"}`;
  return `be ${bound} ${amount}`;
}
