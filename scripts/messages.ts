// Prints every message that a person may read, by file and line: responses, hints, descriptions, command-line output, log event names.
// `npm run messages`, or `npm run messages -- src/http`.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { lineOf, readTree, withoutComments } from "./check/source.ts";

export interface Message {
  file: string;
  line: number;
  kind: "sentence" | "event" | "title";
  text: string;
}

const FOLDERS = ["src", "scripts", "sandbox/src"];
/** A text with its quotes. Template literals may span lines. */
const LITERAL = /"((?:\\.|[^"\\\n])*)"|'((?:\\.|[^'\\\n])*)'|`((?:\\.|[^`\\])*)`/g;
const EVENT = /^[a-z]+(?:_[a-z]+)*\.[a-z_]+$/;
const SQL = /^\s*(?:SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|DROP|WITH|PRAGMA)\b/;

/** The messages of one file, in their order. */
export function messagesOf(file: string, text: string): Message[] {
  const code = withoutComments(text);
  return [...code.matchAll(LITERAL)].flatMap((match) => {
    const literal = match[1] ?? match[2] ?? match[3] ?? "";
    const before = code.slice(Math.max(0, match.index - 40), match.index);
    const kind = kindOf(literal, before);
    if (kind === null) return [];
    return [{ file, line: lineOf(code, match.index), kind, text: literal.replaceAll(/\s+/g, " ").trim() }];
  });
}

function kindOf(literal: string, before: string): Message["kind"] | null {
  if (/\blogEvent\(\s*$/.test(before) && EVENT.test(literal)) return "event";
  if (/\b(?:summary|title|description|detail|hint|message):\s*$/.test(before) && /[a-z]/.test(literal)) return "title";
  if (SQL.test(literal) || /^\s*(?:import|export)\b/.test(before)) return null;
  // Two words and more, beginning as a sentence or a part of one does.
  const words = literal
    .replaceAll(/\$\{[^}]*\}/g, "x")
    .trim()
    .split(/\s+/);
  const isProse = words.length >= 3 && words.filter((word) => /^[A-Za-z'’(]+[a-z'’).,:;]*$/.test(word)).length >= 3;
  return isProse ? "sentence" : null;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = fileURLToPath(new URL("..", import.meta.url).href);
  const wanted = process.argv[2] ?? "";
  for (const folder of FOLDERS) {
    for (const [path] of readTree(`${root}${folder}`)) {
      const file = `${folder}/${path}`;
      if (!file.startsWith(wanted)) continue;
      for (const { line, text } of messagesOf(file, readFileSync(`${root}${file}`, "utf8"))) {
        console.log(`${file}:${line}\t${text}`);
      }
    }
  }
}
