// The URL guard: what may be called, and every known way around it as a row.

import { describe, expect, test } from "vitest";
import { mayCall } from "../../../src/net/guard.ts";

const rules = { allowHosts: ["localhost:9000", "[::1]:9001", "10.0.0.5:80"], ownHosts: ["sluice.example.com"] };

function reasonFor(url: string): string {
  const verdict = mayCall(url, rules);
  return verdict.ok ? `allowed: ${verdict.url.href}` : verdict.reason;
}

describe("a public https URL may be called", () => {
  test.each([
    ["https://hooks.example.com/sluice?token=abc", "https://hooks.example.com/sluice?token=abc"],
    ["https://example.com:443/", "https://example.com/"],
    ["HTTPS://Hooks.Example.COM/Path", "https://hooks.example.com/Path"],
    ["https://bücher.example/haken", "https://xn--bcher-kva.example/haken"],
    ["https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"],
    ["https://例え.テスト.example/", "https://xn--r8jz45g.xn--zckzah.example/"],
    ["https://example.com/%23not-a-fragment", "https://example.com/%23not-a-fragment"],
    // Names that only look like what is refused.
    ["https://fcbarcelona.com/", "https://fcbarcelona.com/"],
    ["https://localhost.example.com/", "https://localhost.example.com/"],
    ["https://internal.example.com/", "https://internal.example.com/"],
    ["https://1.example.com/", "https://1.example.com/"],
    ["https://www.sluice.example.com/", "https://www.sluice.example.com/"],
    // What is called is what the parser understood, so a text that reads otherwise gains nothing.
    ["https://hooks.example.com\\@127.0.0.1/", "https://hooks.example.com/@127.0.0.1/"],
    ["https://hooks.exa\nmple.com/", "https://hooks.example.com/"],
  ])("%j is called as %s", (url, called) => {
    expect(reasonFor(url)).toBe(`allowed: ${called}`);
  });
});

describe("what may not be called", () => {
  test.each([
    ["not a URL", ["", "hooks.example.com/x", "//hooks.example.com", "https://", "https://[::1", "https://256.1.1.1/"]],
    [
      "begin with https://",
      [
        "http://hooks.example.com/",
        "ftp://hooks.example.com/",
        "file:///etc/passwd",
        "data:text/plain,x",
        "javascript:alert(1)",
        "blob:https://hooks.example.com/1",
        "wss://hooks.example.com/",
      ],
    ],
    [
      "port is not 443",
      ["https://hooks.example.com:25/", "https://hooks.example.com:8443/", "https://x.example:0/"],
    ],
    [
      "user name or password",
      [
        "https://user:pass@hooks.example.com/",
        "https://hooks.example.com@127.0.0.1/",
        "https://:pass@hooks.example.com/",
        "https://user@sluice.example.com/",
      ],
    ],
    [
      "fragment",
      ["https://hooks.example.com/#a", "https://hooks.example.com/#", "https://hooks.example.com#@x.example/"],
    ],
    [
      "IP address",
      [
        "https://127.0.0.1/",
        "https://127.1/",
        "https://127.0.0.1./",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.1/",
        "https://017700000001/",
        "https://0177.0.0.1/",
        "https://%31%32%37.0.0.1/",
        "https://１２７．０．０．１/",
        "https://①②⑦.0.0.1/",
        "https://0/",
        "https://0.0.0.0/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://8.8.8.8/",
        "https://[::1]/",
        "https://[::]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[::ffff:a00:1]/",
        "https://[64:ff9b::a00:1]/",
        "https://[fd00::1]/",
        "https://[2606:4700::1111]/",
      ],
    ],
    [
      "dot",
      [
        "https://hooks.example.com./",
        "https://localhost./",
        "https://sluice.example.com./",
        "https://metadata.internal./",
      ],
    ],
    [
      "local name",
      [
        "https://localhost/",
        "https://LOCALHOST/",
        "https://ⓛocalhost/",
        "https://a.localhost/",
        "https://intranet/",
        "https://printer.local/",
        "https://metadata.google.internal/",
        "https://METADATA.GOOGLE.INTERNAL/",
      ],
    ],
    [
      "this gateway",
      ["https://sluice.example.com/hooks/fal/1/2", "https://SLUICE.example.com:443/", "https://sluice%2Eexample.com/"],
    ],
  ])("%s", (reason, urls) => {
    for (const url of urls) expect(reasonFor(url), url).toContain(reason);
  });
});

describe("hosts that the operator listed", () => {
  test.each([
    "http://localhost:9000/hook",
    "https://localhost:9000/hook",
    "http://LOCALHOST:9000/",
    "http://[::1]:9001/",
    "http://[0:0:0:0:0:0:0:1]:9001/",
    "http://10.0.0.5/",
    "http://10.5:80/",
  ])("%s is exempt from the rules on scheme, port and host", (url) => {
    expect(reasonFor(url)).toContain("allowed: ");
  });

  test.each([
    ["another port of it", "http://localhost:9002/", "https://"],
    ["its name in another domain", "http://localhost:9000.example.com/", "not a URL"],
    ["another host on its port", "https://hooks.example.com:9000/", "port"],
    ["https on the port of a plain one", "https://10.0.0.5/", "IP address"],
    ["a scheme that is not http at all", "ftp://localhost:9000/", "https://"],
    ["credentials for it", "http://user:pass@localhost:9000/", "user name"],
    ["a fragment on it", "http://localhost:9000/#a", "fragment"],
  ])("%s is not", (_what, url, reason) => {
    expect(reasonFor(url)).toContain(reason);
  });

  test.each(["localhost", "", "localhost:", "http://localhost:80", "*:80", "user@localhost:80", "localhost:80/x"])(
    "the entry %j matches nothing",
    (entry) => {
      const verdict = mayCall("http://localhost/", { allowHosts: [entry], ownHosts: [] });
      expect(verdict.ok).toBe(false);
    },
  );
});

test("a refusal quotes nothing of the URL", () => {
  const secret = "s3cr3t";
  for (const url of [
    `http://x.example/${secret}`,
    `https://${secret}:p@x.example/`,
    `https://x.example/#${secret}`,
    secret,
  ]) {
    expect(reasonFor(url)).not.toContain(secret);
  }
});
