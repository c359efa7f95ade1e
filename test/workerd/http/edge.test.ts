import { createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, test, vi } from "vitest";
import * as z from "zod";
import description from "../../../docs/openapi.json?raw";
import { createApp, routes } from "../../../src/app.ts";
import { SMALL_BODY_MAX_BYTES } from "../../../src/http/json-body.ts";
import type { Route } from "../../../src/http/route.ts";
import { zod } from "../../../src/platform/schema.ts";
import { VERSION } from "../../../src/platform/version.ts";
import { IDENTITY_CACHE_MS } from "../../../src/team/auth/issuer-cache.ts";
import { makeKey } from "../../../src/team/auth/key-text.ts";
import { defaultPlan } from "../../../src/team/quota/plan.ts";
import { call, json, requestOf } from "../../harness/calls.ts";
import { checked } from "../../harness/contract.ts";
import { ADMIN_TOKEN } from "../../harness/env.ts";
import { newKey, Team } from "../../harness/team.ts";

const BASE = "https://app.example";

afterEach(() => {
  vi.useRealTimers();
});

/** The Worker with other variables. */
function callWith(variables: Record<string, string>, method: string, path: string, key?: string): Promise<Response> {
  const request = requestOf(method, path, { ...(key ? { key } : {}), headers: { Origin: BASE } });
  return checked(createApp().fetch)(request, { ...env, ...variables }, createExecutionContext());
}

/** A path that a route takes, with made-up parameters. */
function examplePath(route: Route): string {
  // A team's id is shorter than a request's; every other parameter takes what a request's id takes.
  const made = "0".repeat(route.path.startsWith("/v1/admin/teams/") ? 32 : 64);
  return route.path.replaceAll(/:[a-z_]+(\{[^}]*\})?/g, made);
}

function withAccess(...access: Route["access"][]): [string, Route][] {
  return routes
    .filter((route) => access.includes(route.access))
    .map((route) => [`${route.method} ${route.path}`, route]);
}

test("every route is in the API description", () => {
  const { paths } = JSON.parse(description) as { paths: Record<string, Record<string, unknown>> };
  const missing = routes.filter(({ method, path }) => {
    return paths[path.replaceAll(/:([a-z_]+)(\{[^}]*\})?/g, "{$1}")]?.[method.toLowerCase()] === undefined;
  });
  expect(missing.map(({ method, path }) => `${method} ${path}`)).toEqual([]);
});

describe("every answer", () => {
  test("has an id that the problem body repeats", async () => {
    const response = await call("GET", "/v1/nothing");
    const id = response.headers.get("X-Request-Id");
    expect(id).toMatch(/^[0-9A-Za-z]{20}$/);
    expect(await json(response)).toMatchObject({ request_id: id, instance: `urn:sluice:call:${id}` });
  });

  test("does not take over an id that the caller made up", async () => {
    const response = await call("GET", "/healthz", { headers: { "X-Request-Id": "mine" } });
    expect(response.headers.get("X-Request-Id")).not.toBe("mine");
  });

  test("names the version of the code, which the health of the deployment has too", async () => {
    for (const path of ["/healthz", "/v1/me", "/v1/nothing", "/files/none", "/uploads/none", "/hooks/fal/none"]) {
      expect((await call("GET", path)).headers.get("X-Sluice-Version")).toBe(VERSION);
    }
    expect(await json(await call("GET", "/healthz"))).toMatchObject({ version: VERSION });
  });

  test("can be read by a page of any origin, refusals included", async () => {
    for (const path of ["/healthz", "/v1/me", "/v1/nothing"]) {
      const response = await call("GET", path, { headers: { Origin: BASE } });
      expect(response.headers.get("Access-Control-Allow-Origin")).toBe(BASE);
      expect(response.headers.get("Access-Control-Allow-Credentials")).toBeNull();
      expect(response.headers.get("Vary")).toContain("Origin");
      const exposed = response.headers.get("Access-Control-Expose-Headers")?.split(", ");
      expect(exposed).toEqual(
        expect.arrayContaining([
          ...["location", "etag", "retry-after", "preference-applied", "idempotent-replayed", "x-request-id"],
          "x-sluice-version",
          ...["ratelimit", "ratelimit-policy", "x-fal-request-id", "x-fal-request-timeout-type"],
        ]),
      );
    }
  });

  test("varies by origin also when none was sent, so that a cache does not mix them", async () => {
    const response = await call("GET", "/healthz");
    expect(response.headers.get("Vary")).toContain("Origin");
    expect(response.headers.get("Access-Control-Allow-Origin")).toBeNull();
  });

  test("is a problem with all its members when it is a refusal", async () => {
    const response = await call("GET", "/v1/me");
    expect(response.headers.get("Content-Type")).toBe("application/problem+json");
    expect(response.headers.get("WWW-Authenticate")).toBe("Bearer");
    const body = await json(response);
    expect(body).toEqual({
      type: "urn:sluice:error:unauthenticated",
      title: "Authentication failed",
      status: 401,
      detail: "No API key provided.",
      instance: expect.any(String),
      code: "unauthenticated",
      message: "No API key provided.",
      hint: expect.stringContaining("Authorization: Bearer"),
      retryable: false,
      request_id: response.headers.get("X-Request-Id"),
    });
  });
});

