import { expect, test } from "vitest";
import { allowedHosts } from "../../../src/files/media-hosts.ts";

const fal = ["v3.fal.media", "v3b.fal.media", "fal.media"];

test.each([
  ["a listed host over https", fal, "https://v3.fal.media/files/a/b.png", true],
  ["another listed host", fal, "https://fal.media/files/a/b.png?x=1", true],
  ["a listed host in capitals", fal, "https://V3.FAL.MEDIA/a.png", true],
  ["the default port written out", fal, "https://v3.fal.media:443/a.png", true],
  ["plain http", fal, "http://v3.fal.media/a.png", false],
  ["another port", fal, "https://v3.fal.media:8443/a.png", false],
  ["a subdomain", fal, "https://x.fal.media/a.png", false],
  ["a host that ends alike", fal, "https://evilfal.media/a.png", false],
  ["a host that begins alike", fal, "https://fal.media.evil.test/a.png", false],
  ["a listed host as a user name", fal, "https://fal.media@evil.test/a.png", false],
  ["a user name on a listed host", fal, "https://me@fal.media/a.png", false],
  ["a password on a listed host", fal, "https://:pw@fal.media/a.png", false],
  ["a root dot", fal, "https://fal.media./a.png", false],
  ["a listed port", ["cdn.test:8443"], "https://cdn.test:8443/a.png", true],
  ["the default port of a host listed with another", ["cdn.test:8443"], "https://cdn.test/a.png", false],
  ["an IPv4 address listed as a host", ["10.0.0.1"], "https://10.0.0.1/a.png", false],
  ["an IPv4 address in another spelling", ["167772161"], "https://10.0.0.1/a.png", false],
  ["a listed http origin on an address", ["http://127.0.0.1:8788"], "http://127.0.0.1:8788/a.png", true],
  ["a listed http origin in another spelling", ["http://127.0.0.1:8788"], "http://2130706433:8788/a.png", true],
  ["another port of a listed http origin", ["http://127.0.0.1:8788"], "http://127.0.0.1:8789/a.png", false],
  ["https where http is listed", ["http://localhost:8788"], "https://localhost:8788/a.png", false],
  ["a user name on a listed http origin", ["http://localhost:8788"], "http://me@localhost:8788/a.png", false],
  ["a host below one", ["*.fal.media"], "https://v4.fal.media/a.png", true],
  ["a host far below one", ["*.Fal.Media"], "https://a.b.fal.media/a.png", true],
  ["the host itself, where those below it are listed", ["*.fal.media"], "https://fal.media/a.png", false],
  ["a host that ends alike, where those below it are listed", ["*.fal.media"], "https://evilfal.media/a.png", false],
  ["http below one", ["*.fal.media"], "http://v4.fal.media/a.png", false],
  ["another port below one", ["*.fal.media"], "https://v4.fal.media:8443/a.png", false],
  ["a user name below one", ["*.fal.media"], "https://me@v4.fal.media/a.png", false],
  ["anything with an empty list", [], "https://fal.media/a.png", false],
])("%s", (_name, entries, url, expected) => {
  expect(allowedHosts(entries)(new URL(url))).toBe(expected);
});
