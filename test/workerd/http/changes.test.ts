// Changes of what admins set: single fields by a merge patch, whole things as they were read, and nothing lost between two admins.

import { describe, expect, test } from "vitest";
import { type Answer, ask } from "../../harness/calls.ts";
import { newKey, newPageKey, Team } from "../../harness/team.ts";

type Body = Record<string, unknown>;

interface Thing {
  team: Team;
  path: string;
  send(method: string, body?: unknown, headers?: Record<string, string>): Promise<Answer<Body>>;
}

function thing(team: Team, path: string): Thing {
  return { team, path, send: (method, body, headers) => team.send<Body>(method, path, body, headers) };
}

const DAY = { name: "day", scope: "team", per: "usd", limit: "5", window: "day" };
const TERMS = { url: "https://hooks.example/in", tags: { client: "acme" }, headers: { "X-Token": "s3cret-value" } };
const PRICE = { unit: "second", usd: "0.4", fields: ["duration"], min: 4, max: 8, default: 8 };

const MAKE = {
  plan: async () => {
    const team = await Team.create({ limits: [DAY] });
    return thing(team, "/v1/plans/default");
  },
  price: async () => {
    const team = await Team.create();
    await team.send("PUT", "/v1/prices/acme/video", PRICE);
    return thing(team, "/v1/prices/acme/video");
  },
  "price table": async () => thing(await Team.create(), "/v1/prices"),
  key: async () => {
    const team = await Team.create();
    const more = { name: "Server", models: ["fal-ai/**"], expires_at: "2999-01-01T00:00:00Z" };
    return thing(team, `/v1/keys/${(await newKey(team.key, more)).id}`);
  },
  "publishable key": async () => {
    const team = await Team.create();
    return thing(team, `/v1/keys/${(await newPageKey(team.key, { origins: ["https://a.example"] })).id}`);
  },
  team: async () => {
    const team = await Team.create();
    await team.send("PUT", "/v1/plans/small", {});
    return thing(team, "/v1/team");
  },
  endpoint: async () => {
    const team = await Team.create();
    const made = await team.send("POST", "/v1/webhooks", TERMS);
    return thing(team, `/v1/webhooks/${made.body.id}`);
  },
} as const;

const CHANGES: Record<keyof typeof MAKE, { patch: Body; shows: Body }> = {
  plan: { patch: { hold_s: 3 }, shows: { hold_s: 3, limits: [DAY] } },
  price: { patch: { usd: "0.5", max: null }, shows: { usd: "0.5", min: 4, unit: "second" } },
  "price table": {
    patch: { "fal-ai/flux/schnell": { usd: "0.004" }, "acme/x": { unit: "request", usd: "1" } },
    shows: {
      "fal-ai/flux/schnell": { unit: "megapixel", usd: "0.004" },
      "acme/x": { unit: "request", usd: "1" },
      "fal-ai/f5-tts": { unit: "thousand_characters" },
    },
  },
  key: { patch: { name: "Worker", models: null }, shows: { name: "Worker", models: null, kind: "secret" } },
  "publishable key": {
    patch: { origins: ["https://b.example"] },
    shows: { origins: ["https://b.example"], plan: "page", kind: "publishable" },
  },
  team: { patch: { plan: "small" }, shows: { plan: "small" } },
  endpoint: {
    patch: { tags: { env: "prod" }, headers: { "X-More": "1" } },
    shows: { tags: { client: "acme", env: "prod" }, header_names: ["X-Token", "X-More"], url: TERMS.url },
  },
};

