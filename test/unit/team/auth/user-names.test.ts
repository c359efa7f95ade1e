import { describe, expect, test } from "vitest";
import {
  issuerUser,
  prefixFault,
  prefixOf,
  reservedUserFault,
  visitorUser,
} from "../../../../src/team/auth/user-names.ts";

const ACME = { name: "acme", issuer: "https://acme.example", user_prefix: "acme" };
const SHOP = { name: "shop", issuer: "https://shop.example", user_prefix: "customers" };
const ISSUERS = [ACME, SHOP];

test("users of two issuers are never the same, whatever their subjects are", () => {
  for (const [one, other] of [
    ["1001", "1001"],
    ["a:b", "b"],
    [":", ":"],
  ] as const) {
    expect(issuerUser(ACME, one)).not.toBe(issuerUser(SHOP, other));
    expect(prefixOf(issuerUser(ACME, one))).toBe("acme");
  }
});

describe("a user's name", () => {
  test.each(["mia", "acme", "Acme:1", "acme1:1", "shop:1", "urn:uuid:7", "", "a@b.example"])("%j is free", (user) => {
    expect(reservedUserFault(user, ISSUERS, [])).toBeNull();
  });

  test.each([
    ["acme:1001", "acme"],
    ["acme:", "acme"],
    ["customers:a:b", "shop"],
  ])("%j is an issuer's, unless the key lists that issuer", (user, owner) => {
    expect(reservedUserFault(user, ISSUERS, [])).toMatchObject({
      code: "forbidden",
      hint: expect.stringContaining(owner),
    });
    expect(reservedUserFault(user, ISSUERS, [owner])).toBeNull();
    const other = owner === "acme" ? "shop" : "acme";
    expect(reservedUserFault(user, ISSUERS, [other])).not.toBeNull();
  });

  test.each([visitorUser("abc"), "deleted:x", "visitor:"])("%j is Sluice's own, whatever the key lists", (user) => {
    expect(reservedUserFault(user, ISSUERS, ["acme", "shop", "visitor"])?.code).toBe("forbidden");
  });
});

describe("an issuer's prefix", () => {
  test.each(["visitor", "deleted"])("cannot be %s", (user_prefix) => {
    expect(prefixFault({ ...ACME, user_prefix }, [])?.code).toBe("invalid_request");
  });

  test("cannot be that of an issuer of other people", () => {
    expect(prefixFault({ ...SHOP, user_prefix: "acme" }, ISSUERS)?.code).toBe("conflict");
    expect(prefixFault({ ...SHOP, issuer: ACME.issuer, user_prefix: "acme" }, ISSUERS)).toBeNull();
    expect(prefixFault(ACME, ISSUERS)).toBeNull();
  });
});
