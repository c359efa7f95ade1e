// The UpstreamAccount object: turns, the connection, the key set, and what survives when it is put out of memory.

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { AccountContract, CallRequest, Grant } from "../../../src/contracts/account.ts";
import type { Stub } from "../../../src/contracts/rpc.ts";
import { LOOKUP_RETRY_MS } from "../../../src/net/fetch-text.ts";
import { SAFETY_ALARM_MS } from "../../../src/platform/alarm.ts";
import { isStateNewer } from "../../../src/platform/stored-version.ts";
import { DAY_MS, HOUR_MS } from "../../../src/platform/time.ts";
import { RequestTracker } from "../../../src/requests/engine/tracker.ts";
import { PROOF_WAIT_MS } from "../../../src/requests/machine/unverified-reports.ts";
import { UpstreamAccount } from "../../../src/upstream/account.ts";
import { AccountStore, PINNED_USERS_MAX } from "../../../src/upstream/account-store.ts";
import { decodeKey } from "../../../src/upstream/fal-webhook-signature.ts";
import { signingKeys } from "../../../src/upstream/jwks.ts";
import { JWKS_REFRESH_GAP_MS } from "../../../src/upstream/key-set.ts";
import { GRANT_USE_MS } from "../../../src/upstream/pace.ts";
import { CallScheduler } from "../../../src/upstream/scheduler.ts";
import { SLOT_CHECK_MS } from "../../../src/upstream/slot-checks.ts";

/** Far enough ahead that no real alarm rings by itself. */
const START = Math.ceil(Date.now() / DAY_MS) * DAY_MS + 30 * DAY_MS;
const X = "ebVWLo_mVPlAeLES6KmLp5AfhTrmlb7X4OORC60ElmQ";
const ROTATED_X = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

let connections: () => Response;
let probe: () => Response;
let jwks: () => Response;
const calls = { connections: 0, jwks: 0, probes: 0 };
let made = 0;

const connectionList = (...ids: string[]) =>
  Response.json({ connections: ids.map((id) => ({ connection_id: id, status: "ACTIVE", app: "fal-ai" })) });
const keyList = (...xs: string[]) => Response.json({ keys: xs.map((x) => ({ kty: "OKP", crv: "Ed25519", x })) });

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: START });
  vi.spyOn(console, "log").mockImplementation(() => undefined);
  calls.connections = 0;
  calls.jwks = 0;
  calls.probes = 0;
  probe = () => Response.json({ detail: "Request not found" }, { status: 404 });
  connections = () => connectionList("conn-1");
  jwks = () => keyList(X);
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input) => {
    const url = String(input);
    if (url.includes("/connections?")) {
      calls.connections++;
      return connections();
    }
    if (url.endsWith("/.well-known/jwks.json")) {
      calls.jwks++;
      return jwks();
    }
    if (url.includes("/requests/00000000-")) {
      calls.probes++;
      return probe();
    }
    throw new Error(`unexpected call to ${url}`);
  });
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** A call of a request that nobody made, so nobody can be woken for it. */
function wish(requestId: string, changes: Partial<CallRequest> = {}): CallRequest {
  return {
    ...{ kind: "submit", requestId, effect: "submit", user: "acme/u", model: "fal-ai/flux/schnell" },
    ...{ since: Date.now(), connection: null, ...changes },
  } as CallRequest;
}

/** The calls of these turns are answered at once. */
async function hearAll(account: Account, grants: Grant[]): Promise<void> {
  for (const grant of grants) if (grant.granted) await account.callFinished(grant.callGrant, "ok");
}

const newAccount = () => env.UPSTREAM.getByName(`account:test-${++made}`) as Stub<AccountContract>;
type Account = ReturnType<typeof newAccount>;

async function takeMany(account: Account, count: number): Promise<Grant[]> {
  return Promise.all(Array.from({ length: count }, (_, n) => account.requestGrant(wish(`request-${made}-${n}`))));
}

/** An account that has its connection and a free window. */
async function readyAccount(): Promise<Account> {
  const account = newAccount();
  await hearAll(account, [await account.requestGrant(wish("first"))]);
  vi.setSystemTime(Date.now() + 10_000);
  return account;
}

const granted = (grants: Grant[]) => grants.filter((grant) => grant.granted);
const busyUntil = (account: Account) =>
  runInDurableObject(account, (_instance, state) => new AccountStore(state.storage.kv).fact("busy_until"));
