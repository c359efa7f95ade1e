import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { WATCH_REREAD_MS } from "../../../src/requests/service/wait-for-change.ts";
import { call, json, requestOf } from "../../harness/calls.ts";
import { serveKeys, TestIssuer, trust } from "../../harness/issuer.ts";
import { newKey, Team } from "../../harness/team.ts";

const MODEL = "fal-ai/flux/schnell";
const PAGE = "https://app.example";
const OTHER_PAGE = "https://other.example";
const OWN_PAGE = new URL(requestOf("GET", "/", {}).url).origin;

beforeEach(() => {
  serveKeys();
});

afterEach(() => {
  vi.restoreAllMocks();
});

function submit(key: string, headers: Record<string, string> = {}, more: Record<string, unknown> = {}) {
  return call("POST", "/v1/requests", { key, headers, body: { model: MODEL, input: { prompt: "a cat" }, ...more } });
}

/** What a page there is told: 200 or the code of its refusal. */
async function from(origin: string | null, key: string): Promise<unknown> {
  const response = await call("GET", "/v1/me", { key, headers: origin === null ? {} : { Origin: origin } });
  return response.ok ? response.status : (await json(response)).code;
}

describe("a credential", () => {
  test.each(["Bearer", "bearer", "Key", "KEY"])("is taken after %s", async (scheme) => {
    const { key } = await Team.create();
    const response = await call("GET", "/v1/me", { headers: { Authorization: `${scheme}   ${key} ` } });
    expect(response.status).toBe(200);
  });

  test("is taken from no other place", async () => {
    const { key } = await Team.create();
    for (const [path, headers] of [
      [`/v1/me?key=${key}&token=${key}&access_token=${key}`, {}],
      ["/v1/me", { Cookie: `Authorization=Bearer ${key}` }],
      ["/v1/me", { "X-Api-Key": key }],
    ] as const) {
      expect((await call("GET", path, { headers: { ...headers } })).status).toBe(401);
    }
  });
});

describe("the origins of a key", () => {
  test("let its pages and every server in, and no other page", async () => {
    const { key } = await Team.create();
    const { secret } = await newKey(key, { origins: [PAGE, "capacitor://localhost"] });
    expect(await from(PAGE, secret)).toBe(200);
    expect(await from("capacitor://localhost", secret)).toBe(200);
    expect(await from(null, secret)).toBe(200);
    for (const origin of [OTHER_PAGE, `${PAGE}.evil.example`, "https://APP.example", `${PAGE}:444`, "null"]) {
      expect(await from(origin, secret), origin).toBe("origin_not_allowed");
    }
  });

  test("are the plan's where the key has none, and its own where it has", async () => {
    const { key } = await Team.create({ origins: [PAGE] });
    expect([await from(PAGE, key), await from(OTHER_PAGE, key), await from(null, key)]).toEqual([
      ...[200, "origin_not_allowed", 200],
    ]);
    const { secret } = await newKey(key, { origins: [OTHER_PAGE] });
    expect([await from(PAGE, secret), await from(OTHER_PAGE, secret)]).toEqual(["origin_not_allowed", 200]);
  });

  test("are open where neither says anything", async () => {
    const { key } = await Team.create();
    expect(await from(OTHER_PAGE, key)).toBe(200);
  });

  test("hold for users' JWTs by the plan that is theirs", async () => {
    const { id: team, key } = await Team.create();
    await call("PUT", "/v1/plans/pages", { key, body: { origins: [PAGE] } });
    const issuer = await TestIssuer.create();
    await trust(key, issuer, { plan_claim: "plan" });
    const jwt = `sl_jwt_${team}.${await issuer.jwt({ plan: "pages" })}`;
    expect([await from(PAGE, jwt), await from(OTHER_PAGE, jwt)]).toEqual([200, "origin_not_allowed"]);
  });

  test("let the deployment's own page in with a secret key alone: the console works with every such key", async () => {
    const { key, id: team } = await Team.create({ origins: [PAGE] });
    const { secret } = await newKey(key, { origins: [OTHER_PAGE] });
    const body = await json(await call("POST", "/v1/tokens", { key, body: { user: "ada" } }));
    const issuer = await TestIssuer.create();
    await trust(key, issuer);
    const jwt = `sl_jwt_${team}.${await issuer.jwt()}`;
    expect([await from(OWN_PAGE, key), await from(OWN_PAGE, secret)]).toEqual([200, 200]);
    expect([await from(OWN_PAGE, String(body.token)), await from(OWN_PAGE, jwt)]).toEqual([
      ...["origin_not_allowed", "origin_not_allowed"],
    ]);
    const read = await call("GET", "/v1/me", { key: secret, headers: { "Sec-Fetch-Site": "same-origin" } });
    expect(read.status).toBe(200);
  });

  test("stop a submit before anything is counted", async () => {
    const limits = [{ name: "day", scope: "team", per: "request", limit: 5, window: "1d" }];
    const { key } = await Team.create({ limits, origins: [PAGE] });
    expect((await submit(key, { Origin: OTHER_PAGE })).status).toBe(403);
    expect((await json(await call("GET", "/v1/me", { key }))).limits).toMatchObject([{ used: 0 }]);
  });
});

