import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { keyDigest, makeKey } from "../../src/access/keys.ts";
import { type Plan, planSchema } from "../../src/access/plan.ts";
import { askTeam, type Team, teamFor } from "../../src/access/team.ts";
import { migrate } from "../../src/access/team-schema.ts";
import type { AdmitInput } from "../../src/access/types.ts";

const DAY = { name: "day", scope: "team", per: "request", window: "1d" } as const;
const MONTH = { name: "month", scope: "user", per: "request", window: "1mo" } as const;

let made = 0;

/** A fresh team with its first key. */
async function newTeam(plan?: Partial<Plan>) {
  const id = `team-${++made}`;
  const team = teamFor(env, id);
  const created = await team.create({ id, name: "Team", ...(plan ? { plan: planSchema.parse(plan) } : {}) });
  if (created.kind !== "created") throw new Error("the team exists");
  const digest = await keyDigest(created.key.secret);
  const submit = (over: Partial<AdmitInput> = {}): AdmitInput => ({
    digest,
    requestId: env.TRACKER.newUniqueId().toString(),
    model: "fal-ai/flux/schnell",
    user: null,
    tags: {},
    idempotencyKey: null,
    bodyHash: "body",
    ...over,
  });
  const used = async () => {
    const me = await team.me({ digest, user: null });
    return me.kind === "known" ? me.limits.map((limit) => limit.used) : null;
  };
  return { id, team, digest, submit, used, key: created.key };
}

/** Admits and gives the request's id. */
async function admitted(team: DurableObjectStub<Team>, input: AdmitInput): Promise<string> {
  const answer = await team.admit(input);
  if (answer.kind !== "admitted") throw new Error(answer.refusal.detail);
  return answer.requestId;
}

describe("a team", () => {
  it("is made once, with a key that may do everything", async () => {
    const { id, team, digest } = await newTeam();
    expect(await team.create({ id, name: "Again" })).toEqual({ kind: "exists" });
    expect(await team.identify(digest)).toMatchObject({
      kind: "known",
      identity: { team: id, scopes: ["run", "read", "admin"], plan: "default" },
    });
  });

  it("is made once when two ask at the same time", async () => {
    const team = teamFor(env, "twins");
    const answers = await Promise.all([1, 2, 3].map((n) => team.create({ id: "twins", name: `Twin ${n}` })));
    expect(answers.map((answer) => answer.kind).sort()).toEqual(["created", "exists", "exists"]);
  });

  it("refuses everything and stores nothing while it does not exist", async () => {
    const team = teamFor(env, "nobody");
    const digest = await keyDigest(await makeKey("nobody"));
    const answer = await team.identify(digest);
    expect(answer).toMatchObject({ kind: "refused", refusal: { code: "unauthenticated" } });
    expect(await team.listKeys()).toEqual([]);
    const tables = await runInDurableObject(team, (_instance, state) =>
      state.storage.sql
        .exec("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\'")
        .toArray(),
    );
    expect(tables).toEqual([]);
  });

  it("refuses to run on a store whose history differs from the code's", async () => {
    const { team } = await newTeam();
    await runInDurableObject(team, (_instance, state) => {
      const { storage } = state;
      expect(() => migrate(storage)).not.toThrow();
      storage.sql.exec("UPDATE migration SET body = body || ' '");
      expect(() => migrate(storage)).toThrow("was edited");
      storage.sql.exec("INSERT INTO migration (n, body) VALUES (99, '')");
      expect(() => migrate(storage)).toThrow("newer than the code");
    });
  });

  it("stores no key's text", async () => {
    const { team, key } = await newTeam();
    const rows = await runInDurableObject(team, (_instance, state) =>
      state.storage.sql.exec("SELECT * FROM api_key").toArray(),
    );
    expect(JSON.stringify(rows)).not.toContain(key.secret.slice(-31, -9).slice(4));
  });
});

