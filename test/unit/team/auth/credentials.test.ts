import { describe, expect, test } from "vitest";
import { actingFault, keyFault, scopeFault, teamFault, userFault } from "../../../../src/team/auth/credentials.ts";

const good = { id: "key_1", expiresAt: null, revokedAt: null, frozenAt: null };
const NOW = Date.parse("2026-11-22T12:00:00Z");

describe("a key", () => {
  test.each([
    ["without an end may be used", good, null],
    ["may be used until it expires", { ...good, expiresAt: NOW + 1 }, null],
    [
      "may not be used from the moment it expires",
      { ...good, expiresAt: NOW },
      "The API key expired at 2026-11-22T12:00:00.000Z.",
    ],
    [
      "may not be used once revoked",
      { ...good, revokedAt: NOW - 1 },
      "The API key was revoked at 2026-11-22T11:59:59.999Z.",
    ],
    [
      "may not be used while frozen",
      { ...good, frozenAt: NOW - 1 },
      "The API key has been frozen since 2026-11-22T11:59:59.999Z.",
    ],
  ])("%s", (_rule, key, detail) => {
    expect(keyFault(key, NOW)?.detail ?? null).toBe(detail);
  });

  test("that has ended has a code of its own, unlike one that was revoked", () => {
    expect(keyFault({ ...good, expiresAt: NOW - 1 }, NOW)?.code).toBe("key_expired");
    expect(keyFault({ ...good, expiresAt: NOW - 1, revokedAt: NOW - 1 }, NOW)?.code).toBe("unauthenticated");
  });

  test("that is frozen says who can change that", () => {
    expect(keyFault({ ...good, frozenAt: NOW }, NOW)).toMatchObject({
      code: "key_frozen",
      hint: expect.stringContaining("POST /v1/keys/key_1/resume"),
    });
  });

  test("may do what its scopes say and nothing else", () => {
    expect(scopeFault(["run", "read"], "read")).toBeNull();
    expect(scopeFault(["admin"], "run")).toMatchObject({ code: "forbidden" });
    expect(scopeFault(["run", "read"], "admin")?.detail).toBe(
      "This operation requires the scope `admin`; the credential has: run, read.",
    );
    expect(scopeFault([], "run")?.detail).toBe("This operation requires the scope `run`; the credential has: none.");
  });
});

describe("who is frozen", () => {
  test("is refused for as long as it lasts, with the way out", () => {
    expect([teamFault(null), userFault(null)]).toEqual([null, null]);
    expect(teamFault(NOW)).toMatchObject({ code: "forbidden", hint: expect.stringContaining("/v1/team/resume") });
    expect(userFault(NOW)).toMatchObject({
      code: "user_frozen",
      hint: expect.stringContaining("/v1/users/{id}/resume"),
    });
  });
});

describe("a credential that is good for one user", () => {
  test.each([
    ["acts for that one", "anna", "anna", null],
    ["acts for that one when none is named", "anna", null, null],
    ["acts for nobody else", "anna", "bob", "user_mismatch"],
    ["does not take an empty name for its own", "anna", "", "user_mismatch"],
  ])("%s", (_rule, bound, named, code) => {
    expect(actingFault(bound, named)?.code ?? null).toBe(code);
  });

  test("is another matter than one that is good for all", () => {
    expect([actingFault(null, "bob"), actingFault(null, null)]).toEqual([null, null]);
  });
});
