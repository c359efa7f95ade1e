// Builds the console into console/dist/console. Files are put in place one by one, the page last, so that a running deployment never
// serves a page whose scripts are not there yet.

import { cpSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "vite";

// Tests build too, and vite takes the environment's word for what it builds for.
process.env.NODE_ENV = "production";

const root = fileURLToPath(new URL("..", import.meta.url).href);
const made = `${root}.build/console/`;
const out = `${root}console/dist/console/`;

await build({ configFile: `${root}console/vite.config.ts`, logLevel: "error" });
mkdirSync(`${out}assets`, { recursive: true });
cpSync(`${made}assets`, `${out}assets`, { recursive: true });
cpSync(`${made}index.html`, `${out}index.html.new`);
renameSync(`${out}index.html.new`, `${out}index.html`);
// Those of earlier sources, under other hashes.
const names = new Set(readdirSync(`${made}assets`));
for (const name of readdirSync(`${out}assets`)) if (!names.has(name)) rmSync(`${out}assets/${name}`);
