// Holds that a folder and a file stay what one person takes in at once.

import { dirname } from "node:path";
import type { Offence, SourceTree } from "./source.ts";

const FOLDER_FILES_MAX = 25;
const FILE_LINES_MAX = 350;
/** Longer ones that are one table each. */
const TABLES = ["team/schema.ts"];

export function checkSizes(tree: SourceTree): Offence[] {
  const folders = Map.groupBy(tree.keys(), (file) => dirname(file));
  const full = [...folders].filter(([, files]) => files.length > FOLDER_FILES_MAX);
  const long = [...tree].filter(([file, text]) => linesOf(text) > FILE_LINES_MAX && !TABLES.includes(file));
  return [
    ...full.map(([folder, files]) => {
      return { file: folder, line: 1, reason: `${files.length} files: no folder holds more than ${FOLDER_FILES_MAX}` };
    }),
    ...long.map(([file, text]) => {
      const reason = `${linesOf(text)} lines: no file has more than ${FILE_LINES_MAX}, unless it is one table`;
      return { file, line: FILE_LINES_MAX, reason };
    }),
  ];
}

function linesOf(text: string): number {
  return text.split("\n").length - 1;
}
