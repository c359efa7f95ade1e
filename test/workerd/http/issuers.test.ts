import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { HOUR_MS } from "../../../src/platform/time.ts";
import { IDENTITY_CACHE_MS } from "../../../src/team/auth/issuer-cache.ts";
import { ISSUER_KEYS_GAP_MS, ISSUER_KEYS_MAX_AGE_MS } from "../../../src/team/auth/issuer-keys.ts";
import { call, json } from "../../harness/calls.ts";
import { serveKeys, TestIssuer, trust } from "../../harness/issuer.ts";
import { newKey, Team } from "../../harness/team.ts";

const MODEL = "fal-ai/flux/schnell";
const ONE_SENTENCE = [401, "unauthenticated", "Invalid token."];

beforeEach(() => {
  serveKeys();
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** A team that trusts a fresh issuer. */
async function newTenant(changes: Record<string, unknown> = {}, plan?: unknown) {
  const [team, issuer] = [await Team.create(plan), await TestIssuer.create()];
  await trust(team.key, issuer, changes);
  return { team: team.id, key: team.key, keyId: team.keyId, issuer };
}

/** What the API says to a JWT that is sent as `sl_jwt_<team>.<jwt>`. */
async function me(
  team: string,
  jwt: string,
  headers: Record<string, string> = {},
): Promise<[number, unknown, unknown]> {
  const response = await call("GET", "/v1/me", { key: `sl_jwt_${team}.${jwt}`, headers });
  const body = await json(response);
  return response.status === 200 ? [200, body.user, body.plan] : [response.status, body.code, body.detail];
}

async function explain(key: string, token: string): Promise<Record<string, unknown>> {
  const response = await call("POST", "/v1/team/jwt/test", { key, body: { token } });
  expect(response.status).toBe(200);
  return json(response);
}

function later(ms: number): void {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + ms });
}

describe("an issuer", () => {
  test("is written, listed and removed by admins, and its keys are read at once", async () => {
    const { key } = await Team.create();
    const issuer = await TestIssuer.create();
    const put = await call("PUT", "/v1/issuers/app", { key, body: issuer.body() });
    expect(put.status).toBe(200);
    const written = await json(put);
    expect(written).toMatchObject({
      ...{ name: "app", issuer: issuer.issuer, audience: ["sluice"], audience_claim: "aud", algs: ["ES256"] },
      ...{ key_ids: ["first"], keys_fetched_at: expect.any(String) },
    });
    expect(await json(await call("GET", "/v1/issuers", { key }))).toEqual({ data: [written], next_cursor: null });
    expect((await call("DELETE", "/v1/issuers/app", { key })).status).toBe(204);
    expect((await call("DELETE", "/v1/issuers/app", { key })).status).toBe(404);
    expect(await json(await call("GET", "/v1/issuers", { key }))).toEqual({ data: [], next_cursor: null });
  });

  test("whose keys cannot be read is written all the same, and the answer says so", async () => {
    const { key } = await Team.create();
    const issuer = await TestIssuer.create();
    issuer.host = "down";
    const put = await json(await call("PUT", "/v1/issuers/app", { key, body: issuer.body() }));
    expect(put).toMatchObject({ key_ids: [], keys_fetched_at: null });
  });

  test("whose key host is up again is read as soon as it is written again", async () => {
    const { key } = await Team.create();
    const issuer = await TestIssuer.create();
    issuer.host = "down";
    await trust(key, issuer);
    issuer.host = "up";
    const put = await json(await call("PUT", "/v1/issuers/app", { key, body: issuer.body() }));
    expect(put).toMatchObject({ key_ids: ["first"] });
  });

  test.each([
    ["http://login.example/keys", "https"],
    ["https://127.0.0.1/keys", "IP address"],
    ["https://internal/keys", "local name"],
    ["https://login.example:8443/keys", "port"],
  ])("cannot have its keys at %s", async (jwks_url, reason) => {
    const { key } = await Team.create();
    const issuer = await TestIssuer.create();
    const response = await call("PUT", "/v1/issuers/app", { key, body: issuer.body({ jwks_url }) });
    const { detail } = await json(response);
    expect([response.status, detail]).toEqual([400, expect.stringMatching(/^`jwks_url` /)]);
    expect(detail).toContain(reason);
  });

  test.each([
    ["https://127.0.0.1", "IP address"],
    ["https://clerk.internal", "local name"],
    ["https://acme.example:8443", "port"],
    ["https://user:pass@acme.example", "user name"],
    ["https://acme example", "not a URL"],
    ["http://acme.example", "e.g. https://your-app.clerk.accounts.dev"],
  ])(
    "of a preset that cannot be at %s is told so of `issuer`, and of no field that was not sent",
    async (issuer, reason) => {
      const { key } = await Team.create();
      const body = { preset: "clerk", issuer, audience: "https://app.example" };
      const response = await call("PUT", "/v1/issuers/app", { key, body });
      const { detail } = await json(response);
      expect([response.status, detail]).toEqual([400, expect.stringMatching(/^`issuer` /)]);
      expect(detail).toContain(reason);
      expect(detail).not.toContain("`jwks_url`");
    },
  );

  test("is one of ten at most", async () => {
    const { key } = await Team.create();
    const issuer = await TestIssuer.create();
    const put = (n: number) => call("PUT", `/v1/issuers/app-${n}`, { key, body: issuer.body() });
    for (let n = 0; n < 10; n++) expect((await put(n)).status).toBe(200);
    expect((await put(10)).status).toBe(409);
    expect((await put(9)).status).toBe(200);
  });

  test("is noted in the audit, with who wrote and who removed it", async () => {
    const { key, keyId, issuer } = await newTenant();
    await call("DELETE", "/v1/issuers/app", { key });
    const { data } = await json(await call("GET", "/v1/audit", { key }));
    expect(data).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ actor: keyId, action: "issuer.written", target: "app" }),
        expect.objectContaining({ actor: keyId, action: "issuer.removed", target: "app" }),
      ]),
    );
    expect(JSON.stringify(data)).toContain(issuer.jwksUrl);
  });
});

