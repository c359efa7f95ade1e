import { createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, test, vi } from "vitest";
import * as z from "zod";
import { createApp } from "../../../src/app.ts";
import { MINUTE_MS } from "../../../src/platform/time.ts";
import { MINTS_PER_HOUR } from "../../../src/team/auth/issuer-admin.ts";
import { IDENTITY_CACHE_MS } from "../../../src/team/auth/issuer-cache.ts";
import { call, json, requestOf } from "../../harness/calls.ts";
import { checked } from "../../harness/contract.ts";
import { newKey, Team } from "../../harness/team.ts";

const MODEL = "fal-ai/flux/schnell";
const PAGE = "https://demo.example";
const OTHER_PAGE = "https://evil.example";
const HOME = { Origin: PAGE, "CF-Connecting-IP": "203.0.113.7" };

const minted = z.object({
  token: z.string().startsWith("sl_jwt_"),
  user: z.string(),
  visitor_token: z.string().optional(),
  expires_at: z.iso.datetime(),
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

async function mint(key: string, body: Record<string, unknown>, headers: Record<string, string> = {}) {
  const response = await call("POST", "/v1/tokens", { key, body, headers });
  expect(response.status, JSON.stringify(body)).toBe(200);
  return minted.parse(await response.json());
}

/** Status and code of a call; 2xx has no code. */
async function outcome(response: Response | Promise<Response>): Promise<[number, unknown]> {
  const answer = await response;
  return answer.ok ? [answer.status, null] : [answer.status, (await json(answer)).code];
}

function submit(key: string, more: Record<string, unknown> = {}, headers: Record<string, string> = {}) {
  return call("POST", "/v1/requests", { key, headers, body: { model: MODEL, input: { prompt: "a cat" }, ...more } });
}

function later(ms: number): void {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + ms });
}

