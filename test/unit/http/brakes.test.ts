// The brakes in wrangler.toml and in the code are the same ones; local runs have none.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { withoutBrakes } from "../../../scripts/local-config.ts";
import { BRAKE_PERIOD_S } from "../../../src/http/brakes.ts";

const config = readFileSync(fileURLToPath(new URL("../../../wrangler.toml", import.meta.url).href), "utf8");
const TABLE =
  /^\[\[ratelimits\]\]\nname = "(\w+)"\nnamespace_id = "(\d+)"\nsimple = \{ limit = (\d+), period = (\d+) \}$/gm;
const brakes = [...config.matchAll(TABLE)].map(([, name, namespace, limit, period]) => {
  return { name, namespace, limit: Number(limit), period: Number(period) };
});

test("wrangler.toml binds each brake to a namespace of its own, with the period that answers name", () => {
  expect(brakes.map(({ name }) => name)).toEqual(["ADDRESS_BRAKE", "CREDENTIAL_BRAKE"]);
  expect(new Set(brakes.map(({ namespace }) => namespace)).size).toBe(brakes.length);
  expect(brakes.map(({ period }) => period)).toEqual(brakes.map(() => BRAKE_PERIOD_S));
});

test("no brake lets through more than one object answers, or fewer than a busy page and server need", () => {
  for (const { limit, period } of brakes) {
    expect(limit / period).toBeLessThan(1_000);
    expect(limit / period).toBeGreaterThanOrEqual(100);
  }
});

test("the configuration of local runs differs in nothing else", () => {
  const local = withoutBrakes(config);
  expect(local).not.toContain("ratelimits");
  const tables = (text: string) => text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  const gone = tables(config).length - tables(local).length;
  expect(gone).toBe(brakes.length * 4);
  expect(
    tables(config)
      .filter((line) => !tables(local).includes(line))
      .every((line) => /ratelimits|^name|^namespace_id|^simple/.test(line)),
  ).toBe(true);
});
