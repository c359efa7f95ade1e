// What a team keeps of the deliveries that it sends itself, and that it goes after thirty days: by the team's own alarm, a page
// at a time, whatever cuts it off.

import { runInDurableObject } from "cloudflare:test";
import { expect, vi } from "vitest";
import type { Delivery } from "../../../src/contracts/team-webhooks.ts";
import { teamFor } from "../../../src/platform/stubs.ts";
import { DAY_MS, SECOND_MS } from "../../../src/platform/time.ts";
import { CLEAN_UP_BATCH_ROWS, CLEAN_UP_DELAY_MS } from "../../../src/team/clean-up.ts";
import { TeamDatabase } from "../../../src/team/database.ts";
import { openStores, type TeamStores } from "../../../src/team/stores.ts";
import { DELIVERY_KEEP_MS } from "../../../src/webhooks/retry-schedule.ts";
import { passTime } from "../../harness/clock.ts";
import { deliveryOf } from "../../harness/deliveries.ts";
import { bindings } from "../../harness/env.ts";
import { test as base } from "../../harness/fixtures.ts";
import { ringTeam } from "../../harness/objects.ts";
import type { Team } from "../../harness/team.ts";

const test = base
  /** The id of an endpoint whose receiver takes what it is sent. */
  .extend("endpoint", async ({ team, receivers }) => {
    const body = { url: "https://one.example/" };
    const made = await team.send<{ id: string; secret: string }>("POST", "/v1/webhooks", body);
    expect(made.status).toBe(201);
    receivers.secrets.set("one.example", [made.body.secret]);
    return made.body.id;
  })
  /** Sends a test event and lets it go out; answers the delivery's id. */
  .extend("sent", async ({ team, endpoint }) => async () => {
    const { status, body } = await team.send<{ delivery_id: string }>("POST", `/v1/webhooks/${endpoint}/test`);
    expect(status).toBe(202);
    await ringTeam(team);
    return body.delivery_id;
  });

function inTeam<T>(team: Team, work: (books: TeamStores, state: DurableObjectState) => T | Promise<T>): Promise<T> {
  return runInDurableObject(teamFor(bindings, team.id), (_instance, state) => {
    return work(openStores(new TeamDatabase(state.storage.sql)), state);
  });
}

/** How much there is of deliveries, of what is sent of them, of tries, of bulk replays. */
function kept(team: Team): Promise<number[]> {
  return inTeam(team, (_books, { storage }) =>
    ["delivery", "outbox", "attempt", "replay_job"].map((table) => {
      return storage.sql.exec<{ n: number }>(`SELECT count(*) AS n FROM ${table}`).one().n;
    }),
  );
}

const alarmAt = (team: Team) => inTeam(team, (_books, { storage }) => storage.getAlarm());

/** So many deliveries of the team's own, sent now. */
function put(team: Team, endpoint: string, count: number): Promise<void> {
  return inTeam(team, (books) => {
    const now = Date.now();
    for (let n = 0; n < count; n++) {
      const id = `dlv_${String(n).padStart(20, "0")}`;
      const line: Delivery = {
        ...{ id, endpointId: endpoint, requestId: null, eventId: `evt_${n}`, eventType: "webhook.test" },
        ...{ state: "delivered", createdAt: now, updatedAt: now, attempts: 1, status: 204, category: "delivered" },
        replayId: null,
      };
      books.deliveries.insert(line);
      const done = { dueAt: null, failures: 0, replay: false, leaseUntil: null };
      books.outbox.put({ deliveryId: id, endpointId: endpoint, eventId: line.eventId, body: "{}", ...done });
    }
  });
}

