// Which headers an endpoint may have of its own.

import { describe, expect, test } from "vitest";
import { deliveryHeaders, headerFault } from "../../../src/webhooks/headers.ts";

const message = { eventId: "evt_1", nowMs: 1_700_000_000_999, signature: "v1,abc" };

describe("a custom header", () => {
  test.each([
    ["Authorization", "Bearer abc.def"],
    ["X-Api-Key", "k"],
    ["x_tenant", "a b"],
  ])("%s: %s may go along", (name, value) => {
    expect(headerFault(name, value)).toBeNull();
  });

  test.each([
    ...["webhook-signature", "Webhook-Id", "WEBHOOK-TIMESTAMP", "Sluice-Hop", "svix-id", "CF-Connecting-IP"],
    ...[
      "Host",
      "Content-Length",
      "content-type",
      "Transfer-Encoding",
      "Connection",
      "User-Agent",
      "Proxy-Authorization",
    ],
  ])("%s is reserved", (name) => {
    expect(headerFault(name, "x")).toContain("reserved");
  });

  test.each([
    ["", "x", "name"],
    ["a b", "x", "name"],
    ["a:b", "x", "name"],
    ["a\r\nb", "x", "name"],
    ["ü", "x", "name"],
    ["a".repeat(101), "x", "too long"],
    ["a", "", "printable"],
    ["a", " x", "printable"],
    ["a", "x\r\nHost: evil", "printable"],
    ["a", "x\u0000", "printable"],
    ["a", "ü", "printable"],
    ["a", "x".repeat(1_001), "too long"],
  ])("%j: %j is refused: %s", (name, value, reason) => {
    expect(headerFault(name, value)).toContain(reason);
  });
});

test("ours are applied last, and what may not be sent is left out whatever was saved", () => {
  const custom = { "X-Own": "1", "WebHook-Id": "evt_forged", "Content-Length": "3", bad: "\n" };
  expect(deliveryHeaders(custom, message)).toStrictEqual({
    "x-own": "1",
    "content-type": "application/json",
    "accept-encoding": "identity",
    "user-agent": "Sluice-Webhooks/1",
    "sluice-hop": "1",
    "webhook-id": "evt_1",
    "webhook-timestamp": "1700000000",
    "webhook-signature": "v1,abc",
  });
});
