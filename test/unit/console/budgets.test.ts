// How many bytes the console costs, by the manifest of its build, compressed as they are served.

import { readFileSync } from "node:fs";
import { constants, gzipSync } from "node:zlib";
import { expect, test } from "vitest";

const KIB = 1_024;
const BUILT = ".build/console/";

interface Chunk {
  file: string;
  css?: string[];
  imports?: string[];
  isEntry?: boolean;
}

const manifest = JSON.parse(readFileSync(`${BUILT}manifest.json`, "utf8")) as Record<string, Chunk>;

function kib(files: Iterable<string>): number {
  const sizes = [...new Set(files)].map((file) => {
    return gzipSync(readFileSync(BUILT + file), { level: constants.Z_BEST_COMPRESSION }).length;
  });
  return sizes.reduce((sum, size) => sum + size, 0) / KIB;
}

/** A chunk with all that it imports at once. */
function closureOf(name: string): string[] {
  const chunk = manifest[name];
  if (chunk === undefined) throw new Error(`the build has no ${name}`);
  return [chunk.file, ...(chunk.imports ?? []).flatMap(closureOf)];
}

test.each(["src/screens/requests/list.tsx", "src/screens/start/start.tsx"])(
  "the first screen, where it is %s, is at most 40 KiB of script",
  (screen) => {
    expect(kib([...closureOf("index.html"), ...closureOf(screen)])).toBeLessThan(40);
  },
);

test("all script together is at most 80 KiB", () => {
  expect(
    kib(
      Object.values(manifest)
        .map(({ file }) => file)
        .filter((file) => file.endsWith(".js")),
    ),
  ).toBeLessThan(80);
});

test("the styles are at most 14 KiB, the icons 3", () => {
  expect(kib(Object.values(manifest).flatMap(({ css }) => css ?? []))).toBeLessThan(14);
  expect(
    kib(
      Object.values(manifest)
        .map(({ file }) => file)
        .filter((file) => file.endsWith(".svg")),
    ),
  ).toBeLessThan(3);
});

test("the build is the one that is deployed, also where tests made it: no development data in it", () => {
  const scripts = Object.values(manifest).filter(({ file }) => file.endsWith(".js"));
  expect(scripts.filter(({ file }) => /fileName:|jsxDEV/.test(readFileSync(BUILT + file, "utf8")))).toEqual([]);
});