test("goes after thirty days by an alarm that nothing else asks for, and younger ones stay whole", async ({
  team,
  sent,
}) => {
  const old = await sent();
  await passTime(2 * DAY_MS);
  const young = await sent();
  const before = await deliveryOf(team, young);
  const due = await alarmAt(team);
  expect(due).toBe(Date.now() - 2 * DAY_MS + DELIVERY_KEEP_MS + CLEAN_UP_DELAY_MS);
  await passTime(DELIVERY_KEEP_MS - 2 * DAY_MS);
  await ringTeam(team);
  expect(await kept(team), "not a moment before").toEqual([2, 2, 2, 0]);
  await passTime(CLEAN_UP_DELAY_MS);
  await ringTeam(team);
  expect(await kept(team)).toEqual([1, 1, 1, 0]);
  expect((await team.send("GET", `/v1/deliveries/${old}`)).status).toBe(404);
  expect(await deliveryOf(team, young)).toEqual(before);
  await passTime(2 * DAY_MS);
  await ringTeam(team);
  expect(await kept(team)).toEqual([0, 0, 0, 0]);
  expect(await alarmAt(team), "nothing is owed any more").toBeNull();
});

test("stays for another thirty days when it was sent again, without the tries from before", async ({ team, sent }) => {
  const id = await sent();
  await passTime(29 * DAY_MS);
  expect((await team.send("POST", `/v1/deliveries/${id}/replay`)).status).toBe(202);
  await ringTeam(team);
  await passTime(2 * DAY_MS);
  await ringTeam(team);
  expect(await deliveryOf(team, id)).toMatchObject({ state: "delivered", log: [{ replay: true }] });
  await passTime(29 * DAY_MS);
  await ringTeam(team);
  expect(await kept(team)).toEqual([0, 0, 0, 0]);
});

test("goes with the bulk replays over it", async ({ team, endpoint, sent }) => {
  await sent();
  const filter = { endpoint, state: "delivered" };
  const job = await team.send<{ id: string }>("POST", "/v1/deliveries/replay", { filter });
  expect(job.status).toBe(202);
  await ringTeam(team);
  await ringTeam(team);
  const path = `/v1/deliveries/replay/${job.body.id}`;
  expect((await team.send("GET", path)).body).toMatchObject({ state: "done", replayed: 1 });
  await passTime(DELIVERY_KEEP_MS + CLEAN_UP_DELAY_MS + SECOND_MS);
  await ringTeam(team);
  expect(await kept(team)).toEqual([0, 0, 0, 0]);
  expect((await team.send("GET", path)).status).toBe(404);
});

test("goes a page at a time, the next at once, and a page that fails goes wholly with the next alarm", async ({
  team,
  endpoint,
  sent,
}) => {
  await put(team, endpoint, 2 * CLEAN_UP_BATCH_ROWS + 1);
  await passTime(DELIVERY_KEEP_MS + CLEAN_UP_DELAY_MS + SECOND_MS);
  // The page's last statement fails: nothing of it is done.
  await inTeam(team, (_books, { storage }) => {
    storage.sql.exec(
      "CREATE TRIGGER broken BEFORE DELETE ON outbox BEGIN SELECT RAISE(ABORT, 'a disk that fails'); END",
    );
  });
  const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
  await sent();
  log.mockRestore();
  const whole = 2 * CLEAN_UP_BATCH_ROWS + 2;
  expect((await kept(team)).slice(0, 2)).toEqual([whole, whole]);
  await inTeam(team, (_books, { storage }) => storage.sql.exec("DROP TRIGGER broken"));
  const left: number[][] = [];
  for (let page = 0; page < 3; page++) {
    await ringTeam(team);
    left.push((await kept(team)).slice(0, 2));
    // Cut off between two pages: the next instance goes on by the alarm that was set.
    const cut = inTeam(team, (_books, state) => state.abort("cut off by a test"));
    await expect(cut).rejects.toThrow("cut off by a test");
    if (page < 2) expect(await alarmAt(team)).toBeLessThanOrEqual(Date.now());
  }
  expect(left).toEqual([CLEAN_UP_BATCH_ROWS + 2, 2, 1].map((n) => [n, n]));
});
