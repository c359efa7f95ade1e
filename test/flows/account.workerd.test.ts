// One account for many, in the real runtime: who waits for a turn, turns and slots that got lost.

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
  introduceAccount,
  onFrozenClocks,
  passTime,
  ring,
  ringAccount,
  runToEnd,
  Team,
} from "../support/world.ts";

let team: Team;
onFrozenClocks(async () => {
  team = await Team.create();
  await introduceAccount(team);
  await passTime(MINUTE_MS);
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
