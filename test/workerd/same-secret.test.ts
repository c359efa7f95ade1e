// The compare of secrets, in the runtime that has it: what counts as the same, and that nothing is learned from how it is told.

import { afterEach, describe, expect, test, vi } from "vitest";
import { sameSecret } from "../../src/platform/signing.ts";
import { call } from "../harness/calls.ts";
import { ADMIN_TOKEN } from "../harness/env.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

/** How long both sides of every compare in constant time were, while `work` ran. */
async function compares(work: () => Promise<unknown>): Promise<[number, number][]> {
  const spy = vi.spyOn(crypto.subtle, "timingSafeEqual");
  await work();
  return spy.mock.calls.map(([one, other]) => [one.byteLength, other.byteLength]);
}

describe("two secrets", () => {
  const LONG = "s".repeat(10_000);
  test.each<[string, string, string, boolean]>([
    ["equal texts", ADMIN_TOKEN, ADMIN_TOKEN, true],
    ["equal texts that are long", LONG, LONG, true],
    ["two that are empty", "", "", true],
    ["one that is empty", "", ADMIN_TOKEN, false],
    ["another first character", `x${ADMIN_TOKEN.slice(1)}`, ADMIN_TOKEN, false],
    ["another last character", `${ADMIN_TOKEN.slice(0, -1)}x`, ADMIN_TOKEN, false],
    ["a beginning", ADMIN_TOKEN.slice(0, -1), ADMIN_TOKEN, false],
    ["one more character", `${ADMIN_TOKEN} `, ADMIN_TOKEN, false],
    ["another case", ADMIN_TOKEN.toUpperCase(), ADMIN_TOKEN, false],
    ["a letter spelled in two ways", "caf\u00e9", "cafe\u0301", false],
    ["a zero character inside", "abc\0def", "abc\0xyz", false],
  ])("%s: compared by digests of one length, the order aside", async (_what, one, other, same) => {
    expect(await compares(async () => expect(await sameSecret(one, other)).toBe(same))).toEqual([[32, 32]]);
    expect(await sameSecret(other, one)).toBe(same);
  });
});

describe("the operator's token", () => {
  test.each<[string, string, number]>([
    ["the right one", ADMIN_TOKEN, 200],
    ["one of another length", "x", 401],
    ["one that begins like it", `${ADMIN_TOKEN.slice(0, -1)}x`, 401],
  ])("%s is judged in constant time", async (_what, key, status) => {
    const made = await compares(async () => {
      const answer = await call("GET", "/v1/admin/webhook_secret", { key });
      expect(answer.status).toBe(status);
    });
    expect(made).toEqual([[32, 32]]);
  });
});
