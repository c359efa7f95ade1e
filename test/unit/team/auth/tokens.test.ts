import { decodeProtectedHeader, SignJWT, UnsecuredJWT } from "jose";
import { describe, expect, test } from "vitest";
import { parseKey } from "../../../../src/team/auth/key-text.ts";
import { type ClientToken, checkToken, isClientToken, makeToken } from "../../../../src/team/auth/tokens.ts";

const KEY = "a-signing-key-of-at-least-32-bytes-1";
const OTHER_KEY = "a-signing-key-of-at-least-32-bytes-2";
const NOW = Date.parse("2026-11-22T12:00:00Z");
const TTL_S = 600;

const TOKEN: ClientToken = {
  credential: {
    kind: "token",
    keyId: "key_1",
    user: "ada",
    visitor: null,
    ip: null,
    network: null,
    models: null,
    plan: null,
  },
  origin: null,
};

/** The JWT inside a new token of team acme. */
async function jwtOf(token = TOKEN, keys = [KEY], ttlS = TTL_S): Promise<string> {
  const { text } = await makeToken(keys, "acme", token, ttlS, NOW);
  const parsed = await parseKey(text);
  if (parsed.kind !== "jwt") throw new Error("not a JWT");
  return parsed.jwt;
}

describe("a client token", () => {
  test("says what it was made to say, until it expires", async () => {
    const full: ClientToken = {
      credential: { ...TOKEN.credential, visitor: "v1", ip: "i1", models: ["fal-ai/**"], plan: "pro" },
      origin: "https://app.example",
    };
    for (const token of [TOKEN, full]) {
      expect(await checkToken([KEY], "acme", await jwtOf(token), NOW)).toEqual({
        kind: "valid",
        token,
        expiresAt: NOW + TTL_S * 1_000,
      });
    }
  });

  test("is sent with its team in front, and tells when it ends in whole seconds", async () => {
    const { text, expiresAt } = await makeToken([KEY], "acme", TOKEN, TTL_S, NOW + 999);
    expect(text).toMatch(/^sl_jwt_acme\.eyJ/);
    expect(expiresAt).toBe(NOW + TTL_S * 1_000);
  });

  test("ends when its time is over", async () => {
    const jwt = await jwtOf();
    expect((await checkToken([KEY], "acme", jwt, NOW + TTL_S * 1_000 - 1)).kind).toBe("valid");
    expect(await checkToken([KEY], "acme", jwt, NOW + TTL_S * 1_000)).toEqual({ kind: "refused", reason: "expired" });
  });

  test("is never the same text twice", async () => {
    expect(await jwtOf()).not.toBe(await jwtOf());
  });

  test("is signed with the first key, whose id it names, and checked with every key", async () => {
    const jwt = await jwtOf(TOKEN, [KEY, OTHER_KEY]);
    expect(decodeProtectedHeader(jwt)).toEqual({
      alg: "HS256",
      typ: "sluice-client+jwt",
      kid: expect.stringMatching(/^[0-9a-f]{4}$/),
    });
    expect((await checkToken([OTHER_KEY, KEY], "acme", jwt, NOW)).kind).toBe("valid");
    expect(await checkToken([OTHER_KEY], "acme", jwt, NOW)).toEqual({ kind: "refused", reason: "invalid" });
  });

  test("is not valid for another team", async () => {
    expect(await checkToken([KEY], "other", await jwtOf(), NOW)).toEqual({ kind: "refused", reason: "invalid" });
  });

  test("is told apart by its type, which proves nothing", async () => {
    expect(isClientToken(decodeProtectedHeader(await jwtOf()))).toBe(true);
    expect(isClientToken({ typ: "JWT" })).toBe(false);
    expect(isClientToken({})).toBe(false);
  });
});

describe("a forged client token", () => {
  const claims = { key: "key_1", sub: "ada", iss: "sluice", aud: "acme", exp: NOW / 1_000 + TTL_S };
  const sign = async (
    changes: Record<string, unknown>,
    header: { alg?: string; typ?: string; kid?: string } = {},
    secret = KEY,
  ) => {
    const { kid = "" } = decodeProtectedHeader(await jwtOf());
    return new SignJWT({ ...claims, ...changes })
      .setProtectedHeader({ alg: "HS256", typ: "sluice-client+jwt", kid, ...header })
      .sign(new TextEncoder().encode(secret));
  };

  test("is a copy of a good one but for one thing", async () => {
    expect((await checkToken([KEY], "acme", await sign({}), NOW)).kind).toBe("valid");
  });

  test.each<[string, () => Promise<string>]>([
    ["another key under our key's name", () => sign({}, {}, OTHER_KEY)],
    ["a key id that nobody has", () => sign({}, { kid: "zzzz" })],
    ["another algorithm with our key", () => sign({}, { alg: "HS512" }, KEY.repeat(2))],
    ["another type", () => sign({}, { typ: "JWT" })],
    ["another issuer", () => sign({ iss: "https://issuer.example" })],
    ["another team", () => sign({ aud: "other" })],
    ["no team", () => sign({ aud: undefined })],
    ["no end", () => sign({ exp: undefined })],
    ["no user", () => sign({ sub: undefined })],
    ["an empty user", () => sign({ sub: "" })],
    ["no key", () => sign({ key: undefined })],
    ["a list of models that is none", () => sign({ models: "**" })],
    ["no signature", async () => new UnsecuredJWT(claims).encode()],
    [
      "a changed claim",
      async () => {
        const [header, , signature] = (await jwtOf()).split(".");
        return [header, btoa(JSON.stringify({ ...claims, sub: "eve" })).replaceAll("=", ""), signature].join(".");
      },
    ],
  ])("with %s is refused", async (_what, make) => {
    expect(await checkToken([KEY], "acme", await make(), NOW)).toEqual({ kind: "refused", reason: "invalid" });
  });
});
