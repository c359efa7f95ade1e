// The one table of who is turned away, run on every route that the router lists: a route that is added joins by itself.

import { exportSPKI, SignJWT, UnsecuredJWT } from "jose";
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { routes } from "../../../src/app.ts";
import type { Route } from "../../../src/http/route.ts";
import { HOUR_MS } from "../../../src/platform/time.ts";
import { makeKey } from "../../../src/team/auth/key-text.ts";
import { call, json } from "../../harness/calls.ts";
import { ADMIN_TOKEN } from "../../harness/env.ts";
import { serveKeys, TestIssuer, trust } from "../../harness/issuer.ts";
import { newKey, newPageKey, Team } from "../../harness/team.ts";

const PAGE = "https://app.example";
const OTHER_PAGE = "https://evil.example";
const SCOPES = ["run", "read", "mint", "admin"] as const;

/** How a refused call identifies itself. */
interface Attempt {
  key?: string;
  headers?: Record<string, string>;
  /** The clock of the call, in milliseconds from now. */
  laterMs?: number;
}

/** Who is turned away, how, and what the answer says. Attempts are made once for all routes. */
interface Case {
  attempt: (route: Route) => Attempt;
  status: number;
  code: string;
}

const cases = new Map<string, Case>();
/** Good credentials, to show that the table turns nobody away who may come in. */
let good: { admin: string; team: string };

const CASE_NAMES = [
  ...["nobody", "another scheme", "a word", "a mistyped key", "a key of no team", "a key that its team does not know"],
  ...["a revoked key", "an expired key", "a rotated key", "a frozen key", "a key of a frozen team"],
  ...["the key of a blocked member", "a token of a blocked user", "a key without the scope"],
  ...["a publishable key", "a key from a page off its list", "a token from another page", "a token from no page"],
  ...["a token in another team", "an expired token", "a forged token", "an unsigned token", "a token of a revoked key"],
  ...["a member's key for another user", "a token for another user", "a JWT for another user"],
  ...["a JWT that names no team", "a JWT in another team", "a JWT for another audience", "a JWT of another issuer"],
  ...[
    "an expired JWT",
    "an expired JWT of a stranger",
    "an unsigned JWT",
    "a JWT signed with the public key",
    "a JWT with an unknown key",
  ],
  ...["a JWT signed by a stranger", "a JWT of a removed issuer"],
];

