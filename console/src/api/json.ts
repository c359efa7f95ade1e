// JSON whose numbers stay exact: one that a double cannot hold (a seed above 2^53) is kept as its source text, on the way in and out.

/** A number by its source text. `JSON.stringify` prints it unchanged. */
export interface ExactNumber {
  readonly rawJSON: string;
}

/** Of the standard, and newer than TypeScript's library (tc39/proposal-json-parse-with-source). */
interface SourceJson {
  parse(text: string, revive: (key: string, value: unknown, context?: { source?: string }) => unknown): unknown;
  rawJSON?(text: string): ExactNumber;
}
const standard = JSON as unknown as SourceJson;

export function parseJson(text: string): unknown {
  return standard.parse(text, (_key, value, context) => {
    const source = context?.source;
    if (typeof value !== "number" || source === undefined || String(value) === source) return value;
    return standard.rawJSON?.(source) ?? value;
  });
}

export function printJson(value: unknown): string {
  return JSON.stringify(value, null, 2) ?? "";
}

export function isExactNumber(value: unknown): value is ExactNumber {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === null && "rawJSON" in value;
}
