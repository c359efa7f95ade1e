import { describe, expect, test } from "vitest";
import { addressMark, makeVisitorToken, networkOf, newVisitor, visitorOf } from "../../../../src/team/auth/visitor.ts";

const KEYS = ["a-signing-key-of-at-least-32-bytes-1"];
const OTHER_KEYS = ["a-signing-key-of-at-least-32-bytes-2"];

describe("the network of an address", () => {
  test.each([
    ["an IPv4 address is itself", "203.0.113.7", "203.0.113.7"],
    ["an IPv6 address is its /64", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["its spelling does not matter", "2001:0DB8:0001:0002::9", "2001:db8:1:2::/64"],
    ["zeros that are left out count", "2001:db8::1", "2001:db8:0:0::/64"],
    ["the loopback address has one too", "::1", "0:0:0:0::/64"],
    ["IPv4 inside IPv6 is the IPv4 address", "::ffff:203.0.113.7", "203.0.113.7"],
    ["also in hexadecimal", "::ffff:cb00:7107", "203.0.113.7"],
    ["no address is the local machine", null, "local"],
    ["an empty one too", "", "local"],
    ["text that is no address stays as it is", "not:an:address", "not:an:address"],
  ])("%s", (_rule, address, network) => {
    expect(networkOf(address)).toBe(network);
  });

  test("is shared by the addresses of one household and by no others", () => {
    expect(networkOf("2001:db8:1:2::1")).toBe(networkOf("2001:db8:1:2:ffff:ffff:ffff:ffff"));
    expect(networkOf("2001:db8:1:2::1")).not.toBe(networkOf("2001:db8:1:3::1"));
  });
});

describe("the mark of an address", () => {
  test("is the same for a network, and says nothing of it", async () => {
    const mark = await addressMark(KEYS, "acme", "2001:db8:1:2::1");
    expect(mark).toMatch(/^[0-9a-f]{20}$/);
    expect(await addressMark(KEYS, "acme", "2001:db8:1:2::2")).toBe(mark);
  });

  test("differs by network, by team and by signing key", async () => {
    const marks = await Promise.all([
      addressMark(KEYS, "acme", "203.0.113.7"),
      addressMark(KEYS, "acme", "203.0.113.8"),
      addressMark(KEYS, "other", "203.0.113.7"),
      addressMark(OTHER_KEYS, "acme", "203.0.113.7"),
    ]);
    expect(new Set(marks).size).toBe(4);
  });
});

describe("a visitor token", () => {
  test("names its visitor, also under a rotated signing key", async () => {
    const visitor = newVisitor();
    const token = await makeVisitorToken(KEYS, "acme", visitor);
    expect(await visitorOf(KEYS, "acme", token)).toBe(visitor);
    expect(await visitorOf([...OTHER_KEYS, ...KEYS], "acme", token)).toBe(visitor);
  });

  test("is nobody's where it was not made", async () => {
    const token = await makeVisitorToken(KEYS, "acme", "somebody");
    expect(await visitorOf(KEYS, "other", token)).toBeNull();
    expect(await visitorOf(OTHER_KEYS, "acme", token)).toBeNull();
    expect(await visitorOf(KEYS, "acme", token.replace("somebody", "nobody"))).toBeNull();
  });

  test.each([
    "",
    "somebody",
    "sl_vt_somebody",
    "sl_vt_somebody.",
    "sl_vt_.00",
    "sl_vt_a.b.00",
    `sl_vt_a.${"0".repeat(68)}`,
  ])("cannot be made up: %j", async (token) => {
    expect(await visitorOf(KEYS, "acme", token)).toBeNull();
  });
});
