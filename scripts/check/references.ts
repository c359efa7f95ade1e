// Holds what comments refer to: a file that one names is there, a name in backticks is somewhere in the code, a section of a
// README is one of its headings.

import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, sep } from "node:path";
import { lineOf, type Offence, STRING_OR_COMMENT } from "./source.ts";

/** Folders whose comments are checked. */
const CHECKED = ["src", "console", "sandbox", "scripts", "bench", "test"];
const CODE = /\.(?:tsx?|mjs|js|json|toml)$/;

/** A file by its name or its path. What has a colon is another repository's (`owner/name:path`) or a URL. */
const FILE = /[\w@.:/…-]*[\w-]\.(?:tsx?|mjs|md|toml)\b/g;
/** A name that only code has: a capital inside, as in `nextTry`. A call's brackets may follow. */
const CODE_NAME = /`([a-z]\w*[A-Z]\w*)(?:\(\))?`/g;
const README_SECTION = /\bREADME,?\s+"([^"]+)"/g;

/** Checks every comment of the code, given as path (from the repository's root, with slashes) -> text of every file. */
export function checkReferences(files: ReadonlyMap<string, string>): Offence[] {
  const byName = Map.groupBy(files.keys(), (path) => basename(path));
  const words = wordsOf(files);
  return [...files].flatMap(([file, text]) => {
    if (!/\.tsx?$/.test(file) || !CHECKED.includes(file.split("/")[0] ?? "")) return [];
    return comments(text).flatMap(({ text: comment, index }) => {
      const offences: Offence[] = [];
      const note = (at: number, reason: string) => {
        offences.push({ file, line: lineOf(text, index + at), reason });
      };
      for (const { 0: path, index: at } of comment.matchAll(FILE)) {
        const fault = fileFault(path, file, byName);
        if (fault !== null) note(at, fault);
      }
      for (const { 1: name = "", index: at } of comment.matchAll(CODE_NAME)) {
        if (!words.has(name)) note(at, `no code has the name ${name}`);
      }
      for (const { 1: title = "", index: at } of comment.matchAll(README_SECTION)) {
        if (!isSection(title, file, files)) note(at, `no README above has a section "${title}"`);
      }
      return offences;
    });
  });
}

function comments(text: string): { text: string; index: number }[] {
  return [...text.matchAll(STRING_OR_COMMENT)].flatMap(({ 0: token, index }) =>
    token.startsWith("/") ? [{ text: token, index }] : [],
  );
}

/**
 * A path is the end of a file's own. A name alone is that of a file beside the comment or in a folder above; a file elsewhere
 * may go by its name alone where no other file has it.
 */
function fileFault(path: string, from: string, byName: ReadonlyMap<string, string[]>): string | null {
  if (path.includes(":") || path.includes("…")) return null;
  const candidates = byName.get(basename(path)) ?? [];
  if (path.includes("/")) {
    const found = candidates.some((file) => file === path || file.endsWith(`/${path}`));
    return found ? null : `there is no file ${path}`;
  }
  if (candidates.length === 0) return `there is no file ${path}`;
  if (candidates.length === 1 || candidates.some((file) => isAbove(dirname(file), from))) return null;
  return `${path} may be ${candidates.join(" or ")}: name its folder`;
}

/** Whether a folder holds this file, at any depth. */
function isAbove(folder: string, file: string): boolean {
  return folder === "." || file.startsWith(`${folder}/`);
}

function isSection(title: string, from: string, files: ReadonlyMap<string, string>): boolean {
  return [...files].some(([file, text]) => {
    if (basename(file) !== "README.md" || !isAbove(dirname(file), from)) return false;
    return text.split("\n").some((line) => line.replace(/^#+ /, "") === title && line.startsWith("#"));
  });
}

/** Every word of the code, comments aside. */
function wordsOf(files: ReadonlyMap<string, string>): Set<string> {
  const words = new Set<string>();
  for (const [file, text] of files) {
    if (!CODE.test(file) || file === "package-lock.json") continue;
    const code = text.replaceAll(STRING_OR_COMMENT, (token) => (token.startsWith("/") ? " " : token));
    for (const [word] of code.matchAll(/[\w$]+/g)) words.add(word);
  }
  return words;
}

/** The repository's own text files, as `checkReferences` takes them. */
export function readRepository(root: string): Map<string, string> {
  const paths = readdirSync(root, { withFileTypes: true }).flatMap((entry) => {
    if (entry.name.startsWith(".") || entry.name === "node_modules") return [];
    if (!entry.isDirectory()) return [entry.name];
    const inside = readdirSync(join(root, entry.name), { recursive: true, encoding: "utf8" });
    return inside.map((path) => `${entry.name}/${path.split(sep).join("/")}`);
  });
  const texts = paths.filter(
    (path) => /\.(?:tsx?|mjs|js|json|toml|md)$/.test(path) && !/(?:^|\/)(?:node_modules|dist)\//.test(path),
  );
  return new Map(texts.map((path) => [path, readFileSync(join(root, path), "utf8")]));
}
