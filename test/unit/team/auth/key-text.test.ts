import { describe, expect, test } from "vitest";
import { formatTeamJwt, keyDigest, makeKey, parseKey, shownPart } from "../../../../src/team/auth/key-text.ts";

describe("keys", () => {
  test.each(["a", "acme", "acme-2", "-", "0".repeat(32)])("names the team %s that it was made for", async (team) => {
    const key = await makeKey(team);
    expect(key).toMatch(new RegExp(`^sl_sk_${team}_[0-9A-Za-z]{22}_[0-9a-f]{8}$`));
    expect(await parseKey(key)).toEqual({ kind: "secret", team });
    const publishable = await makeKey(team, "publishable");
    expect(publishable).toMatch(new RegExp(`^sl_pk_${team}_[0-9A-Za-z]{22}_[0-9a-f]{8}$`));
    expect(await parseKey(publishable)).toEqual({ kind: "publishable", team });
  });

  test("is never made twice", async () => {
    const keys = await Promise.all(Array.from({ length: 100 }, () => makeKey("acme")));
    expect(new Set(keys).size).toBe(100);
  });

  test.each(["Acme", "", "a_b", "x".repeat(33)])("cannot be made for the team id %j", async (team) => {
    await expect(makeKey(team)).rejects.toThrow("team id");
  });

  test("calls every single wrong character of a key mistyped, or no key at all", async () => {
    const key = await makeKey("acme");
    for (let i = 0; i < key.length; i++) {
      const wrong = key.slice(0, i) + (key[i] === "x" ? "y" : "x") + key.slice(i + 1);
      expect((await parseKey(wrong)).kind, wrong).not.toBe("secret");
    }
  });

  test("calls a key of another team's name mistyped", async () => {
    const key = await makeKey("acme");
    expect(await parseKey(key.replace("_acme_", "_acmf_"))).toEqual({ kind: "mistyped" });
  });

  test("is not turned into the other kind by its prefix", async () => {
    const [secret, publishable] = [await makeKey("acme"), await makeKey("acme", "publishable")];
    expect(await parseKey(secret.replace("sl_sk_", "sl_pk_"))).toEqual({ kind: "mistyped" });
    expect(await parseKey(publishable.replace("sl_pk_", "sl_sk_"))).toEqual({ kind: "mistyped" });
  });

  test.each([
    ["nothing", ""],
    ["a word", "hello"],
    ["a key of fal.ai", "0f3c1c1e-1111-4222-8333-444455556666:9a8b7c6d5e4f"],
    ["a kind that does not exist", "sl_xk_acme_0123456789012345678901_01234567"],
    ["two parts of a JWT", "eyJhbGciOiJIUzI1NiJ9.e30"],
    ["a JWT of a team in capitals", "sl_jwt_ACME.eyJhbGciOiJIUzI1NiJ9.e30.c2ln"],
    ["a JWT with text behind it", "eyJhbGciOiJIUzI1NiJ9.e30.c2ln\n"],
    ["an encrypted JWT", "eyJhbGciOiJSU0EifQ.a.b.c.d"],
    ["a key without its check", "sl_sk_acme_0123456789012345678901"],
    ["a key with text behind it", "sl_sk_acme_0123456789012345678901_01234567 "],
    ["a key with a line break in it", "sl_sk_acme_0123456789012345678901_01234567\n"],
    ["a team in capitals", "sl_sk_ACME_0123456789012345678901_01234567"],
  ])("says that %s is malformed", async (_what, text) => {
    expect(await parseKey(text)).toEqual({ kind: "malformed" });
  });

  test("shows four random characters and neither the rest nor the check", async () => {
    const key = await makeKey("acme");
    expect(shownPart(key)).toBe(key.slice(0, "sl_sk_acme_".length + 4));
  });

  test("is stored as the SHA-256 of its text", async () => {
    expect(await keyDigest("abc")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  });
});

describe("a JWT", () => {
  const jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2ln";

  test("carries its team in front", async () => {
    expect(await parseKey(formatTeamJwt("acme-2", jwt))).toEqual({ kind: "jwt", team: "acme-2", jwt });
  });

  test("sent as it is names no team", async () => {
    expect(await parseKey(jwt)).toEqual({ kind: "jwt", team: null, jwt });
  });

  test("without a signature is one to be judged, not another thing", async () => {
    const unsigned = "eyJhbGciOiJub25lIn0.e30.";
    expect(await parseKey(unsigned)).toEqual({ kind: "jwt", team: null, jwt: unsigned });
  });
});
