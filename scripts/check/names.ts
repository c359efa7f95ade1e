// Holds that a name means one thing: what files of src/ export under one name is declared in one of them, or word for word the
// same in each.

import { lineOf, type Offence, type SourceTree, withoutComments } from "./source.ts";

const EXPORT =
  /^export (?:declare )?(?:abstract )?(?:async )?(?:type|interface|class|function\*?|const|let|enum) ([A-Za-z_$][\w$]*)/gm;

interface Declaration {
  name: string;
  file: string;
  line: number;
  /** With single spaces. */
  text: string;
}

export function checkNames(tree: SourceTree): Offence[] {
  const declarations = [...tree].flatMap(([file, text]) => declarationsOf(file, withoutComments(text)));
  return [...Map.groupBy(declarations, ({ name }) => name)].flatMap(([name, all]) => {
    const files = [...new Set(all.map(({ file }) => file))].sort();
    if (files.length < 2 || new Set(all.map(({ text }) => text)).size < 2) return [];
    const [first] = all.toSorted((a, b) => (a.file < b.file ? -1 : 1));
    return [
      {
        file: files[0] ?? "",
        line: first?.line ?? 1,
        reason: `\`${name}\` is also another thing: ${files.slice(1).join(", ")}`,
      },
    ];
  });
}

/** A declaration ends before the next line that is neither indented nor a closing bracket nor one more member of a union. */
function declarationsOf(file: string, code: string): Declaration[] {
  return [...code.matchAll(EXPORT)].map(({ 1: name = "", index }) => {
    const rest = code.slice(index);
    const end = rest.search(/\n(?![ \t}\])|&])/);
    const text = (end < 0 ? rest : rest.slice(0, end)).replaceAll(/\s+/g, " ").trim();
    return { name, file, line: lineOf(code, index), text };
  });
}
