import { type CryptoKey, exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from "jose";
import { beforeAll, describe, expect, test } from "vitest";
import type { IssuerKeys } from "../../../../src/contracts/team-keys.ts";
import type { Issuer } from "../../../../src/team/auth/issuers.ts";
import { checkUserJwt, credentialOfJwt, type JwtAnswer, type KeysOf } from "../../../../src/team/auth/user-jwt.ts";

const NOW = Date.parse("2026-11-22T12:00:00Z");
const NOW_S = NOW / 1_000;

const APP: Issuer = {
  ...{ name: "app", preset: null, issuer: "https://login.example", audience: ["sluice"], audience_claim: "aud" },
  ...{ jwks_url: "https://login.example/keys", algs: ["ES256"], user_claim: "sub", user_prefix: "app" },
  ...{ plan_claim: "plan", tag_claims: { tenant: "org" } },
};
const CLERK: Issuer = {
  ...{ ...APP, name: "clerk", preset: "clerk", issuer: "https://clerk.example" },
  ...{ audience: ["https://app.example"], audience_claim: "azp" },
};

const CLAIMS = { iss: APP.issuer, aud: "sluice", sub: "user_1", exp: NOW_S + 60, plan: "pro", org: "org_7" };

interface Signer {
  kid: string;
  key: CryptoKey;
  publicKey: CryptoKey;
}
let signer: Signer;
let stranger: Signer;
let rsa: Signer;

async function newSigner(kid: string, alg: string): Promise<Signer> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { kid, key: privateKey, publicKey };
}

beforeAll(async () => {
  signer = await newSigner("one", "ES256");
  stranger = await newSigner("one", "ES256");
  rsa = await newSigner("rsa", "RS256");
});

async function setOf(...signers: Signer[]): Promise<IssuerKeys> {
  const keys = await Promise.all(signers.map(async ({ kid, publicKey }) => ({ ...(await exportJWK(publicKey)), kid })));
  return { json: JSON.stringify({ keys }), fetchedAt: NOW };
}

function sign(claims: Record<string, unknown> = {}, by = signer, header: { alg?: string; kid?: string } = {}) {
  return new SignJWT({ ...CLAIMS, ...claims })
    .setProtectedHeader({ alg: "ES256", kid: by.kid, ...header })
    .sign(by.key);
}

async function check(jwt: string, issuers = [APP, CLERK], keysOf?: KeysOf): Promise<JwtAnswer> {
  const set = await setOf(signer, rsa);
  return checkUserJwt(issuers, jwt, keysOf ?? (async () => set), NOW);
}

describe("a user's JWT", () => {
  test("is good with issuer, audience, signature and time, and says who the user is", async () => {
    const answer = await check(await sign());
    expect(answer).toEqual({
      kind: "valid",
      issuer: APP,
      claims: { user: "app:user_1", plan: "pro", tags: { tenant: "org_7" } },
      expiresAt: NOW + 60_000,
    });
    if (answer.kind !== "valid") throw new Error("not valid");
    expect(credentialOfJwt(answer)).toEqual({
      ...{ kind: "jwt", issuer: "app", user: "app:user_1", plan: "pro", tags: { tenant: "org_7" } },
    });
  });

  test("asks for no plan with a claim that cannot be a plan's name", async () => {
    for (const plan of ["Pro Plan!", "", 5, null]) {
      const answer = await check(await sign({ plan }));
      if (answer.kind !== "valid") throw new Error("not valid");
      expect(credentialOfJwt(answer)).toMatchObject({ plan: plan === 5 ? "5" : null });
    }
  });

  test("may name several audiences, one of them ours", async () => {
    expect((await check(await sign({ aud: ["other", "sluice"] }))).kind).toBe("valid");
  });

  test("is checked by its authorized party where the issuer says so", async () => {
    const clerk = { iss: CLERK.issuer, aud: undefined };
    expect((await check(await sign({ ...clerk, azp: "https://app.example" }))).kind).toBe("valid");
    for (const azp of ["https://evil.example", undefined, ["https://app.example"], ""]) {
      const answer = await check(await sign({ ...clerk, azp }));
      expect(answer).toMatchObject({ kind: "refused", fault: "wrong_audience", issuer: "clerk" });
    }
  });

  test("is good with the second of two issuers that share an `iss`", async () => {
    const other = { ...APP, name: "other", audience: ["another-app"] };
    expect(await check(await sign(), [other, APP])).toMatchObject({ kind: "valid", issuer: { name: "app" } });
  });

  test("may be thirty seconds off, both ways, and no more", async () => {
    expect((await check(await sign({ exp: NOW_S - 29, nbf: NOW_S + 30 }))).kind).toBe("valid");
    expect(await check(await sign({ exp: NOW_S - 30 }))).toMatchObject({ fault: "expired" });
    expect(await check(await sign({ nbf: NOW_S + 31 }))).toMatchObject({ fault: "not_yet_valid" });
  });
});