beforeEach(() => {
  serveKeys();
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

beforeAll(async () => {
  serveKeys();
  const [one, other, frozen] = [await Team.create(), await Team.create(), await Team.create()];
  good = { admin: one.key, team: one.id };
  const issuer = await TestIssuer.create("RS256");
  const stranger = await TestIssuer.create("RS256");
  await trust(one.key, issuer);
  await trust(other.key, issuer, { audience: "another-app" });
  const removed = await TestIssuer.create();
  await call("PUT", "/v1/issuers/removed", { key: one.key, body: removed.body() });
  await call("DELETE", "/v1/issuers/removed", { key: one.key });

  const all = { scopes: [...SCOPES] };
  const keyOf = (body: Record<string, unknown>, admin = one.key) => newKey(admin, body);
  const revoked = await keyOf(all);
  await call("DELETE", `/v1/keys/${revoked.id}`, { key: one.key });
  const expired = await keyOf({ ...all, expires_at: new Date(Date.now() + HOUR_MS).toISOString() });
  const rotated = await keyOf(all);
  await call("POST", `/v1/keys/${rotated.id}/rotate`, { key: one.key, body: { overlap_s: 0 } });
  const frozenKey = await keyOf(all);
  await call("POST", `/v1/keys/${frozenKey.id}/freeze`, { key: one.key });
  const ofFrozenTeam = await keyOf({ scopes: ["run", "read"] }, frozen.key);
  await call("POST", "/v1/team/freeze", { key: frozen.key });
  const member = await keyOf({ ...all, user: "ada" });
  const blocked = await keyOf({ ...all, user: "blocked" });
  const listed = await keyOf({ ...all, origins: [PAGE] });
  const publishable = await newPageKey(one.key, { origins: [PAGE] });
  const without = new Map<string, string>();
  for (const scope of SCOPES)
    without.set(scope, (await keyOf({ scopes: SCOPES.filter((each) => each !== scope) })).secret);
  const blind = await keyOf({ scopes: ["mint", "admin"] });

  const tokenOf = async (key: string, body: Record<string, unknown>) =>
    String((await json(await call("POST", "/v1/tokens", { key, body }))).token);
  const token = await tokenOf(one.key, { user: "ada" });
  const bound = await tokenOf(one.key, { user: "ada", origin: PAGE });
  const blockedToken = await tokenOf(one.key, { user: "blocked" });
  await call("POST", "/v1/users/blocked/freeze?create=true", { key: one.key });
  const minter = await keyOf({ scopes: ["run", "mint"] });
  const orphan = await tokenOf(minter.secret, { user: "ada" });
  await call("DELETE", `/v1/keys/${minter.id}`, { key: one.key });

  const named = (jwt: string, team = one.id) => `sl_jwt_${team}.${jwt}`;
  const claims = { iss: issuer.issuer, aud: issuer.audience, sub: "ada", exp: Math.floor(Date.now() / 1_000) + 86_400 };
  const publicKey = issuer.keys[0]?.publicKey;
  if (publicKey === undefined) throw new Error("the issuer has no key");
  const publicText = new TextEncoder().encode(await exportSPKI(publicKey));
  const hmac = await new SignJWT(claims).setProtectedHeader({ alg: "HS256", kid: "first" }).sign(publicText);
  const ours = { iss: "sluice", aud: one.id, sub: "ada", key: one.keyId, exp: claims.exp };
  const typ = "sluice-client+jwt";
  const forged = await new SignJWT(ours).setProtectedHeader({ alg: "HS256", typ, kid: "0000" }).sign(publicText);
  const unsigned = `${btoa(JSON.stringify({ alg: "none", typ }))}.${btoa(JSON.stringify(ours))}.`.replaceAll("=", "");
  const asStranger = Object.assign(stranger, { issuer: issuer.issuer });
  const unknown = await makeKey(one.id);
  const mistyped = one.key.slice(0, -1) + (one.key.endsWith("0") ? "1" : "0");
  const jwt = await issuer.jwt();

  const turnAway = (name: string, status: number, code: string, attempt: Attempt | Case["attempt"]) => {
    cases.set(name, { status, code, attempt: typeof attempt === "function" ? attempt : () => attempt });
  };
  const unknownTo = (name: string, key: string, more: Omit<Attempt, "key"> = {}) =>
    turnAway(name, 401, "unauthenticated", { key, ...more });

  turnAway("nobody", 401, "unauthenticated", {});
  turnAway("another scheme", 401, "unauthenticated", { headers: { Authorization: "Basic dXNlcjpwYXNz" } });
  unknownTo("a word", "let-me-in");
  unknownTo("a mistyped key", mistyped);
  unknownTo("a key of no team", await makeKey("nobody"));
  unknownTo("a key that its team does not know", unknown);
  unknownTo("a revoked key", revoked.secret);
  turnAway("an expired key", 401, "key_expired", { key: expired.secret, laterMs: HOUR_MS });
  unknownTo("a rotated key", rotated.secret);
  turnAway("a frozen key", 403, "key_frozen", { key: frozenKey.secret });
  turnAway("a key of a frozen team", 403, "forbidden", { key: ofFrozenTeam.secret });
  turnAway("the key of a blocked member", 403, "user_frozen", { key: blocked.secret });
  turnAway("a token of a blocked user", 403, "user_frozen", { key: blockedToken });
  turnAway("a key without the scope", 403, "forbidden", ({ access }) => ({
    key: access === "view" ? blind.secret : (without.get(access) ?? ""),
  }));
  turnAway("a publishable key", 403, "forbidden", ({ access }) => ({
    key: publishable.secret,
    headers: { Origin: access === "mint" ? OTHER_PAGE : PAGE },
  }));
  turnAway("a key from a page off its list", 403, "origin_not_allowed", {
    key: listed.secret,
    headers: { Origin: OTHER_PAGE },
  });
  turnAway("a token from another page", 403, "origin_not_allowed", { key: bound, headers: { Origin: OTHER_PAGE } });
  turnAway("a token from no page", 403, "origin_not_allowed", { key: bound });
  unknownTo("a token in another team", token.replace(`_${one.id}.`, `_${other.id}.`));
  turnAway("an expired token", 401, "token_expired", { key: token, laterMs: HOUR_MS });
  unknownTo("a forged token", named(forged));
  unknownTo("an unsigned token", named(unsigned));
  unknownTo("a token of a revoked key", orphan);
  const another = { headers: { "Sluice-User": "eve" } };
  turnAway("a member's key for another user", 403, "user_mismatch", { key: member.secret, ...another });
  turnAway("a token for another user", 403, "user_mismatch", { key: token, ...another });
  turnAway("a JWT for another user", 403, "user_mismatch", { key: named(jwt), ...another });
  turnAway("a JWT that names no team", 401, "team_required", { key: jwt });
  unknownTo("a JWT in another team", named(jwt, other.id));
  unknownTo("a JWT for another audience", named(await issuer.jwt({ aud: "another-app" })));
  unknownTo("a JWT of another issuer", named(await stranger.jwt({ iss: "https://another.example" })));
  turnAway("an expired JWT", 401, "token_expired", {
    key: named(await issuer.jwt({ exp: claims.exp - 2 * 86_400 })),
  });
  unknownTo("an expired JWT of a stranger", named(await asStranger.jwt({ exp: claims.exp - 2 * 86_400 })));
  unknownTo("an unsigned JWT", named(new UnsecuredJWT(claims).encode()));
  unknownTo("a JWT signed with the public key", named(hmac));
  unknownTo("a JWT with an unknown key", named(await issuer.jwt({}, { kid: "nobody" })));
  unknownTo("a JWT signed by a stranger", named(await asStranger.jwt()));
  unknownTo("a JWT of a removed issuer", named(await removed.jwt()));
});

/** A path that a route takes, with made-up parameters. */
function examplePath(route: Route): string {
  return route.path.replaceAll(/:[a-z_]+(\{[^}]*\})?/g, "0".repeat(64));
}

/** What a compatible surface adds to the bare reason: its message is more than one sentence. */
function wayOut({ message, detail }: Record<string, unknown>): string | undefined {
  return message === detail && typeof message === "string" ? /\. (.+)$/.exec(message)?.[1] : undefined;
}

function ask(route: Route, { key, headers, laterMs }: Attempt): Promise<Response> {
  if (laterMs !== undefined) vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + laterMs });
  const options = { ...(key === undefined ? {} : { key }), ...(headers === undefined ? {} : { headers }) };
  return call(route.method, examplePath(route), route.body === undefined ? options : { ...options, body: {} });
}