const stored = (account: Account) =>
  runInDurableObject(account, async (_instance, { storage }) => ({
    keys: Array.from(storage.kv.list(), ([key]) => key),
    alarm: await storage.getAlarm(),
  }));

/** Counts what every object writes from now on. */
async function countWrites(account: Account): Promise<{ rows: () => number; alarms: () => number }> {
  const spies = await runInDurableObject(account, (_instance, { storage }) => {
    const kv = Object.getPrototypeOf(storage.kv) as SyncKvStorage;
    const alarms = vi.spyOn(Object.getPrototypeOf(storage) as DurableObjectStorage, "setAlarm");
    return { puts: vi.spyOn(kv, "put"), deletes: vi.spyOn(kv, "delete"), alarms };
  });
  return {
    rows: () => spies.puts.mock.calls.length + spies.deletes.mock.calls.length,
    alarms: () => spies.alarms.mock.calls.length,
  };
}

describe("a turn", () => {
  test("comes with the connection, what is known of webhooks and of the model, and its use-by time", async () => {
    expect(await newAccount().requestGrant(wish("r"))).toMatchObject({
      granted: true,
      notBefore: START,
      notAfter: START + GRANT_USE_MS,
      connection: "conn-1",
      webhooks: "missing",
      pinnedUsers: [],
      durations: null,
      probe: false,
    });
  });

  test("goes to ten at once; the others are told their place and when it will be their turn", async () => {
    const account = await readyAccount();
    const grants = await takeMany(account, 14);
    expect(granted(grants)).toHaveLength(10);
    const places = grants.flatMap((grant) => (!grant.granted && grant.reason === "wait" ? [grant.queuePosition] : []));
    expect(places).toMatchObject([
      { reason: "pace", position: 1, etaMs: 1_050 },
      { reason: "pace", position: 2, etaMs: 1_155 },
      { reason: "pace", position: 3, etaMs: 1_260 },
      { reason: "pace", position: 4, etaMs: 1_365 },
    ]);
  });

  test("is there for those who wait before a newcomer", async () => {
    const account = await readyAccount();
    const now = Date.now();
    await hearAll(account, await takeMany(account, 40));
    // Five of the thirty who wait may be told their turns now.
    vi.setSystemTime(now + 900);
    expect(await account.requestGrant(wish("newcomer"))).toMatchObject({
      granted: false,
      queuePosition: { position: 26 },
    });
  });

  test("that was handed back goes to somebody else", async () => {
    const account = await readyAccount();
    const grants = await takeMany(account, 10);
    expect(granted(grants)).toHaveLength(10);
    const [first] = grants;
    if (first?.granted) await account.returnGrant(first.callGrant);
    expect(await account.requestGrant(wish("other", { kind: "status", effect: "poll" }))).toMatchObject({
      granted: true,
    });
  });

  test("is not given while upstream says 429, however long that is", async () => {
    const account = await readyAccount();
    const now = Date.now();
    expect(await account.pauseAfterRateLimit(30_000)).toEqual({ until: now + 30_000 });
    expect(await account.pauseAfterRateLimit(null)).toEqual({ until: now + 30_000 });
    const away = await account.requestGrant(wish("r"));
    expect(away).toMatchObject({
      granted: false,
      queuePosition: { reason: "upstream_paused", why: "rate_limited", since: now, position: 1, etaMs: 30_000 },
    });
    vi.setSystemTime(now + 30_000);
    expect(await account.requestGrant(wish("r"))).toMatchObject({ granted: true });
  });

  test("waits two seconds after a 429 that names no time", async () => {
    const account = await readyAccount();
    expect(await account.pauseAfterRateLimit(null)).toEqual({ until: Date.now() + 2_000 });
  });

  test("says that webhooks are off without a public URL", async () => {
    const account = await readyAccount();
    const grant = await runInDurableObject(account, (_instance, state) =>
      new UpstreamAccount(state, { ...env, PUBLIC_URL: "" } as typeof env).requestGrant(wish("r")),
    );
    expect(grant).toMatchObject({ granted: true, webhooks: "off" });
  });

  test("follows the last news of webhooks", async () => {
    const account = await readyAccount();
    const webhooks = async () => {
      const grant = await account.requestGrant(wish("r"));
      return grant.granted ? grant.webhooks : grant.reason;
    };
    await account.webhookArrived();
    expect(await webhooks()).toBe("arriving");
    await account.webhookMissed();
    expect(await webhooks()).toBe("missing");
    await account.webhookArrived();
    expect(await webhooks()).toBe("arriving");
  });
});

