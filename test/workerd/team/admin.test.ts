import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { teamFor } from "../../../src/platform/stubs.ts";
import { keyDigest } from "../../../src/team/auth/key-text.ts";
import { STARTER_PRICES } from "../../../src/team/quota/prices.ts";
import { call, json } from "../../harness/calls.ts";
import { ADMIN_TOKEN } from "../../harness/env.ts";
import { MODEL } from "../../harness/model.ts";
import { newKey, Team } from "../../harness/team.ts";
import { anEnd, NOTHING_MEASURED } from "../../harness/team-object.ts";

const MONEY = { name: "money", scope: "team", per: "usd", limit: "1.00", window: "1d" } as const;

/** Status and body of an admin's call. */
async function send(key: string, method: string, path: string, body?: unknown, headers?: Record<string, string>) {
  const sent = { key, ...(body === undefined ? {} : { body }), ...(headers === undefined ? {} : { headers }) };
  const response = await call(method, path, sent);
  const text = await response.text();
  const parsed = text === "" ? null : (JSON.parse(text) as Record<string, unknown>);
  return { status: response.status, body: parsed ?? {}, headers: response.headers };
}

/** What the audit says, oldest first: "action target". */
async function audited(key: string): Promise<string[]> {
  const { body } = await send(key, "GET", "/v1/audit?limit=100");
  const data = body.data as { action: string; target: string | null }[];
  return data.map(({ action, target }) => `${action} ${target ?? "-"}`).reverse();
}