describe("an admit", () => {
  it("lets exactly as many of 100 simultaneous submits in as the limit says", async () => {
    const { team, submit, used } = await newTeam({ limits: [{ ...DAY, limit: 7 }] });
    const answers = await Promise.all(Array.from({ length: 100 }, () => team.admit(submit())));
    expect(answers.filter((answer) => answer.kind === "admitted")).toHaveLength(7);
    expect(await used()).toEqual([7]);
    expect(answers.find((answer) => answer.kind === "refused")).toMatchObject({
      refusal: { code: "quota_exceeded", violated: [{ name: "day", limit: 7, used: 7 }] },
      limits: [{ name: "day", remaining: 0 }],
    });
  });

  it("takes nothing of any limit when one is used up, and names each that is", async () => {
    const { team, submit, used } = await newTeam({
      limits: [
        { ...DAY, limit: 5 },
        { ...DAY, name: "few", limit: 1, scope: "key" },
        { ...MONTH, limit: 1 },
      ],
    });
    await team.admit(submit());
    const answer = await team.admit(submit());
    expect(answer).toMatchObject({ kind: "refused", refusal: { violated: [{ name: "few" }, { name: "month" }] } });
    expect(await used()).toEqual([1, 1, 1]);
  });

  it("counts each user apart", async () => {
    const { team, submit } = await newTeam({ limits: [{ ...MONTH, limit: 1 }] });
    for (const user of ["anna", "bob", null]) {
      expect((await team.admit(submit({ user }))).kind).toBe("admitted");
      expect((await team.admit(submit({ user }))).kind).toBe("refused");
    }
  });

  it("answers the same when the same call is delivered twice", async () => {
    const { team, submit, used } = await newTeam({ limits: [{ ...DAY, limit: 5 }] });
    const input = submit({ idempotencyKey: "once" });
    const first = await team.admit(input);
    expect(await team.admit(input)).toEqual(first);
    expect(first).toMatchObject({ kind: "admitted", replayed: false });
    expect(await used()).toEqual([1]);
  });

  it("refuses a model that the plan leaves out, and takes nothing", async () => {
    const { team, submit, used } = await newTeam({
      limits: [{ ...DAY, limit: 5 }],
      models: { allow: ["fal-ai/**"], deny: ["fal-ai/veo/**"] },
    });
    const answer = await team.admit(submit({ model: "fal-ai/veo/fast" }));
    expect(answer).toMatchObject({ kind: "refused", refusal: { code: "model_not_allowed" } });
    expect(await used()).toEqual([0]);
  });

  it("refuses keys without scope run, expired, revoked and unknown ones", async () => {
    const { team, submit } = await newTeam();
    const reader = await team.createKey({ name: "Reader", scopes: ["read"], expiresAt: null });
    const past = await team.createKey({ name: "Past", scopes: ["run"], expiresAt: Date.now() - 1 });
    const gone = await team.createKey({ name: "Gone", scopes: ["run"], expiresAt: null });
    if (reader.kind !== "created" || past.kind !== "created" || gone.kind !== "created") throw new Error("no key");
    await team.revokeKey(gone.key.id);
    const codeOf = async (secret: string) => {
      const answer = await team.admit(submit({ digest: await keyDigest(secret) }));
      return answer.kind === "refused" ? answer.refusal.code : answer.kind;
    };
    expect(await codeOf(reader.secret)).toBe("forbidden");
    expect(await codeOf(past.secret)).toBe("unauthenticated");
    expect(await codeOf(gone.secret)).toBe("unauthenticated");
    expect(await codeOf("never made")).toBe("unauthenticated");
  });

  it("acts by a plan from the moment it is written", async () => {
    const { team, submit } = await newTeam();
    await team.admit(submit());
    await team.putPlan("default", planSchema.parse({ limits: [{ ...DAY, limit: 1 }], hold_s: 3 }));
    expect(await team.admit(submit())).toMatchObject({ kind: "admitted", holdS: 3 });
    expect(await team.admit(submit())).toMatchObject({ kind: "refused" });
  });

  it("acts by the plan that the team chose, and what was counted stays counted", async () => {
    const { team, submit } = await newTeam({ limits: [{ ...DAY, limit: 5 }] });
    await team.admit(submit());
    expect(await team.choosePlan("small")).toMatchObject({ kind: "refused", refusal: { code: "not_found" } });
    await team.putPlan("small", planSchema.parse({ limits: [{ ...DAY, limit: 1 }] }));
    expect(await team.choosePlan("small")).toMatchObject({ kind: "chosen", team: { plan: "small" } });
    expect(await team.admit(submit())).toMatchObject({ kind: "refused", refusal: { code: "quota_exceeded" } });
  });
});

