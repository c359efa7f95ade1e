// Lossless JSON: numbers keep their source text (seeds exceed 2^53) while values are found and replaced. Trees live within one
// call; text crosses storage and RPC.

import { type JsonEvents, type JsonFault, scanJson, stringAt } from "./json-scan.ts";

/** Maximum nesting of JSON text: deeper than any model input or output, and safe for recursion. */
export const JSON_DEPTH_MAX = 200;
/** Maximum number of values in one JSON text: a tree of that many takes about 30 MB of the 128 MB of an isolate. */
export const JSON_VALUES_MAX = 500_000;

/** A number that JavaScript would print differently, e.g. 196619188014358660 or 1.50; printed as in its source. */
interface RawNumber {
  readonly rawJSON: string;
}
export type JsonTree = null | boolean | string | number | RawNumber | JsonTree[] | { [key: string]: JsonTree };
export type JsonPath = (string | number)[];

/** Supported by V8 but missing from the TypeScript library (tc39/proposal-json-parse-with-source). */
const sourceJson = JSON as unknown as {
  rawJSON(text: string): RawNumber;
  isRawJSON(value: unknown): value is RawNumber;
};

export const isRawNumber = sourceJson.isRawJSON;

/** A number node as a JavaScript number, NaN for other nodes. For counting and comparing only. */
export function numberOf(node: JsonTree | undefined): number {
  if (typeof node === "number") return node;
  return isRawNumber(node) ? Number(node.rawJSON) : Number.NaN;
}

/** `isPlain`: the tree holds no number that JavaScript would print differently, so it is its own plain copy. */
export type ParsedJson =
  | { kind: "parsed"; tree: JsonTree; isPlain: boolean; duplicate: string | null }
  | { kind: "fault"; fault: JsonFault };

/**
 * Parses text into a tree in one pass, within JSON_DEPTH_MAX and JSON_VALUES_MAX. `duplicate` is the path of the first name that an
 * object has twice ("input.num_images"): parsers disagree on which value wins, so a checked value might not be the executed one.
 */
export function readJson(text: string): ParsedJson {
  const builder = new TreeBuilder(text);
  const fault = scanJson(text, builder, { depth: JSON_DEPTH_MAX, values: JSON_VALUES_MAX });
  if (fault !== null) return { kind: "fault", fault };
  const { isPlain, duplicate } = builder;
  return { kind: "parsed", tree: builder.tree, isPlain, duplicate };
}

/** Parses text into a tree. `null` for text that is not JSON, is nested deeper than JSON_DEPTH_MAX or has too many values. */
export function parseTree(text: string): { tree: JsonTree } | null {
  const parsed = readJson(text);
  return parsed.kind === "parsed" ? { tree: parsed.tree } : null;
}

class TreeBuilder implements JsonEvents {
  tree: JsonTree = null;
  isPlain = true;
  duplicate: string | null = null;
  readonly #text: string;
  readonly #open: { node: JsonTree[] | Record<string, JsonTree>; name: string }[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  open(isArray: boolean): void {
    const node = isArray ? [] : {};
    this.#add(node);
    this.#open.push({ node, name: "" });
  }

  close(): void {
    this.#open.pop();
  }

  key(start: number, end: number): void {
    const inside = this.#open.at(-1);
    if (inside === undefined) return;
    inside.name = stringAt(this.#text, start, end);
    if (this.duplicate === null && Object.hasOwn(inside.node, inside.name)) this.duplicate = this.#path();
  }

  string(start: number, end: number): void {
    this.#add(stringAt(this.#text, start, end));
  }

  literal(start: number, end: number): void {
    const source = this.#text.slice(start, end);
    if (source === "true" || source === "false") this.#add(source === "true");
    else if (source === "null") this.#add(null);
    else {
      const number = numberNode(source);
      if (typeof number !== "number") this.isPlain = false;
      this.#add(number);
    }
  }

  #add(node: JsonTree): void {
    const inside = this.#open.at(-1);
    if (inside === undefined) this.tree = node;
    else if (Array.isArray(inside.node)) inside.node.push(node);
    else if (inside.name === "__proto__") withOwnField(inside.node, inside.name, node);
    else inside.node[inside.name] = node;
  }

  #path(): string {
    return this.#open.map(({ node, name }) => (Array.isArray(node) ? node.length - 1 : name)).join(".");
  }
}

/** Numbers that JavaScript prints identically stay plain, which takes a tenth of the memory. */
function numberNode(source: string): JsonTree {
  const value = Number(source);
  // Up to 15 digits of a whole number are exact and printed as they are.
  if (source.length <= 15 && /^[1-9][0-9]*$/.test(source)) return value;
  return String(value) === source ? value : sourceJson.rawJSON(source);
}

function withOwnField(node: Record<string, JsonTree>, name: string, value: JsonTree): void {
  Object.defineProperty(node, name, { value, enumerable: true, configurable: true, writable: true });
}

/** Prints a tree: canonical structure, numbers as in their source. */
export function printTree(tree: JsonTree): string {
  return JSON.stringify(tree);
}

/** A plain copy for schema validation. Numbers lose precision, so it must not be sent on. */
export function plainCopy(tree: JsonTree): unknown {
  return JSON.parse(printTree(tree));
}

/** The value at a path, or undefined. Own properties only. */
export function valueAt(tree: JsonTree, path: JsonPath): JsonTree | undefined {
  let node: JsonTree | undefined = tree;
  for (const step of path) {
    if (!hasStep(node, step)) return undefined;
    node = (node as Record<string | number, JsonTree>)[step];
  }
  return node;
}

/** Whether a node has a key or index. An array's `length` and the inside of a raw number do not count. */
function hasStep(node: JsonTree | undefined, step: string | number): node is JsonTree & object {
  if (node === null || typeof node !== "object" || isRawNumber(node)) return false;
  return Object.hasOwn(node, step) && (!Array.isArray(node) || step !== "length");
}

/** Replaces the value at a path that exists, in place. At the root it returns the new value. */
export function withValueAt(tree: JsonTree, path: JsonPath, value: JsonTree): JsonTree {
  const last = path.at(-1);
  if (last === undefined) return value;
  const parent = valueAt(tree, path.slice(0, -1));
  if (!hasStep(parent, last)) return tree;
  withOwnField(parent as Record<string, JsonTree>, String(last), value);
  return tree;
}

/** JSON text to embed in an object unchanged. */
export class RawText {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** Prints an object of plain JSON values with embedded RawText; `undefined` values are omitted. */
export function objectText(fields: Record<string, unknown>): string {
  const parts: string[] = [];
  for (const [key, value] of Object.entries(fields)) {
    if (value !== undefined) parts.push(`${JSON.stringify(key)}:${valueText(value)}`);
  }
  return `{${parts.join(",")}}`;
}

function valueText(value: unknown): string {
  if (value instanceof RawText) return value.text;
  if (Array.isArray(value)) return `[${value.map(valueText).join(",")}]`;
  const isObject = typeof value === "object" && value !== null && !isRawNumber(value);
  return isObject ? objectText(value as Record<string, unknown>) : JSON.stringify(value ?? null);
}
