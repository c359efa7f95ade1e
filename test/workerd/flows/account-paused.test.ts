// The account out of order for ten minutes, whatever the fault: nothing is lost, nothing is charged, all goes on by itself.

import { describe, expect } from "vitest";
import { MINUTE_MS, SECOND_MS } from "../../../src/platform/time.ts";
import { type AccountFault, accountView, faultAccount, introduceAccount } from "../../harness/account.ts";
import { passTime } from "../../harness/clock.ts";
import { test as base } from "../../harness/fixtures.ts";
import { ringAccount } from "../../harness/objects.ts";
import type { RequestObject } from "../../harness/request-object.ts";
import { Team } from "../../harness/team.ts";
import { ring, runToEnd } from "../../harness/tracker.ts";
import { upstreamRequests } from "../../harness/upstream.ts";

const LIMITS = [
  { name: "money", scope: "team", per: "usd", limit: "1", window: "1d" },
  { name: "open", scope: "team", per: "concurrent", limit: 100 },
];
const REFUSED = { code: "upstream_paused", charged: false, retryable: true };

interface Outage {
  fault: AccountFault;
  why: string;
  /** What fal said or did not say closed the connection; a 429 only the account's pace. */
  closes: boolean;
}
const OUTAGES: Outage[] = [
  { fault: "locked", why: "locked", closes: true },
  { fault: "failing", why: "failing", closes: true },
  { fault: "dead", why: "failing", closes: true },
  { fault: "rate_limited", why: "rate_limited", closes: false },
];

const test = base
  .extend("outage", { fault: "locked", why: "locked", closes: true } as Outage)
  /** A request that is at fal when the outage begins; the outage is known of. */
  .extend("early", async ({ team, outage }) => {
    const early = await team.submit("it was there before");
    expect(early.stage).toBe("queued");
    await faultAccount(outage.fault);
    if (outage.why !== "failing") return early;
    for (let n = 0; n < 12 && (await accountView()).health.state === "open"; n++) {
      await passTime(2 * MINUTE_MS);
      await ring(early.id);
    }
    return early;
  });
test.override({ plan: { limits: LIMITS } });
test.beforeEach(async () => {
  await introduceAccount(await Team.create());
  await passTime(MINUTE_MS);
});

/** What is reserved or spent of the money, and how many requests count as open. */
function ledger(team: Team): Promise<unknown[]> {
  return team.used();
}

async function pausedSince(team: Team, id: string): Promise<unknown> {
  return (await team.read(id)).waiting?.since;
}

async function usage(team: Team): Promise<Record<string, unknown>> {
  const answer = await team.send<{ data: Record<string, unknown>[] }>("GET", "/v1/usage?group_by=");
  expect(answer.status).toBe(200);
  return answer.body.data[0] ?? {};
}

/** Its trackers and the account do what is due by now. */
async function ringAll(ids: readonly string[]): Promise<void> {
  await ringAccount();
  for (const id of ids) await ring(id);
}

/** How often fal took each of these requests. */
async function timesTaken(ids: readonly string[]): Promise<number[]> {
  const taken = await upstreamRequests();
  return ids.map((id) => taken.filter(({ webhook_url }) => webhook_url.includes(id)).length);
}

