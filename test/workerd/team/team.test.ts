import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { Credential } from "../../../src/contracts/team-keys.ts";
import { isStateNewer } from "../../../src/platform/stored-version.ts";
import { askTeam, teamFor } from "../../../src/platform/stubs.ts";
import { DAY_MS, HOUR_MS } from "../../../src/platform/time.ts";
import { RequestTracker } from "../../../src/requests/engine/tracker.ts";
import { keyDigest, makeKey } from "../../../src/team/auth/key-text.ts";
import { CLEAN_UP_BATCH_ROWS, CLEAN_UP_DELAY_MS } from "../../../src/team/clean-up.ts";
import { LIST_SCAN_MAX_ROWS } from "../../../src/team/requests/request-index.ts";
import { OPEN_SWEEP_MS, UNSETTLED_SWEEP_MS, UNSTARTED_SWEEP_MS } from "../../../src/team/requests/sweep-schedule.ts";
import type { Team } from "../../../src/team/team.ts";
import { anEnd, NOTHING_MEASURED, SOMEBODY, TeamObject } from "../../harness/team-object.ts";

const DAY = { name: "day", scope: "team", per: "request", window: "1d" } as const;
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const MONTH = { name: "month", scope: "user", per: "request", window: "1mo" } as const;

describe("a team", () => {
  test("is made once, with a key that may do everything", async () => {
    const { id, stub: team, credential } = await TeamObject.create();
    expect(await team.create({ id, name: "Again", by: SOMEBODY })).toEqual({ kind: "exists" });
    expect(await team.identify(credential)).toMatchObject({
      kind: "known",
      identity: { team: id, kind: "secret", scopes: ["run", "read", "mint", "admin"], planName: "default", user: null },
    });
  });

  test("is made once when two ask at the same time", async () => {
    const team = teamFor(env, "twins");
    const answers = await Promise.all(
      [1, 2, 3].map((n) => team.create({ id: "twins", name: `Twin ${n}`, by: SOMEBODY })),
    );
    expect(answers.map((answer) => answer.kind).sort()).toEqual(["created", "exists", "exists"]);
  });

  test("refuses everything and stores nothing while it does not exist", async () => {
    const team = teamFor(env, "nobody");
    const credential: Credential = { kind: "key", digest: await keyDigest(await makeKey("nobody")) };
    const refused = { kind: "refused", refusal: { code: "unauthenticated" } };
    const acting = { credential, user: null, visitor: null, ip: null, network: null, tags: {} };
    expect(await team.identify(credential)).toMatchObject(refused);
    expect(await team.me(acting)).toMatchObject(refused);
    const post = { ...acting, requestId: "r", model: "m/n", planHash: "", measures: NOTHING_MEASURED };
    expect(
      await team.admit({ ...post, files: { used: [], inline: [] }, idempotencyKey: null, bodyHash: "" }),
    ).toMatchObject(refused);
    expect(await team.settle(anEnd("r", "charge"))).toMatchObject({ kind: "settled", chargedMicro: null });
    await team.release("r");
    expect([await team.keys.list(), await team.settings.summary(), await team.prices.history(1)]).toEqual([
      [],
      null,
      [],
    ]);
    await team.prices.put({}, SOMEBODY);
    await team.alerts.put([50], SOMEBODY);
    const tables = await runInDurableObject(team, (_instance, state) =>
      state.storage.sql
        .exec("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\'")
        .toArray(),
    );
    expect(tables).toEqual([]);
  });

  test.each([
    ["that older code may read is used as it is, and its version stays", { version: 99, min_reader: 1 }, true],
    ["that needs newer code is refused on every road, and nothing is written", { version: 99, min_reader: 99 }, false],
  ])("of a newer version %s", async (_what, version, isReadable) => {
    const { id, stub: team, credential } = await TeamObject.create();
    const requestId = "r";
    await runInDurableObject(team, (_instance, { storage }) => {
      storage.kv.put("version", version);
      storage.sql.exec("ALTER TABLE team ADD COLUMN later TEXT NOT NULL DEFAULT 'newer'");
    });
    await evictDurableObject(team);
    const calls = [
      () => team.identify(credential),
      () => team.keys.list(),
      () => team.settings.freeze(true, SOMEBODY),
      () => team.create({ id, name: "Again", by: SOMEBODY }),
      () => team.settle(anEnd(requestId, "charge")),
      () => team.release(requestId),
      () => team.filterKnownIds({ requests: [requestId], uploads: [] }),
      () => team.users.deletion("anna"),
      () => team.fetch("https://team/feed"),
    ];
    for (const call of calls) {
      const outcome = await Promise.resolve(call()).then(
        () => "answered",
        (fault: unknown) => isStateNewer(fault) || `${call} ${fault}`,
      );
      expect(outcome).toBe(isReadable ? "answered" : true);
    }
    const stored = await runInDurableObject(team, async (instance: Team, { storage }) => {
      await instance.alarm();
      return {
        version: storage.kv.get("version"),
        team: storage.sql.exec<{ later: string; frozen_at: number | null }>("SELECT later, frozen_at FROM team").one(),
        alarm: await storage.getAlarm(),
      };
    });
    expect(stored.version).toEqual(version);
    expect(stored.team.later).toBe("newer");
    expect(stored.team.frozen_at === null).toBe(!isReadable);
    if (!isReadable) expect(stored.alarm, "kept for newer code").not.toBeNull();
  });

  test("stores no key's text", async () => {
    const { stub: team, key } = await TeamObject.create();
    const rows = await runInDurableObject(team, (_instance, state) =>
      state.storage.sql.exec("SELECT * FROM api_key").toArray(),
    );
    expect(JSON.stringify(rows)).not.toContain(key.secret.slice(-31, -9).slice(4));
  });
});

