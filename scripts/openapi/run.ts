// `npm run openapi` writes docs/openapi.json, the API description that is made from the declared routes. With `--check` it writes
// nothing, and exits 1 where the committed document is not what the routes say.

import { readFileSync, writeFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";

const COMMITTED = fileURLToPath(new URL("../../docs/openapi.json", import.meta.url).href);
const PACKAGE = fileURLToPath(new URL("../../package.json", import.meta.url).href);
const RUNTIME = "cloudflare:";
/** What `src/` imports of the Workers runtime when it is loaded; none of it is called here. */
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

const { version, description } = JSON.parse(readFileSync(PACKAGE, "utf8")) as { version: string; description: string };
const made = `${JSON.stringify(apiDocument(routes, { version, description }), null, 2)}\n`;

if (process.argv.includes("--check")) {
  const committed = readFileSync(COMMITTED, "utf8");
  if (committed !== made) {
    const lines = committed.split("\n");
    const line = made.split("\n").findIndex((text, n) => text !== lines[n]) + 1;
    console.error(`docs/openapi.json differs from the routes from line ${line} on: run \`npm run openapi\`.`);
    process.exitCode = 1;
  }
} else {
  writeFileSync(COMMITTED, made);
}