describe("a user's JWT", () => {
  test("is taken as `sl_jwt_<team>.<jwt>`, with Bearer and with Key", async () => {
    const { team, issuer } = await newTenant();
    const jwt = await issuer.jwt();
    expect((await me(team, jwt)).slice(0, 2)).toEqual([200, "app:ada"]);
    const response = await call("GET", "/v1/me", { headers: { Authorization: `Key sl_jwt_${team}.${jwt}` } });
    expect(response.status).toBe(200);
  });

  test("is taken as it is when Sluice-Team names the team", async () => {
    const { team, issuer } = await newTenant();
    const jwt = await issuer.jwt();
    const response = await call("GET", "/v1/me", { key: jwt, headers: { "Sluice-Team": team } });
    expect([response.status, (await json(response)).user]).toEqual([200, "app:ada"]);
  });

  test.each([undefined, "", "No Team", "a/b"])("is not taken as it is with the team %j", async (named) => {
    const { issuer } = await newTenant();
    const headers: Record<string, string> = named === undefined ? {} : { "Sluice-Team": named };
    const response = await call("GET", "/v1/me", { key: await issuer.jwt(), headers });
    expect([response.status, (await json(response)).code]).toEqual([401, "team_required"]);
  });

  test("is no good in another team, whatever it says", async () => {
    const [one, other] = [await newTenant(), await newTenant()];
    expect(await me(other.team, await one.issuer.jwt())).toEqual(ONE_SENTENCE);
    expect(await me("nobody", await one.issuer.jwt())).toEqual(ONE_SENTENCE);
    const shared = await Team.create();
    await trust(shared.key, one.issuer, { audience: "another-app" });
    expect(await me(shared.id, await one.issuer.jwt())).toEqual(ONE_SENTENCE);
  });

  test("takes its plan from its claim, and a new claim acts on the next call", async () => {
    const { team, key, issuer } = await newTenant({ plan_claim: "plan" });
    await call("PUT", "/v1/plans/pro", { key, body: { limits: [] } });
    expect(await me(team, await issuer.jwt())).toMatchObject([200, "app:ada", { name: "default" }]);
    expect(await me(team, await issuer.jwt({ plan: "pro" }))).toMatchObject([200, "app:ada", { name: "pro" }]);
    expect(await me(team, await issuer.jwt({ plan: "gold" }))).toMatchObject([200, "app:ada", { name: "default" }]);
    expect(await me(team, await issuer.jwt({ plan: "Not A Plan" }))).toMatchObject([
      200,
      "app:ada",
      { name: "default" },
    ]);
  });

  test("acts for its user and for nobody else", async () => {
    const { team, issuer } = await newTenant();
    const key = `sl_jwt_${team}.${await issuer.jwt()}`;
    const body = { model: MODEL, input: { prompt: "a cat" } };
    const other = await call("POST", "/v1/requests", { key, body: { ...body, user: "eve" } });
    expect([other.status, (await json(other)).code]).toEqual([403, "user_mismatch"]);
    const header = await call("POST", "/v1/requests", { key, body, headers: { "Sluice-User": "eve" } });
    expect([header.status, (await json(header)).code]).toEqual([403, "user_mismatch"]);
    const own = await call("POST", "/v1/requests", { key, body: { ...body, user: "app:ada" } });
    expect([own.status, (await json(own)).user]).toEqual([202, "app:ada"]);
  });

  test("fixes the tags that its claims name, whatever the call says", async () => {
    const { team, issuer } = await newTenant({ tag_claims: { tenant: "org_id" } });
    const submit = async (claims: Record<string, unknown>) => {
      const key = `sl_jwt_${team}.${await issuer.jwt(claims)}`;
      const body = { model: MODEL, input: { prompt: "a cat" }, tags: { tenant: "org_other", job: "7" } };
      return (await json(await call("POST", "/v1/requests", { key, body }))).tags;
    };
    expect(await submit({ org_id: "org_7" })).toEqual({ tenant: "org_7", job: "7" });
    expect(await submit({})).toEqual({ tenant: "", job: "7" });
  });

  test("may do what tokens may, and administrate nothing", async () => {
    const { team, issuer } = await newTenant();
    const key = `sl_jwt_${team}.${await issuer.jwt()}`;
    for (const [method, path] of [
      ["GET", "/v1/keys"],
      ["GET", "/v1/issuers"],
      ["POST", "/v1/tokens"],
    ] as const) {
      const response = await call(method, path, { key, ...(method === "POST" ? { body: { user: "ada" } } : {}) });
      expect([response.status, (await json(response)).code], path).toEqual([403, "forbidden"]);
    }
  });

  test("of a blocked user is refused on the next submit", async () => {
    const { team, key, issuer } = await newTenant();
    const jwt = `sl_jwt_${team}.${await issuer.jwt()}`;
    const submit = () => call("POST", "/v1/requests", { key: jwt, body: { model: MODEL, input: { prompt: "a cat" } } });
    expect((await submit()).status).toBe(202);
    await call("POST", "/v1/users/app:ada/freeze?create=true", { key });
    const refused = await submit();
    expect([refused.status, (await json(refused)).code]).toEqual([403, "user_frozen"]);
  });

  test("of a removed issuer is refused on the next submit, and on reads within ten seconds", async () => {
    const { team, key, issuer } = await newTenant();
    const jwt = await issuer.jwt();
    expect((await me(team, jwt))[0]).toBe(200);
    await call("DELETE", "/v1/issuers/app", { key });
    const submit = await call("POST", "/v1/requests", {
      key: `sl_jwt_${team}.${jwt}`,
      body: { model: MODEL, input: { prompt: "a cat" } },
    });
    expect(submit.status).toBe(401);
    later(IDENTITY_CACHE_MS);
    const read = await call("GET", "/v1/requests", { key: `sl_jwt_${team}.${jwt}` });
    expect(read.status).toBe(401);
  });
});

