// Source files as the checks read them: path and text, their imports, and code without its comments and strings.

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, sep } from "node:path";

/** What a check finds: where, and why it may not be so. */
export interface Offence {
  file: string;
  line: number;
  reason: string;
}

/** Files of a folder by their path from it (with slashes). */
export type SourceTree = ReadonlyMap<string, string>;

/** One import or export from elsewhere. `target` is a path from the tree's root for a relative one, else the package. */
export interface Import {
  target: string;
  /** As it is written. */
  specifier: string;
  line: number;
  typeOnly: boolean;
}

const STATEMENT = /^[ \t]*(?:import|export)\s+(type\s+)?(?:([^"';]*?)\bfrom\s*)?["']([^"']+)["']/gm;
const DYNAMIC = /\bimport\(\s*["']([^"']+)["']\s*\)/g;
export const STRING_OR_COMMENT =
  /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;

export function readTree(folder: string): Map<string, string> {
  const paths = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((path) => /\.tsx?$/.test(path));
  return new Map(paths.map((path) => [path.split(sep).join("/"), readFileSync(join(folder, path), "utf8")]));
}

export function importsOf(file: string, text: string): Import[] {
  const code = withoutComments(text);
  const found = [...code.matchAll(STATEMENT)].map((match) => {
    const [all, type, names = "", specifier = ""] = match;
    return { specifier, index: match.index + all.length - 1, typeOnly: type !== undefined || isTypesOnly(names) };
  });
  const late = [...code.matchAll(DYNAMIC)].map((match) => {
    return { specifier: match[1] ?? "", index: match.index, typeOnly: false };
  });
  return [...found, ...late].map(({ specifier, index, typeOnly }) => {
    const target = specifier.startsWith(".") ? posix(normalize(join(dirname(file), specifier))) : specifier;
    return { target, specifier, line: lineOf(code, index), typeOnly };
  });
}

/** `{ type A, type B }`. */
function isTypesOnly(names: string): boolean {
  const listed = /^\s*\{([^}]*)\}\s*$/.exec(names)?.[1];
  if (listed === undefined) return false;
  const parts = listed.split(",").filter((part) => part.trim() !== "");
  return parts.length > 0 && parts.every((part) => /^\s*type\s/.test(part));
}

/** The text with its comments turned into spaces, so that lines stay where they are. */
export function withoutComments(text: string): string {
  return blanked(text, (token) => token.startsWith("/"));
}

/** The same without strings. */
export function codeOnly(text: string): string {
  return blanked(text, () => true);
}

function blanked(text: string, which: (token: string) => boolean): string {
  return text.replaceAll(STRING_OR_COMMENT, (token) => (which(token) ? token.replaceAll(/[^\n]/g, " ") : token));
}

export function lineOf(text: string, index: number): number {
  return text.slice(0, index).split("\n").length;
}

function posix(path: string): string {
  return path.split(sep).join("/");
}