describe("keys", () => {
  test("are secret by default, with the terms that were asked for, and shown without their text", async () => {
    const { key } = await Team.create();
    await send(key, "PUT", "/v1/plans/small", {});
    const wish = { name: "Anna's", user: "anna", plan: "small", models: ["fal-ai/**"], origins: ["https://a.example"] };
    const { status, body } = await send(key, "POST", "/v1/keys", wish);
    const { secret, ...shown } = body;
    expect([status, secret]).toEqual([201, expect.stringMatching(/^sl_sk_/)]);
    expect(shown).toMatchObject({ ...wish, kind: "secret", scopes: ["run", "read", "mint"], turnstile: null });
    const listed = await send(key, "GET", "/v1/keys");
    expect((listed.body.data as unknown[])[0]).toEqual(shown);
    expect(JSON.stringify(listed.body)).not.toContain(secret);
  });

  test("that are publishable are for pages: origins are required, the text may be read again, the secret never", async () => {
    const { key } = await Team.create({ limits: [{ ...MONEY, scope: "key" }] });
    const turnstile = { site_key: "0x4AAA", secret: "0x4BBB-very-secret", hostname: "demo.example" };
    const wish = { kind: "publishable", plan: "default", origins: ["https://demo.example"], turnstile };
    const { status, body } = await send(key, "POST", "/v1/keys", wish);
    expect([status, body.secret, body.scopes]).toEqual([201, expect.stringMatching(/^sl_pk_/), []]);
    const listed = await send(key, "GET", "/v1/keys");
    expect((listed.body.data as unknown[])[0]).toMatchObject({
      kind: "publishable",
      prefix: body.secret,
      turnstile: { site_key: "0x4AAA", hostname: "demo.example" },
    });
    expect(JSON.stringify([body, listed.body])).not.toContain("very-secret");
  });

  test.each([
    [{ kind: "publishable" }, "`origins` is required"],
    [
      { kind: "publishable", origins: ["https://a.example"], scopes: ["run"] },
      "`scopes` is only allowed for secret keys",
    ],
    [{ kind: "publishable", origins: ["https://a.example"], user: "anna" }, "`user` is only allowed for secret keys"],
    [{ turnstile: { site_key: "a", secret: "b" } }, "`turnstile` is only allowed for publishable keys"],
    [{ origins: ["a.example"] }, "`origins[0]` must be an exact origin"],
    [{ expires_at: "2020-01-01T00:00:00Z" }, "`expires_at` must be in the future"],
  ])("are refused with the field's name: %j", async (wish, detail) => {
    const { key } = await Team.create();
    const { status, body } = await send(key, "POST", "/v1/keys", wish);
    expect([status, body.detail]).toEqual([400, expect.stringContaining(detail)]);
  });

  test("that are publishable need a plan that bounds their money, and keep it until they end", async () => {
    const { key } = await Team.create();
    const wish = { kind: "publishable", origins: ["https://demo.example"] };
    const make = async (plan?: string) =>
      send(key, "POST", "/v1/keys", { ...wish, ...(plan === undefined ? {} : { plan }) });
    expect(await make()).toMatchObject({
      status: 400,
      body: { detail: expect.stringContaining("`plan` is required") },
    });
    const put = (limits: object[]) => send(key, "PUT", "/v1/plans/page?replace=true", { limits });
    const perVisitor = { ...MONEY, scope: "visitor" };
    const perUser = { ...MONEY, name: "user-money", scope: "user" };
    const requests = { name: "requests", scope: "key", per: "request", limit: 5, window: "1d" };
    for (const limits of [[], [perVisitor], [perUser, requests], [{ ...MONEY, scope: "tag:page" }]]) {
      expect((await put(limits)).status).toBe(200);
      expect((await make("page")).status).toBe(400);
    }
    expect((await put([{ ...MONEY, scope: "team" }])).status).toBe(200);
    const [first, second] = [await make("page"), await make("page")];
    expect([first.status, second.status]).toEqual([201, 201]);
    expect((await put([{ ...MONEY, scope: "key" }])).status).toBe(200);
    const ids = [first, second].map(({ body }) => String(body.id));
    const taken = await put([perVisitor]);
    expect([taken.status, taken.body.code]).toEqual([409, "conflict"]);
    for (const id of ids) expect(taken.body.detail).toContain(id);
    await send(key, "POST", `/v1/keys/${ids[0]}/freeze`);
    await send(key, "DELETE", `/v1/keys/${ids[1]}`);
    const still = await put([]);
    expect([still.status, still.body.detail]).toEqual([409, expect.stringContaining(String(ids[0]))]);
    expect(still.body.detail).not.toContain(ids[1]);
    await send(key, "DELETE", `/v1/keys/${ids[0]}`);
    expect((await put([])).status).toBe(200);
  });

  test("cannot name a plan that does not exist", async () => {
    const { key } = await Team.create();
    const { status, body } = await send(key, "POST", "/v1/keys", { plan: "pro" });
    expect([status, body.code]).toEqual([404, "not_found"]);
  });

  test("rotate with an overlap, in which both texts work, or at once", async () => {
    const { key } = await Team.create();
    const server = await newKey(key, {});
    const works = async (secret: string) => (await call("GET", "/v1/me", { key: secret })).status;
    const first = await send(key, "POST", `/v1/keys/${server.id}/rotate`, { overlap_s: 60 });
    const next = String(first.body.secret);
    expect([first.body.id, await works(server.secret), await works(next)]).toEqual([server.id, 200, 200]);
    const second = await send(key, "POST", `/v1/keys/${server.id}/rotate`, { overlap_s: 0 });
    const submit = (secret: string) => send(secret, "POST", "/v1/requests", { model: "no-owner", input: {} });
    expect((await works(String(second.body.secret))) === 200).toBe(true);
    // Reads may remember an identity for ten seconds; whoever asks the team hears the truth.
    const { body } = await send(next, "POST", "/v1/tokens", { user: "anna" });
    expect(body.code).toBe("unauthenticated");
    expect((await submit(String(second.body.secret))).status).not.toBe(401);
    expect((await send(key, "POST", "/v1/keys/key_unknown/rotate", {})).status).toBe(404);
  });

  test("that were frozen, rotated away or revoked submit nothing more, though the edge still remembers them", async () => {
    const { key } = await Team.create();
    const { id, secret } = await newKey(key, { scopes: ["run"] });
    const submit = async (text: string) => {
      const { status } = await send(text, "POST", "/v1/requests", { model: MODEL, input: { prompt: "a cat" } });
      return status;
    };
    expect(await submit(secret)).toBe(202);
    await send(key, "POST", `/v1/keys/${id}/freeze`);
    expect(await submit(secret)).toBe(403);
    await send(key, "POST", `/v1/keys/${id}/resume`);
    expect(await submit(secret)).toBe(202);
    const { body: next } = await send(key, "POST", `/v1/keys/${id}/rotate`, { overlap_s: 0 });
    expect(next.old_key_valid_until).toBeNull();
    expect([await submit(secret), await submit(String(next.secret))]).toEqual([401, 202]);
    await call("DELETE", `/v1/keys/${id}`, { key });
    expect(await submit(String(next.secret))).toBe(401);
  });

  test("rotated with an overlap say until when the old one works", async () => {
    const { key } = await Team.create();
    const expires_at = new Date(Date.now() + 3_600_000).toISOString();
    const [long, short] = [await newKey(key, {}), await newKey(key, { expires_at })];
    const rotate = (id: string, overlap_s: number) => send(key, "POST", `/v1/keys/${id}/rotate`, { overlap_s });
    const before = Date.now();
    const until = Date.parse(String((await rotate(long.id, 600)).body.old_key_valid_until));
    expect(until).toBeGreaterThanOrEqual(before + 600_000);
    expect(until).toBeLessThanOrEqual(Date.now() + 600_000);
    expect((await rotate(short.id, 86_400)).body.old_key_valid_until).toBe(expires_at);
  });

  test("are frozen and resumed with one call each, but for the last admin key", async () => {
    const { key, keyId } = await Team.create();
    const server = await newKey(key, {});
    const frozen = await send(key, "POST", `/v1/keys/${server.id}/freeze`);
    expect([frozen.status, frozen.body.frozen_at]).toEqual([200, expect.stringMatching(/^20/)]);
    const refused = await call("GET", "/v1/me", { key: server.secret });
    expect([refused.status, (await json(refused)).code]).toEqual([403, "key_frozen"]);
    const resumed = await send(key, "POST", `/v1/keys/${server.id}/resume`);
    expect(resumed.body.frozen_at).toBeNull();
    expect((await call("GET", "/v1/me", { key: server.secret })).status).toBe(200);
    for (const [method, path] of [
      ["POST", `/v1/keys/${keyId}/freeze`],
      ["DELETE", `/v1/keys/${keyId}`],
    ] as const) {
      expect((await send(key, method, path)).body.code, path).toBe("conflict");
    }
    expect((await send(key, "POST", "/v1/keys/key_unknown/freeze")).status).toBe(404);
  });
});