describe("a JWT is refused", () => {
  const publicPem = async () => new TextEncoder().encode(JSON.stringify(await exportJWK(rsa.publicKey)).padEnd(64));

  test.each<[string, string, () => Promise<string>, string]>([
    ["from another issuer", "unknown_issuer", () => sign({ iss: "https://evil.example" }), "https://evil.example"],
    [
      "from an issuer spelled a little differently",
      "unknown_issuer",
      () => sign({ iss: `${APP.issuer}/` }),
      "matches no issuer",
    ],
    ["without an issuer", "unknown_issuer", () => sign({ iss: undefined }), "missing"],
    ["for another audience", "wrong_audience", () => sign({ aud: "other" }), '"sluice"'],
    ["without an audience", "wrong_audience", () => sign({ aud: undefined }), "`aud` is missing"],
    ["after its end", "expired", () => sign({ exp: NOW_S - 3_600 }), "2026-11-22T11:00:00.000Z"],
    ["without an end", "claim_missing", () => sign({ exp: undefined }), "`exp`"],
    ["with an end that is no number", "claim_missing", () => sign({ exp: "never" }), "`exp`"],
    ["before its time", "not_yet_valid", () => sign({ nbf: NOW_S + 3_600 }), "2026-11-22T13:00:00.000Z"],
    ["without a user", "claim_missing", () => sign({ sub: undefined }), "`sub`"],
    ["with a user that is no text", "claim_missing", () => sign({ sub: { id: 1 } }), "`sub`"],
    ["signed with a stranger's key under our key's name", "bad_signature", () => sign({}, stranger), "does not match"],
    ["with a key id that nobody has", "unknown_key", () => sign({}, signer, { kid: "two" }), '"two"'],
    [
      "without a signature",
      "algorithm_refused",
      async () => new UnsecuredJWT(CLAIMS).encode(),
      'The header `alg` is "none"; the issuer accepts ES256.',
    ],
    [
      "with another algorithm, though its key is in the set",
      "algorithm_refused",
      () => sign({}, rsa, { alg: "RS256" }),
      "RS256",
    ],
    [
      "signed by HMAC with the public key as the secret",
      "algorithm_refused",
      async () => new SignJWT(CLAIMS).setProtectedHeader({ alg: "HS256", kid: "rsa" }).sign(await publicPem()),
      "HS256",
    ],
    ["with a part missing", "malformed", async () => (await sign()).split(".").slice(0, 2).join("."), "Malformed JWT"],
    ["when its parts are no JSON", "malformed", async () => "aaaa.bbbb.cccc", "Malformed JWT"],
    [
      "when it is longer than any issuer makes them",
      "malformed",
      () => sign({ x: "x".repeat(20_000) }),
      "Malformed JWT",
    ],
    [
      "with an extension that must be understood",
      "malformed",
      async () => {
        const [, payload, signature] = (await sign()).split(".");
        const header = btoa(JSON.stringify({ alg: "ES256", kid: "one", crit: ["urn:x"], "urn:x": 1 }));
        return [header.replaceAll("=", ""), payload, signature].join(".");
      },
      "extensions are not supported",
    ],
    [
      "with a changed claim",
      "bad_signature",
      async () => {
        const [header, , signature] = (await sign()).split(".");
        return [header, btoa(JSON.stringify({ ...CLAIMS, sub: "admin" })).replaceAll("=", ""), signature].join(".");
      },
      "does not match",
    ],
  ])("%s", async (_what, fault, make, words) => {
    const answer = await check(await make());
    expect(answer).toMatchObject({ kind: "refused", fault });
    expect(answer.kind === "refused" && answer.explanation).toContain(words);
  });

  test("by every team that has no issuer", async () => {
    expect(await check(await sign(), [])).toMatchObject({ fault: "unknown_issuer", issuer: null });
  });

  test("by no key of its own: a key or a URL in its header is not looked at", async () => {
    const jwk = await exportJWK(stranger.publicKey);
    const jwt = await new SignJWT(CLAIMS)
      .setProtectedHeader({ alg: "ES256", kid: "one", jwk, jku: "https://evil.example/keys" })
      .sign(stranger.key);
    expect(await check(jwt)).toMatchObject({ fault: "bad_signature" });
  });
});

describe("the issuer's keys", () => {
  test("are looked at anew when the token's is not among them, and the token is good then", async () => {
    const [before, after] = [await setOf(rsa), await setOf(rsa, signer)];
    const asked: boolean[] = [];
    const answer = await check(await sign(), [APP], async (_issuer, { unknownKey }) => {
      asked.push(unknownKey);
      return unknownKey ? after : before;
    });
    expect([answer.kind, asked]).toEqual(["valid", [false, true]]);
  });

  test("are not looked at anew for a token that is refused for another reason", async () => {
    const set = await setOf(signer);
    for (const jwt of [await sign({ aud: "other" }), await sign({}, stranger), await sign({ exp: 1 })]) {
      const asked: boolean[] = [];
      await check(jwt, [APP], async (_issuer, { unknownKey }) => {
        asked.push(unknownKey);
        return set;
      });
      expect(asked).toEqual([false]);
    }
  });

  test("are not asked for by a token whose issuer or algorithm is not ours", async () => {
    const keysOf: KeysOf = async () => {
      throw new Error("asked");
    };
    expect(await check(await sign({ iss: "https://evil.example" }), [APP], keysOf)).toMatchObject({ kind: "refused" });
    expect(await check(new UnsecuredJWT(CLAIMS).encode(), [APP], keysOf)).toMatchObject({ kind: "refused" });
  });

  test("that cannot be had are no reason to call the token wrong", async () => {
    expect(await check(await sign(), [APP], async () => null)).toMatchObject({ fault: "keys_unavailable" });
  });

  test("that are broken refuse the token and nothing else", async () => {
    const broken = { json: '{"keys":[{"kty":"EC","kid":"one","crv":"P-256","x":"AA","y":"AA"}]}', fetchedAt: NOW };
    expect(await check(await sign(), [APP], async () => broken)).toMatchObject({ kind: "refused" });
  });

  test("fit a token that names none when there is one of its kind", async () => {
    const jwt = await new SignJWT(CLAIMS).setProtectedHeader({ alg: "ES256" }).sign(signer.key);
    expect((await check(jwt)).kind).toBe("valid");
    const two = await setOf(signer, { ...stranger, kid: "two" });
    expect(await check(jwt, [APP], async () => two)).toMatchObject({ fault: "unknown_key" });
  });
});
