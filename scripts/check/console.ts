// Holds that the console uses the public API alone: of the Worker it imports types, and the pure files that stand in SHARED.

import { importsOf, type Offence, type SourceTree } from "./source.ts";

/** What the console's script may contain of src/. scripts/ensure-built.mjs rebuilds when these change. */
const SHARED = [
  "../../src/team/auth/key-text.ts",
  "../../src/team/audit/differences.ts",
  "../../src/team/quota/presets.ts",
];

/** Takes the tree of console/src. */
export function checkConsole(tree: SourceTree): Offence[] {
  return [...tree].flatMap(([file, text]) =>
    importsOf(file, text).flatMap(({ target, line, typeOnly }) => {
      if (!target.startsWith("../") || typeOnly || SHARED.includes(target)) return [];
      return [{ file, line, reason: `${target}: the console takes types alone from the Worker` }];
    }),
  );
}
