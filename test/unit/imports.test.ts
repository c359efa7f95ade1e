import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { checkImports, PURE_FILES, readTree } from "../../scripts/check-imports.ts";

const tree = readTree(fileURLToPath(new URL("../../src", import.meta.url).href));

function faultsOf(file: string, text: string): string[] {
  return checkImports(new Map([[file, text]])).map(({ line, reason }) => `${line}: ${reason}`);
}

describe("the source tree", () => {
  it("imports one way", () => {
    expect(checkImports(tree)).toEqual([]);
  });

  it("has every file that is promised to be pure", () => {
    expect(PURE_FILES.filter((file) => !tree.has(file))).toEqual([]);
  });
});

describe("the check allows", () => {
  it.each<[string, string, string]>([
    ["the way down", "http/me.ts", 'import { askTeam } from "../access/team.ts";'],
    ["the same folder", "http/me.ts", 'import { isoTime } from "./time.ts";'],
    ["a folder below", "requests/tracker.ts", 'import { runEffect } from "./effects/run.ts";'],
    ["files of the root among each other", "json.ts", 'import { JSON_DEPTH_MAX } from "./limits.ts";'],
    [
      "the words of a request as types, from anywhere",
      "mirror/walk.ts",
      'import type { A } from "../requests/types.ts";',
    ],
    ["the classes as types, in env.ts", "env.ts", 'import type { Team } from "./access/team.ts";'],
    ["hono at the edge", "http/cors.ts", 'import { createMiddleware } from "hono/factory";'],
    ["a package", "access/plan.ts", 'import * as z from "zod";'],
    [
      "an import that stands in a comment",
      "net/fetch.ts",
      '// import { x } from "../http/me.ts";\n/* import "../app.ts" */',
    ],
    ["a comment mark in a text", "net/fetch.ts", 'const glob = "fal-ai/**";\nimport { x } from "../limits.ts";'],
    ["a type of a pure file's neighbour", "requests/machine.ts", 'import type { X } from "./tracker.ts";'],
    [
      "the word fetch in a text of a pure file",
      "requests/machine.ts",
      'const text = "fetch() at Date.now()"; // fetch()',
    ],
    [
      "to ask whether there is a secret",
      "http/auth.ts",
      'if (token === null || key.digest !== undefined || "" === mark) return;',
    ],
    ["a secret's length", "http/auth.ts", "if (token.length === other.length) return;"],
    ["a secret in a text of code", "http/auth.ts", 'const text = "token === other"; // secret === mine'],
    ["the one compare of secrets", "signing.ts", "return crypto.subtle.timingSafeEqual(mark, other.mark);"],
  ])("%s", (_what, file, text) => {
    expect(faultsOf(file, text)).toEqual([]);
  });
});

describe("the check refuses", () => {
  it.each<[string, string, string, string]>([
    ["the way up", "access/team.ts", 'import { app } from "../http/me.ts";', "1: access may not import http"],
    [
      "a neighbour of the same level",
      "mirror/copy.ts",
      'import { x } from "../access/team.ts";',
      "1: mirror may not import access",
    ],
    [
      "a way up as a type",
      "access/team.ts",
      'import type { A } from "../requests/tracker.ts";',
      "1: access may not import requests",
    ],
    [
      "shared types as values",
      "mirror/walk.ts",
      'import { statusOf } from "../requests/types.ts";',
      "1: mirror may not import requests",
    ],
    [
      "classes as values, in env.ts",
      "env.ts",
      'import { Team } from "./access/team.ts";',
      "1: env.ts may not import access",
    ],
    ["the root looking up", "ids.ts", 'export { x } from "./net/fetch.ts";', "1: ids.ts may not import net"],
    [
      "hono in the heart",
      "requests/watch.ts",
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
      "upstream/client.ts",
      'import { world } from "../../sandbox/src/world.ts";',
      "1: ../../sandbox/src/world.ts leads out of src/",
    ],
    ["a lost ending", "http/me.ts", 'import { x } from "./time";', "1: ./time lacks its .ts ending"],
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
      "access/quota.ts",
      'import { callOut } from "../net/fetch.ts";',
      "1: a pure file may not import net/fetch.ts",
    ],
    [
      "a package in a pure file",
      "access/quota.ts",
      'import { x } from "cloudflare:workers";',
      "1: a pure file may not import cloudflare:workers",
    ],
    [
      "a clock in a pure file",
      "requests/machine.ts",
      "\nconst now = Date.now();",
      "2: a pure file may not use Date.now(",
    ],
    ["chance in a pure file", "requests/schedule.ts", "Math.random()", "1: a pure file may not use Math.random("],
    [
      "a compare of a token",
      "http/auth.ts",
      "\nif (text === config.ADMIN_TOKEN) return null;",
      "2: text === config.ADMIN_TOKEN: secrets are compared by sameSecret alone",
    ],
    [
      "a compare of a digest, the other way round",
      "access/key-store.ts",
      "keys.find((key) => key?.digest != wanted)",
      "1: key?.digest != wanted: secrets are compared by sameSecret alone",
    ],
    [
      "a compare in constant time of its own",
      "http/uploads.ts",
      "crypto.subtle.timingSafeEqual(one, other)",
      "1: timingSafeEqual: secrets are compared by sameSecret alone",
    ],
  ])("%s", (_what, file, text, fault) => {
    expect(faultsOf(file, text)).toEqual([fault]);
  });
});
