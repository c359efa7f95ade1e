// The ways out for a webhook that leads to somebody's own machine.

import { expect, test } from "vitest";
import { localWayOut } from "../../../src/webhooks/guard-rules.ts";

test.each<[string, string | null]>([
  ["http://localhost:9903/hook", "localhost:9903"],
  ["https://localhost/hook", "localhost:443"],
  ["http://127.0.0.1:3000", "127.0.0.1:3000"],
  ["http://[::1]:3000/", "[::1]:3000"],
  ["http://printer.local/x?secret=1", "printer.local:80"],
  ["http://buildhost:8080/", "buildhost:8080"],
  ["http://hooks.example.com/", null],
  ["https://hooks.example.com:8443/", null],
  ["ftp://localhost/", null],
  ["http://me:secret@localhost/", null],
  ["no URL", null],
])("%s is told both ways out with %s, and nothing of its query", (url, host) => {
  const hint = localWayOut(url);
  if (host === null) return expect(hint).toBeUndefined();
  expect(hint).toContain("npm run listen -- --forward ");
  expect(hint).toContain(`RELAY_ALLOW_HOSTS=${host}.`);
  expect(hint).not.toContain("secret");
});
