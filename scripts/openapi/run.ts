// `npm run openapi` generates docs/openapi.json from the declared routes. With `--check` it writes nothing, and exits with 1 if the
// committed document is out of date.

import { readFileSync, writeFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";
import type { RecordedCalls } from "./examples.ts";

const COMMITTED = fileURLToPath(new URL("../../docs/openapi.json", import.meta.url).href);
const PACKAGE = fileURLToPath(new URL("../../package.json", import.meta.url).href);
const EXAMPLES = fileURLToPath(new URL("../../docs/api-examples.json", import.meta.url).href);
const RUNTIME = "cloudflare:";
/** Stubs of the Workers runtime's modules that `src/` imports; none is called. */
const STUB =
  "export class DurableObject {} export class RpcTarget {} export class WorkerEntrypoint {} export const env = {}; export const exports = {};";

registerHooks({
  resolve(specifier, context, next) {
    if (specifier.startsWith(RUNTIME)) return { url: specifier, shortCircuit: true };
    return next(specifier, context);
  },
  load(url, context, next) {
    if (url.startsWith(RUNTIME)) return { format: "module", source: STUB, shortCircuit: true };
    return next(url, context);
  },
});

const { routes } = await import("../../src/app.ts");
const { apiDocument } = await import("./document.ts");
const { VERSION: version } = await import("../../src/platform/version.ts");

const { description } = JSON.parse(readFileSync(PACKAGE, "utf8")) as { description: string };
const calls = JSON.parse(readFileSync(EXAMPLES, "utf8")) as RecordedCalls;
const made = `${JSON.stringify(apiDocument(routes, { version, description, calls }), null, 2)}\n`;

if (process.argv.includes("--check")) {
  const committed = readFileSync(COMMITTED, "utf8");
  if (committed !== made) {
    const lines = committed.split("\n");
    const line = made.split("\n").findIndex((text, n) => text !== lines[n]) + 1;
    console.error(`docs/openapi.json is out of date from line ${line} on. Run \`npm run openapi\`.`);
    process.exitCode = 1;
  }
} else {
  writeFileSync(COMMITTED, made);
}
