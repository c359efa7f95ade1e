// The part of `npm run static` that no tool of others does: layout, names, purity, sizes, compares of secrets, what comments refer to,
// retired words.
// Reads text, needs no dependency. Prints offenders as file:line and exits 1.

import { fileURLToPath } from "node:url";
import { checkConsole } from "./console.ts";
import { checkImports } from "./imports.ts";
import { checkNames } from "./names.ts";
import { checkPurity } from "./purity.ts";
import { checkReferences, readRepository } from "./references.ts";
import { checkCompares } from "./secrets.ts";
import { checkSizes } from "./sizes.ts";
import { readTree } from "./source.ts";
import { checkWords, readWords } from "./words.ts";

const root = fileURLToPath(new URL("../..", import.meta.url).href);
const tree = readTree(`${root}src`);
const inSource = [checkImports, checkNames, checkPurity, checkSizes, checkCompares].flatMap((check) => check(tree));
const consoleTree = readTree(`${root}console/src`);
const inConsole = [checkConsole, checkNames, checkSizes].flatMap((check) => check(consoleTree));
const repository = readRepository(root);
const offences = [
  ...inSource.map((offence) => ({ ...offence, file: `src/${offence.file}` })),
  ...inConsole.map((offence) => ({ ...offence, file: `console/src/${offence.file}` })),
  ...checkReferences(repository),
  ...checkWords(repository, readWords()),
];
for (const { file, line, reason } of offences) console.error(`${file}:${line} ${reason}`);
if (offences.length > 0) process.exitCode = 1;