describe("a token that a server made", () => {
  test("acts for its user, for ten minutes unless told otherwise", async () => {
    const { key } = await Team.create();
    const before = Date.now();
    const { token, user, expires_at, visitor_token } = await mint(key, { user: "ada" });
    expect([user, visitor_token]).toEqual(["ada", undefined]);
    expect(Math.abs(Date.parse(expires_at) - before - 600_000)).toBeLessThan(5_000);
    expect(await json(await call("GET", "/v1/me", { key: token }))).toMatchObject({
      user: "ada",
      key: { scopes: ["run", "read"] },
    });
    expect((await json(await submit(token))).user).toBe("ada");
    expect(await outcome(submit(token, { user: "eve" }))).toEqual([403, "user_mismatch"]);
    expect(await outcome(submit(token, {}, { "Sluice-User": "eve" }))).toEqual([403, "user_mismatch"]);
  });

  test("ends when its time is over, and says so", async () => {
    const { key } = await Team.create();
    const { token } = await mint(key, { user: "ada", ttl_s: 60 });
    expect((await call("GET", "/v1/me", { key: token })).status).toBe(200);
    later(MINUTE_MS);
    const response = await call("GET", "/v1/me", { key: token });
    expect(await json(response)).toMatchObject({
      ...{ status: 401, code: "token_expired", detail: "The client token has expired." },
      user_message: expect.stringMatching(/sign in again\.$/),
    });
  });

  test("runs no model beyond its list", async () => {
    const { key } = await Team.create();
    const { token } = await mint(key, { user: "ada", models: ["fal-ai/f5-tts"] });
    expect(await outcome(submit(token))).toEqual([403, "model_not_allowed"]);
    const { data } = await json(await call("GET", "/v1/models", { key: token }));
    expect(data).toMatchObject([{ id: "fal-ai/f5-tts" }]);
  });

  test("cannot widen the models of its key", async () => {
    const { key } = await Team.create();
    const narrow = await newKey(key, { models: ["fal-ai/f5-tts"] });
    for (const models of [undefined, ["**"], [MODEL]]) {
      const { token } = await mint(narrow.secret, { user: "ada", ...(models ? { models } : {}) });
      expect(await outcome(submit(token)), String(models)).toEqual([403, "model_not_allowed"]);
    }
  });

  test("has the plan that was chosen for it, if there is such a plan", async () => {
    const { key } = await Team.create();
    await call("PUT", "/v1/plans/pro", { key, body: {} });
    const server = await newKey(key, { plans: ["pro"] });
    const { token } = await mint(server.secret, { user: "ada", plan: "pro" });
    expect(await json(await call("GET", "/v1/me", { key: token }))).toMatchObject({ plan: { name: "pro" } });
    const none = await call("POST", "/v1/tokens", { key: server.secret, body: { user: "ada", plan: "gold" } });
    expect(await outcome(none)).toEqual([403, "forbidden"]);
  });

  test("works from its own origin only, and others can read why not", async () => {
    const { key } = await Team.create();
    const { token } = await mint(key, { user: "ada", origin: PAGE });
    const ask = (headers: Record<string, string>) => call("GET", "/v1/me", { key: token, headers });
    expect((await ask({ Origin: PAGE })).status).toBe(200);
    for (const origin of [
      OTHER_PAGE,
      "https://demo.example:8443",
      "http://demo.example",
      "https://x.demo.example",
      "null",
    ]) {
      const refused = await ask({ Origin: origin });
      expect(refused.headers.get("Access-Control-Allow-Origin")).toBe(origin);
      expect(await outcome(refused), origin).toEqual([403, "origin_not_allowed"]);
      expect(await outcome(submit(token, {}, { Origin: origin }))).toEqual([403, "origin_not_allowed"]);
    }
    expect(await outcome(ask({}))).toEqual([403, "origin_not_allowed"]);
    // What browsers send with a page's GETs to its own host, which here is another one.
    expect(await outcome(ask({ "Sec-Fetch-Site": "same-origin" }))).toEqual([403, "origin_not_allowed"]);
    const own = await mint(key, { user: "ada", origin: "https://sluice.test" });
    const same = { "Sec-Fetch-Site": "same-origin" };
    expect((await call("GET", "/v1/me", { key: own.token, headers: same })).status).toBe(200);
  });

  test("makes no other token and administrates nothing", async () => {
    const { key } = await Team.create();
    const { token } = await mint(key, { user: "ada" });
    const again = call("POST", "/v1/tokens", { key: token, body: { user: "ada" } });
    expect(await outcome(again)).toEqual([403, "forbidden"]);
    expect(await outcome(call("GET", "/v1/keys", { key: token }))).toEqual([403, "forbidden"]);
  });

  test("ends with its key: on submits at once, on reads within ten seconds", async () => {
    const { key } = await Team.create();
    const server = await newKey(key, { scopes: ["run", "mint"] });
    const { token } = await mint(server.secret, { user: "ada" });
    expect((await call("GET", "/v1/me", { key: token })).status).toBe(200);
    await call("POST", `/v1/keys/${server.id}/freeze`, { key });
    expect(await outcome(submit(token))).toEqual([403, "key_frozen"]);
    await call("POST", `/v1/keys/${server.id}/resume`, { key });
    expect((await submit(token)).status).toBe(202);
    await call("DELETE", `/v1/keys/${server.id}`, { key });
    expect(await outcome(submit(token))).toEqual([401, "unauthenticated"]);
    later(IDENTITY_CACHE_MS);
    expect(await outcome(call("GET", "/v1/requests", { key: token }))).toEqual([401, "unauthenticated"]);
  });

  test("sees its user's requests and nobody else's", async () => {
    const { key } = await Team.create();
    const [ada, eve] = [await mint(key, { user: "ada" }), await mint(key, { user: "eve" })];
    const { id } = await json(await submit(key, { user: "ada" }));
    const bare = await json(await submit(key));
    const see = (token: string, path: string, method = "GET") =>
      outcome(call(method, `/v1/requests/${id}${path}`, { key: token }));
    for (const path of ["", "/timeline"]) {
      expect((await see(ada.token, path))[0]).toBe(200);
      expect(await see(eve.token, path)).toEqual([404, "not_found"]);
    }
    for (const path of ["/events", "?wait=1"]) expect(await see(eve.token, path)).toEqual([404, "not_found"]);
    expect(await see(eve.token, "/cancel", "POST")).toEqual([404, "not_found"]);
    expect(await outcome(call("GET", `/v1/requests/${bare.id}`, { key: ada.token }))).toEqual([404, "not_found"]);
    const listed = async (token: string, query = "") =>
      (await json(await call("GET", `/v1/requests${query}`, { key: token }))).data;
    expect(await listed(ada.token)).toMatchObject([{ id, user: "ada" }]);
    expect(await listed(eve.token)).toEqual([]);
    expect(await outcome(call("GET", "/v1/requests?user=ada", { key: eve.token }))).toEqual([403, "user_mismatch"]);
    const all = await call("POST", "/v1/requests/cancel", { key: eve.token, body: { filter: {} } });
    expect(await json(all)).toEqual({ canceled: [], requested: [], already_ended: [], next_cursor: null });
    expect(
      await outcome(call("POST", "/v1/requests/cancel", { key: eve.token, body: { filter: { user: "ada" } } })),
    ).toEqual([...[403, "user_mismatch"]]);
    expect((await see(ada.token, "/cancel", "POST"))[0]).toBeLessThan(300);
  });

  test.each([
    ["no user", {}, "`user` is required with a secret key."],
    ["too short a life", { user: "ada", ttl_s: 59 }, "`ttl_s` must be at least 60."],
    ["too long a life", { user: "ada", ttl_s: 3_601 }, "`ttl_s` must be at most 3600."],
    ["no models", { user: "ada", models: [] }, "`models` must have at least 1 entry."],
    ["an origin that is none", { user: "ada", origin: `${PAGE}/` }, "`origin` must be an exact origin"],
    ["a visitor token", { user: "ada", visitor_token: "x" }, "`visitor_token` is only allowed with a publishable key."],
    [
      "a Turnstile token",
      { user: "ada", turnstile_token: "x" },
      "`turnstile_token` is only allowed with a publishable key.",
    ],
    ["a scope that no token has", { user: "ada", scopes: ["admin"] }, "`scopes[0]`"],
    ["an unknown field", { user: "ada", name: "Ada" }, "`name` is not a known field."],
  ])("cannot have %s", async (_what, body, detail) => {
    const { key } = await Team.create();
    const response = await call("POST", "/v1/tokens", { key, body });
    expect([response.status, (await json(response)).detail]).toEqual([400, expect.stringContaining(detail)]);
  });

  test("needs a key with scope mint, and one scope that a token can have", async () => {
    const { key } = await Team.create();
    for (const scopes of [["run", "read", "admin"], ["mint"], ["mint", "admin"]]) {
      const { secret } = await newKey(key, { scopes });
      const answer = call("POST", "/v1/tokens", { key: secret, body: { user: "ada" } });
      expect(await outcome(answer), scopes.join()).toEqual([403, "forbidden"]);
    }
  });

  test("of a member's key is the member's, under the member's plan", async () => {
    const { key } = await Team.create();
    await call("PUT", "/v1/plans/pro", { key, body: {} });
    const member = await newKey(key, { user: "ada" });
    expect((await mint(member.secret, {})).user).toBe("ada");
    const other = call("POST", "/v1/tokens", { key: member.secret, body: { user: "eve" } });
    expect(await outcome(other)).toEqual([403, "user_mismatch"]);
    const plan = call("POST", "/v1/tokens", { key: member.secret, body: { plan: "pro" } });
    expect(await outcome(plan)).toEqual([403, "forbidden"]);
  });

  test("of a key with a plan of its own is held to that plan", async () => {
    const { key } = await Team.create();
    for (const name of ["small", "pro"]) await call("PUT", `/v1/plans/${name}`, { key, body: {} });
    const server = await newKey(key, { plan: "small" });
    const { token } = await mint(server.secret, { user: "ada" });
    expect(await json(await call("GET", "/v1/me", { key: token }))).toMatchObject({ plan: { name: "small" } });
    const wider = call("POST", "/v1/tokens", { key: server.secret, body: { user: "ada", plan: "pro" } });
    expect(await outcome(wider)).toEqual([403, "forbidden"]);
    expect((await mint(server.secret, { user: "ada", plan: "small" })).user).toBe("ada");
  });

  test("takes another plan only if its key lists it", async () => {
    const { key } = await Team.create();
    for (const name of ["free", "vip"]) await call("PUT", `/v1/plans/${name}`, { key, body: {} });
    const server = await newKey(key, { plans: ["free"] });
    const { token } = await mint(server.secret, { user: "ada", plan: "free" });
    expect(await json(await call("GET", "/v1/me", { key: token }))).toMatchObject({ plan: { name: "free" } });
    for (const secret of [server.secret, (await newKey(key, {})).secret, key]) {
      const wider = await call("POST", "/v1/tokens", { key: secret, body: { user: "ada", plan: "vip" } });
      expect([wider.status, await json(wider)]).toMatchObject([403, { hint: expect.stringContaining("`plans`") }]);
    }
    const listed = (await json(await call("GET", "/v1/keys", { key }))).data as { id: string; plans: string[] }[];
    expect(listed.find(({ id }) => id === server.id)?.plans).toEqual(["free"]);
  });

  test.each([
    ["a plan that does not exist", { plans: ["gold"] }, 404],
    ["plans without the scope mint", { plans: ["default"], scopes: ["run"] }, 400],
    ["plans, but is publishable", { plans: ["default"], kind: "publishable", plan: "default", origins: [PAGE] }, 400],
  ])("comes from no key with %s", async (_what, body, status) => {
    const { key } = await Team.create();
    expect((await call("POST", "/v1/keys", { key, body })).status).toBe(status);
  });

  test("carries its key's tags and those it was made with, whatever its holder sends", async () => {
    const { key } = await Team.create();
    const server = await newKey(key, { tags: { app: "web" } });
    const { token } = await mint(server.secret, { user: "ada", tags: { tenant: "acme", app: "other" } });
    const made = await submit(token, { tags: { tenant: "evil", app: "evil", colour: "red" } });
    expect((await json(made)).tags).toEqual({ tenant: "acme", app: "web", colour: "red" });
    const own = await submit(server.secret, { tags: { app: "evil" } });
    expect((await json(own)).tags).toEqual({ app: "web" });
  });

  test("is not made for a blocked user", async () => {
    const { key } = await Team.create();
    await call("POST", "/v1/users/ada/freeze?create=true", { key });
    expect(await outcome(call("POST", "/v1/tokens", { key, body: { user: "ada" } }))).toEqual([403, "user_frozen"]);
  });

  test("of another team, or changed on the way, is not valid", async () => {
    const [{ key, id: team }, other] = [await Team.create(), await Team.create()];
    const { token } = await mint(key, { user: "ada" });
    for (const wrong of [token.replace(`_${team}.`, `_${other.id}.`), `${token.slice(0, -8)}AAAAAAAA`]) {
      expect(await outcome(call("GET", "/v1/me", { key: wrong }))).toEqual([401, "unauthenticated"]);
    }
  });
});

