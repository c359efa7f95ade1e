// What reaches a team's object of calls that are refused: calls are counted on the way to it.

import { createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createApp } from "../../../src/app.ts";
import { LOOKUP_RETRY_MS } from "../../../src/net/fetch-text.ts";
import { SECOND_MS } from "../../../src/platform/time.ts";
import { IDENTITY_CACHE_MS } from "../../../src/team/auth/issuer-cache.ts";
import { makeKey } from "../../../src/team/auth/key-text.ts";
import { call, json, requestOf } from "../../harness/calls.ts";
import { checked } from "../../harness/contract.ts";
import { ADMIN_TOKEN } from "../../harness/env.ts";
import { serveKeys, TestIssuer, trust } from "../../harness/issuer.ts";
import { newKey, Team } from "../../harness/team.ts";

/** How often a team's object was asked, by the team's id. */
const asked = new Map<string, number>();

const TEAM = new Proxy(env.TEAM, {
  get(target, name) {
    if (name !== "getByName") return Reflect.get(target, name);
    return (id: string) => {
      asked.set(id, (asked.get(id) ?? 0) + 1);
      return target.getByName(id);
    };
  },
});

const app = createApp();

async function ask(key: string, method = "GET", path = "/v1/me"): Promise<unknown> {
  const request = requestOf(method, path, { key, ...(method === "GET" ? {} : { body: {} }) });
  const response = await checked(app.fetch)(request, { ...env, TEAM }, createExecutionContext());
  return response.ok ? response.status : (await json(response)).detail;
}

const UNKNOWN = "Unknown API key.";

beforeEach(() => {
  asked.clear();
  serveKeys();
  vi.useFakeTimers({ toFake: ["Date"] });
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function pass(ms: number): void {
  vi.setSystemTime(Date.now() + ms);
}

describe("a made-up key", () => {
  test("of a team that exists asks it once in ten seconds, whatever is called", async () => {
    const { id } = await Team.create();
    const stray = await makeKey(id);
    for (const [method, path] of [
      ["GET", "/v1/me"],
      ["GET", "/v1/keys"],
      ["POST", "/v1/requests"],
      ["POST", "/v1/tokens"],
    ] as const) {
      expect(await ask(stray, method, path)).toBe(UNKNOWN);
    }
    expect(asked.get(id)).toBe(1);
    pass(IDENTITY_CACHE_MS);
    expect(await ask(stray)).toBe(UNKNOWN);
    expect(asked.get(id)).toBe(2);
  });

  test("of a team that does not exist asks once for all keys of that team", async () => {
    for (let n = 0; n < 20; n++) expect(await ask(await makeKey("nobody-at-all"))).toBe(UNKNOWN);
    expect(asked.get("nobody-at-all")).toBe(1);
  });

  test("does not keep a new key of the same team out", async () => {
    const { id, key } = await Team.create();
    expect(await ask(await makeKey(id))).toBe(UNKNOWN);
    const { secret } = await newKey(key, {});
    expect(await ask(secret)).toBe(200);
  });
});

describe("a key that is frozen", () => {
  test("asks its team once in ten seconds, and works again within them after it was resumed elsewhere", async () => {
    const { id, key } = await Team.create();
    const frozen = await newKey(key, {});
    await call("POST", `/v1/keys/${frozen.id}/freeze`, { key });
    for (let n = 0; n < 5; n++) expect(await ask(frozen.secret)).toMatch(/^The API key has been frozen/);
    expect(asked.get(id)).toBe(1);
    // Another isolate's call is one that this one does not hear of.
    const stub = env.TEAM.getByName(id) as unknown as {
      keys: { freeze(id: string, frozen: boolean, by: object): Promise<unknown> };
    };
    await stub.keys.freeze(frozen.id, false, { id: "key_admin", ip: null });
    expect(await ask(frozen.secret)).toMatch(/^The API key has been frozen/);
    pass(IDENTITY_CACHE_MS);
    expect(await ask(frozen.secret)).toBe(200);
  });

  test("works at once for whoever resumed it here", async () => {
    const { key } = await Team.create();
    const frozen = await newKey(key, {});
    await call("POST", `/v1/keys/${frozen.id}/freeze`, { key });
    expect(await ask(frozen.secret)).toMatch(/^The API key has been frozen/);
    await call("POST", `/v1/keys/${frozen.id}/resume`, { key });
    expect(await ask(frozen.secret)).toBe(200);
  });
});

describe("a team that was refused before it was made", () => {
  test("works at once for its maker", async () => {
    const id = `late-${crypto.randomUUID().slice(0, 8)}`;
    const real = scheduler.wait.bind(scheduler);
    const wait = vi.spyOn(scheduler, "wait").mockImplementation(() => real(0));
    expect(await ask(await makeKey(id))).toBe(UNKNOWN);
    pass(3 * SECOND_MS);
    const { key } = await Team.create(undefined, { id });
    expect(await ask(key)).toBe(200);
    // Isolates that refused it have forgotten it by the time that its key is known to anybody.
    expect(wait).toHaveBeenCalledWith(IDENTITY_CACHE_MS - 3 * SECOND_MS);
  });

  test("is made without a wait when nobody tried it", async () => {
    const wait = vi.spyOn(scheduler, "wait");
    await Team.create();
    expect(wait.mock.calls).toEqual([[0]]);
  });
});

describe("a JWT that names a key nobody has", () => {
  test("asks its team once a second at most, and a new key of the issuer is found after it", async () => {
    const { id, key } = await Team.create();
    const issuer = await TestIssuer.create();
    await trust(key, issuer);
    const named = (jwt: string) => `sl_jwt_${id}.${jwt}`;
    expect(await ask(named(await issuer.jwt()))).toBe(200);
    asked.clear();
    for (let n = 0; n < 20; n++)
      expect(await ask(named(await issuer.jwt({}, { kid: `made-up-${n}` })))).toBe("Invalid token.");
    expect(asked.get(id)).toBe(1);
    pass(LOOKUP_RETRY_MS);
    expect(await ask(named(await issuer.jwt()))).toBe(200);
  });
});

test("an operator's removal of a team turns its remembered keys away at once", async () => {
  const { id, key } = await Team.create();
  expect(await ask(key)).toBe(200);
  await call("DELETE", `/v1/admin/teams/${id}`, { key: ADMIN_TOKEN });
  expect(await ask(key)).toBe(UNKNOWN);
});