describe("GET /v1/me", () => {
  test.each([["run"], ["read"], ["admin"]])("tells a key with the scope %s alone what it may", async (scope) => {
    const { key } = await Team.create();
    const { secret, id } = await newKey(key, { scopes: [scope] });
    const me = await json(await call("GET", "/v1/me", { key: secret }));
    expect(me).toMatchObject({ kind: "secret", key: { id, scopes: [scope] }, expires_at: null, origins: null });
  });

  test("tells a secret key its end and its origins", async () => {
    const { key } = await Team.create();
    const end = new Date(Date.now() + 3_600_000).toISOString();
    const { secret } = await newKey(key, { origins: [PAGE], expires_at: end });
    expect(await json(await call("GET", "/v1/me", { key: secret }))).toMatchObject({
      expires_at: end,
      origins: [PAGE],
    });
  });

  test("tells tokens and JWTs their own end, or that of their key where it comes first, and no origins", async () => {
    const { key, id: team } = await Team.create({ origins: [PAGE] });
    const soon = new Date(Date.now() + 30_000).toISOString();
    const brief = await newKey(key, { expires_at: soon });
    const token = async (with_: string) =>
      json(await call("POST", "/v1/tokens", { key: with_, body: { user: "ada" } }));
    const [long, short] = [await token(key), await token(brief.secret)];
    const issuer = await TestIssuer.create();
    await trust(key, issuer);
    const jwt = `sl_jwt_${team}.${await issuer.jwt()}`;
    const me = async (credential: string) => json(await call("GET", "/v1/me", { key: credential }));
    expect(await me(String(long.token))).toMatchObject({
      kind: "token",
      expires_at: long.expires_at,
      origins: null,
      user: "ada",
    });
    expect(await me(String(short.token))).toMatchObject({ kind: "token", expires_at: soon });
    expect(await me(jwt)).toMatchObject({ kind: "jwt", origins: null, expires_at: expect.stringMatching(/^2/) });
  });
});

describe("the acting user", () => {
  test("of a team's key is whom the call names", async () => {
    const { key } = await Team.create();
    expect((await json(await submit(key))).user).toBeNull();
    expect((await json(await submit(key, { "Sluice-User": "ada" }))).user).toBe("ada");
    expect((await json(await submit(key, {}, { user: "eve" }))).user).toBe("eve");
  });

  test("of a member's key is the member, who sees the member's requests alone", async () => {
    const { key } = await Team.create();
    const [ada, eve] = [await newKey(key, { user: "ada" }), await newKey(key, { user: "eve" })];
    const { id } = await json(await submit(ada.secret));
    expect((await call("GET", `/v1/requests/${id}`, { key: ada.secret })).status).toBe(200);
    expect((await call("GET", `/v1/requests/${id}`, { key: eve.secret })).status).toBe(404);
    expect(await json(await call("GET", "/v1/requests", { key: eve.secret }))).toMatchObject({ data: [] });
    expect(await json(await call("GET", "/v1/usage?group_by=user", { key: eve.secret }))).toMatchObject({ data: [] });
    const who = await call("GET", "/v1/me?user=ada", { key: eve.secret });
    expect([who.status, (await json(who)).code]).toEqual([403, "user_mismatch"]);
  });

  test("of a member's key with scope admin is the member, who sees all of the team's", async () => {
    const { key } = await Team.create();
    const boss = await newKey(key, { user: "boss", scopes: ["run", "read", "admin"] });
    const { id } = await json(await submit(key, {}, { user: "ada" }));
    expect((await call("GET", `/v1/requests/${id}`, { key: boss.secret })).status).toBe(200);
    expect((await json(await submit(boss.secret))).user).toBe("boss");
  });

  test("may have any name, and a hold of theirs is told of a change at once", async () => {
    const { key } = await Team.create();
    const user = 'ädä "\\ 😀';
    const member = await newKey(key, { user });
    const { id, status } = await json(await submit(member.secret));
    expect(status).toBe("IN_QUEUE");
    const startedAt = performance.now();
    const held = call("GET", `/v1/requests/${id}?wait=30`, { key: member.secret });
    await call("POST", `/v1/requests/${id}/cancel`, { key: member.secret });
    expect((await json(await held)).user).toBe(user);
    // A hold without its socket reads again only then.
    expect(performance.now() - startedAt).toBeLessThan(WATCH_REREAD_MS);
  });
});

describe("the address of a caller", () => {
  const limits = [{ name: "address", scope: "ip", per: "request", limit: 1, window: "1d" }];
  const at = (address: string, more: Record<string, string> = {}) => ({ "CF-Connecting-IP": address, ...more });

  test("counts for users, by the /64 that Cloudflare saw and no header of theirs", async () => {
    const { id: team, key } = await Team.create({ limits });
    const issuer = await TestIssuer.create();
    await trust(key, issuer);
    const user = async (sub: string) => `sl_jwt_${team}.${await issuer.jwt({ sub })}`;
    expect((await submit(await user("ada"), at("2001:db8:1:2::1"))).status).toBe(202);
    const forged = at("2001:db8:1:2::2", { "X-Forwarded-For": "198.51.100.1", "X-Real-IP": "198.51.100.1" });
    expect((await submit(await user("eve"), forged)).status).toBe(402);
    expect((await submit(await user("eve"), at("2001:db8:1:3::1"))).status).toBe(202);
  });

  test("does not count for servers, whose calls all come from one", async () => {
    const { key } = await Team.create({ limits });
    for (const user of ["ada", "eve"]) {
      expect((await submit(key, at("203.0.113.7"), { user })).status).toBe(202);
    }
  });
});
