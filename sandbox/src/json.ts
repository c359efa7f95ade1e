// JSON that keeps numbers as written: seeds exceed the range of a JavaScript number.

/** In V8, but not yet in TypeScript's library (tc39/proposal-json-parse-with-source). */
const sourceJson = JSON as unknown as {
  parse(text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown): unknown;
  rawJSON(text: string): object;
};

/** A number that `JSON.stringify` prints as given. */
export function exactNumber(text: string): object {
  return sourceJson.rawJSON(text);
}

/** Parses text so that `JSON.stringify` prints its numbers as they were. Throws SyntaxError, as `JSON.parse` does. */
export function parseExact(text: string): unknown {
  return sourceJson.parse(text, (_key, value, context) =>
    typeof value === "number" && context.source !== undefined ? sourceJson.rawJSON(context.source) : value,
  );
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Text as a JSON object, or null for anything else. */
export function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : null;
  } catch {
    return null;
  }
}
