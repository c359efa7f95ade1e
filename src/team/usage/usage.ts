// Usage as it is summed and exported: the lines that one ended request adds to, and CSV that spreadsheets do not run. Pure: the
// time is a parameter.

/** A line of the roll-up. `tag` is "name=value"; "" is the line that every request adds to once. */
export interface UsageKey {
  /** UTC day of the booking ("2026-11-22"), so that a closed month never moves. */
  day: string;
  model: string;
  user: string;
  keyId: string;
  tag: string;
}

/**
 * The lines that a request adds to: one without tag, for sums over everything, and one for each of its tags. Adding up
 * lines of different tags counts a request several times. `recordedAt` is epoch ms; a request without a user has "".
 */
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

/** The UTC day of a time, as text. */
export function dayOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}

export type CsvCell = string | number | null;

/** RFC 4180: CRLF after every line, the names first. Text that a spreadsheet would run as a formula gets a ' in front. */
export function csvText(columns: readonly string[], rows: readonly (readonly CsvCell[])[]): string {
  return [columns, ...rows].map((row) => `${row.map(csvCell).join(",")}\r\n`).join("");
}

/** A plain decimal number runs nothing, also with a minus in front. */
const NUMBER = /^-?\d+(\.\d+)?$/;
/** What spreadsheets take for a formula, also in full width and behind what they trim (owasp.org, "CSV Injection"). */
const FORMULA = /^[\s\p{C}]*[=+\-@\uFF1D\uFF0B\uFF0D\uFF20]|^[\t\r\n]/u;

function csvCell(value: CsvCell): string {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  const text = FORMULA.test(value) && !NUMBER.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