describe("a team", () => {
  test("is frozen and resumed by its admins, and all others are told so", async () => {
    const { key, id: team } = await Team.create();
    const server = await newKey(key, {});
    const frozen = await send(key, "POST", "/v1/team/freeze");
    expect(frozen.body).toMatchObject({ id: team, frozen_at: expect.stringMatching(/^20/) });
    const refused = await call("GET", "/v1/me", { key: server.secret });
    expect((await json(refused)).detail).toMatch(/^The team has been frozen since 20/);
    const submit = await send(key, "POST", "/v1/requests", { model: MODEL, input: { prompt: "a cat" } });
    expect([submit.status, submit.body.code]).toEqual([403, "forbidden"]);
    expect((await send(key, "POST", "/v1/team/resume")).body.frozen_at).toBeNull();
    expect((await call("GET", "/v1/me", { key: server.secret })).status).toBe(200);
  });
});

describe("users", () => {
  test("are blocked and let go on by name, whatever the name", async () => {
    const { key } = await Team.create({
      limits: [{ name: "mine", scope: "user", per: "usd", limit: "2", window: "1d" }, MONEY],
    });
    const name = "auth0|5f/7 ä?";
    const path = `/v1/users/${encodeURIComponent(name)}`;
    const limit = { name: "mine", scope: "user", per: "usd", window: "day", count: null, set_by: "plan" };
    expect((await send(key, "GET", path)).body).toEqual({
      user: name,
      frozen_at: null,
      limits: [{ ...limit, limit: "2.000000", used: "0.000000", remaining: "2.000000", reset: expect.any(String) }],
    });
    expect((await send(key, "POST", `${path}/freeze?create=true`)).body).toMatchObject({
      user: name,
      frozen_at: expect.any(String),
    });
    const post = { model: MODEL, input: { prompt: "a cat" }, user: name };
    expect((await send(key, "POST", "/v1/requests", post)).body).toMatchObject({
      ...{ status: 403, code: "user_frozen", detail: expect.stringMatching(/^The user has been frozen since/) },
    });
    expect((await send(key, "POST", `${path}/resume`)).body.frozen_at).toBeNull();
    expect((await send(key, "POST", "/v1/requests", post)).status).toBe(202);
  });

  test("whom nobody knows are blocked only where that is said", async () => {
    const { key } = await Team.create();
    const freeze = (path: string) => send(key, "POST", `/v1/users/${path}`);
    const mistyped = await freeze("anma/freeze");
    expect(mistyped.body).toMatchObject({
      status: 404,
      code: "not_found",
      hint: expect.stringContaining("?create=true"),
    });
    expect((await send(key, "GET", "/v1/users/anma")).body.frozen_at).toBeNull();
    await send(key, "POST", "/v1/requests", { model: MODEL, input: { prompt: "a cat" }, user: "anna" });
    await newKey(key, { user: "bob" });
    for (const path of ["anna/freeze", "bob/freeze", "carl/freeze?create=true", "carl/freeze", "dora/resume"]) {
      expect((await freeze(path)).status, path).toBe(200);
    }
  });

  test("are forgotten: nothing names them any more, their requests are ordered removed, sums stay", async () => {
    const { key, id: team } = await Team.create();
    const stub = teamFor(env, team);
    const me = await send(key, "GET", "/v1/me");
    const digest = await keyDigest(key);
    const known = await stub.identify({ kind: "key", digest });
    const planHash = known.kind === "known" ? known.identity.planHash : "";
    expect(me.status).toBe(200);
    const ids: string[] = [];
    for (const user of ["anna-name", "anna-name", "bob-name"]) {
      const requestId = env.TRACKER.newUniqueId().toString();
      const post = {
        credential: { kind: "key", digest } as const,
        user,
        visitor: null,
        ip: null,
        network: null,
        tags: { who: user },
      };
      const rest = { model: MODEL, planHash, measures: { ...NOTHING_MEASURED, megapixels: 1 }, bodyHash: requestId };
      await stub.admit({ ...post, ...rest, files: { used: [], inline: [] }, requestId, idempotencyKey: null });
      await stub.settle(anEnd(requestId, "charge"));
      ids.push(requestId);
    }
    const before = await send(key, "GET", "/v1/usage?group_by=model");
    expect((await send(key, "DELETE", "/v1/users/anna-name")).status).toBe(202);
    expect((await send(key, "GET", "/v1/usage?group_by=model")).body).toEqual(before.body);

    const { tables, removals } = await runInDurableObject(stub, (_instance, { storage: { sql } }) => ({
      removals: sql.exec<{ request_id: string }>("SELECT request_id FROM removal").toArray(),
      tables: ["request", "usage", "usage_hour", "audit", "event"].map((name) => [
        name,
        sql.exec(`SELECT * FROM ${name}`).toArray(),
      ]),
    }));
    expect(removals.map((row) => row.request_id).sort()).toEqual(ids.slice(0, 2).sort());
    const untagged = JSON.stringify(tables).replaceAll('"tag":"who=anna-name"', "");
    expect(untagged).not.toContain("anna-name");
    expect(untagged).toContain("bob-name");
    const listed = await send(key, "GET", "/v1/requests?user=anna-name");
    expect(listed.body.data).toEqual([]);
    const { body: audit } = await send(key, "GET", "/v1/audit?limit=1");
    expect(audit.data).toMatchObject([{ action: "user.deleted", detail: { requests: 2 } }]);
  });
});

