import { describe, expect, test } from "vitest";
import {
  addressMarks,
  makeVisitorToken,
  networkOf,
  newVisitor,
  visitorOf,
  wideNetworkOf,
} from "../../../../src/team/auth/visitor.ts";

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

describe("the wide network of an address", () => {
  test.each([
    ["of IPv6 it is the /48", "2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"],
    ["its spelling does not matter", "2001:0DB8:0001:ffff::9", "2001:db8:1::/48"],
    ["zeros that are left out count", "2001:db8::1", "2001:db8:0::/48"],
    ["IPv4 has none", "203.0.113.7", null],
    ["nor has IPv4 inside IPv6", "::ffff:203.0.113.7", null],
    ["no address has none", null, null],
    ["nor has an empty one", "", null],
    ["nor has text that is no address", "not:an:address", null],
  ])("%s", (_rule, address, network) => {
    expect(wideNetworkOf(address)).toBe(network);
  });
});

describe("the marks of an address", () => {
  test("are the same for a network, and say nothing of it", async () => {
    const marks = await addressMarks(KEYS, "acme", "2001:db8:1:2::1");
    expect(marks).toEqual({
      ip: expect.stringMatching(/^[0-9a-f]{20}$/),
      network: expect.stringMatching(/^[0-9a-f]{20}$/),
    });
    expect(await addressMarks(KEYS, "acme", "2001:db8:1:2::2")).toEqual(marks);
    const neighbour = await addressMarks(KEYS, "acme", "2001:db8:1:3::1");
    expect([neighbour.ip === marks.ip, neighbour.network]).toEqual([false, marks.network]);
    expect(marks.network).not.toBe(marks.ip);
  });

  test("differ by network, by team and by signing key", async () => {
    const marks = await Promise.all([
      addressMarks(KEYS, "acme", "203.0.113.7"),
      addressMarks(KEYS, "acme", "203.0.113.8"),
      addressMarks(KEYS, "other", "203.0.113.7"),
      addressMarks(OTHER_KEYS, "acme", "203.0.113.7"),
    ]);
    expect(new Set(marks.map(({ ip }) => ip)).size).toBe(4);
    expect(marks.map(({ network }) => network)).toEqual([null, null, null, null]);
  });
});

describe("a visitor token", () => {
  test("names its visitor, also under a rotated signing key", async () => {
    const visitor = newVisitor();
    const token = await makeVisitorToken(KEYS, "acme", visitor);
    expect(await visitorOf(KEYS, "acme", token)).toBe(visitor);
    expect(await visitorOf([...OTHER_KEYS, ...KEYS], "acme", token)).toBe(visitor);
  });

  test("is nobody's that names an address, whom all behind it would share", async () => {
    const { ip } = await addressMarks(KEYS, "acme", "203.0.113.7");
    expect(await visitorOf(KEYS, "acme", await makeVisitorToken(KEYS, "acme", ip))).toBeNull();
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