describe.each(Object.keys(MAKE) as (keyof typeof MAKE)[])("a %s", (kind) => {
  const { patch, shows } = CHANGES[kind];

  test("that GET answers, PUT takes as it is, and it stays what it was", async () => {
    const { send } = await MAKE[kind]();
    const before = await send("GET");
    expect(before.status, JSON.stringify(before.body)).toBe(200);
    const put = await send("PUT", before.body);
    expect([put.status, put.body]).toEqual([200, expect.anything()]);
    const after = await send("GET");
    expect(after.body).toEqual(before.body);
    expect(after.headers.get("ETag")).toBe(before.headers.get("ETag"));
    const patched = await send("PATCH", before.body);
    expect([patched.status, (await send("GET")).body]).toEqual([200, before.body]);
  });

  test("is changed by the fields that a patch names, and by no other", async () => {
    const { send } = await MAKE[kind]();
    const before = await send("GET");
    const changed = await send("PATCH", patch, { "Content-Type": "application/merge-patch+json" });
    expect([changed.status, changed.body]).toMatchObject([200, shows]);
    const after = await send("GET");
    expect(after.body).toMatchObject(shows);
    expect(after.headers.get("ETag")).toBe(changed.headers.get("ETag"));
    expect(after.headers.get("ETag")).not.toBe(before.headers.get("ETag"));
  });

  test("is not changed by a writer who read another version, and is by one who read this one", async () => {
    const { send } = await MAKE[kind]();
    const { body, headers } = await send("GET");
    const etag = headers.get("ETag") ?? "";
    expect(etag).toMatch(/^"[0-9a-z]{22}"$/);
    expect((await send("PATCH", patch, { "If-Match": etag })).status).toBe(200);
    const now = await send("GET");
    for (const [method, sent] of [
      ["PUT", body],
      ["PATCH", patch],
    ] as const) {
      const stale = await send(method, sent, { "If-Match": etag });
      expect([stale.status, stale.body.code]).toEqual([412, "precondition_failed"]);
      expect(stale.body.hint).toContain("GET it again");
    }
    expect((await send("GET")).body).toEqual(now.body);
    // As Cloudflare answers it compressed, and beside others.
    const weak = `"other", W/${now.headers.get("ETag")}`;
    expect((await send("PUT", body, { "If-Match": weak })).status).toBe(200);
    expect((await send("PUT", body, { "If-Match": "*" })).status).toBe(200);
    expect((await send("PUT", body, { "If-Match": "unquoted" })).status).toBe(400);
  });
});

test.each(["plan", "price", "key", "endpoint"] as const)(
  "a %s is deleted in the version that was read",
  async (kind) => {
    const { team, path, send } = await MAKE[kind]();
    const at = kind === "plan" ? thing(team, "/v1/plans/extra") : { path, send };
    if (kind === "plan") await at.send("PUT", {});
    expect((await at.send("DELETE", undefined, { "If-Match": '"other"' })).status).toBe(412);
    const etag = (await at.send("GET")).headers.get("ETag") ?? "";
    expect((await at.send("DELETE", undefined, { "If-Match": etag })).status).toBe(204);
  },
);

test("a version of what does not exist matches nothing, so that nobody creates again what another deleted", async () => {
  const team = await Team.create();
  const put = await team.send<Body>("PUT", "/v1/plans/none", {}, { "If-Match": "*" });
  expect([put.status, put.body.detail]).toEqual([412, expect.stringContaining("does not exist")]);
  const price = await team.send<Body>("PUT", "/v1/prices/acme/none", PRICE, { "If-Match": '"x"' });
  expect([price.status, price.body.detail]).toEqual([412, expect.stringContaining("does not exist")]);
});