describe("prices", () => {
  test("begin with the dated starter table, which says to check", async () => {
    const { key } = await Team.create();
    const { body } = await send(key, "GET", "/v1/prices");
    expect(body).toEqual(STARTER_PRICES);
    for (const price of Object.values(STARTER_PRICES)) expect(price.source).toMatch(/verify before billing/i);
  });

  test("are replaced as a whole, and every table stays readable with who and when", async () => {
    const { key, keyId } = await Team.create();
    const one = { "fal-ai/**": { unit: "request", usd: "0.5", source: "contract", as_of: "2026-11-01" } };
    expect(await send(key, "PUT", "/v1/prices", one)).toMatchObject({ status: 200, body: one });
    expect((await send(key, "PUT", "/v1/prices", {})).status).toBe(200);
    expect((await send(key, "GET", "/v1/prices")).body).toEqual({});
    const { body } = await send(key, "GET", "/v1/prices/history");
    expect(body.data).toMatchObject([
      { prices: {}, actor: keyId, since: expect.any(String) },
      { prices: one, actor: keyId },
      { prices: STARTER_PRICES, actor: null, since: null },
    ]);
  });

  test.each([
    [{ m: { unit: "request", usd: "0.0000001" } }, "`m.usd` must be a USD amount as a string"],
    [{ m: { unit: "request", usd: 1 } }, "`m.usd` must be a string"],
    [{ m: { unit: "token", usd: "1" } }, "`m.unit` must be one of"],
    [{ m: { unit: "request", usd: "1", as_of: "yesterday" } }, "`m.as_of`"],
  ])("are refused with the field's name: %j", async (table, detail) => {
    const { key } = await Team.create();
    const { status, body } = await send(key, "PUT", "/v1/prices", table);
    expect([status, body.detail]).toEqual([400, expect.stringContaining(detail)]);
  });
});