describe("the alarm", () => {
  const alarmOf = ({ stub }: TeamObject) => runInDurableObject(stub, (_instance, state) => state.storage.getAlarm());

  test("is set for a minute after the oldest admission", async () => {
    const team = await TeamObject.create();
    const before = Date.now();
    await team.admitted();
    const first = await alarmOf(team);
    await team.admitted();
    expect(first).toBeGreaterThanOrEqual(before + 60_000);
    expect(await alarmOf(team)).toBe(first);
  });

  test("asks the tracker, undoes what never started, and then rests", async () => {
    const team = await TeamObject.create({ limits: [{ ...DAY, limit: 1 }] });
    await team.admitted({ idempotencyKey: "k" });
    const before = Date.now();
    const ended = await runInDurableObject(team.stub, async (instance: Team, state) => {
      // Admitted long ago.
      state.storage.sql.exec("UPDATE request SET place = 1");
      await instance.alarm();
      return state.storage.getAlarm();
    });
    expect(ended, "until the first of its old rows").toBeGreaterThanOrEqual(before + CLEAN_UP_DELAY_MS);
    expect(await team.used()).toEqual([0]);
    expect(await team.admit({ idempotencyKey: "k" })).toMatchObject({ kind: "admitted", replayed: false });
  });

  test("asks about a started request every hour, daily once it has ended with an unknown charge, and no more once settled", async () => {
    vi.spyOn(RequestTracker.prototype, "closeIfUnstarted").mockResolvedValue({ kind: "started" });
    const team = await TeamObject.create();
    const id = await team.admitted();
    /** Until the next question. */
    const rung = async (due: string) => {
      const before = Date.now();
      const asked = vi.mocked(RequestTracker.prototype.closeIfUnstarted).mock.calls.length;
      await runInDurableObject(team.stub, (instance: Team, { storage }) => {
        storage.sql.exec(`UPDATE request SET ${due} = 1`);
        return instance.alarm();
      });
      const next = await runInDurableObject(team.stub, (_instance, { storage }) =>
        storage.sql.exec<{ at: number | null }>("SELECT sweep_at AS at FROM request").one(),
      );
      const questions = vi.mocked(RequestTracker.prototype.closeIfUnstarted).mock.calls.length - asked;
      return { questions, hours: next.at === null ? null : Math.round((next.at - before) / HOUR_MS) };
    };
    expect(await rung("place")).toEqual({ questions: 1, hours: OPEN_SWEEP_MS / HOUR_MS });
    expect(await rung("sweep_at")).toEqual({ questions: 1, hours: OPEN_SWEEP_MS / HOUR_MS });
    await team.stub.settle(anEnd(id, "keep"));
    expect(await rung("sweep_at")).toEqual({ questions: 1, hours: UNSETTLED_SWEEP_MS / HOUR_MS });
    await team.stub.settle(anEnd(id, "charge", { eventType: "request.recovered", endedAt: Date.now() + 1 }));
    expect(await rung("place")).toEqual({ questions: 0, hours: null });
  });

  test("looks at each request once, in the order of admission, also those of one millisecond and of a clock that went back", async () => {
    const asked = vi.spyOn(RequestTracker.prototype, "closeIfUnstarted").mockResolvedValue({ kind: "started" });
    vi.useFakeTimers({ toFake: ["Date"] });
    const team = await TeamObject.create();
    const start = Date.now();
    const ring = () => runInDurableObject(team.stub, (instance: Team) => instance.alarm());
    for (let n = 0; n < 3; n++) await team.admitted();
    vi.setSystemTime(start + UNSTARTED_SWEEP_MS);
    await ring();
    expect(asked).toHaveBeenCalledTimes(3);
    vi.setSystemTime(start - DAY_MS);
    const late = await team.admitted();
    vi.setSystemTime(start + UNSTARTED_SWEEP_MS + 1);
    await ring();
    expect(asked).toHaveBeenCalledTimes(4);
    const page = await team.stub.requests.list({ limit: 1 });
    expect(page).toMatchObject({ data: [{ id: late, createdAt: start - DAY_MS }] });
  });

  test("is found again by whoever wakes the object", async () => {
    const team = await TeamObject.create();
    await team.admitted();
    const before = await alarmOf(team);
    await runInDurableObject(team.stub, (_instance, state) => state.storage.deleteAlarm());
    await evictDurableObject(team.stub);
    await team.stub.keys.list();
    expect(await alarmOf(team)).toBe(before);
  });

  test("never throws and rings again for what could not be asked", async () => {
    const team = await TeamObject.create({ limits: [{ ...DAY, limit: 5 }] });
    const id = await team.admitted();
    await runInDurableObject(team.stub, async (instance: Team, state) => {
      // An id that no tracker can have makes the question itself fail.
      state.storage.sql.exec("UPDATE request SET id = 'no id', place = 1 WHERE id = ?", id);
      await instance.alarm();
      const [row] = state.storage.sql.exec<{ sweep_at: number }>("SELECT sweep_at FROM request").toArray();
      expect(row?.sweep_at).toBeGreaterThan(Date.now());
      expect(await state.storage.getAlarm()).toBe(row?.sweep_at);
    });
  });

  test("deletes what is over its time, and nothing else", async () => {
    const team = await TeamObject.create({
      dedupe_s: 60,
      limits: [
        { ...DAY, limit: 5 },
        { ...MONTH, limit: 5 },
        { name: "open", scope: "team", per: "concurrent", limit: 5 },
      ],
    });
    await team.admitted({ idempotencyKey: "old" });
    await team.admitted({ idempotencyKey: "new" });
    await team.admitted({ bodyHash: "old" });
    await team.admitted({ bodyHash: "new" });
    const rows = await runInDurableObject(team.stub, async (instance: Team, state) => {
      const { sql } = state.storage;
      sql.exec("UPDATE idempotency SET expires_at = 1 WHERE idempotency_key = 'old'");
      sql.exec("UPDATE recent_post SET expires_at = 1 WHERE name LIKE '%/old/%'");
      sql.exec("UPDATE counter SET reset_at = 1 WHERE id LIKE 'request/1d/%'");
      await instance.alarm();
      return {
        idempotency: sql.exec("SELECT idempotency_key FROM idempotency").toArray(),
        posts: sql.exec("SELECT count(*) AS n FROM recent_post WHERE name LIKE '%/new/%'").one().n,
        counters: sql.exec("SELECT used FROM counter").toArray(),
      };
    });
    expect(rows).toEqual({
      idempotency: [{ idempotency_key: "new" }],
      posts: 1,
      counters: [{ used: 4 }, { used: 4 }],
    });
  });
});

