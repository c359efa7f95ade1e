// One account for many, in the real runtime: a locked account, slots that are all taken, turns and slots that got lost.

import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { CALL_UNHEARD_MS, MINUTE_MS, SECOND_MS, SLOT_CHECK_MS } from "../../src/limits.ts";
import { accountView } from "../support/account.ts";
import {
  account,
  bindings,
  eventually,
  evict,
  exhaustPace,
  interceptFetch,
  introduceAccount,
  onFrozenClocks,
  passTime,
  ring,
  ringAccount,
  runToEnd,
  sandbox,
  sandboxCalls,
  Team,
  upstreamCall,
} from "../support/world.ts";

const ONE_LIMIT = { limits: [{ name: "month", scope: "team", per: "request", window: "1mo", limit: 9 }] };

let team: Team;
onFrozenClocks(async () => {
  team = await Team.create(undefined, ONE_LIMIT);
  await introduceAccount(team);
  await passTime(MINUTE_MS);
});

describe("an account that is locked for ten minutes", () => {
  let locked = true;
  const lockSubmits = () => {
    locked = true;
    interceptFetch((request, pass) => {
      if (!locked || upstreamCall(request) !== "submit") return pass();
      const detail = "User is locked. Reason: Exhausted balance.";
      return Promise.resolve(Response.json({ detail }, { status: 403 }));
    });
  };

  it("holds its requests, says why, charges nothing, and goes on by itself", async () => {
    lockSubmits();
    const first = await team.submit("first");
    const second = await team.submit("second");
    const paused = { stage: "held", error: null, waiting: { reason: "upstream_paused", why: "locked" } };
    expect([first, second]).toMatchObject([paused, paused]);
    expect((await accountView()).health).toMatchObject({ state: "closed", why: "locked" });
    await passTime(MINUTE_MS);
    await ring(first.id);
    const heard = await team.send<{ data: object[] }>("GET", "/v1/events?types=upstream.paused");
    expect(heard.body.data, "within a minute, once").toMatchObject([{ data: { why: "locked" } }]);
    for (let minute = 1; minute < 10; minute++) {
      await passTime(MINUTE_MS);
      await ring(first.id);
    }
    expect([await team.read(first.id), await team.read(second.id)]).toMatchObject([paused, paused]);
    locked = false;
    for (let minute = 0; minute < 3; minute++) {
      await passTime(MINUTE_MS);
      for (const { id } of [first, second]) await ring(id);
    }
    for (const { id } of [first, second]) expect((await runToEnd(team, id)).status).toBe("COMPLETED");
    expect((await sandboxCalls()).counts.submit).toBe(3);
    expect((await accountView()).health).toMatchObject({ state: "open", why: null });
  });

  it("refuses with 503 under a plan that would rather not wait, before anything is counted", async () => {
    lockSubmits();
    const held = await team.submit("finds it");
    const impatient = await Team.create(undefined, { ...ONE_LIMIT, when_paused: "refuse" });
    const body = { model: "fal-ai/flux/schnell", input: { prompt: "a cat" } };
    const answer = await impatient.send<{ code: string }>("POST", "/v1/requests", body);
    expect([answer.status, answer.body.code]).toEqual([503, "upstream_paused"]);
    expect(await impatient.used()).toEqual([0]);
    await team.cancel(held.id);
    locked = false;
  });
});