describe("an idempotency key", () => {
  it("makes one request of ten simultaneous equal posts", async () => {
    const { team, submit, used } = await newTeam({ limits: [{ ...DAY, limit: 5 }] });
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => team.admit(submit({ idempotencyKey: "k", user: "anna" }))),
    );
    const admittedOnes = answers.filter((answer) => answer.kind === "admitted");
    expect(new Set(admittedOnes.map((answer) => answer.requestId)).size).toBe(1);
    expect(admittedOnes.filter((answer) => !answer.replayed)).toHaveLength(1);
    expect(admittedOnes).toHaveLength(10);
    expect(await used()).toEqual([1]);
  });

  it("with another body is refused", async () => {
    const { team, submit } = await newTeam();
    await team.admit(submit({ idempotencyKey: "k" }));
    const answer = await team.admit(submit({ idempotencyKey: "k", bodyHash: "other" }));
    expect(answer).toMatchObject({ kind: "refused", refusal: { code: "idempotency_mismatch" } });
  });

  it("belongs to one key and one user", async () => {
    const { team, submit } = await newTeam();
    const other = await team.createKey({ name: "Other", scopes: ["run"], expiresAt: null });
    if (other.kind !== "created") throw new Error("no key");
    const ids = await Promise.all([
      admitted(team, submit({ idempotencyKey: "k" })),
      admitted(team, submit({ idempotencyKey: "k", user: "anna" })),
      admitted(team, submit({ idempotencyKey: "k", digest: await keyDigest(other.secret) })),
    ]);
    expect(new Set(ids).size).toBe(3);
  });

  it("is answered also when the limits are used up or the plan has changed meanwhile", async () => {
    const { team, submit } = await newTeam({ limits: [{ ...DAY, limit: 1 }] });
    const id = await admitted(team, submit({ idempotencyKey: "k" }));
    await team.putPlan("default", planSchema.parse({ limits: [{ ...DAY, limit: 1 }], models: { allow: [] } }));
    expect(await team.admit(submit({ idempotencyKey: "k" }))).toMatchObject({ requestId: id, replayed: true });
  });

  it("is free again after its day", async () => {
    const { team, submit } = await newTeam();
    const first = await admitted(team, submit({ idempotencyKey: "k" }));
    await runInDurableObject(team, (_instance, state) => {
      state.storage.sql.exec("UPDATE idempotency SET expires_at = ?", Date.now());
    });
    expect(await admitted(team, submit({ idempotencyKey: "k", bodyHash: "other" }))).not.toBe(first);
  });
});