describe("an object that was put out of memory", () => {
  test("wrote nothing for a few calls, and then lets half a window go at once", async () => {
    const account = await readyAccount();
    expect(granted(await takeMany(account, 5))).toHaveLength(5);
    expect(await busyUntil(account)).toBeNull();
    await evictDurableObject(account);
    const after = granted(await takeMany(account, 10));
    expect(after.filter((grant) => grant.notBefore === Date.now())).toHaveLength(5);
  });

  test("noted that it was busy, and then lets a window pass", async () => {
    const account = await readyAccount();
    const now = Date.now();
    expect(granted(await takeMany(account, 10))).toHaveLength(10);
    await evictDurableObject(account);
    expect(granted(await takeMany(account, 3))).toEqual([]);
    vi.setSystemTime(now + 10_000);
    await evictDurableObject(account);
    expect(await account.requestGrant(wish("later"))).toMatchObject({ granted: true });
  });

  test("still knows connection, pins, keys, webhooks and a long pause", async () => {
    const account = await readyAccount();
    await account.webhookArrived();
    await account.pinUser("conn-1", "user_a");
    await account.webhookKeys({ force: false });
    await evictDurableObject(account);
    connections = () => new Response(null, { status: 500 });
    jwks = () => new Response(null, { status: 500 });
    const grant = await account.requestGrant(wish("r"));
    expect(grant).toMatchObject({ connection: "conn-1", webhooks: "arriving", pinnedUsers: ["user_a"] });
    expect(await account.webhookKeys({ force: false })).toMatchObject({ kind: "keys", keys: [X] });
    await account.pauseAfterRateLimit(HOUR_MS);
    await evictDurableObject(account);
    expect(await account.requestGrant(wish("s"))).toMatchObject({
      granted: false,
      queuePosition: { why: "rate_limited" },
    });
  });
});

describe("what is written", () => {
  /** A call that is granted, answered, and whose request leaves fal `ms` later. */
  async function run(account: Account, requestId: string): Promise<() => Promise<void>> {
    await hearAll(account, [await account.requestGrant(wish(requestId))]);
    return () =>
      account.releaseSlot({ requestId, model: "fal-ai/flux/schnell", ms: 3_000, webhookDelayMs: 20 }) as Promise<void>;
  }

  test("is one row for each request while others are under way, and an alarm for all of them", async () => {
    const account = await readyAccount();
    const finish = [await run(account, "a")];
    await finish.pop()?.();
    const written = await countWrites(account);
    for (let n = 0; n < 30; n++) {
      finish.push(await run(account, `r${n}`));
      if (n >= 4) await finish.shift()?.();
      vi.setSystemTime(Date.now() + 1_100);
    }
    // One row in thirty seconds says what was learned of the model.
    expect([written.rows(), written.alarms()]).toEqual([31, 0]);
  });

  test("is a slot's row when it is taken, and nothing when it is freed while others are used", async () => {
    const account = await readyAccount();
    const [a, b] = [await run(account, "a"), await run(account, "b")];
    await a();
    const written = await countWrites(account);
    await account.releaseSlot({ requestId: "nobody", model: "m", ms: 1, webhookDelayMs: null });
    await a();
    expect(written.rows()).toBe(0);
    await account.releaseSlot({ requestId: "first", model: "m", ms: null, webhookDelayMs: null });
    await account.releaseSlot({ requestId: "b", model: "m", ms: null, webhookDelayMs: null });
    expect(written.rows()).toBe(1);
    await b();
    expect(written.rows()).toBe(1);
  });

  test("is nothing at all for questions, so that they leave no object behind", async () => {
    const account = newAccount();
    await account.accountHealth();
    await account.accountOverview();
    await account.durationsOf(["fal-ai/flux/schnell"]);
    await account.currentPause();
    await account.queuePositionOf("nobody");
    expect(await stored(account)).toEqual({ keys: [], alarm: null });
  });

  test("is no alarm when it wakes and one that an earlier instance set rings soon enough", async () => {
    const account = await readyAccount();
    const { alarm } = await stored(account);
    expect(alarm).not.toBeNull();
    const written = await countWrites(account);
    await evictDurableObject(account);
    await account.accountHealth();
    expect([written.alarms(), (await stored(account)).alarm]).toEqual([0, alarm]);
  });

  test("by newer code that this code would misread is left alone", async () => {
    const account = await readyAccount();
    await runInDurableObject(account, (_instance, { storage }) =>
      storage.kv.put("version", { version: 99, min_reader: 99 }),
    );
    const before = await stored(account);
    await evictDurableObject(account);
    const fault = await account.requestGrant(wish("r")).then(String, (error: unknown) => error);
    expect(isStateNewer(fault)).toBe(true);
    expect(before.keys).toContain("version");
  });

  test("by newer code that this code may read is read, and its version stays", async () => {
    const account = await readyAccount();
    await runInDurableObject(account, (_instance, { storage }) => {
      storage.kv.put("version", { version: 99, min_reader: 1 });
      storage.kv.put("fact/of_the_future", { kept: true });
    });
    await evictDurableObject(account);
    expect(await account.requestGrant(wish("r"))).toMatchObject({ granted: true, connection: "conn-1" });
    const after = await runInDurableObject(
      account,
      (_instance, { storage }) => [storage.kv.get("version"), storage.kv.get("fact/of_the_future")] as const,
    );
    expect(after).toEqual([{ version: 99, min_reader: 1 }, { kept: true }]);
  });
});

