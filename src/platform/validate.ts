// Validates caller input with zod and reports one sentence that names each field and what it accepts. Never quotes the value.

import type * as z from "zod";

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
  return { ok: false, detail: `${[...new Set(faults)].slice(0, FAULTS_SHOWN).join("; ")}.` };
}

function sentences(issue: z.core.$ZodIssue, where: string): string[] {
  if (issue.code !== "unrecognized_keys") return [`\`${fieldName(issue.path, where)}\` ${issue.message}`];
  return issue.keys.map((key) => `\`${fieldName([...issue.path, key], where)}\` is not a known field`);
}

/** Path in code notation, e.g. `limits[0].window`. */
export function fieldName(path: readonly PropertyKey[], where: string): string {
  let name = "";
  for (const step of path) {
    if (typeof step === "number") name += `[${step}]`;
    else name += name === "" ? String(step) : `.${String(step)}`;
  }
  return name === "" ? where : name;
}

/** Undefined keeps the message of the schema or of zod. */
function faultText(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case "invalid_type":
      return issue.input === undefined ? "is required" : `must be ${typeText(issue.expected)}`;
    case "invalid_value": {
      const allowed = issue.values.map((value) => JSON.stringify(value)).join(", ");
      return issue.values.length === 1 ? `must be ${allowed}` : `must be one of ${allowed}`;
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
