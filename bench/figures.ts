// Writes what a measurement found into docs/figures.md: one section for each, replaced by its next run, never added to.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";

const FILE = fileURLToPath(new URL("../docs/figures.md", import.meta.url).href);
const HEAD = `# Figures

What was measured, by which command, when. A section is written by its command and replaced by its next run; see
[bench/README.md](../bench/README.md).
`;

/** Replaces the section of this title, or adds it at the end. `body` is Markdown without headings of level one or two. */
export function writeSection(title: string, body: string): void {
  const [head = HEAD, ...sections] = existsSync(FILE) ? readFileSync(FILE, "utf8").split(/^(?=## )/m) : [];
  const section = `## ${title}\n\n${body.trim()}\n`;
  const at = sections.findIndex((each) => each.startsWith(`## ${title}\n`));
  if (at === -1) sections.push(section);
  else sections[at] = section;
  writeFileSync(FILE, `${[head, ...sections].map((part) => part.trim()).join("\n\n")}\n`);
}

/** The rows of the section's table, below its columns; none where there is no such section. */
export function rowsOf(title: string): string[][] {
  const sections = existsSync(FILE) ? readFileSync(FILE, "utf8").split(/^(?=## )/m) : [];
  const section = sections.find((each) => each.startsWith(`## ${title}\n`)) ?? "";
  const rows = [...section.matchAll(/^\| (.*) \|$/gm)].map(([, row = ""]) => row.split(" | "));
  return rows.slice(2);
}

/** How and where a figure came to be. */
export function provenance(command: string): string {
  const day = new Date().toISOString().slice(0, 10);
  return `\`${command}\`, ${day}, ${cpus().length} cores, Node ${process.versions.node}.`;
}

/** A Markdown table. */
export function table(columns: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  return [columns, columns.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
}