describe("the alarm", () => {
  test("stands again before its work begins, so that a fault in the work is not the last of it", async () => {
    const account = await readyAccount();
    await account.pauseAfterRateLimit(null);
    await account.requestGrant(wish("waits"));
    vi.spyOn(CallScheduler.prototype, "grantWaitingCalls").mockImplementation(() => {
      throw new Error("a bug");
    });
    await runInDurableObject(account, async (instance, { storage }) => {
      await storage.deleteAlarm();
      await expect((instance as UpstreamAccount).alarm()).rejects.toThrow("a bug");
    });
    const { alarm } = await stored(account);
    expect(alarm).toBeLessThanOrEqual(Date.now() + SAFETY_ALARM_MS);
  });

  test("is taken away when nothing is left to ring for", async () => {
    const account = await readyAccount();
    await account.releaseSlot({ requestId: "first", model: "m", ms: null, webhookDelayMs: null });
    await runDurableObjectAlarm(account);
    expect((await stored(account)).alarm).toBeNull();
  });

  test("rings again only after a while for a slot whose tracker cannot be asked", async () => {
    const account = await readyAccount();
    await account.requestGrant(wish(env.TRACKER.newUniqueId().toString()));
    vi.spyOn(RequestTracker.prototype, "holdsSlot").mockRejectedValue(new Error("away"));
    vi.setSystemTime(Date.now() + SLOT_CHECK_MS);
    await runDurableObjectAlarm(account);
    expect((await stored(account)).alarm).toBeGreaterThanOrEqual(Date.now() + SLOT_CHECK_MS - 1);
  });
});