describe("a token that is refused", () => {
  const past = { exp: 1_700_000_000 };
  const cases: [string, (issuer: TestIssuer, stranger: TestIssuer) => Promise<string>, string][] = [
    ["is forged", (_issuer, stranger) => stranger.jwt(), "bad_signature"],
    ["is forged and has expired", (_issuer, stranger) => stranger.jwt(past), "bad_signature"],
    ["has expired for another audience", (issuer) => issuer.jwt({ ...past, aud: "another-app" }), "wrong_audience"],
    ["is for another audience", (issuer) => issuer.jwt({ aud: "another-app" }), "wrong_audience"],
    ["is another issuer's", (issuer) => issuer.jwt({ iss: "https://evil.example" }), "unknown_issuer"],
    ["names no user", (issuer) => issuer.jwt({ sub: undefined }), "claim_missing"],
    ["is signed with a key that nobody has", (issuer) => issuer.jwt({}, { kid: "nobody" }), "unknown_key"],
  ];

  test.each(cases)(
    "because it %s tells its caller no reason, the log a word, and an admin all",
    async (_what, make, reason) => {
      const { team, key, issuer } = await newTenant();
      const stranger = await TestIssuer.create();
      Object.assign(stranger, { issuer: issuer.issuer });
      const jwt = await make(issuer, stranger);
      const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
      expect(await me(team, jwt)).toEqual(ONE_SENTENCE);
      const lines = log.mock.calls.map(([line]) => String(line));
      expect(lines).toContain(JSON.stringify({ event: "jwt.refused", team, reason }));
      expect(lines.join()).not.toContain(jwt);
      log.mockRestore();
      expect(await explain(key, `sl_jwt_${team}.${jwt}`)).toMatchObject({
        ...{ accepted: false, reason, explanation: expect.stringMatching(/^[A-Z].+\.$/) },
        ...{ header: { alg: "ES256" }, claims: { exp: expect.any(Number) } },
      });
    },
  );
});

