// Which paths the runtime gives to the Worker before it looks among the static assets (wrangler.toml).

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { createApp } from "../../../src/app.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url).href);
const [, list = ""] = /^run_worker_first = (\[.*\])$/m.exec(readFileSync(`${root}wrangler.toml`, "utf8")) ?? [];
const patterns = (JSON.parse(list) as string[]).map(
  (pattern) => new RegExp(`^${pattern.replaceAll(".", "\\.").replaceAll("*", ".*")}$`),
);
const runsWorker = (path: string) => patterns.some((pattern) => pattern.test(path));

test("every route of the Worker is reached without a look among the assets", () => {
  const paths = createApp()
    .routes.map(({ path }) => path.replaceAll(/:\w+(\{[^}]*\})?\??/g, "x"))
    // The console's page answers for paths of its own that are no asset.
    .filter((path) => !["*", "/*"].includes(path) && !path.startsWith("/console"));
  expect(paths.length).toBeGreaterThan(80);
  expect([...new Set(paths)].filter((path) => !runsWorker(path))).toEqual([]);
});

test("no asset is taken from the pages", () => {
  const assets = readdirSync(`${root}console/dist`, { recursive: true }).map((name) => `/${String(name)}`);
  expect(["/", ...assets].filter(runsWorker)).toEqual([]);
});