describe("the connection", () => {
  test("is looked up once, however many wait for it, and is one call of the pace", async () => {
    const account = newAccount();
    const grants = await takeMany(account, 9);
    expect(calls.connections).toBe(1);
    expect(granted(grants).filter((grant) => grant.notBefore === START)).toHaveLength(4);
  });

  test("that is missing is a clear refusal, asked again only after a while", async () => {
    connections = () => connectionList();
    const account = newAccount();
    const refused = { granted: false, reason: "refused", error: { code: "connection_missing", charged: false } };
    expect(await takeMany(account, 3)).toMatchObject([refused, refused, refused]);
    expect(await account.requestGrant(wish("r"))).toMatchObject(refused);
    expect(calls.connections).toBe(1);
    connections = () => connectionList("conn-2");
    vi.setSystemTime(START + LOOKUP_RETRY_MS);
    expect(await account.requestGrant(wish("r"))).toMatchObject({ connection: "conn-2" });
  });

  test("cannot be had with a bad key", async () => {
    connections = () => Response.json({ error: { message: "Invalid key", code: 401 } }, { status: 401 });
    expect(await newAccount().requestGrant(wish("r"))).toMatchObject({
      granted: false,
      reason: "refused",
      error: { code: "misconfigured" },
    });
  });

  test("that cannot be asked for now closes the account for a moment", async () => {
    connections = () => new Response("<html>", { status: 502 });
    const account = newAccount();
    const away = await takeMany(account, 2);
    expect(away).toMatchObject([
      { granted: false, reason: "wait", queuePosition: null },
      { granted: false, reason: "wait", queuePosition: null },
    ]);
    expect(calls.connections).toBe(1);
    connections = () => connectionList("conn-1");
    vi.setSystemTime(START + LOOKUP_RETRY_MS + 2_000);
    expect(await account.requestGrant(wish("r"))).toMatchObject({ granted: true });
  });

  test("that Maton refuses is forgotten and looked up anew", async () => {
    const account = await readyAccount();
    connections = () => connectionList("conn-2");
    await account.discardConnection("conn-of-another-time");
    expect(await account.requestGrant(wish("r"))).toMatchObject({ connection: "conn-1" });
    await account.discardConnection("conn-1");
    expect(await account.requestGrant(wish("r"))).toMatchObject({ connection: "conn-2" });
  });

  test("from the configuration is never looked up nor forgotten", async () => {
    const grant = await runInDurableObject(newAccount(), async (_instance, state) => {
      const account = new UpstreamAccount(state, { ...env, MATON_CONNECTION: "configured" } as typeof env);
      await account.discardConnection("configured");
      return account.requestGrant(wish("r"));
    });
    expect(grant).toMatchObject({ connection: "configured" });
    expect(calls.connections).toBe(0);
  });
});

describe("failures in a row", () => {
  /** Calls that fail one after the other, of these teams in turn. */
  async function fail(account: Account, ...teams: string[]): Promise<void> {
    for (const [n, team] of teams.entries()) {
      const grant = await account.requestGrant(
        wish(`${team}-${n}`, { kind: "status", effect: "poll", user: `${team}/u` }),
      );
      if (!grant.granted) throw new Error("the account gives no turn");
      await account.callFinished(grant.callGrant, "failed");
      vi.setSystemTime(Date.now() + 1_000);
    }
  }
  const state = async (account: Account) => (await account.accountOverview()).closure?.why ?? "open";

  test("of one team pause nobody while a probe says that calls come through", async () => {
    const account = await readyAccount();
    await fail(account, "acme", "acme", "acme", "acme");
    await vi.waitFor(async () => expect((await account.accountOverview()).failuresInARow).toBe(0));
    expect([calls.probes, await state(account)]).toEqual([1, "open"]);
    expect(await account.requestGrant(wish("r", { user: "other/u" }))).toMatchObject({ granted: true });
  });

  test("of one team close the account when the probe fails too", async () => {
    probe = () => new Response("<html>", { status: 502 });
    const account = await readyAccount();
    await fail(account, "acme", "acme", "acme", "acme");
    await vi.waitFor(async () => expect(await state(account)).toBe("failing"));
    expect(await account.requestGrant(wish("r", { user: "other/u" }))).toMatchObject({
      ...{ granted: false, queuePosition: { reason: "upstream_paused", why: "failing" } },
    });
  });

  test("of two teams close it at once", async () => {
    const account = await readyAccount();
    await fail(account, "acme", "acme", "acme", "other");
    expect([calls.probes, await state(account)]).toEqual([0, "failing"]);
  });
});

describe("pinned users", () => {
  test("belong to their connection", async () => {
    const account = newAccount();
    await account.pinUser("conn-1", "user_a");
    await account.pinUser("conn-1", "user_a");
    expect(await account.userPinned("conn-1", "user_a")).toBe(true);
    expect(await account.userPinned("conn-1", "user_b")).toBe(false);
    expect(await account.userPinned("conn-2", "user_a")).toBe(false);
  });

  test("give way to newer ones", async () => {
    const account = newAccount();
    for (let n = 0; n <= PINNED_USERS_MAX; n++) await account.pinUser("conn-1", `user_${n}`);
    expect(await account.userPinned("conn-1", "user_0")).toBe(false);
    expect(await account.userPinned("conn-1", "user_1")).toBe(true);
    expect(await account.userPinned("conn-1", `user_${PINNED_USERS_MAX}`)).toBe(true);
  });

  test("are proved by one request, while the others that fal reports wait", async () => {
    const account = newAccount();
    const standing = (user: string, request: string | null) => account.introduceUser("conn-1", user, request);
    expect(await standing("user_a", null)).toBe("wait");
    expect(await standing("user_a", "r1")).toBe("prove");
    expect(await standing("user_a", "r2")).toBe("wait");
    expect(await standing("user_a", "r1")).toBe("prove");
    expect(await standing("user_b", "r2")).toBe("prove");
    const waiting = account.userPinned("conn-1", "user_a");
    await account.pinUser("conn-1", "user_a");
    expect(await waiting).toBe(true);
    expect(await standing("user_a", "r2")).toBe("pinned");
  });

  test("whose proof does not come are proved by the next request", async () => {
    const account = newAccount();
    expect(await account.introduceUser("conn-1", "user_a", "r1")).toBe("prove");
    vi.setSystemTime(Date.now() + PROOF_WAIT_MS);
    expect(await account.introduceUser("conn-1", "user_a", "r2")).toBe("prove");
    await evictDurableObject(account);
    expect(await account.introduceUser("conn-1", "user_a", "r3")).toBe("prove");
  });
});

