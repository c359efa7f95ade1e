// Holds that a name means one thing: an exported type, class, function or constant of src/ is declared in one file, or word for
// word the same in each. Reads text, needs no dependency. Prints offenders as file:line and exits 1.

import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { readTree } from "./check-imports.ts";

export interface Declaration {
  name: string;
  file: string;
  line: number;
  /** The declaration's text, without comments and with single spaces. */
  text: string;
}

const EXPORT =
  /^export (?:declare )?(?:default )?(?:abstract )?(?:async )?(?:type|interface|class|function\*?|const|let|enum) ([A-Za-z_$][\w$]*)/gm;
const COMMENT = /\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/[^\n]*/g;

/** The names that files of src/ (path -> text) declare in two shapes, with every place of each. */
export function checkNames(files: ReadonlyMap<string, string>): Declaration[] {
  const byName = Map.groupBy(
    [...files].flatMap(([file, text]) => declarationsOf(file, text)),
    ({ name }) => name,
  );
  return [...byName.values()].filter((all) => new Set(all.map(({ text }) => text)).size > 1).flat();
}

/** A declaration ends where the next line begins that is neither indented nor a closing bracket. */
function declarationsOf(file: string, text: string): Declaration[] {
  return [...text.matchAll(EXPORT)].map(({ 1: name = "", index }) => {
    const rest = text.slice(index);
    const end = rest.search(/\n(?![ \t}\])|&?:]|\n)/);
    const body = end < 0 ? rest : rest.slice(0, end);
    return {
      name,
      file,
      line: text.slice(0, index).split("\n").length,
      text: body.replaceAll(COMMENT, " ").replaceAll(/\s+/g, " ").trim(),
    };
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = fileURLToPath(new URL("../src", import.meta.url).href);
  const offenders = checkNames(readTree(folder)).sort((a, b) => a.name.localeCompare(b.name));
  for (const { name, file, line } of offenders) {
    console.error(
      `${relative(process.cwd(), folder)}/${file}:${line} \`${name}\` is declared elsewhere with another text`,
    );
  }
  if (offenders.length > 0) process.exitCode = 1;
}
