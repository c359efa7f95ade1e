// The static check of src/: the tree as it is passes, and each way to break the layout is refused.

import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { checkImports, circlesOf } from "../../../scripts/check/imports.ts";
import { checkPurity, PURE } from "../../../scripts/check/purity.ts";
import { checkCompares } from "../../../scripts/check/secrets.ts";
import { checkSizes } from "../../../scripts/check/sizes.ts";
import { type Offence, readTree, type SourceTree } from "../../../scripts/check/source.ts";

const tree = readTree(fileURLToPath(new URL("../../../src", import.meta.url).href));
const CHECKS = [checkImports, checkPurity, checkSizes, checkCompares];

function faultsOf(file: string, text: string): string[] {
  const one: SourceTree = new Map([[file, text]]);
  return CHECKS.flatMap((check) => check(one)).map(({ line, reason }: Offence) => `${line}: ${reason}`);
}

describe("the source tree", () => {
  test.each(CHECKS.map((check) => [check.name, check] as const))("passes %s", (_name, check) => {
    expect(check(tree)).toEqual([]);
  });

  test("has every file and folder that is promised to be pure", () => {
    const files = [...tree.keys()];
    expect(PURE.filter((path) => !files.some((file) => file === path || file.startsWith(path)))).toEqual([]);
  });
});

describe("the check allows", () => {
  test.each<[string, string, string]>([
    ["the way down", "http/routes/access/me.ts", 'import { limitsOf } from "../../../team/quota/limits.ts";'],
    ["the same folder", "http/cors.ts", 'import { callId } from "./call-id.ts";'],
    ["the same room", "requests/engine/tracker.ts", 'import { runEffect } from "./effects/run.ts";'],
    ["a contract, from anywhere", "files/sweeper.ts", 'import type { TeamContract } from "../contracts/team.ts";'],
    ["a pure file's types in a contract", "contracts/team.ts", 'import type { Plan } from "../team/quota/plan.ts";'],
    ["the shared room of a team", "team/uploads/uploads.ts", 'import { takeOf } from "../quota/limits.ts";'],
    ["the classes in the entry", "index.ts", 'export { Team } from "./team/team.ts";'],
    ["hono at the edge", "http/cors.ts", 'import { createMiddleware } from "hono/factory";'],
    ["a package", "files/media-types.ts", 'import { filetypemime } from "magic-bytes.js";'],
    ["types of one that is evaluated on demand", "team/quota/plan.ts", 'import type * as z from "zod";'],
    ["the file that loads it", "platform/schema.ts", 'import { loadZod } from "./on-demand.cjs";'],
    [
      "an import that stands in a comment",
      "net/fetch.ts",
      '// import { x } from "../http/cors.ts";\n/* import "../app.ts" */',
    ],
    ["a comment mark in a text", "net/fetch.ts", 'const glob = "fal-ai/**";\nimport { x } from "../platform/log.ts";'],
    [
      "a neighbour's type in a pure file",
      "requests/view/queue-position.ts",
      'import type { X } from "./serialize.ts";',
    ],
    [
      "the word fetch in a text of a pure file",
      "requests/machine/machine.ts",
      'const text = "fetch() at Date.now()"; // fetch()',
    ],
    [
      "to ask whether there is a secret",
      "http/auth.ts",
      'if (token === null || key.digest !== undefined || "" === mark) return;',
    ],
    ["a secret's length", "http/auth.ts", "if (token.length === other.length) return;"],
    ["a secret in a text of code", "http/auth.ts", 'const text = "token === other"; // secret === mine'],
    ["the one compare of secrets", "platform/signing.ts", "return crypto.subtle.timingSafeEqual(mark, other.mark);"],
  ])("%s", (_what, file, text) => {
    expect(faultsOf(file, text)).toEqual([]);
  });
});