describe("a preflight", () => {
  test.each([
    ["what fal's clients send", "authorization, content-type, x-fal-target-url, x-fal-request-timeout"],
    ["what monitoring adds", "baggage,sentry-trace,traceparent,x-requested-with"],
    ["a name that nobody knows", "x-acme-~trace!"],
  ])("needs no key and allows what is asked, for two hours: %s", async (_name, asked) => {
    const response = await call("OPTIONS", "/v1/requests", {
      headers: { Origin: BASE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": asked },
    });
    expect(response.status).toBe(204);
    expect(response.headers.get("Access-Control-Allow-Origin")).toBe(BASE);
    expect(response.headers.get("Access-Control-Max-Age")).toBe("7200");
    expect(response.headers.get("Access-Control-Allow-Methods")?.split(", ")).toEqual(
      expect.arrayContaining(["GET", "POST", "PUT", "DELETE"]),
    );
    expect(response.headers.get("Access-Control-Allow-Headers")).toBe(asked);
    expect(response.headers.get("Access-Control-Allow-Credentials")).toBeNull();
    expect(response.headers.get("Vary")).toContain("Access-Control-Request-Headers");
  });

  test.each([["a name; of=none"], ["<script>"], ["a,,b"]])("allows no header whose name is none: %s", async (asked) => {
    const headers = { Origin: BASE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": asked };
    const response = await call("OPTIONS", "/v1/requests", { headers });
    expect([response.status, response.headers.get("Access-Control-Allow-Headers")]).toEqual([204, null]);
  });
});

describe("paths", () => {
  test("that nobody has are 404", async () => {
    const response = await call("GET", "/v2/me");
    expect(response.status).toBe(404);
    expect(await json(response)).toMatchObject({ code: "not_found" });
  });

  test.each([
    ["PATCH", "/v1/me", "GET, HEAD"],
    ["DELETE", "/v1/models/fal-ai/flux/schnell", "GET, HEAD"],
    ["PUT", "/v1/keys/", "POST, GET, HEAD"],
    ["POST", "/healthz", "GET, HEAD"],
  ])("take the methods they have: %s %s is 405", async (method, path, allow) => {
    const response = await call(method, path);
    expect(response.status).toBe(405);
    expect(response.headers.get("Allow")).toBe(allow);
    expect(await json(response)).toMatchObject({ code: "invalid_request", status: 405 });
  });

  test("may end in a slash", async () => {
    const { key } = await Team.create();
    for (const path of ["/healthz/", "/v1/me/", "/v1/models/", "/v1/models/fal-ai/flux/schnell/"]) {
      expect((await call("GET", path, { key })).status, path).toBe(200);
    }
  });

  test("take HEAD where they take GET, and answer it without a body", async () => {
    const { key } = await Team.create();
    const response = await call("HEAD", "/v1/me", { key });
    expect(response.status).toBe(200);
    expect(await response.text()).toBe("");
  });
});

describe("a call that is not let in", () => {
  const detailOf = async (authorization?: string, path = "/v1/me") => {
    const headers = authorization === undefined ? {} : { headers: { Authorization: authorization } };
    const { detail } = await json(await call("GET", path, headers));
    return detail;
  };

  test("hears what is wrong with its key", async () => {
    expect(await detailOf()).toBe("No API key provided.");
    for (const none of ["Bearer sk-123", "Basic dXNlcjpwYXNz", "Bearer"]) {
      expect(await detailOf(none)).toBe("The credential is not a Sluice API key.");
    }
    const stray = await makeKey("nobody");
    expect(await detailOf(`Key ${stray}`)).toBe("Unknown API key.");
    const mistyped = stray.slice(0, -1) + (stray.endsWith("0") ? "1" : "0");
    const cutOff = "Invalid API key: the checksum does not match.";
    expect(await detailOf(`Bearer ${mistyped}`)).toBe(cutOff);
  });

  test("hears since when its key is revoked, and which scope it lacks", async () => {
    const { key } = await Team.create();
    const reader = await newKey(key, { scopes: ["read"] });
    expect(await detailOf(`Bearer ${reader.secret}`, "/v1/keys")).toContain("`admin`");
    await call("DELETE", `/v1/keys/${reader.id}`, { key });
    expect(await detailOf(`Bearer ${reader.secret}`)).toMatch(/^The API key was revoked at 20/);
  });
});

describe.each(withAccess("operator"))("%s", (_name, route) => {
  test("is only for the operator", async () => {
    const { key } = await Team.create();
    for (const wrong of [undefined, "", "x", key, `${ADMIN_TOKEN}x`]) {
      const response = await call(route.method, examplePath(route), {
        ...(route.method === "GET" ? {} : { body: {} }),
        ...(wrong ? { key: wrong } : {}),
      });
      expect(response.status, wrong).toBe(401);
    }
  });

  test("is not there without ADMIN_TOKEN", async () => {
    const response = await callWith({ ADMIN_TOKEN: "" }, route.method, examplePath(route), ADMIN_TOKEN);
    expect(response.status).toBe(404);
  });
});

describe.each(
  routes
    .filter(({ path, body }) => path.startsWith("/v1/") && body !== undefined)
    .map((route) => [`${route.method} ${route.path}`, route] as const),
)("the body of %s", (_name, route) => {
  const send = async (body: string, headers: Record<string, string> = {}) => {
    const key = route.access === "operator" ? ADMIN_TOKEN : (await Team.create()).key;
    const path = route.path.startsWith("/v1/plans/:name") ? route.path.replace(":name", "default") : examplePath(route);
    const response = await call(route.method, path, { key, body, headers });
    return [response.status, (await json(response)).detail];
  };

  test("must be JSON in form and name", async () => {
    expect(await send("{")).toEqual([400, "The request body is not valid JSON: it ends too early (at character 2)."]);
    if (route.optionalBody === undefined) expect(await send("")).toEqual([400, "The request body is empty."]);
    expect(await send("[".repeat(5000) + "]".repeat(5000))).toEqual([
      400,
      "The request body is nested deeper than 200 levels.",
    ]);
    const large = JSON.stringify({ x: "x".repeat((route.bodyMaxBytes ?? SMALL_BODY_MAX_BYTES) + 1) });
    expect((await send(large))[0]).toBe(413);
    expect(await send("{}", { "Content-Type": "text/plain" })).toEqual([415, "The request body must be JSON."]);
    expect(await send("5")).toEqual([400, "`body` must be an object."]);
  });

  test("must not have a field that nobody knows, and the answer names it", async () => {
    const [status, detail] = await send('{"not_a_field":1}');
    expect(status).toBe(400);
    // A price table's fields are models: any name will do, and what it holds is checked.
    const isTable = route.path.endsWith("/prices");
    expect(detail).toContain(isTable ? "`not_a_field` must be an object" : "`not_a_field` is not a known field");
  });

  test("must not be too large", async () => {
    const most = route.bodyMaxBytes ?? SMALL_BODY_MAX_BYTES;
    expect(await send(`{"a":"${"x".repeat(most)}"}`)).toEqual([413, `The request body exceeds ${most} bytes.`]);
  });
});

describe.each(routes.map((route) => [`${route.method} ${route.path}`, route] as const))("%s", (_name, route) => {
  test("can be described: every schema has a JSON Schema", () => {
    for (const schema of [route.params, route.query, route.headers, route.body]) {
      if (schema !== undefined) expect(z.toJSONSchema(schema(), { io: "input" })).toMatchObject({ type: "object" });
    }
    for (const { schema } of Object.values(route.answers)) {
      if (schema !== undefined) expect(() => z.toJSONSchema(schema(zod()))).not.toThrow();
    }
  });
});

describe("a deployment that is not configured", () => {
  test("says so on every API path, by name and without a value", async () => {
    for (const path of ["/v1/me", "/v1/nothing", "/v1/requests"]) {
      const response = await callWith({ MATON_API_KEY: "", SIGNING_KEY: "short-secret" }, "GET", path);
      expect(response.status).toBe(503);
      expect(response.headers.get("Access-Control-Allow-Origin")).toBe(BASE);
      const body = await json(response);
      expect(body).toMatchObject({ code: "misconfigured", detail: expect.stringContaining("MATON_API_KEY") });
      expect(body.detail).toContain("SIGNING_KEY");
      expect(JSON.stringify(body)).not.toContain("short-secret");
    }
  });

  test("still answers its health check, which names the problems", async () => {
    const response = await callWith({ MATON_API_KEY: "", UPSTREAM_RPS: "fast" }, "GET", "/healthz");
    expect(response.status).toBe(200);
    const body = await json(response);
    expect(body).toMatchObject({ status: "misconfigured", configuration: { ok: false } });
    expect(JSON.stringify(body)).not.toContain("fast");
    expect(body.configuration).toMatchObject({
      problems: [{ name: "MATON_API_KEY" }, { name: "UPSTREAM_RPS" }],
    });
  });

  test("answers the health check with ok when all is there", async () => {
    const response = await call("GET", "/healthz");
    expect(await json(response)).toMatchObject({ status: "ok", configuration: { ok: true, problems: [] } });
  });
});

describe("teams", () => {
  test("are made once, by the operator, with a key that works", async () => {
    const { id: team, key } = await Team.create();
    const again = await call("POST", "/v1/admin/teams", { key: ADMIN_TOKEN, body: { id: team } });
    expect([again.status, (await json(again)).code]).toEqual([409, "conflict"]);
    const me = await call("GET", "/v1/me", { key });
    expect(await json(me)).toMatchObject({
      team: { id: team, name: team },
      key: { scopes: ["run", "read", "mint", "admin"] },
    });
  });

  test.each(["Acme", "a_b", "x".repeat(33), ""])("cannot have the id %j", async (id) => {
    const response = await call("POST", "/v1/admin/teams", { key: ADMIN_TOKEN, body: { id } });
    expect([response.status, (await json(response)).detail]).toEqual([
      400,
      "`id` must be 1 to 32 characters of a-z, 0-9 and -.",
    ]);
  });

  test("cannot begin with a plan that is wrong, and the answer names the field", async () => {
    for (const [plan, detail] of [
      [{ hold_s: 99 }, "`plan.hold_s` must be at most 20."],
      ["pro", "`plan` must be an object."],
    ]) {
      const response = await call("POST", "/v1/admin/teams", { key: ADMIN_TOKEN, body: { id: "wrong", plan } });
      expect([response.status, (await json(response)).detail]).toEqual([400, detail]);
    }
  });

  test("can begin with a plan, or with the default one by name", async () => {
    const { key } = await Team.create({ models: { allow: ["fal-ai/flux/**"] } });
    expect(await json(await call("GET", "/v1/me", { key }))).toMatchObject({
      plan: { name: "default", models: { allow: ["fal-ai/flux/**"], deny: [] } },
    });
    const plain = await Team.create("default");
    expect(await json(await call("GET", "/v1/plans", { key: plain.key }))).toEqual({
      data: [{ name: "default", ...defaultPlan() }],
      next_cursor: null,
    });
  });

  test("have a webhook secret that only admins see, the same each time", async () => {
    const { key } = await Team.create();
    const first = await json(await call("GET", "/v1/team/webhook_secret", { key }));
    expect(first.secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(await json(await call("GET", "/v1/team/webhook_secret", { key }))).toEqual(first);
  });
});

describe("/v1/me", () => {
  const limits = [
    { name: "day", scope: "team", per: "request", limit: 5, window: "1d" },
    { name: "mine", scope: "user", per: "request", limit: 2, window: "1mo" },
  ];

  test("shows every limit with what is left, in the body and in the headers", async () => {
    const { key } = await Team.create({ limits });
    const response = await call("GET", "/v1/me", { key, headers: { "Sluice-User": "anna" } });
    const body = await json(response);
    expect(body).toMatchObject({
      user: "anna",
      limits: [
        {
          name: "day",
          scope: "team",
          limit: 5,
          used: 0,
          remaining: 5,
          window: "day",
          reset: expect.stringMatching(/T00:00:00.000Z$/),
        },
        { name: "mine", scope: "user", limit: 2, used: 0, remaining: 2, window: "month" },
      ],
    });
    expect(response.headers.get("RateLimit-Policy")).toBe('"day";q=5;w=86400, "mine";q=2');
    expect(response.headers.get("RateLimit")).toMatch(/^"day";r=5;t=\d+, "mine";r=2;t=\d+$/);
  });

  test("refuses a user whose name is too long", async () => {
    const { key } = await Team.create();
    const response = await call("GET", `/v1/me?user=${"x".repeat(129)}`, { key });
    expect([response.status, (await json(response)).detail]).toEqual([400, "`user` must have at most 128 characters."]);
  });
});

describe("plans", () => {
  test("are written, listed and chosen by admins", async () => {
    const { key } = await Team.create();
    const body = { limits: [{ name: "day", scope: "team", per: "request", limit: 1, window: "day" }] };
    const written = await call("PUT", "/v1/plans/small", { key, body });
    expect([written.status, await json(written)]).toMatchObject([200, { name: "small", hold_s: 10, ...body }]);
    const chosen = await call("PUT", "/v1/team", { key, body: { plan: "small" } });
    expect(await json(chosen)).toMatchObject({ plan: "small" });
    expect(await json(await call("GET", "/v1/me", { key }))).toMatchObject({
      plan: { name: "small" },
      limits: [{ limit: 1 }],
    });
    const missing = await call("PUT", "/v1/team", { key, body: { plan: "none" } });
    expect([missing.status, (await json(missing)).hint]).toEqual([404, "Create it with PUT /v1/plans/none."]);
  });

  test("are refused with the field's name when they say what would not act", async () => {
    const { key } = await Team.create();
    const body = { limits: [{ name: "day", scope: "team", per: "usd", limit: 1, window: "1d" }] };
    const response = await call("PUT", "/v1/plans/default", { key, body });
    expect([response.status, (await json(response)).detail]).toEqual([400, "`limits[0].limit` must be a string."]);
  });

  test("have plain names", async () => {
    const { key } = await Team.create();
    expect((await call("PUT", "/v1/plans/Not%20Plain", { key, body: {} })).status).toBe(404);
  });
});

describe("keys", () => {
  test("are shown once, listed without their text, and end when revoked", async () => {
    const { key, keyId } = await Team.create();
    const body = { name: "Server", scopes: ["read"], expires_at: "2999-01-01T00:00:00Z" };
    const response = await call("POST", "/v1/keys", { key, body });
    expect(response.status).toBe(201);
    expect(response.headers.get("Cache-Control")).toBe("no-store");
    const { secret, ...shown } = await json(response);
    expect(shown).toMatchObject({
      kind: "secret",
      name: "Server",
      scopes: ["read"],
      expires_at: "2999-01-01T00:00:00.000Z",
    });
    const list = await json(await call("GET", "/v1/keys", { key }));
    expect(list.data).toEqual(expect.arrayContaining([shown, expect.objectContaining({ id: keyId })]));
    expect(JSON.stringify(list)).not.toContain(secret);
    expect((await call("DELETE", `/v1/keys/${String(shown.id)}`, { key })).status).toBe(204);
    expect((await call("GET", "/v1/me", { key: String(secret) })).status).toBe(401);
  });

  test("cannot expire in the past", async () => {
    const { key } = await Team.create();
    const response = await call("POST", "/v1/keys", { key, body: { expires_at: "2020-01-01T00:00:00Z" } });
    expect([response.status, (await json(response)).detail]).toEqual([400, "`expires_at` must be in the future."]);
  });

  test("of one team do nothing in another", async () => {
    const [one, other] = await Promise.all([Team.create(), Team.create()]);
    expect((await call("DELETE", `/v1/keys/${one.keyId}`, { key: other.key })).status).toBe(404);
  });

  test("that were revoked stop reading within ten seconds", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const { key } = await Team.create();
    const { id, secret } = await newKey(key, { scopes: ["read"] });
    expect((await call("GET", "/v1/me", { key: secret })).status).toBe(200);
    await call("DELETE", `/v1/keys/${id}`, { key });
    vi.setSystemTime(Date.now() + IDENTITY_CACHE_MS);
    expect((await call("GET", "/v1/requests", { key: secret })).status).toBe(401);
  });

  test("that were revoked stop administering at once", async () => {
    const { key } = await Team.create();
    const { id, secret } = await newKey(key, { scopes: ["read", "admin"] });
    expect((await call("GET", "/v1/keys", { key: secret })).status).toBe(200);
    await call("DELETE", `/v1/keys/${id}`, { key });
    expect((await call("GET", "/v1/keys", { key: secret })).status).toBe(401);
  });
});

describe("models", () => {
  test("are those that the plan includes", async () => {
    const { key } = await Team.create({ models: { allow: ["fal-ai/**"], deny: ["fal-ai/minimax/**"] } });
    const list = await json(await call("GET", "/v1/models", { key }));
    expect(list).toMatchObject({
      data: [
        { id: "fal-ai/flux/schnell", kind: "text-to-image" },
        { id: "fal-ai/fast-sdxl" },
        { id: "fal-ai/clarity-upscaler" },
        { id: "fal-ai/f5-tts" },
      ],
    });
  });

  test("have their input schema where it is known", async () => {
    const { key } = await Team.create();
    const known = await json(await call("GET", "/v1/models/fal-ai/flux/schnell", { key }));
    expect(known).toMatchObject({ id: "fal-ai/flux/schnell", input_schema: { required: ["prompt"] } });
    const other = await json(await call("GET", "/v1/models/owner/app/deep/path", { key }));
    const unknown = { title: null, kind: null, price: null, input_schema: null, typical_duration: null };
    expect(other).toEqual({ id: "owner/app/deep/path", ...unknown });
  });

  test.each([
    ["flux/schnell", 404, "not_found", "fal-ai/flux/schnell"],
    ["f5-tts", 404, "not_found", "fal-ai/f5-tts"],
    ["fal-ai/minimax/video-01", 403, "model_not_allowed", "GET /v1/models"],
  ])("%s gets %i %s with a way out", async (id, status, code, hint) => {
    const { key } = await Team.create({ models: { deny: ["fal-ai/minimax/**"] } });
    const response = await call("GET", `/v1/models/${id}`, { key });
    expect([response.status, await json(response)]).toMatchObject([
      status,
      { code, hint: expect.stringContaining(hint) },
    ]);
  });
});
