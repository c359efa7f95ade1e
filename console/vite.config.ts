// How the console is built: one page under /console/, one chunk a screen, no inline script or style. console/build.ts runs it.

import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url).href),
  base: "/console/",
  publicDir: false,
  // The same wherever it is built: under vitest, JSX would carry names and places of files, a sixth of the script.
  oxc: { jsx: { runtime: "automatic", importSource: "preact", development: false } },
  build: {
    outDir: fileURLToPath(new URL("../.build/console", import.meta.url).href),
    emptyOutDir: true,
    manifest: "manifest.json",
    // Browsers that have JSON.parse with source text are newer.
    target: "es2023",
    // `light-dark()` stays as written: the replacement would need a script for themes.
    cssTarget: "chrome123",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});
