// Reads JSON text once, token by token, without building anything: what reads it decides what to keep. Linear in the text, whatever
// it holds, and without recursion. Accepts what JSON.parse accepts.

/** What the text consists of, in its order. `start` and `end` are positions in it, quotes included. */
export interface JsonEvents {
  /** `at`: its bracket. */
  open?(isArray: boolean, at: number): void;
  /** `end`: after its bracket. */
  close?(end: number): void;
  key?(start: number, end: number): void;
  string?(start: number, end: number): void;
  /** A number, true, false or null. */
  literal?(start: number, end: number): void;
  /** White space around tokens. */
  gap?(start: number, end: number): void;
}

/** What the text may hold at most. */
export interface JsonBounds {
  depth: number;
  values: number;
  /** Whether NaN, Infinity and -Infinity are numbers, as Python's json module prints them. */
  nonFinite?: boolean;
}

const UNBOUNDED: JsonBounds = { depth: Number.POSITIVE_INFINITY, values: Number.POSITIVE_INFINITY };
/** Text that is JSON but for numbers that are not finite. */
export const NON_FINITE: JsonBounds = { ...UNBOUNDED, nonFinite: true };

/** `at`: the position where the text stops being JSON. */
export type JsonFault = { kind: "syntax"; at: number } | { kind: "too_deep" } | { kind: "too_many_values" };

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** What may come next. A container that has just been opened may also end. */
type Expected = "value" | "first_value" | "first_key" | "key" | "separator" | "nothing";

/** Null: the text is JSON within the bounds, and every part of it was told. */
export function scanJson(text: string, events: JsonEvents, bounds: JsonBounds = UNBOUNDED): JsonFault | null {
  /** Whether each open container is an array. */
  const open: boolean[] = [];
  let expected: Expected = "value";
  let values = 0;
  let at = 0;
  for (;;) {
    const gapEnd = skipGap(text, at);
    if (gapEnd > at) events.gap?.(at, gapEnd);
    at = gapEnd;
    if (at >= text.length) return expected === "nothing" ? null : { kind: "syntax", at };
    const code = text.charCodeAt(at);
    switch (expected) {
      case "nothing":
        return { kind: "syntax", at };
      case "separator":
        if (code === COMMA) {
          expected = open.at(-1) ? "value" : "key";
        } else if (code === (open.at(-1) ? CLOSE_ARRAY : CLOSE_OBJECT)) {
          open.pop();
          events.close?.(at + 1);
          if (open.length === 0) expected = "nothing";
        } else return { kind: "syntax", at };
        at++;
        continue;
      case "first_key":
      case "key": {
        if (code === CLOSE_OBJECT && expected === "first_key") break;
        const end = code === QUOTE ? stringEnd(text, at) : -1;
        if (end < 0) return { kind: "syntax", at };
        events.key?.(at, end);
        const colon = skipGap(text, end);
        if (text.charCodeAt(colon) !== COLON) return { kind: "syntax", at: colon };
        if (colon > end) events.gap?.(end, colon);
        at = colon + 1;
        expected = "value";
        continue;
      }
      case "first_value":
      case "value":
        if (code === CLOSE_ARRAY && expected === "first_value") break;
        if (++values > bounds.values) return { kind: "too_many_values" };
        if (code === OPEN_ARRAY || code === OPEN_OBJECT) {
          open.push(code === OPEN_ARRAY);
          if (open.length > bounds.depth) return { kind: "too_deep" };
          events.open?.(code === OPEN_ARRAY, at);
          expected = code === OPEN_ARRAY ? "first_value" : "first_key";
          at++;
          continue;
        }
        {
          const end =
            code === QUOTE
              ? stringEnd(text, at)
              : literalEnd(text, at, bounds.nonFinite ? NON_FINITE_LITERAL : LITERAL);
          if (end < 0) return { kind: "syntax", at };
          if (code === QUOTE) events.string?.(at, end);
          else events.literal?.(at, end);
          at = end;
          expected = open.length === 0 ? "nothing" : "separator";
        }
        continue;
    }
    // An empty container.
    open.pop();
    events.close?.(at + 1);
    expected = open.length === 0 ? "nothing" : "separator";
    at++;
  }
}

