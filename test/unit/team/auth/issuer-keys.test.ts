import { exportJWK, generateKeyPair } from "jose";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { acquire, BUFFER_BUDGET_BYTES } from "../../../../src/net/byte-budget.ts";
import { LOOKUP_RETRY_MS } from "../../../../src/net/fetch-text.ts";
import {
  fetchIssuerKeys,
  ISSUER_KEYS_GAP_MS,
  ISSUER_KEYS_MAX_AGE_MS,
  ISSUER_KEYS_REFRESH_AFTER_MS,
  isStale,
  isUsable,
  publicPart,
  shouldFetchIssuerKeys,
} from "../../../../src/team/auth/issuer-keys.ts";

const NOW = Date.parse("2026-11-22T12:00:00Z");
const RULES = { allowHosts: [], ownHosts: [] };
const RSA = { kty: "RSA", kid: "one", alg: "RS256", use: "sig", n: "AQAB", e: "AQAB" };

const fetchSpy = vi.spyOn(globalThis, "fetch");

beforeEach(() => {
  fetchSpy.mockReset();
});

afterEach(async () => {
  // Waits for ever when a call kept bytes that nobody can release any more.
  const all = await acquire(BUFFER_BUDGET_BYTES);
  all?.release();
});

describe("asking an issuer for its keys", () => {
  const young = { json: "{}", fetchedAt: NOW - 1 };
  const stale = { json: "{}", fetchedAt: NOW - ISSUER_KEYS_REFRESH_AFTER_MS };
  const dead = { json: "{}", fetchedAt: NOW - ISSUER_KEYS_MAX_AGE_MS };

  test.each([
    ["happens when there are none", { keys: null, triedAt: null, unknownKey: false }, true],
    ["does not happen while they are young", { keys: young, triedAt: null, unknownKey: false }, false],
    ["happens when they are an hour old", { keys: stale, triedAt: null, unknownKey: false }, true],
    ["happens when a token names another key", { keys: young, triedAt: null, unknownKey: true }, true],
    [
      "happens after a while for another key",
      { keys: young, triedAt: NOW - ISSUER_KEYS_GAP_MS, unknownKey: true },
      true,
    ],
    [
      "does not happen for each made-up key",
      { keys: young, triedAt: NOW - ISSUER_KEYS_GAP_MS + 1, unknownKey: true },
      false,
    ],
    [
      "does not happen for each token while the host is down",
      { keys: stale, triedAt: NOW - ISSUER_KEYS_GAP_MS + 1, unknownKey: false },
      false,
    ],
    ["happens sooner without keys that count", { keys: dead, triedAt: NOW - LOOKUP_RETRY_MS, unknownKey: false }, true],
    ["but not for each token", { keys: null, triedAt: NOW - LOOKUP_RETRY_MS + 1, unknownKey: true }, false],
  ])("%s", (_rule, facts, due) => {
    expect(shouldFetchIssuerKeys({ ...facts, now: NOW })).toBe(due);
  });

  test("leaves the old ones good for a day", () => {
    expect([isStale(stale, NOW), isUsable(stale, NOW)]).toEqual([true, true]);
    expect([isStale(dead, NOW), isUsable(dead, NOW)]).toEqual([true, false]);
    expect([isStale(null, NOW), isUsable(null, NOW)]).toEqual([true, false]);
  });
});

describe("what is kept of a key set", () => {
  test("is the public members of asymmetric keys", async () => {
    const pair = await generateKeyPair("ES256", { extractable: true });
    const whole = { ...(await exportJWK(pair.privateKey)), kid: "two", x5c: ["MII"] };
    const json = publicPart(JSON.stringify({ keys: [RSA, whole] }));
    const { kty, crv, x, y } = whole;
    expect(JSON.parse(json ?? "")).toEqual({ keys: [RSA, { kty, kid: "two", crv, x, y }] });
  });

  test("never is a secret", () => {
    const secret = { kty: "oct", kid: "three", k: "c2VjcmV0" };
    expect(publicPart(JSON.stringify({ keys: [secret] }))).toBeNull();
    expect(publicPart(JSON.stringify({ keys: [secret, RSA] }))).not.toContain("c2VjcmV0");
  });

  test.each(["", "<html>", "null", "[]", "{}", '{"keys":{}}', '{"keys":[]}', '{"keys":[null,5,"x",{}]}'])(
    "is nothing of %j",
    (text) => {
      expect(publicPart(text)).toBeNull();
    },
  );

  test("is at most sixteen keys, and nothing when they are huge", () => {
    const many = JSON.stringify({ keys: Array.from({ length: 50 }, () => RSA) });
    expect(JSON.parse(publicPart(many) ?? "").keys).toHaveLength(16);
    expect(publicPart(JSON.stringify({ keys: [{ ...RSA, n: "A".repeat(65_536) }] }))).toBeNull();
  });
});

describe("getting the keys", () => {
  const answer = (status: number, body: string) => {
    fetchSpy.mockImplementation(async () => new Response(body, { status }));
  };

  test("calls the configured URL without following anything", async () => {
    answer(200, JSON.stringify({ keys: [RSA] }));
    expect(await fetchIssuerKeys("https://login.example/keys", RULES)).toBe(JSON.stringify({ keys: [RSA] }));
    const [url, init] = fetchSpy.mock.calls[0] ?? [];
    expect(String(url)).toBe("https://login.example/keys");
    expect(init).toMatchObject({ redirect: "manual" });
  });

  test.each([
    ["http://login.example/keys"],
    ["https://127.0.0.1/keys"],
    ["https://localhost/keys"],
    ["https://login.example:8443/keys"],
    ["https://user:pass@login.example/keys"],
    ["no URL"],
  ])("does not call %s", async (url) => {
    expect(await fetchIssuerKeys(url, RULES)).toBeNull();
    expect(fetchSpy).not.toHaveBeenCalled();
  });

  test("calls a host on this machine that the operator named", async () => {
    answer(200, JSON.stringify({ keys: [RSA] }));
    expect(
      await fetchIssuerKeys("http://localhost:9000/keys", { ...RULES, allowHosts: ["localhost:9000"] }),
    ).not.toBeNull();
  });

  test.each([
    ["an error", 500, "{}"],
    ["a redirect", 302, ""],
    ["a page", 200, "<html>"],
    ["more than it can be", 200, `{"keys":[],"x":"${"x".repeat(1024 * 1024)}"}`],
  ])("has no use for %s", async (_what, status, body) => {
    answer(status, body);
    expect(await fetchIssuerKeys("https://login.example/keys", RULES)).toBeNull();
  });

  test("has no use for a host that is not there", async () => {
    fetchSpy.mockImplementation(async () => {
      throw new TypeError("network");
    });
    expect(await fetchIssuerKeys("https://login.example/keys", RULES)).toBeNull();
  });
});
