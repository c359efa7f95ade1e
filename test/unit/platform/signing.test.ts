import { createHash, createHmac } from "node:crypto";
import { expect, test } from "vitest";
import { checkMark, makeMark } from "../../../src/platform/signing.ts";

const older = "an-older-signing-key-of-32-bytes-or-more";
const newer = "a-newer-signing-key-of-32-bytes-or-more";
const parts = ["acme", "0".repeat(64), "3"];

test("a mark is the key's id and HMAC-SHA256 over purpose and parts, as any other tool computes it", async () => {
  const kid = createHash("sha256").update(`sluice-kid\n${newer}`).digest("hex").slice(0, 4);
  const hmac = createHmac("sha256", newer)
    .update(["file", ...parts].join("\n"))
    .digest("hex");
  expect(await makeMark([newer, older], "file", parts)).toBe(kid + hmac);
});

test("a mark holds for what it was made for", async () => {
  expect(await checkMark([newer], "file", parts, await makeMark([newer], "file", parts))).toBe(true);
});

test("a mark holds for no other purpose, part, order or number of parts", async () => {
  const mark = await makeMark([newer], "file", parts);
  expect(await checkMark([newer], "callback", parts, mark)).toBe(false);
  for (let i = 0; i < parts.length; i++) {
    expect(await checkMark([newer], "file", parts.with(i, "other"), mark)).toBe(false);
  }
  expect(await checkMark([newer], "file", parts.toReversed(), mark)).toBe(false);
  expect(await checkMark([newer], "file", parts.slice(0, 2), mark)).toBe(false);
  expect(await checkMark([newer], "file", [...parts, ""], mark)).toBe(false);
});

test("the first key signs and every listed key verifies, so that keys can be rotated", async () => {
  const old = await makeMark([older], "callback", parts);
  expect(await checkMark([newer, older], "callback", parts, old)).toBe(true);
  expect(await checkMark([newer], "callback", parts, old)).toBe(false);
  expect(await makeMark([newer, older], "callback", parts)).not.toBe(old);
});

test("every single changed digit breaks a mark", async () => {
  const mark = await makeMark([newer], "file", parts);
  for (let i = 0; i < mark.length; i++) {
    const digit = mark[i] === "0" ? "1" : "0";
    expect(await checkMark([newer, older], "file", parts, mark.slice(0, i) + digit + mark.slice(i + 1))).toBe(false);
  }
});

test.each([
  ["nothing", () => ""],
  ["a part of it", (mark: string) => mark.slice(0, -1)],
  ["more than it", (mark: string) => `${mark}0`],
  ["capitals", (mark: string) => mark.toUpperCase()],
  ["a line break behind it", (mark: string) => `${mark}\n`],
  ["white space before it", (mark: string) => ` ${mark}`],
  ["letters that are no digits", (mark: string) => mark.replace(/./g, "g")],
])("refuses %s", async (_name, change) => {
  const mark = await makeMark([newer], "file", parts);
  expect(await checkMark([newer], "file", parts, change(mark))).toBe(false);
});

test("without a key nothing is made and nothing holds", async () => {
  await expect(makeMark([], "file", parts)).rejects.toThrow("no signing key");
  expect(await checkMark([], "file", parts, await makeMark([newer], "file", parts))).toBe(false);
});
