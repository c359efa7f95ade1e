// Keys of the usage roll-up and CSV export. Pure.

/** Key of a usage row. `tag` is "name=value", or "" for the row that counts every request once. */
export interface UsageKey {
  /** UTC day that the usage counts on ("2026-11-22"). */
  day: string;
  model: string;
  user: string;
  keyId: string;
  tag: string;
}

/** Rows that a request adds to: one without tag and one per tag. `recordedAt` is epoch ms; no user is "". */
export function usageKeys(request: {
  recordedAt: number;
  model: string;
  user: string | null;
  keyId: string;
  tags: Readonly<Record<string, string>>;
}): UsageKey[] {
  const { model, keyId } = request;
  const line = { day: dayOf(request.recordedAt), model, user: request.user ?? "", keyId };
  const tags = Object.entries(request.tags).map(([name, value]) => `${name}=${value}`);
  return ["", ...tags].map((tag) => ({ ...line, tag }));
}

/** UTC day of a time. */
export function dayOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}

export type CsvCell = string | number | null;

/** RFC 4180 CSV with a header row. Text that a spreadsheet would run as a formula is prefixed with an apostrophe. */
export function csvText(columns: readonly string[], rows: readonly (readonly CsvCell[])[]): string {
  return [columns, ...rows].map((row) => `${row.map(csvCell).join(",")}\r\n`).join("");
}

/** Decimal numbers are no formulas, also with a minus sign. */
const NUMBER = /^-?\d+(\.\d+)?$/;
/** Formula prefixes, also in full width and after trimmed characters (owasp.org, "CSV Injection"). */
const FORMULA = /^[\s\p{C}]*[=+\-@\uFF1D\uFF0B\uFF0D\uFF20]|^[\t\r\n]/u;

function csvCell(value: CsvCell): string {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  const text = FORMULA.test(value) && !NUMBER.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