describe("old rows", () => {
  test("go in bounded batches, the next one at once, until none is left", async () => {
    const team = await TeamObject.create();
    const left = await runInDurableObject(team.stub, async (instance: Team, { storage }) => {
      for (let n = 0; n < 2 * CLEAN_UP_BATCH_ROWS + 1; n++) {
        storage.sql.exec("INSERT INTO idempotency VALUES ('key', '', ?, 'request', 'body', 1)", `old-${n}`);
      }
      const counted: [number, boolean][] = [];
      for (let batch = 0; batch < 3; batch++) {
        await instance.alarm();
        const { n } = storage.sql.exec<{ n: number }>("SELECT count(*) AS n FROM idempotency").one();
        const alarm = await storage.getAlarm();
        counted.push([n, alarm !== null && alarm <= Date.now()]);
      }
      return counted;
    });
    expect(left).toEqual([
      [CLEAN_UP_BATCH_ROWS + 1, true],
      [1, true],
      [0, false],
    ]);
  });

  test("wake a team that nobody asks anything, some time after the first of them is over", async () => {
    const team = await TeamObject.create();
    const at = Date.now() + DAY_MS;
    const alarm = await runInDurableObject(team.stub, async (instance: Team, { storage }) => {
      storage.sql.exec("INSERT INTO idempotency VALUES ('key', '', 'k', 'request', 'body', ?)", at);
      await instance.alarm();
      return storage.getAlarm();
    });
    expect(alarm).toBe(at + CLEAN_UP_DELAY_MS);
  });
});

