import { describe, expect, it } from "vitest";
import { keyFault, scopeFault } from "../../src/access/credentials.ts";

const good = { scopes: ["run" as const], expiresAt: null, revokedAt: null };
const NOW = Date.parse("2026-11-22T12:00:00Z");

describe("a key", () => {
  it.each([
    ["without an end may be used", good, null],
    ["may be used until it expires", { ...good, expiresAt: NOW + 1 }, null],
    [
      "may not be used from the moment it expires",
      { ...good, expiresAt: NOW },
      "The key expired at 2026-11-22T12:00:00.000Z.",
    ],
    [
      "may not be used once revoked",
      { ...good, revokedAt: NOW - 1 },
      "The key was revoked at 2026-11-22T11:59:59.999Z.",
    ],
  ])("%s", (_rule, key, detail) => {
    expect(keyFault(key, NOW)?.detail ?? null).toBe(detail);
  });

  it("may do what its scopes say and nothing else", () => {
    expect(scopeFault(["run", "read"], "read")).toBeNull();
    expect(scopeFault(["admin"], "run")).toMatchObject({ code: "forbidden" });
    expect(scopeFault(["run", "read"], "admin")?.detail).toBe(
      "This needs a key with scope `admin`; yours has: run, read.",
    );
  });
});