describe("a token's scopes", () => {
  test("are within its key's, whatever the key is called on", async () => {
    const { key } = await Team.create();
    const { secret } = await newKey(key, { scopes: ["run", "mint"] });
    const { token } = await mint(secret, { user: "ada" });
    const id = String((await json(await submit(token))).id);
    const mayRead = [
      `/v1/requests/${id}`,
      `/v1/requests/${id}/timeline`,
      `/fal/queue/${MODEL}/requests/${id}/status`,
      "/v1/requests",
      "/v1/models",
    ];
    for (const path of [...mayRead, "/v1/usage", "/v1/events", "/v1/uploads"]) {
      const answer = await call("GET", path, { key: token });
      const keys = await call("GET", path, { key: secret });
      expect([path, answer.status], path).toEqual([path, keys.status]);
      expect([path, answer.ok]).toEqual([path, mayRead.includes(path)]);
    }
    const me = await json(await call("GET", "/v1/me", { key: token }));
    expect(me.key).toMatchObject({ scopes: ["run"] });
    const both = await newKey(key, { scopes: ["read", "run", "mint", "admin"] });
    const wide = await mint(both.secret, { user: "ada" });
    expect((await json(await call("GET", "/v1/me", { key: wide.token }))).key).toMatchObject({
      scopes: ["run", "read"],
    });
  });

  test("may be fewer than its key's, never more", async () => {
    const { key } = await Team.create();
    const { token } = await mint(key, { user: "ada", scopes: ["read"] });
    expect(await outcome(submit(token))).toEqual([403, "forbidden"]);
    expect((await call("GET", "/v1/requests", { key: token })).status).toBe(200);
    const runner = await newKey(key, { scopes: ["run", "mint"] });
    const wider = await call("POST", "/v1/tokens", { key: runner.secret, body: { user: "ada", scopes: ["read"] } });
    expect([wider.status, (await json(wider)).detail]).toEqual([403, expect.stringContaining("lacks `read`")]);
  });
});