test("a token whose signature held is told that it has expired", async () => {
  const { team, key, issuer } = await newTenant();
  const jwt = await issuer.jwt({ exp: 1_700_000_000 });
  expect(await me(team, jwt)).toEqual([401, "token_expired", "The token has expired."]);
  expect(await explain(key, `sl_jwt_${team}.${jwt}`)).toMatchObject({ accepted: false, reason: "expired" });
});

describe("the token tester", () => {
  test("says whom a good token stands for and which plan applies", async () => {
    const { team, key, issuer } = await newTenant({ plan_claim: "plan", tag_claims: { tenant: "org" } });
    const jwt = await issuer.jwt({ plan: "gold", org: "o1" });
    expect(await explain(key, `sl_jwt_${team}.${jwt}`)).toMatchObject({
      ...{ accepted: true, reason: null, issuer: "app", user: "app:ada", plan: "default", tags: { tenant: "o1" } },
      explanation: 'The token is valid. Plan "gold" does not exist, so "default" applies.',
    });
    expect(await explain(key, `Bearer ${jwt}`)).toMatchObject({ accepted: true });
  });

  test("says that a user is blocked", async () => {
    const { key, issuer } = await newTenant();
    await call("POST", "/v1/users/app:ada/freeze?create=true", { key });
    expect(await explain(key, await issuer.jwt())).toMatchObject({
      accepted: false,
      reason: "user_frozen",
      user: "app:ada",
    });
  });

  test("explains client tokens too", async () => {
    const { id: team, key } = await Team.create();
    const { token } = await json(await call("POST", "/v1/tokens", { key, body: { user: "ada" } }));
    expect(await explain(key, String(token))).toMatchObject({ accepted: true, user: "ada", issuer: null });
    const broken = `${String(token).slice(0, -4)}AAAA`;
    expect(await explain(key, broken)).toMatchObject({ accepted: false, reason: "invalid" });
    expect(await explain(key, String(token).replace(`_${team}.`, "_other."))).toMatchObject({ reason: "foreign_team" });
  });

  test.each(["hello", "a.b.c", "sl_sk_acme_0123"])("says that %j is no token", async (token) => {
    const { key } = await Team.create();
    expect(await explain(key, token)).toMatchObject({ accepted: false, reason: "malformed", header: null });
  });

  test("sees an issuer as it is this moment", async () => {
    const { key, team, issuer } = await newTenant();
    const jwt = await issuer.jwt();
    expect((await me(team, jwt))[0]).toBe(200);
    await trust(key, issuer, { audience: "other" });
    expect(await explain(key, jwt)).toMatchObject({ accepted: false, reason: "wrong_audience" });
  });
});