describe("the end of a request", () => {
  const endedAt = 1_795_000_000_000;

  it("gives back what it took when it is refunded, once", async () => {
    const { team, submit, used } = await newTeam({
      limits: [
        { ...DAY, limit: 5 },
        { ...MONTH, limit: 5 },
      ],
    });
    await team.admit(submit());
    const requestId = await admitted(team, submit());
    const end = { requestId, outcome: "failed", reservation: "refund", endedAt } as const;
    expect(await team.settle(end)).toEqual({ kind: "settled", endpoints: [] });
    expect(await team.settle(end)).toEqual({ kind: "settled", endpoints: [] });
    expect(await used()).toEqual([1, 1]);
    expect(await team.list({ status: "failed", limit: 5 })).toMatchObject({ data: [{ id: requestId, endedAt }] });
  });

  it("keeps what it took when it is not", async () => {
    const { team, submit, used } = await newTeam({ limits: [{ ...DAY, limit: 5 }] });
    const requestId = await admitted(team, submit());
    await team.settle({ requestId, outcome: "completed", reservation: "take", endedAt });
    await team.settle({ requestId, outcome: "failed", reservation: "refund", endedAt: endedAt + 1 });
    expect(await used()).toEqual([1]);
    expect(await team.list({ limit: 5 })).toMatchObject({ data: [{ status: "completed", endedAt }] });
  });

  it("that nobody can judge leaves the reservation, until it is proven or settled", async () => {
    const { team, submit, used } = await newTeam({ limits: [{ ...DAY, limit: 5 }] });
    const requestId = await admitted(team, submit());
    await team.settle({ requestId, outcome: "failed", reservation: "keep", endedAt });
    expect(await team.list({ limit: 5 })).toMatchObject({ data: [{ status: "failed" }] });
    await team.settle({ requestId, outcome: "completed", reservation: "take", endedAt: endedAt + 5 });
    await team.settle({ requestId, outcome: "failed", reservation: "refund", endedAt: endedAt + 9 });
    expect(await used()).toEqual([1]);
    expect(await team.list({ limit: 5 })).toMatchObject({ data: [{ status: "completed", endedAt: endedAt + 5 }] });
  });

  it("of an unknown request changes nothing", async () => {
    const { team, submit, used } = await newTeam({ limits: [{ ...DAY, limit: 5 }] });
    const requestId = submit().requestId;
    expect((await team.settle({ requestId, outcome: "failed", reservation: "refund", endedAt })).kind).toBe("settled");
    expect(await used()).toEqual([0]);
  });
});

describe("a release", () => {
  it("undoes the admit, so that the same post is admitted anew", async () => {
    const { team, submit, used } = await newTeam({ limits: [{ ...DAY, limit: 1 }] });
    const first = await admitted(team, submit({ idempotencyKey: "k" }));
    await team.release(first);
    await team.release(first);
    expect(await used()).toEqual([0]);
    expect(await team.list({ limit: 5 })).toEqual({ kind: "page", data: [], nextCursor: null });
    const again = await team.admit(submit({ idempotencyKey: "k" }));
    expect(again).toMatchObject({ kind: "admitted", replayed: false });
  });

  it("does nothing to a request that has started", async () => {
    const { team, submit, used } = await newTeam({ limits: [{ ...DAY, limit: 1 }] });
    const id = await admitted(team, submit());
    await team.started(id);
    await team.release(id);
    expect(await used()).toEqual([1]);
    expect(await team.list({ status: "open", limit: 5 })).toMatchObject({ data: [{ id }] });
  });
});