const PAGE_MONEY = { name: "page-money", scope: "key", per: "usd", limit: "1000", window: "1d" };

/** A team with a publishable key for PAGE, under a plan of three requests a day per visitor. */
async function newDemo(more: Record<string, unknown> = {}, limits: unknown[] = []) {
  const team = await Team.create();
  const body = {
    limits: [{ name: "visitor-day", scope: "visitor", per: "request", limit: 3, window: "1d" }, PAGE_MONEY, ...limits],
    models: { allow: [MODEL] },
  };
  await call("PUT", "/v1/plans/demo", { key: team.key, body });
  const demo = await newKey(team.key, { kind: "publishable", origins: [PAGE], plan: "demo", ...more });
  return { team: team.id, key: team.key, demo: demo.secret, demoId: demo.id };
}

describe("a publishable key", () => {
  test("is exchanged for a visitor's token, bound to the page it was got from", async () => {
    const { demo } = await newDemo();
    const { token, user, visitor_token } = await mint(demo, {}, HOME);
    expect(user).toMatch(/^visitor:[0-9a-zA-Z]+$/);
    expect(visitor_token).toMatch(/^sl_vt_/);
    expect((await submit(token, {}, HOME)).status).toBe(202);
    expect(await outcome(submit(token, {}, { ...HOME, Origin: OTHER_PAGE }))).toEqual([403, "origin_not_allowed"]);
    expect(await outcome(submit(token, {}, { "CF-Connecting-IP": "203.0.113.7" }))).toEqual([
      403,
      "origin_not_allowed",
    ]);
  });

  test("fails from another origin with a sentence that the page can read, and without a page", async () => {
    const { demo } = await newDemo();
    const from = (headers: Record<string, string>) => call("POST", "/v1/tokens", { key: demo, body: {}, headers });
    const other = await from({ Origin: OTHER_PAGE });
    expect(other.headers.get("Access-Control-Allow-Origin")).toBe(OTHER_PAGE);
    expect(await json(other)).toMatchObject({
      ...{ status: 403, code: "origin_not_allowed", detail: `This credential is not allowed from ${OTHER_PAGE}.` },
      hint: expect.stringContaining("exact origin"),
    });
    expect(await outcome(from({}))).toEqual([403, "origin_not_allowed"]);
    const preflight = await call("OPTIONS", "/v1/tokens", {
      headers: {
        Origin: PAGE,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
      },
    });
    expect([preflight.status, preflight.headers.get("Access-Control-Allow-Origin")]).toEqual([204, PAGE]);
  });

  test("does nothing else, and says what to do", async () => {
    const { demo } = await newDemo();
    for (const [method, path] of [
      ["POST", "/v1/requests"],
      ["GET", "/v1/me"],
      ["GET", "/v1/keys"],
    ] as const) {
      const response = await call(method, path, {
        key: demo,
        headers: HOME,
        ...(method === "POST" ? { body: {} } : {}),
      });
      expect(await json(response), path).toMatchObject({
        ...{ status: 403, code: "forbidden" },
        hint: expect.stringContaining("POST /v1/tokens"),
      });
    }
  });

  test.each(["user", "ttl_s", "models", "origin", "plan"])("leaves nobody a choice of `%s`", async (name) => {
    const { demo } = await newDemo();
    const value = { user: "ada", ttl_s: 3_600, models: ["**"], origin: OTHER_PAGE, plan: "default" }[name];
    const response = await call("POST", "/v1/tokens", { key: demo, headers: HOME, body: { [name]: value } });
    expect([response.status, (await json(response)).detail]).toEqual([
      400,
      `\`${name}\` is only allowed with a secret key.`,
    ]);
  });

  test("that is revoked exchanges nothing any more, and its tokens end", async () => {
    const { key, demo, demoId } = await newDemo();
    const { token } = await mint(demo, {}, HOME);
    await call("DELETE", `/v1/keys/${demoId}`, { key });
    const exchange = call("POST", "/v1/tokens", { key: demo, body: {}, headers: HOME });
    expect(await outcome(exchange)).toEqual([401, "unauthenticated"]);
    expect(await outcome(submit(token, {}, HOME))).toEqual([401, "unauthenticated"]);
  });

  test("gives an address sixty tokens at once and then one a minute", async () => {
    const { demo } = await newDemo();
    const exchange = () => call("POST", "/v1/tokens", { key: demo, body: {}, headers: HOME });
    later(0);
    const all = await Promise.all(Array.from({ length: MINTS_PER_HOUR + 5 }, exchange));
    expect(all.filter((response) => response.status === 200)).toHaveLength(MINTS_PER_HOUR);
    const refused = await exchange();
    expect([refused.status, refused.headers.get("Retry-After")]).toEqual([429, "60"]);
    const neighbour = { ...HOME, "CF-Connecting-IP": "203.0.113.8" };
    expect((await call("POST", "/v1/tokens", { key: demo, body: {}, headers: neighbour })).status).toBe(200);
    later(MINUTE_MS);
    expect([(await exchange()).status, (await exchange()).status]).toEqual([200, 429]);
  });
});