describe("an issuer's keys", () => {
  test("are asked for once, however many tokens come at once", async () => {
    const { team, issuer } = await newTenant();
    later(2 * HOUR_MS);
    const jwts = await Promise.all(Array.from({ length: 20 }, (_, n) => issuer.jwt({ sub: `user-${n}` })));
    const before = issuer.asked();
    const answers = await Promise.all(jwts.map((jwt) => me(team, jwt)));
    expect(answers.map(([status]) => status)).toEqual(Array(20).fill(200));
    expect(issuer.asked() - before).toBe(1);
    for (const jwt of jwts) await me(team, jwt);
    expect(issuer.asked() - before).toBe(1);
  });

  test("may be rotated without one refused token", async () => {
    const { team, issuer } = await newTenant();
    const old = await issuer.jwt();
    expect((await me(team, old))[0]).toBe(200);
    later(ISSUER_KEYS_GAP_MS);
    await issuer.addKey("second");
    expect((await me(team, await issuer.jwt()))[0]).toBe(200);
    expect((await me(team, old))[0]).toBe(200);
    expect(issuer.asked()).toBe(2);
  });

  test("are not asked for again by each made-up key id", async () => {
    const { team, issuer } = await newTenant();
    later(ISSUER_KEYS_GAP_MS);
    const before = issuer.asked();
    for (let n = 0; n < 10; n++) expect((await me(team, await issuer.jwt({}, { kid: `made-up-${n}` })))[0]).toBe(401);
    expect(issuer.asked() - before).toBe(1);
  });

  test("count for a day while their host is down, and no longer", async () => {
    const { team, issuer } = await newTenant();
    issuer.host = "down";
    later(2 * HOUR_MS);
    expect((await me(team, await issuer.jwt()))[0]).toBe(200);
    later(ISSUER_KEYS_MAX_AGE_MS);
    expect(await me(team, await issuer.jwt())).toEqual([500, "internal", "The token could not be verified."]);
    issuer.host = "up";
    later(IDENTITY_CACHE_MS);
    expect((await me(team, await issuer.jwt()))[0]).toBe(200);
  });

  test("that an issuer took back are believed no longer after an hour", async () => {
    const { team, issuer } = await newTenant();
    const leaked = issuer.keys;
    const jwt = await issuer.jwt({ exp: Math.floor(Date.now() / 1_000) + 86_400 });
    issuer.keys = [];
    await issuer.addKey("second");
    expect((await me(team, jwt))[0]).toBe(200);
    later(HOUR_MS);
    expect(await me(team, jwt)).toEqual(ONE_SENTENCE);
    expect(leaked).toHaveLength(1);
  });

  test("of before are forgotten when the issuer is written anew", async () => {
    const { team, key, issuer } = await newTenant();
    const other = await TestIssuer.create();
    Object.assign(other, { issuer: issuer.issuer });
    await trust(key, issuer, { jwks_url: other.jwksUrl });
    later(IDENTITY_CACHE_MS);
    expect((await me(team, await other.jwt()))[0]).toBe(200);
    expect(await me(team, await issuer.jwt())).toEqual(ONE_SENTENCE);
  });
});

describe("a member-bound key", () => {
  test("is its member's alone", async () => {
    const { key } = await Team.create();
    const member = await newKey(key, { user: "ada" });
    const submit = (user?: string) =>
      call("POST", "/v1/requests", {
        key: member.secret,
        body: { model: MODEL, input: { prompt: "a cat" }, ...(user === undefined ? {} : { user }) },
      });
    expect((await json(await submit())).user).toBe("ada");
    expect((await submit("ada")).status).toBe(202);
    expect((await json(await submit("eve"))).code).toBe("user_mismatch");
  });
});

