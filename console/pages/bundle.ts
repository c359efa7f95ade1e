// The scripts and styles of the public pages: minified, each under a name with a hash of its content, so that browsers may keep it.

import { readdirSync } from "node:fs";
import { build, type Rolldown } from "vite";

export interface Bundle {
  /** Path in the assets -> content. */
  files: Map<string, string | Uint8Array>;
  /** `start.js`, `start.css` -> the URL under which the page finds it. */
  names: ReadonlyMap<string, string>;
}

/** Bundles every script of the folder, with the styles that it imports. Each is self-contained. */
export async function bundle(folder: string): Promise<Bundle> {
  const scripts = readdirSync(folder)
    .filter((name) => name.endsWith(".ts"))
    .map((name) => name.replace(/\.ts$/, ""));
  const outputs = await Promise.all(
    scripts.map(async (name) => ({ name, output: await bundled(`${folder}/${name}.ts`) })),
  );
  const files: Bundle["files"] = new Map();
  const names = new Map<string, string>();
  for (const { name, output } of outputs) {
    for (const part of output) {
      files.set(part.fileName, part.type === "chunk" ? part.code : part.source);
      names.set(part.type === "chunk" ? `${name}.js` : `${name}.css`, `/${part.fileName}`);
    }
  }
  return { files, names };
}

async function bundled(input: string): Promise<readonly (Rolldown.OutputChunk | Rolldown.OutputAsset)[]> {
  const made = await build({
    configFile: false,
    logLevel: "error",
    publicDir: false,
    build: {
      write: false,
      target: "es2022",
      // `light-dark()` stays as it is written: its replacement would need a script for themes.
      cssTarget: "chrome123",
      modulePreload: { polyfill: false },
      rolldownOptions: {
        input,
        output: {
          entryFileNames: "assets/[name]-[hash].js",
          assetFileNames: "assets/[name]-[hash][extname]",
        },
      },
    },
  });
  if (!("output" in made)) throw new Error(`${input} is not one bundle`);
  return made.output;
}