describe.each(OUTAGES)("an account that is $fault for ten minutes", (outage) => {
  const { why, closes } = outage;
  test.override({ outage });

  test("holds what comes, free and with a reason, takes it up by itself, and has each of it taken by fal once", async ({
    team,
    early,
  }) => {
    expect(await ledger(team)).toEqual(["0.003000", 1]);
    const held = [await team.submit("finds it so"), await team.submit("comes second")];
    const ids = held.map(({ id }) => id);
    expect(await ledger(team)).toEqual(["0.009000", 3]);
    await passTime(MINUTE_MS);
    await ringAll(ids);
    const since = await pausedSince(team, ids[0] ?? "");
    for (let minute = 1; minute < 10; minute++) {
      const waiting = { reason: "upstream_paused", why, since: expect.stringMatching(/Z$/) };
      const paused = { stage: "held", status: "IN_QUEUE", error: null, waiting, cost: { charged: null } };
      for (const id of ids) expect(await team.read(id)).toMatchObject(paused);
      expect(await ledger(team), "reserved as at the submit, and no more").toEqual(["0.009000", 3]);
      expect(await usage(team)).toMatchObject({ requests: 3, completed: 0, failed: 0, charged_usd: "0.000000" });
      await passTime(MINUTE_MS);
      await ringAll(ids);
    }
    expect(await pausedSince(team, ids[0] ?? ""), "it does not move").toBe(since);
    expect((await accountView()).health).toMatchObject(closes ? { state: "closed", why } : { state: "open" });
    expect(await timesTaken(ids)).toEqual([0, 0]);

    await faultAccount("none");
    for (let minute = 0; minute < 4; minute++) {
      await passTime(MINUTE_MS);
      await ringAll(ids);
    }
    for (const { id } of [early, ...held]) expect((await runToEnd(team, id)).status).toBe("COMPLETED");
    expect(await timesTaken([early.id, ...ids])).toEqual([1, 1, 1]);
    expect(await ledger(team)).toEqual(["0.009000", 0]);
    expect(await usage(team)).toMatchObject({ requests: 3, completed: 3, charged_usd: "0.009000", refunded: 0 });
    expect((await accountView()).health).toMatchObject({ state: "open", why: null, since: null });
  });

  test("lets a held request be canceled for free, and under a plan that would rather not wait refuses it for free", async ({
    team,
    early,
  }) => {
    const held = await team.submit("gives up");
    expect(await ledger(team)).toEqual(["0.006000", 2]);
    expect(await team.cancel(held.id)).toMatchObject({ status: 200, body: { status: "CANCELED" } });
    await ring(held.id);
    expect(await ledger(team), "what was reserved is back").toEqual(["0.003000", 1]);

    const impatient = await Team.create({ limits: LIMITS, when_paused: "refuse" });
    const body = { model: "fal-ai/flux/schnell", input: { prompt: "a cat" } };
    const answer = await impatient.send<RequestObject & { code: string }>("POST", "/v1/requests", body);
    if (closes) {
      expect([answer.status, answer.body.code]).toEqual([503, "upstream_paused"]);
      expect(await usage(impatient)).toMatchObject({ requests: 0 });
    } else {
      // Only its own turn tells it: it was let in, and gets everything back.
      for (let n = 0; n < 4; n++) {
        await passTime(10 * SECOND_MS);
        await ringAll([answer.body.id]);
      }
      expect(await impatient.read(answer.body.id)).toMatchObject({ status: "FAILED", error: REFUSED });
      expect(await usage(impatient)).toMatchObject({ requests: 1, failed: 1, refunded: 1, charged_usd: "0.000000" });
    }
    expect(await ledger(impatient)).toEqual(["0.000000", 0]);

    await faultAccount("none");
    await passTime(2 * MINUTE_MS);
    await ringAll([early.id]);
    expect((await runToEnd(team, early.id)).status).toBe("COMPLETED");
    expect(await timesTaken([held.id])).toEqual([0]);
  });
});

describe("a plan that is changed while the edge still remembers the one before", () => {
  test.for([
    ["hold", "refuse", { status: "FAILED", error: { code: "upstream_locked", charged: false } }],
    ["refuse", "hold", { status: "IN_QUEUE", stage: "held", waiting: { reason: "upstream_paused", why: "locked" } }],
  ] as const)(
    "from %s to %s: the request goes by the plan that it was admitted under",
    async ([before, after, outcome]) => {
      const team = await Team.create({ limits: LIMITS, when_paused: before });
      expect((await team.send("GET", "/v1/me")).status).toBe(200);
      const changed = await team.send("PUT", "/v1/plans/default", { limits: LIMITS, when_paused: after });
      expect(changed.status).toBe(200);
      await faultAccount("locked");
      expect(await team.submit("finds it so")).toMatchObject(outcome);
      await faultAccount("none");
    },
  );
});