describe("the alarm", () => {
  const alarmOf = (team: DurableObjectStub<Team>) =>
    runInDurableObject(team, (_instance, state) => state.storage.getAlarm());

  it("is set for a minute after the oldest admit that nobody acked", async () => {
    const { team, submit } = await newTeam();
    const before = Date.now();
    await team.admit(submit());
    const first = await alarmOf(team);
    await team.admit(submit());
    expect(first).toBeGreaterThanOrEqual(before + 60_000);
    expect(await alarmOf(team)).toBe(first);
  });

  it("asks the tracker, undoes what never started, and then rests", async () => {
    const { team, submit, used } = await newTeam({ limits: [{ ...DAY, limit: 1 }] });
    await team.admit(submit({ idempotencyKey: "k" }));
    const ended = await runInDurableObject(team, async (instance: Team, state) => {
      state.storage.sql.exec("UPDATE request SET sweep_at = 1");
      await instance.alarm();
      return state.storage.getAlarm();
    });
    expect(ended).toBeNull();
    expect(await used()).toEqual([0]);
    expect(await team.admit(submit({ idempotencyKey: "k" }))).toMatchObject({ kind: "admitted", replayed: false });
  });

  it("rests when every request has started", async () => {
    const { team, submit } = await newTeam();
    await team.started(await admitted(team, submit()));
    await runInDurableObject(team, (instance: Team) => instance.alarm());
    expect(await alarmOf(team)).toBeNull();
  });

  it("is found again by whoever wakes the object", async () => {
    const { team, submit } = await newTeam();
    await team.admit(submit());
    const before = await alarmOf(team);
    await runInDurableObject(team, (_instance, state) => state.storage.deleteAlarm());
    await evictDurableObject(team);
    await team.listKeys();
    expect(await alarmOf(team)).toBe(before);
  });

  it("never throws and rings again for what could not be asked", async () => {
    const { team, submit } = await newTeam({ limits: [{ ...DAY, limit: 5 }] });
    const id = await admitted(team, submit());
    await runInDurableObject(team, async (instance: Team, state) => {
      // An id that no tracker can have makes the question itself fail.
      state.storage.sql.exec("UPDATE request SET id = 'no id', sweep_at = 1 WHERE id = ?", id);
      await instance.alarm();
      const [row] = state.storage.sql.exec<{ sweep_at: number }>("SELECT sweep_at FROM request").toArray();
      expect(row?.sweep_at).toBeGreaterThan(Date.now());
      expect(await state.storage.getAlarm()).toBe(row?.sweep_at);
    });
  });

  it("deletes counters and idempotency keys that are over, and no others", async () => {
    const { team, submit } = await newTeam({
      limits: [
        { ...DAY, limit: 5 },
        { ...MONTH, limit: 5 },
      ],
    });
    await team.admit(submit({ idempotencyKey: "old" }));
    await team.admit(submit({ idempotencyKey: "new" }));
    const rows = await runInDurableObject(team, async (instance: Team, state) => {
      const { sql } = state.storage;
      sql.exec("UPDATE idempotency SET expires_at = 1 WHERE idempotency_key = 'old'");
      sql.exec("UPDATE counter SET reset_at = 1 WHERE id LIKE 'request/1d/%'");
      await instance.alarm();
      const idempotency = sql.exec("SELECT idempotency_key FROM idempotency").toArray();
      return { idempotency, counters: sql.exec("SELECT used FROM counter").toArray() };
    });
    expect(rows).toEqual({ idempotency: [{ idempotency_key: "new" }], counters: [{ used: 2 }] });
  });
});

