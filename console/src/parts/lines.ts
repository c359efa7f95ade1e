// A list as people type it. Pure.

/** The items of a text: one a line, or with commas between. */
export function linesOf(text: string): string[] {
  return text
    .split(/[\n,]/)
    .map((line) => line.trim())
    .filter((line) => line !== "");
}