describe("an estimate", () => {
  const PER_IMAGE = { "fal-ai/flux/**": { unit: "image", usd: "0.25" } };

  test("prices the worst case of an input and reserves nothing", async () => {
    const { key } = await Team.create({ limits: [MONEY] });
    await send(key, "PUT", "/v1/prices", PER_IMAGE);
    const ask = { model: MODEL, input: { prompt: "a cat", num_images: 4 } };
    expect((await send(key, "POST", "/v1/estimate", ask)).body).toMatchObject({
      ...{ model: MODEL, currency: "USD", estimated: "1.000000", price: { unit: "image", usd: "0.25" } },
      measures: { images: 4 },
    });
    const me = await send(key, "GET", "/v1/me");
    expect(me.body.limits).toMatchObject([{ used: "0.000000", limit: "1.000000", remaining: "1.000000" }]);
  });

  test("is what the submit reserves, the plan's own values included", async () => {
    const { key } = await Team.create({ limits: [MONEY], input: { force: { num_images: 2 } } });
    await send(key, "PUT", "/v1/prices", PER_IMAGE);
    const ask = { model: MODEL, input: { prompt: "a cat", num_images: 3 } };
    expect((await send(key, "POST", "/v1/estimate", ask)).body.estimated).toBe("0.500000");
    const submitted = await send(key, "POST", "/v1/requests", ask);
    expect(submitted.body.cost).toEqual({ currency: "USD", estimated: "0.500000", charged: null, source: "unknown" });
  });

  test("counts no field that the model does not read or its price does not name, on any surface", async () => {
    const { key } = await Team.create({ max_cost_per_request: "0.05", unknown_price: "refuse" });
    await send(key, "PUT", "/v1/prices", {
      "fal-ai/clarity-upscaler": { unit: "megapixel", usd: "0.03" },
      "owner/video": { unit: "second", usd: "0.001", fields: ["duration"], min: 4, max: 10 },
      "owner/clip": { unit: "second", usd: "0.001" },
    });
    const image_url = "https://example.com/x.png";
    const upscale = { image_url, scale: 4, width: 1, height: 1, image_size: "square", num_images: 1 };
    const asked: [string, object, string][] = [
      ["fal-ai/clarity-upscaler", upscale, "price_unknown"],
      ["owner/clip", { duration: 1e-9 }, "price_unknown"],
      ["owner/video", { num_frames: 1, seconds_total: 1 }, "price_unknown"],
      ["owner/video", { duration: 1e-9 }, "invalid_input"],
      ["owner/video", { duration: 11, seconds_total: 5 }, "invalid_input"],
    ];
    for (const [model, input, code] of asked) {
      expect((await send(key, "POST", "/v1/requests", { model, input })).body.code).toBe(code);
      expect((await send(key, "POST", `/fal/queue/${model}`, input)).status).toBeGreaterThanOrEqual(400);
      expect((await send(key, "POST", `/fal/run/${model}`, input)).status).toBeGreaterThanOrEqual(400);
    }
    const matons = await send(key, "POST", "/maton/fal-ai/fal-ai/clarity-upscaler", upscale);
    expect(matons.status).toBe(403);
    const five = await send(key, "POST", "/v1/estimate", { model: "owner/video", input: { duration: 5 } });
    expect(five.body).toMatchObject({ estimated: "0.005000", measures: { seconds: 5 } });
  });

  test("of a model without a price is unknown, not zero", async () => {
    const { key } = await Team.create();
    const { body } = await send(key, "POST", "/v1/estimate", { model: "owner/app", input: {} });
    expect([body.estimated, body.price]).toEqual([null, null]);
  });

  test.each([
    [{ model: "flux/schnell", input: {} }, 404, "not_found"],
    [{ model: MODEL, input: {} }, 422, "invalid_input"],
    [{ model: "fal-ai/veo", input: {} }, 403, "model_not_allowed"],
    [{ model: MODEL, input: { prompt: "a", seed: 1 } }, 422, "invalid_input"],
  ])("refuses what a submit would refuse: %j", async (ask, status, code) => {
    const { key } = await Team.create({ models: { deny: ["fal-ai/veo"] }, input: { forbid: ["seed"] } });
    const answer = await send(key, "POST", "/v1/estimate", ask);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
  });
});

