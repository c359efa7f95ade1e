// How the console is built: one page under /console/, a chunk for each subject, no inline script or style. console/build.ts runs it.

import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

/** What screens of several subjects use: none of them loads another's chunk for it. */
const SHARED =
  /console\/src\/((api|parts|session|shell)\/|screens\/(plans\/words|keys\/(secret|snippet)|settings\/connections-tab|usage\/days|requests\/(key-names|laid-out)))/;

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
    // Files of one subject compress better together, and whoever opens one of its screens soon opens the next.
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            { name: "parts", test: SHARED },
            { name: "access", test: /console\/src\/screens\/(keys|plans)\// },
            { name: "events", test: /console\/src\/screens\/(webhooks|settings)\// },
          ],
        },
      },
    },
  },
});
