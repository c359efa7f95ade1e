// CSV as spreadsheets and scripts read it: RFC 4180, with a guard against cells that a spreadsheet would run as formulas. Pure.

export type CsvCell = string | number | null;

/** First of a file: Excel reads a file without it in the code page of the machine. */
export const BYTE_ORDER_MARK = "\uFEFF";

/** RFC 4180 CSV with a header row. Text that a spreadsheet would run as a formula is prefixed with an apostrophe. */
export function csvText(columns: readonly string[], rows: readonly (readonly CsvCell[])[]): string {
  return csvLines([columns, ...rows]);
}

/** The same without a header row. */
export function csvLines(rows: readonly (readonly CsvCell[])[]): string {
  return rows.map((row) => `${row.map(csvCell).join(",")}\r\n`).join("");
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
