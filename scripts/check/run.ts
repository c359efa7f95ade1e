// The part of `npm run static` that no tool of others does: layout, purity, sizes, compares of secrets, words. Reads text, needs no
// dependency. Prints offenders as file:line and exits 1.

import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { checkImports } from "./imports.ts";
import { checkPurity } from "./purity.ts";
import { checkCompares } from "./secrets.ts";
import { checkSizes } from "./sizes.ts";
import { readTree } from "./source.ts";

const src = fileURLToPath(new URL("../../src", import.meta.url).href);
const tree = readTree(src);
const offences = [checkImports, checkPurity, checkSizes, checkCompares].flatMap((check) => check(tree));
for (const { file, line, reason } of offences) {
  console.error(`${relative(process.cwd(), join(src, file))}:${line} ${reason}`);
}
if (offences.length > 0) process.exitCode = 1;