describe.each(["failing", "dead"])("a gateway that is %s", (fault) => {
  it("closes the connection; what comes then is held, free, and goes on by itself", async () => {
    const early = await team.submit("early");
    await sandbox("PATCH", "settings", { account_fault: fault });
    for (let n = 0; n < 12 && (await accountView()).health.state === "open"; n++) {
      await passTime(2 * MINUTE_MS);
      await ring(early.id);
    }
    expect((await accountView()).health).toMatchObject({ state: "closed", why: "failing" });
    const late = await team.submit("late");
    const paused = { stage: "held", error: null, waiting: { reason: "upstream_paused", why: "failing" } };
    expect(late).toMatchObject(paused);
    await sandbox("PATCH", "settings", { account_fault: "none" });
    for (let n = 0; n < 4; n++) {
      await passTime(MINUTE_MS);
      await ringAccount();
      for (const { id } of [early, late]) await ring(id);
    }
    for (const { id } of [early, late]) expect((await runToEnd(team, id)).status).toBe("COMPLETED");
    expect((await accountView()).health).toMatchObject({ state: "open", why: null });
    expect((await sandboxCalls()).counts.submit).toBe(3);
  });
});

describe("an account that upstream says 429 to, whatever is asked", () => {
  it("holds its requests and takes them up again when that is over", async () => {
    await sandbox("PATCH", "settings", { account_fault: "rate_limited" });
    const { id, stage } = await team.submit("a cat");
    expect(stage).toBe("held");
    for (let minute = 0; minute < 3; minute++) {
      await passTime(MINUTE_MS);
      await ring(id);
      expect(await team.read(id)).toMatchObject({ stage: "held", error: null });
    }
    await sandbox("PATCH", "settings", { account_fault: "none" });
    await passTime(2 * MINUTE_MS);
    await ring(id);
    expect((await runToEnd(team, id)).status).toBe("COMPLETED");
  });
});

describe("turns that were given and never heard of again", () => {
  it("hold up what waits for ten seconds, not longer", async () => {
    const lost = { kind: "status", effect: "poll", user: "gone/u", model: "m", connection: null } as const;
    for (let n = 0; n < 10; n++) await account().take({ ...lost, requestId: `lost-${n}`, since: Date.now() });
    const { id, waiting } = await team.submit("a cat");
    expect(waiting).toMatchObject({ reason: "pace" });
    await passTime(5 * SECOND_MS);
    await ring(id);
    expect((await team.read(id)).stage).toBe("held");
    await passTime(CALL_UNHEARD_MS);
    await ring(id);
    expect((await runToEnd(team, id)).status).toBe("COMPLETED");
  });
});

describe("a request that waits for its turn", () => {
  it("is woken when it comes, though tracker and account were put out of memory meanwhile", async () => {
    await exhaustPace();
    const { id, stage, waiting } = await team.submit("a cat");
    expect([stage, waiting]).toMatchObject(["held", { reason: "pace" }]);
    await evict(id);
    await evictDurableObject(account());
    for (let n = 0; n < 4; n++) {
      await passTime(2 * SECOND_MS);
      await ring(id);
    }
    expect((await team.read(id)).stage).toBe("queued");
    expect((await runToEnd(team, id)).status).toBe("COMPLETED");
  });
});

describe("a slot", () => {
  it("is free once its request has ended", async () => {
    const before = (await accountView()).slots.used;
    const { id } = await team.submit("a cat");
    expect((await accountView()).slots.used).toBe(before + 1);
    await passTime(5 * SECOND_MS);
    await runToEnd(team, id);
    await eventually(async () => expect((await accountView()).slots.used).toBe(before));
  });

  it("whose end was never heard of is found by asking its tracker", async () => {
    const before = (await accountView()).slots.used;
    const lost = bindings.TRACKER.newUniqueId().toString();
    await runInDurableObject(account(), (_instance, state) => {
      state.storage.sql.exec("INSERT INTO slots VALUES (?, 'conn', ?)", lost, Date.now());
    });
    await evictDurableObject(account());
    await passTime(SLOT_CHECK_MS + SECOND_MS);
    await ringAccount();
    const left = await runInDurableObject(account(), (_instance, state) =>
      state.storage.sql.exec("SELECT 1 FROM slots WHERE request_id = ?", lost).toArray(),
    );
    expect(left).toEqual([]);
    expect((await accountView()).slots.used).toBeLessThanOrEqual(before);
  });
});