describe("the key set", () => {
  test("is fetched once, however many ask", async () => {
    const account = newAccount();
    const sets = await Promise.all([1, 2, 3].map(() => account.webhookKeys({ force: false })));
    expect(sets).toEqual(Array(3).fill({ kind: "keys", keys: [X], fetchedAt: START }));
    expect(calls.jwks).toBe(1);
  });

  test("is fetched anew for a signature that fits none, once a minute", async () => {
    const account = newAccount();
    await account.webhookKeys({ force: false });
    jwks = () => keyList(X, ROTATED_X);
    expect(await account.webhookKeys({ force: true })).toMatchObject({ keys: [X] });
    vi.setSystemTime(START + JWKS_REFRESH_GAP_MS);
    expect(await account.webhookKeys({ force: true })).toMatchObject({ keys: [X, ROTATED_X] });
    expect(await account.webhookKeys({ force: true })).toMatchObject({ keys: [X, ROTATED_X] });
    expect(calls.jwks).toBe(2);
  });

  test.each([
    ["a page", () => new Response("<html>")],
    ["an empty set", () => keyList()],
    ["a fault", () => new Response(null, { status: 503 })],
    ["a redirect", () => new Response(null, { status: 302, headers: { location: "https://elsewhere.test/" } })],
    ["a lost connection", () => Promise.reject(new Error("Network connection lost.")) as never],
    ["an endless document", () => new Response(`{"keys":["${"x".repeat(2_000_000)}"]}`)],
  ])("survives %s for a day, and then nothing is verified", async (_name, answer) => {
    const account = newAccount();
    await account.webhookKeys({ force: false });
    jwks = answer;
    vi.setSystemTime(START + DAY_MS - 1);
    expect(await account.webhookKeys({ force: true })).toEqual({ kind: "keys", keys: [X], fetchedAt: START });
    vi.setSystemTime(START + DAY_MS + LOOKUP_RETRY_MS);
    expect(await account.webhookKeys({ force: false })).toEqual({ kind: "unavailable" });
    jwks = () => keyList(ROTATED_X);
    vi.setSystemTime(START + DAY_MS + 2 * LOOKUP_RETRY_MS);
    expect(await account.webhookKeys({ force: false })).toMatchObject({ keys: [ROTATED_X] });
  });
});

describe("signingKeys", () => {
  test("keeps a copy in the isolate, and asks the account again for a signature that fits none", async () => {
    const known = { kind: "keys", keys: [decodeKey(X)] };
    expect(await signingKeys(env, { force: false })).toEqual(known);
    jwks = () => keyList(ROTATED_X);
    vi.setSystemTime(START + JWKS_REFRESH_GAP_MS);
    expect(await signingKeys(env, { force: false })).toEqual(known);
    expect(calls.jwks).toBe(1);
    expect(await signingKeys(env, { force: true })).toEqual({ kind: "keys", keys: [decodeKey(ROTATED_X)] });
    expect(await signingKeys(env, { force: true })).toEqual({ kind: "keys", keys: [decodeKey(ROTATED_X)] });
    expect(calls.jwks).toBe(2);
  });

  test("says so when no set may be trusted any more", async () => {
    jwks = () => new Response(null, { status: 500 });
    vi.setSystemTime(START + 3 * DAY_MS);
    expect(await signingKeys(env, { force: false })).toEqual({ kind: "unavailable" });
  });
});