function named(wanted: (route: Route) => boolean): [string, Route][] {
  return routes.filter(wanted).map((route) => [`${route.method} ${route.path}`, route]);
}

test("has a line for every case", () => {
  expect([...cases.keys()]).toEqual(CASE_NAMES);
});

describe.each(named(({ access }) => access !== "public" && access !== "operator"))("%s turns away", (_name, route) => {
  // A route that any credential may ask has no scope to lack.
  const names = CASE_NAMES.filter((name) => route.access !== "any" || name !== "a key without the scope");
  test.each(names)("%s", async (name) => {
    const { attempt, status, code } = cases.get(name) ?? { attempt: () => ({}), status: 0, code: "" };
    const response = await ask(route, attempt(route));
    const body = await json(response);
    // A publishable key may be exchanged, but not from this page.
    const isExchange = name === "a publishable key" && route.access === "mint";
    // The surfaces for fal's clients say the code as fal does, and the way out in the text that those clients show.
    expect([response.status, body.code ?? body.error_type]).toEqual([status, isExchange ? "origin_not_allowed" : code]);
    expect(body.hint ?? wayOut(body), "a way out").toEqual(expect.stringMatching(/\w{3}/));
    expect(response.headers.get("WWW-Authenticate")).toBe(status === 401 ? "Bearer" : null);
  });

  test("nobody who may come in", async () => {
    const response = await ask(route, { key: (await Team.create(undefined, { manages_connections: true })).key });
    expect([401, 403]).not.toContain(response.status);
  });

  test("in words that a page can read, wherever it stands", async () => {
    for (const origin of [PAGE, OTHER_PAGE]) {
      const response = await ask(route, { key: "let-me-in", headers: { Origin: origin } });
      expect(response.status).toBe(401);
      expect(response.headers.get("Access-Control-Allow-Origin")).toBe(origin);
      expect(response.headers.get("Access-Control-Allow-Credentials")).toBeNull();
      expect(response.headers.get("Vary")).toContain("Origin");
    }
  });
});

describe.each(named(({ access }) => access === "operator"))("%s is the operator's and turns away", (_name, route) => {
  test.each(CASE_NAMES)("%s", async (name) => {
    const { attempt } = cases.get(name) ?? { attempt: () => ({}) };
    const response = await ask(route, attempt(route));
    expect([response.status, (await json(response)).code]).toEqual([401, "unauthenticated"]);
  });

  test("a team's own admin, but not the operator", async () => {
    expect((await ask(route, { key: good.admin })).status).toBe(401);
    expect((await ask(route, { key: ADMIN_TOKEN })).status).not.toBe(401);
  });
});

describe.each(named(() => true))("a preflight of %s", (_name, route) => {
  test.each([PAGE, OTHER_PAGE])("from %s needs no key and decides nothing", async (origin) => {
    const response = await call("OPTIONS", examplePath(route), {
      headers: {
        Origin: origin,
        "Access-Control-Request-Method": route.method,
        "Access-Control-Request-Headers": "authorization, content-type, sluice-team, sluice-user",
      },
    });
    expect(response.status).toBe(204);
    expect(response.headers.get("Access-Control-Allow-Origin")).toBe(origin);
    expect(response.headers.get("Access-Control-Allow-Credentials")).toBeNull();
    expect(response.headers.get("Access-Control-Allow-Methods")?.split(", ")).toContain(route.method);
    const allowed = response.headers.get("Access-Control-Allow-Headers")?.split(", ") ?? [];
    expect(allowed).toEqual(expect.arrayContaining(["authorization", "content-type", "sluice-team", "sluice-user"]));
  });
});