describe("usage", () => {
  test("is JSON or CSV, grouped as asked, money as decimal text", async () => {
    const { key, keyId } = await Team.create();
    await send(key, "POST", "/v1/requests", {
      model: MODEL,
      input: { prompt: "a" },
      user: "=1+1",
      tags: { client: "a,b" },
    });
    const { body } = await send(key, "GET", "/v1/usage?group_by=tag:client,user,model,key");
    const row = { tag: "client=a,b", user: "=1+1", model: MODEL, key: keyId, requests: 1, estimated_usd: "0.000000" };
    expect(body).toMatchObject({ group_by: ["tag:client", "user", "model", "key"], data: [row] });
    const csv = await call("GET", "/v1/usage?group_by=tag:client,user&format=csv", { key });
    expect(csv.headers.get("Content-Type")).toBe("text/csv; charset=utf-8");
    expect(csv.headers.get("Content-Disposition")).toMatch(/^attachment; filename="usage_\d{4}-\d\d-01_/);
    const [header, line] = (await csv.text()).split("\r\n");
    expect(header).toMatch(/^tag,user,requests,completed,failed,canceled,refunded,/);
    expect(line).toMatch(/^"client=a,b",'=1\+1,1,0,0,0,0,/);
  });

  test.each(["group_by=week", "from=1.1.2026", "tag=client&group_by=tag:project", "format=xml"])(
    "refuses %s",
    async (query) => {
      const { key } = await Team.create();
      expect((await send(key, "GET", `/v1/usage?${query}`)).status).toBe(400);
    },
  );

  test("of a member's own key is the member's alone", async () => {
    const { key } = await Team.create();
    const anna = await newKey(key, { user: "anna" });
    await send(anna.secret, "POST", "/v1/requests", { model: MODEL, input: { prompt: "a" } });
    await send(key, "POST", "/v1/requests", { model: MODEL, input: { prompt: "b" }, user: "bob" });
    const { body } = await send(anna.secret, "GET", "/v1/usage?group_by=user");
    expect(body.data).toMatchObject([{ user: "anna", requests: 1 }]);
    expect((await send(anna.secret, "GET", "/v1/usage?user=bob")).body.code).toBe("user_mismatch");
  });
});

describe("alerts", () => {
  test("are set, sorted and told", async () => {
    const { key } = await Team.create({ limits: [MONEY] });
    expect((await send(key, "GET", "/v1/team/alerts")).body).toEqual({ usd_percents: [80, 100], latest: [] });
    await send(key, "PUT", "/v1/team/alerts", { usd_percents: [90, 25, 25] });
    await send(key, "PUT", "/v1/prices", { "**": { unit: "request", usd: "0.25" } });
    await send(key, "POST", "/v1/requests", { model: MODEL, input: { prompt: "a" } });
    expect((await send(key, "GET", "/v1/team/alerts")).body).toEqual({
      usd_percents: [25, 90],
      latest: [
        {
          ...{ id: expect.stringMatching(/^evt_/), at: expect.any(String), reset: expect.any(String) },
          ...{ limit_name: "money", scope: "team", subject: "team", percent: 25 },
          ...{ limit_usd: "1.000000", used_usd: "0.250000" },
        },
      ],
    });
    expect((await send(key, "PUT", "/v1/team/alerts", { usd_percents: [101] })).status).toBe(400);
  });
});

describe("the audit", () => {
  test("has one line for every change, with who, from where and to what, and no line for what changed nothing", async () => {
    const { id: team, key, keyId } = await Team.create();
    const headers = { "CF-Connecting-IP": "203.0.113.9" };
    const made = await send(key, "POST", "/v1/keys", { name: "Server" }, headers);
    const id = String(made.body.id);
    await send(key, "POST", `/v1/keys/${id}/rotate`, { overlap_s: 0 });
    await send(key, "POST", `/v1/keys/${id}/freeze`);
    await send(key, "POST", `/v1/keys/${id}/freeze`);
    await send(key, "POST", `/v1/keys/${id}/resume`);
    await send(key, "DELETE", `/v1/keys/${id}`);
    await send(key, "DELETE", `/v1/keys/${id}`);
    await send(key, "DELETE", `/v1/keys/${keyId}`);
    await send(key, "PUT", "/v1/plans/small", {});
    await send(key, "PUT", "/v1/team", { plan: "small" });
    await send(key, "PUT", "/v1/team", { plan: "none" });
    await send(key, "PUT", "/v1/prices", {});
    await send(key, "POST", "/v1/users/anna/freeze?create=true");
    await send(key, "POST", "/v1/users/anna/resume");
    await send(key, "DELETE", "/v1/users/anna");
    await send(key, "PUT", "/v1/team/alerts", { usd_percents: [50] });
    await send(key, "POST", "/v1/team/freeze");
    await send(key, "POST", "/v1/team/resume");
    expect(await audited(key)).toEqual([
      ...[`team.created ${team}`, "plan.written default", `key.created ${keyId}`],
      ...[`key.created ${id}`, `key.rotated ${id}`, `key.frozen ${id}`, `key.resumed ${id}`, `key.revoked ${id}`],
      ...["plan.written small", "team.plan_chosen small", "prices.written -"],
      ...["user.frozen anna", "user.resumed anna", expect.stringMatching(/^user\.deleted deleted:/)],
      ...["alerts.written -", "team.frozen -", "team.resumed -"],
    ]);
    const { body } = await send(key, "GET", "/v1/audit?limit=100");
    const entries = body.data as { actor: string; ip: string | null; action: string; detail: unknown }[];
    expect(entries.find((entry) => entry.action === "team.created")).toMatchObject({ actor: "operator" });
    expect(entries.find((entry) => entry.ip !== null)).toMatchObject({
      ...{ actor: keyId, ip: "203.0.113.9", action: "key.created" },
      detail: { kind: "secret", name: "Server", scopes: "run read mint", user: null, plan: null, plans: "" },
    });
    expect(JSON.stringify(entries)).not.toContain(String(made.body.secret));
  });

  test("is paged without a gap or a repeat", async () => {
    const { key } = await Team.create();
    for (let i = 0; i < 5; i++) await send(key, "PUT", `/v1/plans/p${i}`, {});
    const seen: string[] = [];
    let cursor = "";
    do {
      const { body } = await send(key, "GET", `/v1/audit?limit=3${cursor}`);
      seen.push(...(body.data as { action: string; target: string }[]).map((each) => each.target));
      cursor = body.next_cursor === null ? "" : `&cursor=${String(body.next_cursor)}`;
    } while (cursor !== "");
    expect(seen.filter((target) => /^p\d$/.test(target))).toEqual(["p4", "p3", "p2", "p1", "p0"]);
    expect(new Set(seen).size).toBe(8);
    expect((await send(key, "GET", "/v1/audit?cursor=x")).status).toBe(400);
  });

  test("of one plan or key has its changes alone, paged as all of them", async () => {
    const { key } = await Team.create();
    const { id } = (await send(key, "POST", "/v1/keys", { name: "Server" })).body;
    for (const hold_s of [1, 2, 3, 4]) {
      await send(key, "PUT", "/v1/plans/app", { hold_s });
      await send(key, "PUT", "/v1/plans/other", { hold_s });
    }
    await send(key, "POST", `/v1/keys/${String(id)}/freeze`);
    const actionsOf = async (query: string) => {
      const { body } = await send(key, "GET", `/v1/audit?${query}`);
      const data = (body.data as { action: string }[]).map(({ action }) => action);
      return { data, next_cursor: body.next_cursor };
    };
    const first = await actionsOf("target=app&limit=3");
    expect(first.data).toEqual(Array.from({ length: 3 }, () => "plan.written"));
    const rest = await actionsOf(`target=app&limit=3&cursor=${String(first.next_cursor)}`);
    expect(rest).toMatchObject({ data: ["plan.written"], next_cursor: null });
    expect((await actionsOf(`target=${String(id)}`)).data).toEqual(["key.frozen", "key.created"]);
    expect((await actionsOf("target=ap")).data).toEqual([]);
    expect((await send(key, "GET", "/v1/audit?target=")).status).toBe(400);
  });
});

test("the operator's token administrates no team", async () => {
  for (const path of ["/v1/keys", "/v1/prices", "/v1/audit", "/v1/team", "/v1/team/alerts", "/v1/users/anna"]) {
    expect((await send(ADMIN_TOKEN, "GET", path)).status, path).toBe(401);
  }
});