/** More rows of the index, each like that of a request: admitted so many places later. */
function rowsLike(sql: SqlStorage, id: string) {
  const like = sql
    .exec<{ place: number } & Record<string, SqlStorageValue>>("SELECT * FROM request WHERE id = ?", id)
    .one();
  return {
    row(changes: Record<string, SqlStorageValue>, later: number): void {
      const row = { ...like, ...changes, place: like.place + later };
      const names = Object.keys(row);
      const statement = `INSERT INTO request (${names.join(", ")}) VALUES (${names.map(() => "?").join(", ")})`;
      sql.exec(statement, ...Object.values(row));
    },
  };
}

describe("the index", () => {
  test("looks at so many lines for one page: a rare filter is answered with a cursor, and found behind it", async () => {
    const team = await TeamObject.create();
    const rare = await team.admitted({ tags: { rare: "yes" } });
    await runInDurableObject(team.stub, (_instance, { storage: { sql } }) => {
      const { row } = rowsLike(sql, rare);
      for (let n = 0; n < LIST_SCAN_MAX_ROWS + 10; n++)
        row({ id: n.toString(16).padStart(64, "0"), tags: "{}" }, n + 1);
    });
    const first = await team.stub.requests.list({ tag: "rare", limit: 5 });
    expect(first).toMatchObject({ kind: "page", data: [], nextCursor: expect.any(String) });
    const cursor = first.kind === "page" ? (first.nextCursor ?? "") : "";
    const second = await team.stub.requests.list({ tag: "rare", limit: 5, cursor });
    expect(second).toMatchObject({ kind: "page", data: [{ id: rare }], nextCursor: null });
  });

  test("pages newest first without a gap or a repeat, also while requests come in", async () => {
    const team = await TeamObject.create();
    const ids: string[] = [];
    for (let i = 0; i < 7; i++) ids.push(await team.admitted());
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await team.stub.requests.list({ cursor, limit: 3 });
      if (page.kind !== "page") throw new Error("no page");
      seen.push(...page.data.map((each) => each.id));
      cursor = page.nextCursor ?? undefined;
      await runInDurableObject(team.stub, (_instance, state) => {
        // A request of a later time, so that it belongs in front of what was shown.
        const late = "f".repeat(63) + seen.length.toString(16);
        rowsLike(state.storage.sql, ids[0] ?? "").row({ id: late, model: "late" }, 60_000_000 + seen.length);
      });
    } while (cursor !== undefined);
    expect(seen).toHaveLength(7);
    expect(new Set(seen)).toEqual(new Set(ids));
  });

  test("filters by status, model, user, tag and time, and combines them", async () => {
    const team = await TeamObject.create();
    const tags = { env: "prod", "a.b": "x=y" };
    const one = await team.admitted({ user: "anna", tags });
    const two = await team.admitted({ user: "bob", model: "fal-ai/f5-tts", tags: { env: "dev" } });
    await team.stub.settle(anEnd(two, "refund", { outcome: "canceled" }));
    const idsOf = async (filter: object) => {
      const page = await team.stub.requests.list({ ...filter, limit: 10 });
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

  test("refuses a cursor that is none of ours", async () => {
    const team = await TeamObject.create();
    expect(await team.stub.requests.list({ cursor: "x", limit: 1 })).toMatchObject({
      kind: "refused",
      refusal: { code: "invalid_request" },
    });
  });
});

describe("asking a team", () => {
  test("asks again when the object was reset, and not for any other fault", async () => {
    const { id, stub: team, credential } = await TeamObject.create();
    let asked = 0;
    const answer = await askTeam(env, id, (stub) => {
      if (++asked === 1) throw Object.assign(new Error("reset"), { retryable: true });
      return stub.identify(credential);
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
    expect(await team.keys.list()).toHaveLength(1);
  });
});
