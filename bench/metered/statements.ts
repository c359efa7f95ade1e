// What the meter has to know of SQL: where one statement of an `exec` ends and the next begins, and which table a statement
// writes. A cursor tells the rows of the last statement alone, so that several are counted only when they run one by one.

/** Strings, quoted names and comments, in which a semicolon ends nothing. */
const OPAQUE = /'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\[[^\]]*\]|--[^\n]*|\/\*[\s\S]*?\*\//g;
const STATEMENT = new RegExp(`(?:${OPAQUE.source}|[^;])+`, "g");

/** The statements of one `exec`, comments left out. Triggers are not taken apart: they are refused. */
export function splitStatements(sql: string): string[] {
  const bare = (text: string) => text.replace(OPAQUE, (part) => (/^(?:--|\/\*)/.test(part) ? " " : part)).trim();
  const statements = [...sql.matchAll(STATEMENT)].map(([text]) => bare(text)).filter((text) => text !== "");
  if (statements.some((text) => /^CREATE\s+(?:TEMP\s+)?TRIGGER\b/i.test(text))) {
    throw new Error("the meter does not count triggers");
  }
  return statements;
}

const WRITES = /\b(?:INSERT(?:\s+OR\s+\w+)?\s+INTO|REPLACE\s+INTO|UPDATE(?:\s+OR\s+\w+)?|DELETE\s+FROM)\s+"?(\w+)/i;
const SHAPES = /^\s*(?:CREATE|ALTER|DROP)\s+(?:UNIQUE\s+)?(?:TABLE|INDEX)\s+(?:IF\s+(?:NOT\s+)?EXISTS\s+)?"?(\w+)/i;

/** What a statement writes, for people: a table's name, or that it makes or changes one. */
export function writtenBy(statement: string): string {
  const shape = SHAPES.exec(statement)?.[1];
  if (shape !== undefined) return `making ${shape}`;
  return WRITES.exec(statement)?.[1] ?? "another statement";
}