describe("a visitor", () => {
  const from = (address: string) => ({ Origin: PAGE, "CF-Connecting-IP": address });

  test("is the same with the token that was given, at whatever address", async () => {
    const { demo } = await newDemo();
    const first = await mint(demo, {}, from("203.0.113.7"));
    const { visitor_token } = first;
    const moved = await mint(demo, { visitor_token }, from("198.51.100.1"));
    expect(moved.user).toBe(first.user);
    expect((await mint(demo, {}, from("198.51.100.1"))).user).not.toBe(first.user);
  });

  test("is somebody new without the token, also at the same address", async () => {
    const { demo } = await newDemo();
    const bodies = [{}, { visitor_token: null }, { visitor_token: "" }, {}];
    const users = await Promise.all(bodies.map(async (body) => (await mint(demo, body, HOME)).user));
    expect(new Set(users).size).toBe(users.length);
  });

  test("cannot be made up, nor brought along from another team", async () => {
    const [here, there] = [await newDemo(), await newDemo()];
    const own = await mint(here.demo, {}, HOME);
    const foreign = await mint(there.demo, {}, from("198.51.100.9"));
    const name = foreign.user.replace("visitor:", "");
    const made = `sl_vt_${name}.${"0".repeat(68)}`;
    const known = [own, foreign].map(({ user }) => user);
    for (const visitor_token of [foreign.visitor_token, made, "somebody", ""]) {
      expect(known).not.toContain((await mint(here.demo, { visitor_token }, HOME)).user);
    }
  });

  test("that is blocked gets no token", async () => {
    const { key, demo } = await newDemo();
    const { user, visitor_token } = await mint(demo, {}, HOME);
    await call("POST", `/v1/users/${encodeURIComponent(user)}/freeze?create=true`, { key });
    for (const headers of [HOME, from("198.51.100.1")]) {
      const again = call("POST", "/v1/tokens", { key: demo, body: { visitor_token }, headers });
      expect(await outcome(again)).toEqual([403, "user_frozen"]);
    }
  });

  test("gets three of two hundred posts at once, and hears when there are more", async () => {
    const { demo } = await newDemo();
    const { token } = await mint(demo, {}, HOME);
    const posts = await Promise.all(
      Array.from({ length: 200 }, (_, n) => submit(token, { input: { prompt: `cat ${n}` } }, HOME)),
    );
    expect(posts.filter((response) => response.status === 202)).toHaveLength(3);
    const refused = posts.filter((response) => response.status !== 202);
    expect(new Set(refused.map((response) => response.status))).toEqual(new Set([402]));
    expect(await json(refused[0] as Response)).toMatchObject({
      ...{ code: "visitor_limit", retryable: false, user_message: expect.stringMatching(/come back tomorrow\.$/) },
      violated_policies: [{ name: "visitor-day", limit: 3, used: 3, reset: expect.stringMatching(/T00:00:00.000Z$/) }],
    });
  });

  test("is one to the limits by its token and by its address", async () => {
    const perAddress = { name: "address-day", scope: "ip", per: "request", limit: 4, window: "1d" };
    const { demo } = await newDemo({}, [perAddress]);
    const at = (address: string) => mint(demo, {}, from(address));
    const [moved, other] = [await at("203.0.113.7"), await at("198.51.100.1")];
    const back = await mint(demo, { visitor_token: other.visitor_token }, from("203.0.113.7"));
    const used = async (token: string, n: number) => {
      const posts = Array.from({ length: n }, (_, i) => submit(token, { input: { prompt: `cat ${i}` } }, HOME));
      return (await Promise.all(posts)).map((response) => response.status).sort();
    };
    expect(await used(moved.token, 3)).toEqual([202, 202, 202]);
    expect(await used(back.token, 2)).toEqual([202, 402]);
  });

  test("who reloads the page gets the running request back, not a second one", async () => {
    const { demo } = await newDemo();
    const first = await mint(demo, {}, HOME);
    const post = await json(await submit(first.token, {}, HOME));
    const reloaded = await mint(demo, { visitor_token: first.visitor_token }, HOME);
    const again = await submit(reloaded.token, {}, HOME);
    expect(again.headers.get("Idempotent-Replayed")).toBe("true");
    expect((await json(again)).id).toBe(post.id);
    const { limits } = await json(await call("GET", "/v1/me", { key: reloaded.token, headers: HOME }));
    expect(limits).toContainEqual(expect.objectContaining({ name: "visitor-day", used: 1, remaining: 2 }));
  });
});