/** The fields of a JSON object with the text of their values; of a name that stands twice, the last. Null: the text is no object. */
export function fieldsOf(text: string): Map<string, string> | null {
  const fields = new Map<string, string>();
  let depth = 0;
  let isObject = false;
  let name = "";
  let from = 0;
  const end = (at: number) => {
    if (depth === 1) fields.set(name, text.slice(from, at));
  };
  const fault = scanJson(text, {
    open(array, at) {
      if (depth === 0) isObject = !array;
      if (depth === 1) from = at;
      depth++;
    },
    close(at) {
      depth--;
      end(at);
    },
    key(start, keyEnd) {
      if (depth === 1) name = stringAt(text, start, keyEnd);
    },
    string(start, valueEnd) {
      if (depth === 1) from = start;
      end(valueEnd);
    },
    literal(start, valueEnd) {
      if (depth === 1) from = start;
      end(valueEnd);
    },
  });
  return fault === null && isObject ? fields : null;
}

/** Whether the text is JSON, of whatever size. */
export function isJson(text: string): boolean {
  return scanJson(text, {}) === null;
}

/** The strings at these paths of text that is JSON but for numbers that are not finite; null where there is none. */
export function stringsAt(text: string, paths: readonly (readonly (string | number)[])[]): (string | null)[] {
  const found: (string | null)[] = paths.map(() => null);
  const sought = new Map<string, number[]>();
  for (const [n, each] of paths.entries())
    sought.set(JSON.stringify(each), [...(sought.get(JSON.stringify(each)) ?? []), n]);
  /** A string is compared only where the last steps agree. */
  const lastSteps = new Set(paths.map((each) => each.at(-1)));
  /** The step to the value at hand, for each open container. */
  const path: (string | number)[] = [];
  const isArray: boolean[] = [];
  const enter = () => {
    if (isArray.at(-1)) path[path.length - 1] = Number(path.at(-1)) + 1;
  };
  scanJson(
    text,
    {
      open(array) {
        enter();
        isArray.push(array);
        path.push(array ? -1 : "");
      },
      close() {
        isArray.pop();
        path.pop();
      },
      key(start, end) {
        path[path.length - 1] = stringAt(text, start, end);
      },
      string(start, end) {
        enter();
        if (!lastSteps.has(path.at(-1))) return;
        for (const n of sought.get(JSON.stringify(path)) ?? []) found[n] = stringAt(text, start, end);
      },
      literal: enter,
    },
    NON_FINITE,
  );
  return found;
}

/** The text between a string's quotes, escapes decoded. */
export function stringAt(text: string, start: number, end: number): string {
  const inside = text.slice(start + 1, end - 1);
  return inside.includes("\\") ? (JSON.parse(text.slice(start, end)) as string) : inside;
}

function skipGap(text: string, from: number): number {
  let at = from;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) break;
  }
  return at;
}

/** After the closing quote of the string that begins at `start`; -1 where there is none or the string is not JSON's. */
function stringEnd(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) return at + 1;
    if (code < 0x20) return -1;
    if (code !== BACKSLASH) continue;
    const escaped = text.charAt(++at);
    if (escaped !== "u") {
      if (escaped === "" || !'"\\/bfnrt'.includes(escaped)) return -1;
      continue;
    }
    if (!/^[0-9a-f]{4}$/i.test(text.slice(at + 1, at + 5))) return -1;
    at += 4;
  }
  return -1;
}

const LITERAL = /true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;

const NON_FINITE_LITERAL = new RegExp(`NaN|-?Infinity|${LITERAL.source}`, "y");

/** After the number or word that begins at `start`; -1 where there is none. */
function literalEnd(text: string, start: number, literal: RegExp): number {
  literal.lastIndex = start;
  return literal.test(text) ? literal.lastIndex : -1;
}
