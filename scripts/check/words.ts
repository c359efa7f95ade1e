// Holds that retired identifiers and sentences do not come back: scripts/words.json lists each with what is written instead.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { codeOnly, lineOf, type Offence, withoutComments } from "./source.ts";

export interface Words {
  /** Names of code, each with the one that took its place. */
  identifiers: Readonly<Record<string, string>>;
  /** What people read, each with the words that took its place. */
  sentences: Readonly<Record<string, string>>;
}

/** Where they stand. */
const LISTS = ["scripts/words.json"];
const CODE = /^(?:src|sandbox\/src|scripts|bench|test|console|examples)\/.*\.(?:ts|tsx|mjs)$/;
const READ = /\.(?:ts|tsx|mjs|md|html|json)$/;

export function readWords(): Words {
  const file = fileURLToPath(new URL("../words.json", import.meta.url).href);
  return JSON.parse(readFileSync(file, "utf8")) as Words;
}

/** Checks files given as path (from the repository's root) -> text. */
export function checkWords(files: ReadonlyMap<string, string>, words: Words): Offence[] {
  // Names of code may be words of a sentence too; those of events and columns stand in texts of code.
  const [names, events] = split(Object.keys(words.identifiers), (name) => !name.includes("_")).map(anyOf);
  return [...files].flatMap(([file, text]) => {
    if (LISTS.includes(file) || file === "package-lock.json") return [];
    const offences: Offence[] = [];
    if (CODE.test(file)) {
      const found = [
        ...(names ? codeOnly(text).matchAll(names) : []),
        ...(events ? withoutComments(text).matchAll(events) : []),
      ];
      for (const { 0: name, index } of found) {
        offences.push({ file, line: lineOf(text, index), reason: `${name} is retired: ${words.identifiers[name]}` });
      }
    }
    if (!READ.test(file)) return offences;
    for (const [sentence, instead] of Object.entries(words.sentences)) {
      for (let at = text.indexOf(sentence); at !== -1; at = text.indexOf(sentence, at + 1)) {
        offences.push({ file, line: lineOf(text, at), reason: `"${sentence}" is retired: ${instead}` });
      }
    }
    return offences;
  });
}

function split<T>(all: readonly T[], belongs: (one: T) => boolean): [T[], T[]] {
  return [all.filter(belongs), all.filter((one) => !belongs(one))];
}

/** Whole words only; null where there are none. */
function anyOf(names: readonly string[]): RegExp | null {
  return names.length === 0 ? null : new RegExp(`(?<![\\w$])(?:${names.join("|")})(?![\\w$])`, "g");
}