describe("a publishable key with Turnstile", () => {
  const [PASSES, FAILS] = ["1", "2"].map((n) => `${n}x0000000000000000000000000000000AA`);
  const turnstile = (secret: string | undefined) => ({ turnstile: { site_key: "1x00000000000000000000AA", secret } });
  const LOCAL = {
    PUBLIC_URL: "http://localhost:8787",
    TURNSTILE_VERIFY_URL: "https://challenges.sandbox.test/turnstile/v0/siteverify",
  };

  /** The exchange on a deployment with other variables. */
  async function exchange(key: string, body: unknown, variables: Record<string, string> = LOCAL, path = "/v1/tokens") {
    const request = requestOf("POST", path, { key, body, headers: HOME });
    return checked(createApp().fetch)(request, { ...env, ...variables }, createExecutionContext());
  }

  test("takes who passed, and takes each for somebody new", async () => {
    const { demo } = await newDemo(turnstile(PASSES));
    const users = new Set<string>();
    for (let n = 0; n < 3; n++) {
      const response = await exchange(demo, { turnstile_token: "XXXX.DUMMY.TOKEN.XXXX" });
      expect(response.status).toBe(200);
      users.add(minted.parse(await response.json()).user);
    }
    expect(users.size).toBe(3);
  });

  test("knows its visitors again", async () => {
    const { demo } = await newDemo(turnstile(PASSES));
    const turnstile_token = "XXXX.DUMMY.TOKEN.XXXX";
    const first = minted.parse(await (await exchange(demo, { turnstile_token })).json());
    const { visitor_token } = first;
    const second = minted.parse(await (await exchange(demo, { turnstile_token, visitor_token })).json());
    expect(second.user).toBe(first.user);
  });

  test("takes nobody without a token of the widget, visitor or not", async () => {
    const { demo } = await newDemo(turnstile(PASSES));
    const response = await exchange(demo, { turnstile_token: "XXXX.DUMMY.TOKEN.XXXX" });
    const { visitor_token } = minted.parse(await response.json());
    for (const body of [{}, { turnstile_token: null }, { turnstile_token: "" }, { visitor_token }]) {
      expect(await outcome(exchange(demo, body))).toEqual([403, "forbidden"]);
    }
  });

  test("takes nobody who failed", async () => {
    const { demo } = await newDemo(turnstile(FAILS));
    expect(await outcome(exchange(demo, { turnstile_token: "x" }))).toEqual([403, "forbidden"]);
  });

  test("tells its owner's mistake apart from the visitor's", async () => {
    const { demo } = await newDemo(turnstile("0x4AAA-not-known-to-anybody"));
    expect(await outcome(exchange(demo, { turnstile_token: "x" }))).toEqual([503, "misconfigured"]);
  });

  test("does not work with a test secret where the world can reach it", async () => {
    const { demo } = await newDemo(turnstile(PASSES));
    const at = (PUBLIC_URL: string, path?: string) =>
      exchange(demo, { turnstile_token: "x" }, { ...LOCAL, PUBLIC_URL }, path);
    // Without PUBLIC_URL it is the URL of the call that tells.
    for (const response of [await at("https://sluice.example"), await at("")]) {
      expect([response.status, (await json(response)).hint]).toEqual([403, expect.stringContaining("Test secrets")]);
    }
    for (const publicUrl of ["http://127.0.0.1:8787", "http://sluice.localhost:8787", "http://[::1]:8787"]) {
      expect((await at(publicUrl)).status, publicUrl).toBe(200);
    }
    expect((await at("", "http://localhost:8787/v1/tokens")).status).toBe(200);
  });
});
