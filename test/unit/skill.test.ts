// The agents' skill keeps the format of agentskills.io, and names commands and routes that are there.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";

const FOLDER = "skills/sluice";
const page = readFileSync(`${FOLDER}/SKILL.md`, "utf8");
const script = readFileSync(`${FOLDER}/scripts/sluice.py`, "utf8");
const [, front = "", body = ""] = /^---\n(.*?)\n---\n(.*)$/s.exec(page) ?? [];
const { paths } = JSON.parse(readFileSync("docs/openapi.json", "utf8")) as { paths: Record<string, unknown> };

test("its front matter has the fields of the format and no others, within their lengths", () => {
  const fields = parse(front) as Record<string, unknown>;
  const allowed = ["name", "description", "license", "compatibility", "metadata", "allowed-tools"];
  expect(Object.keys(fields).filter((field) => !allowed.includes(field))).toEqual([]);
  expect(fields.name).toBe(FOLDER.split("/").at(-1));
  expect(String(fields.description).length).toBeLessThanOrEqual(1024);
  expect(String(fields.compatibility).length).toBeLessThanOrEqual(500);
  expect(body.split("\n").length).toBeLessThan(100);
});

test("it declares every variable without which its script does nothing", () => {
  const { metadata } = parse(front) as { metadata: { openclaw: { requires: { env: string[] } } } };
  expect(metadata.openclaw.requires.env).toEqual(["SLUICE_URL", "SLUICE_KEY"]);
});

test("it names every command of the script, and no other", () => {
  const named = [...body.matchAll(/^\| `([a-z]+) /gm), ...body.matchAll(/^\| `([a-z]+)` \|/gm)].map(([, name]) => name);
  const [, listed = ""] = /for name in \(([^)]*)\):\s+command = commands\.add_parser/.exec(script) ?? [];
  const made = [...script.matchAll(/add_parser\("([a-z]+)"/g), ...listed.matchAll(/"([a-z]+)"/g)].map(
    ([, name]) => name,
  );
  expect(named.toSorted()).toEqual(made.toSorted());
});

test("it has a line for every exit code", () => {
  const [, names = ""] = /^([A-Z, ]+) = range\((\d)\)$/m.exec(script) ?? [];
  const codes = names.split(",").map((_, code) => String(code));
  expect([...body.matchAll(/^\| (\d) \|/gm)].map(([, code]) => code)).toEqual(codes);
});

test("every route that it calls is declared", () => {
  const called = [...script.matchAll(/"(\/v1\/[a-z]+)/g)].map(([, path = ""]) => path);
  const known = Object.keys(paths);
  expect(called.length).toBeGreaterThan(5);
  expect(called.filter((path) => !known.some((each) => each === path || each.startsWith(`${path}/`)))).toEqual([]);
});

test("no command of it pipes, and curl's output is never led into jq", () => {
  const shell = [...body.matchAll(/```sh\n(.*?)```/gs)].map(([, text = ""]) => text.split("\n")[0] ?? "");
  expect(shell.length).toBeGreaterThan(0);
  expect(shell.filter((line) => /\||&&|^\w+=/.test(line))).toEqual([]);
  expect(page).not.toMatch(/curl[^\n]*\| *jq/);
});

test("/llms.txt names it", () => {
  expect(readFileSync("console/pages/llms.ts", "utf8")).toContain("skills/sluice");
});
