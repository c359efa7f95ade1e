// Lossless JSON: numbers keep their source text (seeds exceed 2^53) while values are found and replaced. Trees live within one
// call; text crosses storage and RPC.

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
  parse(text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown): JsonTree;
  rawJSON(text: string): RawNumber;
  isRawJSON(value: unknown): value is RawNumber;
};

export const isRawNumber = sourceJson.isRawJSON;

/** A number node as a JavaScript number, NaN for other nodes. For counting and comparing only. */
export function numberOf(node: JsonTree | undefined): number {
  if (typeof node === "number") return node;
  return isRawNumber(node) ? Number(node.rawJSON) : Number.NaN;
}

/** Parses text into a tree. `null` for text that is not JSON, is nested deeper than JSON_DEPTH_MAX or has too many values. */
export function parseTree(text: string): { tree: JsonTree } | null {
  if (!isWithinBounds(text)) return null;
  try {
    const tree = sourceJson.parse(text, (_key, value, context) =>
      // Numbers that JavaScript prints identically stay plain, which takes a tenth of the memory.
      typeof value === "number" && context.source !== undefined && context.source !== String(value)
        ? sourceJson.rawJSON(context.source)
        : value,
    );
    return { tree };
  } catch {
    return null;
  }
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
  Object.defineProperty(parent, last, { value, enumerable: true, configurable: true, writable: true });
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

/** Checked before parsing: V8's reviver recurses, and a tree takes many times the bytes of its text. */
function isWithinBounds(text: string): boolean {
  let depth = 0;
  let values = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (inString) {
      if (code === 0x5c) i++;
      else if (code === 0x22) inString = false;
    } else if (code === 0x22) inString = true;
    else if (code === 0x2c) {
      if (++values > JSON_VALUES_MAX) return false;
    } else if (code === 0x5b || code === 0x7b) {
      if (++depth > JSON_DEPTH_MAX || ++values > JSON_VALUES_MAX) return false;
    } else if (code === 0x5d || code === 0x7d) depth--;
  }
  return true;
}