describe("a patch", () => {
  test.each([
    ["plan", { limits: [{ ...DAY, window: "fortnight" }] }, "`limits[0].window` must be one of"],
    ["plan", { hold_s: 99 }, "`hold_s` must be at most 20."],
    ["plan", { limts: [] }, "`limts` is not a known field; did you mean `limits`?"],
    ["plan", { name: "other" }, "`name` cannot be changed."],
    ["price", { unit: null }, "`acme/video.unit` must be one of"],
    ["price table", { "acme/x": { usd: "1" } }, "`acme/x.unit` must be one of"],
    ["key", { plan: 5 }, "`plan` must be a string."],
    ["key", { kind: "publishable" }, "`kind` cannot be changed."],
    ["key", { scopes: ["admin"] }, "`scopes` cannot be changed."],
    ["key", { scopes: null }, "`scopes` cannot be changed."],
    ["key", { expires_at: "2020-01-01T00:00:00Z" }, "`expires_at` must be in the future."],
    ["key", { frozen_at: "2020-01-01T00:00:00Z" }, "`frozen_at` cannot be changed."],
    ["publishable key", { origins: null }, "`origins` is required for publishable keys"],
    ["publishable key", { plan: null }, "`plan` is required for publishable keys"],
    ["team", { id: "other" }, "`id` cannot be changed."],
    ["team", { plans: "small" }, "`plans` is not a known field; did you mean `plan`?"],
    ["endpoint", { headers: { "x-token": "1" } }, "`headers` has a duplicate name."],
    ["endpoint", { url: "http://127.0.0.1/x" }, "`url` is not allowed"],
    ["endpoint", { status: "disabled" }, "`status` cannot be changed."],
  ] as const)("of a %s is validated as a whole: %j", async (kind, patch, detail) => {
    const { send } = await MAKE[kind]();
    const before = await send("GET");
    const refused = await send("PATCH", patch);
    expect([refused.status, refused.body.detail]).toEqual([400, expect.stringContaining(detail)]);
    expect((await send("GET")).body).toEqual(before.body);
  });

  test.each(["/v1/plans/none", "/v1/prices/acme/none", "/v1/keys/key_none", "/v1/webhooks/whk_none"])(
    "of what does not exist is 404: %s",
    async (path) => {
      const team = await Team.create();
      for (const method of ["GET", "PATCH"])
        expect((await team.send(method, path, method === "GET" ? undefined : {})).status).toBe(404);
    },
  );

  test("takes a header of an endpoint away, or all of them, and a whole endpoint keeps those that it does not name", async () => {
    const { send } = await MAKE.endpoint();
    const names = async (method: string, body: Body) => (await send(method, body)).body.header_names;
    expect(await names("PATCH", { headers: { "X-Token": null, "X-New": "2" } })).toEqual(["X-New"]);
    expect(await names("PUT", { url: TERMS.url })).toEqual(["X-New"]);
    expect(await names("PUT", { url: TERMS.url, headers: { "X-Other": "3" } })).toEqual(["X-Other"]);
    expect(await names("PATCH", { headers: null })).toEqual([]);
  });

  test("of eight admins at once loses none", async () => {
    const team = await Team.create();
    const answers = await Promise.all(
      Array.from({ length: 3 }, (_, n) =>
        team.send("PATCH", "/v1/prices", { [`acme/m${n}`]: { unit: "request", usd: "1" } }),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    const table = (await team.send<Body>("GET", "/v1/prices")).body;
    expect(Object.keys(table)).toEqual(expect.arrayContaining(["acme/m0", "acme/m1", "acme/m2", "fal-ai/f5-tts"]));
  });
});

test("an entry of the price table is set, read and deleted alone", async () => {
  const team = await Team.create();
  const pattern = "/v1/prices/fal-ai/{kling,veo}-video/**";
  expect((await team.send("PUT", pattern, PRICE)).body).toEqual(PRICE);
  expect((await team.send("GET", encodeURI(pattern))).body).toEqual(PRICE);
  expect((await team.send("GET", "/v1/prices/fal-ai%2Ff5-tts")).status).toBe(200);
  expect((await team.send("DELETE", pattern)).status).toBe(204);
  const missing = await team.send<Body>("GET", pattern);
  expect([missing.status, missing.body.detail]).toEqual([404, expect.stringContaining("no entry")]);
  expect(Object.keys((await team.send<Body>("GET", "/v1/prices")).body)).toHaveLength(4);
  const bad = await team.send<Body>("PUT", "/v1/prices/!none", PRICE);
  expect([bad.status, bad.body.detail]).toEqual([400, expect.stringContaining("must not contain")]);
});

describe("the audit log", () => {
  async function lastChange(team: Team, action: string) {
    const { body } = await team.send<{ data: { action: string; target: string; detail: Body }[] }>(
      "GET",
      "/v1/audit?limit=50",
    );
    return body.data.find((entry) => entry.action === action);
  }

  test("has old and new of what was changed", async () => {
    const { team, send } = await MAKE.plan();
    await send("PATCH", { limits: [{ ...DAY, limit: "9" }], hold_s: 1 });
    expect((await lastChange(team, "plan.written"))?.detail).toEqual({
      version: 2,
      changes: [
        { field: "limits.day.limit", old: "5", new: "9" },
        { field: "hold_s", old: 10, new: 1 },
      ],
    });
    await team.send("PATCH", "/v1/prices/fal-ai/f5-tts", { usd: "0.06" });
    expect((await lastChange(team, "prices.written"))?.detail).toMatchObject({
      changes: [{ field: "fal-ai/f5-tts.usd", old: "0.05", new: "0.06" }],
    });
    const { id } = await newKey(team.key, { name: "Server" });
    await team.send("PATCH", `/v1/keys/${id}`, { name: "Worker" });
    expect(await lastChange(team, "key.changed")).toMatchObject({
      target: id,
      detail: { changes: [{ field: "name", old: "Server", new: "Worker" }] },
    });
    await team.send("PATCH", "/v1/team", { name: "Acme" });
    expect((await lastChange(team, "team.changed"))?.detail).toMatchObject({
      changes: [{ field: "name", new: "Acme" }],
    });
  });

  test("never has a header's value, nor more of a URL than where it goes", async () => {
    const { team, send } = await MAKE.endpoint();
    await send("PATCH", {
      url: "https://other.example/T0/s3cret-path?token=s3cret",
      headers: { "X-Token": "s3cret-two" },
    });
    const entry = await lastChange(team, "webhook.changed");
    expect(entry?.detail).toEqual({
      fields: "url headers",
      changes: [{ field: "url", old: "https://hooks.example", new: "https://other.example" }],
    });
    const all = await ask("GET", "/v1/audit?limit=50", { key: team.key });
    expect(JSON.stringify(all.body)).not.toContain("s3cret");
  });
});

test("a key shows what it used in the last thirty days", async () => {
  const team = await Team.create();
  await team.submit();
  const { status, body } = await team.send<Body>("GET", `/v1/keys/${team.keyId}`);
  expect([status, body]).toMatchObject([
    200,
    { id: team.keyId, usage: { requests: 1, charged_usd: expect.any(String) } },
  ]);
  const { from, to } = body.usage as { from: string; to: string };
  expect((Date.parse(to) - Date.parse(from)) / 86_400_000).toBe(29);
  const unused = await newKey(team.key, {});
  expect((await team.send<Body>("GET", `/v1/keys/${unused.id}`)).body.usage).toMatchObject({
    requests: 0,
    charged_usd: "0.000000",
  });
});

test("a revoked key is not changed, and a changed key acts by its new terms", async () => {
  const team = await Team.create();
  const { id, secret } = await newKey(team.key, {});
  const submit = async () =>
    (
      await ask<Body>("POST", "/v1/requests", {
        key: secret,
        body: { model: "fal-ai/flux/schnell", input: { prompt: "a cat" } },
      })
    ).status;
  expect(await submit()).toBe(202);
  await team.send("PATCH", `/v1/keys/${id}`, { models: ["fal-ai/f5-tts"] });
  expect(await submit()).toBe(403);
  await team.send("DELETE", `/v1/keys/${id}`);
  const late = await team.send<Body>("PATCH", `/v1/keys/${id}`, { name: "Late" });
  expect([late.status, late.body.code]).toEqual([409, "conflict"]);
});