describe("the check refuses", () => {
  test.each<[string, string, string, string]>([
    [
      "a library that is evaluated on demand",
      "http/schemas.ts",
      'import * as z from "zod";',
      "1: zod is evaluated on demand: platform/on-demand.cjs has it",
    ],
    ["the way up", "team/admit.ts", 'import { x } from "../http/cors.ts";', "1: team may not import http"],
    [
      "a room of the same line",
      "upstream/grants.ts",
      'import { x } from "../team/admit.ts";',
      "1: upstream may not import team",
    ],
    [
      "a way up as a type",
      "files/copy.ts",
      'import type { A } from "../requests/machine/types.ts";',
      "1: files may not import requests/machine",
    ],
    [
      "a way up of types one by one",
      "files/copy.ts",
      'import { type A } from "../requests/machine/types.ts";',
      "1: files may not import requests/machine",
    ],
    [
      "a room that stands in no line",
      "utils/text.ts",
      'import { x } from "../platform/log.ts";',
      "1: utils stands in no line of the order (scripts/check/imports.ts)",
    ],
    [
      "a Durable Object's class",
      "http/auth.ts",
      'import type { Team } from "../team/team.ts";',
      "1: team/team.ts is a Durable Object: import its contract, and ask it by platform/stubs.ts",
    ],
    [
      "a value of a contract",
      "http/auth.ts",
      'import { x } from "../contracts/team.ts";',
      "1: contracts hold types: import type",
    ],
    [
      "an impure file's type in a contract",
      "contracts/team.ts",
      'import type { X } from "../team/stores.ts";',
      "1: contracts take types from pure files, not team/stores.ts",
    ],
    [
      "a team's rooms among each other",
      "team/endpoints/outbox.ts",
      'import { x } from "../auth/keys.ts";',
      "1: team/endpoints may not import team/auth",
    ],
    [
      "the shared room of a team looking up",
      "team/quota/plan.ts",
      'import type { X } from "../usage/usage.ts";',
      "1: team/quota may not import team/usage",
    ],
    [
      "the lowest room looking up",
      "platform/ids.ts",
      'export { x } from "../net/fetch.ts";',
      "1: platform may not import net",
    ],
    [
      "hono in the heart",
      "requests/service/wait-for-change.ts",
      'import { Hono } from "hono";',
      "1: hono belongs to app, http and compat",
    ],
    [
      "a part of hono",
      "net/fetch.ts",
      'import type { X } from "hono/types";',
      "1: hono belongs to app, http and compat",
    ],
    [
      "the sandbox",
      "upstream/account.ts",
      'import { Store } from "../../sandbox/src/store.ts";',
      "1: ../../sandbox/src/store.ts leads out of src/",
    ],
    ["a lost ending", "http/cors.ts", 'import { x } from "./call-id";', "1: ./call-id lacks its .ts ending"],
    ["an import for its effect", "net/fetch.ts", 'import "../app.ts";', "1: net may not import app.ts"],
    ["a late import", "net/fetch.ts", 'const x = await import("../app.ts");', "1: net may not import app.ts"],
    [
      "an import over several lines",
      "net/fetch.ts",
      '// one\nimport {\n  a,\n  b,\n} from "../app.ts";',
      "5: net may not import app.ts",
    ],
    [
      "work in a pure file",
      "requests/machine/ends.ts",
      'import { callOut } from "../../net/fetch.ts";',
      "1: a pure file may not import net/fetch.ts",
    ],
    [
      "a package in a pure file",
      "team/quota/limits.ts",
      'import { x } from "cloudflare:workers";',
      "1: a pure file may not import cloudflare:workers",
    ],
    [
      "a clock in a pure file",
      "requests/machine/machine.ts",
      "\nconst now = Date.now();",
      "2: a pure file may not use Date.now(",
    ],
    [
      "chance in a pure file",
      "requests/machine/schedule.ts",
      "Math.random()",
      "1: a pure file may not use Math.random(",
    ],
    [
      "a compare of a token",
      "http/auth.ts",
      "\nif (text === config.ADMIN_TOKEN) return null;",
      "2: text === config.ADMIN_TOKEN: secrets are compared by sameSecret alone",
    ],
    [
      "a compare of a digest, the other way round",
      "team/auth/key-store.ts",
      "keys.find((key) => key?.digest != wanted)",
      "1: key?.digest != wanted: secrets are compared by sameSecret alone",
    ],
    [
      "a compare in constant time of its own",
      "uploads/receive.ts",
      "crypto.subtle.timingSafeEqual(one, other)",
      "1: timingSafeEqual: secrets are compared by sameSecret alone",
    ],
    [
      "a file that nobody takes in at once",
      "net/fetch.ts",
      "x();\n".repeat(351),
      "350: 351 lines: no file has more than 350, unless it is one table",
    ],
  ])("%s", (_what, file, text, fault) => {
    expect(faultsOf(file, text)).toEqual([fault]);
  });

  test("a folder with more files than one takes in at once", () => {
    const full = new Map(Array.from({ length: 26 }, (_, n) => [`net/file-${n}.ts`, ""]));
    expect(checkSizes(full)).toEqual([{ file: "net", line: 1, reason: "26 files: no folder holds more than 25" }]);
  });

  test("files that import each other in a circle, types included, however long it is", () => {
    const circle = new Map([
      ["net/a.ts", 'import { b } from "./b.ts";'],
      ["net/b.ts", 'import type { C } from "./c.ts";'],
      ["net/c.ts", 'export { a } from "./a.ts";'],
      ["net/d.ts", 'import { a } from "./a.ts";'],
    ]);
    expect(circlesOf(circle)).toEqual([["net/a.ts", "net/b.ts", "net/c.ts"]]);
  });
});