describe("the index", () => {
  it("pages newest first without a gap or a repeat, also while requests come in", async () => {
    const { team, submit } = await newTeam();
    const ids: string[] = [];
    for (let i = 0; i < 7; i++) ids.push(await admitted(team, submit()));
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await team.list({ cursor, limit: 3 });
      if (page.kind !== "page") throw new Error("no page");
      seen.push(...page.data.map((each) => each.id));
      cursor = page.nextCursor ?? undefined;
      await runInDurableObject(team, (_instance, state) => {
        // A request of a later time, so that it belongs in front of what was shown.
        const late = "f".repeat(63) + seen.length.toString(16);
        const columns = "id, key_id, user, model, tags, status, created_at, sweep_at, ended_at";
        const values = `'${late}', 'key_x', NULL, 'late', '{}', 'open', ${Date.now() + 60_000}, NULL, NULL`;
        state.storage.sql.exec(`INSERT INTO request (${columns}) VALUES (${values})`);
      });
    } while (cursor !== undefined);
    expect(seen).toHaveLength(7);
    expect(new Set(seen)).toEqual(new Set(ids));
  });

  it("filters by status, model, user, tag and time, and combines them", async () => {
    const { team, submit } = await newTeam();
    const tags = { env: "prod", "a.b": "x=y" };
    const one = await admitted(team, submit({ user: "anna", tags }));
    const two = await admitted(team, submit({ user: "bob", model: "fal-ai/f5-tts", tags: { env: "dev" } }));
    await team.settle({ requestId: two, outcome: "canceled", reservation: "refund", endedAt: Date.now() });
    const idsOf = async (filter: object) => {
      const page = await team.list({ ...filter, limit: 10 });
      return page.kind === "page" ? page.data.map((each) => each.id) : null;
    };
    expect(await idsOf({ user: "anna" })).toEqual([one]);
    expect(await idsOf({ model: "fal-ai/f5-tts" })).toEqual([two]);
    expect(await idsOf({ status: "open" })).toEqual([one]);
    expect(await idsOf({ status: "canceled", user: "anna" })).toEqual([]);
    expect(await idsOf({ tag: "env=dev" })).toEqual([two]);
    expect(await idsOf({ tag: "a.b=x=y" })).toEqual([one]);
    expect((await idsOf({ tag: "env" }))?.sort()).toEqual([one, two].sort());
    expect(await idsOf({ tag: "' OR 1=1 --" })).toEqual([]);
    expect(await idsOf({ from: Date.now() + 1000 })).toEqual([]);
    expect(await idsOf({ to: Date.now() - 60_000 })).toEqual([]);
  });

  it("refuses a cursor that is none of ours", async () => {
    const { team } = await newTeam();
    expect(await team.list({ cursor: "x", limit: 1 })).toMatchObject({
      kind: "refused",
      refusal: { code: "invalid_request" },
    });
  });
});

describe("keys", () => {
  it("cannot all be revoked: the last admin key stays", async () => {
    const { team, key } = await newTeam();
    expect(await team.revokeKey(key.id)).toMatchObject({ kind: "refused", refusal: { code: "conflict" } });
    const other = await team.createKey({ name: "Other", scopes: ["admin"], expiresAt: null });
    expect(await team.revokeKey(key.id)).toEqual({ kind: "revoked" });
    expect(await team.revokeKey(key.id)).toEqual({ kind: "revoked" });
    if (other.kind !== "created") throw new Error("no key");
    expect(await team.revokeKey(other.key.id)).toMatchObject({ kind: "refused" });
    expect(await team.revokeKey("key_unknown")).toMatchObject({ refusal: { code: "not_found" } });
  });

  it("show when they were last used, written once in ten minutes", async () => {
    const { team, digest } = await newTeam();
    await team.identify(digest);
    const [first] = await team.listKeys();
    await runInDurableObject(team, (_instance, state) => {
      state.storage.sql.exec("UPDATE api_key SET last_used_at = last_used_at - 1000");
    });
    await team.identify(digest);
    const [second] = await team.listKeys();
    expect(first?.lastUsedAt).toBeGreaterThan(Date.now() - 60_000);
    expect(second?.lastUsedAt).toBe((first?.lastUsedAt ?? 0) - 1000);
  });
});

describe("asking a team", () => {
  it("asks again when the object was reset, and not for any other fault", async () => {
    const { id, team, digest } = await newTeam();
    let asked = 0;
    const answer = await askTeam(env, id, (stub) => {
      if (++asked === 1) throw Object.assign(new Error("reset"), { retryable: true });
      return stub.identify(digest);
    });
    expect([answer.kind, asked]).toEqual(["known", 2]);
    for (const fault of [{}, { retryable: true, overloaded: true }]) {
      let tries = 0;
      const failing = askTeam(env, id, async () => {
        tries++;
        throw Object.assign(new Error("fault"), fault);
      });
      await expect(failing).rejects.toThrow("fault");
      expect(tries).toBe(1);
    }
    expect(await team.listKeys()).toHaveLength(1);
  });
});
