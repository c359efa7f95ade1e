// The guard's rules from the configuration: every name of this deployment is one's own.

import { expect, test } from "vitest";
import { guardRules } from "../../../src/webhooks/guard-rules.ts";

test("the hosts of PUBLIC_URL, BASE_URL and the origin are one's own, without scheme, port or path", () => {
  const config = {
    PUBLIC_URL: "https://In.Example.com/prefix",
    BASE_URL: "https://api.example.com:8443",
    RELAY_ALLOW_HOSTS: [],
  };
  expect(guardRules(config, "http://localhost:8787").ownHosts).toStrictEqual([
    "in.example.com",
    "api.example.com",
    "localhost",
  ]);
});

test("without PUBLIC_URL and BASE_URL the origin alone is known, and the allowed hosts are the operator's", () => {
  const config = { PUBLIC_URL: undefined, BASE_URL: undefined, RELAY_ALLOW_HOSTS: ["localhost:9000"] };
  expect(guardRules(config, "https://sluice.example.com")).toStrictEqual({
    allowHosts: ["localhost:9000"],
    ownHosts: ["sluice.example.com"],
  });
});
