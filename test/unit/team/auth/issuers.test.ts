import { describe, expect, test } from "vitest";
import { parseFields } from "../../../../src/platform/validate.ts";
import { claimAt, completeIssuer, issuerBodySchema, userClaims } from "../../../../src/team/auth/issuers.ts";

const PLAIN = {
  issuer: "https://login.example",
  audience: "sluice",
  jwks_url: "https://login.example/keys",
  algs: ["ES256"],
};

/** The completed issuer, or the sentence that says what is wrong. */
function completed(body: unknown) {
  const parsed = parseFields(issuerBodySchema(), body, "body");
  if (!parsed.ok) return parsed.detail;
  const answer = completeIssuer("app", parsed.value);
  return answer.ok ? answer.issuer : answer.detail;
}

describe("an issuer", () => {
  test("is kept as it was written, with its defaults", () => {
    expect(completed(PLAIN)).toEqual({
      name: "app",
      preset: null,
      ...PLAIN,
      audience: ["sluice"],
      audience_claim: "aud",
      user_claim: "sub",
      user_prefix: "app",
      plan_claim: null,
      tag_claims: {},
    });
  });

  test.each([
    [
      "clerk",
      { issuer: "https://brave-cat-1.clerk.accounts.dev", audience: ["https://app.example"] },
      {
        jwks_url: "https://brave-cat-1.clerk.accounts.dev/.well-known/jwks.json",
        algs: ["RS256"],
        audience: ["https://app.example"],
        audience_claim: "azp",
      },
    ],
    [
      "supabase",
      { issuer: "https://abcdefgh.supabase.co/auth/v1" },
      {
        jwks_url: "https://abcdefgh.supabase.co/auth/v1/.well-known/jwks.json",
        algs: ["ES256", "RS256"],
        audience: ["authenticated"],
        audience_claim: "aud",
      },
    ],
    [
      "auth0",
      { issuer: "https://acme.eu.auth0.com/", audience: "https://api.example" },
      {
        jwks_url: "https://acme.eu.auth0.com/.well-known/jwks.json",
        algs: ["RS256"],
        audience: ["https://api.example"],
        audience_claim: "aud",
      },
    ],
    [
      "firebase",
      { issuer: "https://securetoken.google.com/my-project-1" },
      {
        jwks_url: "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com",
        algs: ["RS256"],
        audience: ["my-project-1"],
        audience_claim: "aud",
      },
    ],
  ])("of %s needs little more than its name", (preset, body, filled) => {
    expect(completed({ preset, ...body })).toMatchObject({ preset, user_claim: "sub", ...filled });
  });

  test("takes what is given over what the preset says", () => {
    const body = {
      preset: "clerk",
      issuer: "https://clerk.app.example",
      audience: "sluice",
      audience_claim: "aud",
      jwks_url: "https://keys.example/clerk",
      algs: ["ES256"],
      user_claim: "org.member",
    };
    expect(completed(body)).toMatchObject({ ...body, audience: ["sluice"] });
  });

  test.each([
    [
      "no audience where none is known",
      { preset: "auth0", issuer: "https://acme.auth0.com/" },
      "`audience` is required",
    ],
    ["no audience without a preset", { ...PLAIN, audience: undefined }, "`audience` is required"],
    ["an empty list of audiences", { ...PLAIN, audience: [] }, "`audience`"],
    ["no authorized party for Clerk", { preset: "clerk", issuer: "https://a.clerk.accounts.dev" }, "`audience` is req"],
    ["no keys without a preset", { ...PLAIN, jwks_url: undefined }, "`jwks_url` is required without a preset."],
    ["no algorithm without a preset", { ...PLAIN, algs: undefined }, "`algs` is required without a preset."],
    ["an empty list of algorithms", { ...PLAIN, algs: [] }, "`algs` must have at least 1 entry"],
    ["no signature at all", { ...PLAIN, algs: ["none"] }, "`algs[0]` must be one of"],
    ["a shared secret", { ...PLAIN, algs: ["RS256", "HS256"] }, "`algs[1]` must be one of"],
    ["keys that are not on the web", { ...PLAIN, jwks_url: "file:///etc/passwd" }, "`jwks_url`"],
    ["an unknown preset", { ...PLAIN, preset: "okta" }, '`preset` must be one of "clerk"'],
    ["an unknown field", { ...PLAIN, secret: "x" }, "`secret` is not a known field"],
    ["Auth0 without its slash", { preset: "auth0", issuer: "https://acme.auth0.com", audience: "x" }, "trailing slash"],
    ["Supabase without its path", { preset: "supabase", issuer: "https://abc.supabase.co" }, "/auth/v1"],
    ["Firebase without its project", { preset: "firebase", issuer: "https://securetoken.google.com/" }, "<project>"],
    ["Clerk without its scheme", { preset: "clerk", issuer: "a.clerk.accounts.dev", audience: "x" }, "e.g. https://"],
    [
      "too many tags",
      { ...PLAIN, tag_claims: Object.fromEntries(Array.from({ length: 11 }, (_, n) => [`t${n}`, "c"])) },
      "`tag_claims` must have at most 10 tags",
    ],
  ])("cannot have %s, and the answer names the field", (_what, body, sentence) => {
    expect(completed(body)).toContain(sentence);
  });
});

describe("a claim", () => {
  const payload = {
    plan: "free",
    "https://acme.example/plan": "pro",
    app_metadata: { plan: "team", list: ["a"] },
    toString: undefined,
  };

  test.each([
    ["is found by name", "plan", "free"],
    ["with dots is found by its whole name", "https://acme.example/plan", "pro"],
    ["is found by its path", "app_metadata.plan", "team"],
    ["that is not there is undefined", "nothing", undefined],
    ["below a text is undefined", "plan.length", undefined],
    ["that only the language has is undefined", "constructor", undefined],
    ["that only the language has is undefined also below", "app_metadata.constructor.name", undefined],
  ])("%s", (_rule, name, value) => {
    expect(claimAt(payload, name)).toBe(value);
  });
});

describe("the claims of a good token", () => {
  const issuer = completed({ ...PLAIN, plan_claim: "plan", tag_claims: { tenant: "org_id" } });
  if (typeof issuer === "string") throw new Error(issuer);

  test("name the user, the plan and the tags", () => {
    expect(userClaims(issuer, { sub: "user_1", plan: "pro", org_id: "org_7" })).toEqual({
      ok: true,
      claims: { user: "app:user_1", plan: "pro", tags: { tenant: "org_7" } },
    });
  });

  test("may number users", () => {
    expect(userClaims(issuer, { sub: 42 })).toMatchObject({ ok: true, claims: { user: "app:42" } });
  });

  test("leave no tag open that the caller could fill in", () => {
    for (const org_id of [undefined, null, { a: 1 }, 1.5]) {
      expect(userClaims(issuer, { sub: "u", org_id })).toMatchObject({ ok: true, claims: { tags: { tenant: "" } } });
    }
  });

  test("say nothing of a plan that is no text", () => {
    for (const plan of [undefined, null, ["pro"], true]) {
      expect(userClaims(issuer, { sub: "u", plan })).toMatchObject({ ok: true, claims: { plan: null } });
    }
  });

  test.each([undefined, null, "", " ".repeat(129), {}, ["a"], 1.5, true])("are of no use with the user %j", (sub) => {
    expect(userClaims(issuer, { sub })).toEqual({ ok: false, claim: "sub" });
  });

  test("are of no use with a tag that is too long", () => {
    expect(userClaims(issuer, { sub: "u", org_id: "x".repeat(129) })).toEqual({ ok: false, claim: "org_id" });
  });
});