describe("users of issuers", () => {
  const body = { model: MODEL, input: { prompt: "a cat" } };

  test("of two issuers with the same subject are two people, and neither is a user that a key names", async () => {
    const { team, key, issuer } = await newTenant();
    const other = await TestIssuer.create();
    await call("PUT", "/v1/issuers/other", { key, body: other.body() });
    const jwts = [await issuer.jwt({ sub: "1001" }), await other.jwt({ sub: "1001" })];
    const [one, two] = jwts.map((jwt) => `sl_jwt_${team}.${jwt}`);
    const member = await newKey(key, { user: "1001" });
    const made = await Promise.all(
      [one, two, member.secret].map(async (by) => json(await call("POST", "/v1/requests", { key: by ?? "", body }))),
    );
    expect(made.map(({ user }) => user)).toEqual(["app:1001", "other:1001", "1001"]);
    for (const [n, by] of [one, two, member.secret].entries()) {
      const seen = await Promise.all(
        made.map(async ({ id }) => (await call("GET", `/v1/requests/${id}`, { key: by ?? "" })).status),
      );
      expect(seen).toEqual([0, 1, 2].map((other) => (other === n ? 200 : 404)));
    }
  });

  test("are named by no key and no token, unless the key lists their issuer", async () => {
    const { key } = await newTenant({ user_prefix: "people" });
    const listing = await newKey(key, { issuer_users: ["app"] });
    const upload = { file_name: "cat.png", content_type: "image/png", size: 12 };
    const named = { "Sluice-User": "people:ada" };
    const ways: [string, string, unknown, Record<string, string>][] = [
      ["POST", "/v1/requests", { ...body, user: "people:ada" }, {}],
      ["POST", "/v1/requests", body, named],
      ["POST", `/fal/queue/${MODEL}`, body.input, named],
      ["POST", `/maton/fal-ai/${MODEL}`, body.input, named],
      ["POST", "/v1/uploads", upload, named],
      ["POST", "/v1/tokens", { user: "people:ada" }, {}],
      ["GET", "/v1/me", undefined, named],
    ];
    for (const [method, path, sent, headers] of ways) {
      const refused = await call(method, path, { key, body: sent, headers });
      expect([path, refused.status, await refused.text()]).toEqual([
        path,
        403,
        expect.stringContaining("issuer_users"),
      ]);
      expect((await call(method, path, { key: listing.secret, body: sent, headers })).ok, path).toBe(true);
    }
    const bound = { user: "people:ada" };
    expect((await call("POST", "/v1/keys", { key, body: bound })).status).toBe(403);
    expect((await call("POST", "/v1/keys", { key, body: { ...bound, issuer_users: ["app"] } })).status).toBe(201);
    expect((await call("POST", "/v1/requests", { key, body: { ...body, user: "visitor:x" } })).status).toBe(403);
  });

  test("that a key was bound to before the issuer was written are the issuer's from then on", async () => {
    const { key } = await Team.create();
    const member = await newKey(key, { user: "app:ada" });
    expect((await call("GET", "/v1/me", { key: member.secret })).status).toBe(200);
    await trust(key, await TestIssuer.create());
    expect((await call("POST", "/v1/requests", { key: member.secret, body })).status).toBe(403);
  });

  test("do not take over requests of other people with their prefix without an admin's word", async () => {
    const { key } = await Team.create();
    await call("POST", "/v1/requests", { key, body: { ...body, user: "app:ada" } });
    const issuer = await TestIssuer.create();
    const put = (more: Record<string, unknown>) => call("PUT", "/v1/issuers/app", { key, body: issuer.body(more) });
    const refused = await put({});
    expect([refused.status, (await json(refused)).hint]).toEqual([409, expect.stringContaining("adopt_users")]);
    expect((await put({ user_prefix: "people" })).status).toBe(200);
    expect((await put({ adopt_users: true })).status).toBe(200);
    // Written again as it is: the same people.
    expect((await put({})).status).toBe(200);
    expect((await put({ issuer: "https://elsewhere.example" })).status).toBe(409);
  });
});
