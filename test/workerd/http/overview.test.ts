// The operator's overview: its figures are those of a walk, read at most every ten seconds, and what is not counted is null.

import { runDurableObjectAlarm } from "cloudflare:test";
import { expect, vi } from "vitest";
import { BucketSweeper } from "../../../src/files/sweeper.ts";
import { OVERVIEW_REFRESH_MS } from "../../../src/http/overview/cache.ts";
import { sweeperFor } from "../../../src/platform/stubs.ts";
import { SECOND_MS } from "../../../src/platform/time.ts";
import { VERSION } from "../../../src/platform/version.ts";
import { UpstreamAccount } from "../../../src/upstream/account.ts";
import { faultAccount, introduceAccount } from "../../harness/account.ts";
import { ask } from "../../harness/calls.ts";
import { passTime } from "../../harness/clock.ts";
import { ADMIN_TOKEN, bindings } from "../../harness/env.ts";
import { eventually } from "../../harness/eventually.ts";
import { test } from "../../harness/fixtures.ts";
import { Team } from "../../harness/team.ts";
import { runToEnd } from "../../harness/tracker.ts";

interface Overview {
  as_of: string;
  version: string;
  upstream: { state: string; why: string | null; slots: { used: number } };
  requests: { submitted_24h: number; ended_24h: Record<string, number>; uncertain: number };
  webhooks: { state: string; last_delay_s: number | null; p95_delay_s: number | null };
  deliveries: { delivered_24h: number | null; gave_up_24h: number };
  money: Record<string, string | number | null>;
  storage: { bytes: number | null; objects: number | null; orphans: number | null; as_of: string | null };
  teams: number;
  worst: string[];
}

async function overview(): Promise<Overview> {
  return (await ask<Overview>("GET", "/v1/admin/overview", { key: ADMIN_TOKEN })).body;
}

/** As it is now, past what the isolate remembers. */
async function fresh(): Promise<Overview> {
  await passTime(OVERVIEW_REFRESH_MS);
  return overview();
}

test("its figures are those of the requests that were made", async ({ team }) => {
  await introduceAccount(team);
  const before = await fresh();
  const good = await team.submit("a cat");
  const bad = await team.submit("sandbox:submit-422");
  await passTime(5 * SECOND_MS);
  for (const { id } of [good, bad]) await runToEnd(team, id);
  await eventually(async () => {
    const { requests, webhooks, version, deliveries } = await fresh();
    expect(requests).toMatchObject({
      submitted_24h: before.requests.submitted_24h + 2,
      ended_24h: { completed: (before.requests.ended_24h.completed ?? 0) + 1, failed: 1, canceled: 0 },
    });
    expect(webhooks).toMatchObject({ state: "arriving", p95_delay_s: expect.any(Number) });
    expect(version).toBe(VERSION);
    expect(deliveries).toEqual({ delivered_24h: null, gave_up_24h: 0 });
  });
});

test("what is not counted over all teams is null, never zero", async ({ team: _team }) => {
  const { money, deliveries } = await fresh();
  expect(Object.values(money)).toEqual([null, null, null, null]);
  expect(deliveries.delivered_24h).toBeNull();
});

test("a team that is made is one more", async ({ team: _team }) => {
  const { teams } = await fresh();
  await Team.create();
  expect((await fresh()).teams).toBe(teams + 1);
});

test("the bucket is as the last finished sweep left it, also while the next one runs", async ({ team }) => {
  const { id } = await team.submit("a cat");
  await passTime(5 * SECOND_MS);
  await runToEnd(team, id);
  await ask("POST", "/v1/admin/sweep", { key: ADMIN_TOKEN });
  await runDurableObjectAlarm(sweeperFor(bindings));
  const { objects } = await bindings.FILES.list({ prefix: "outputs/" });
  const swept = (await fresh()).storage;
  expect(swept.objects).toBeGreaterThanOrEqual(objects.length);
  expect(swept.bytes).toBeGreaterThanOrEqual(objects.reduce((sum, { size }) => sum + size, 0));
  expect(swept).toMatchObject({ orphans: expect.any(Number), as_of: expect.any(String) });
  await ask("POST", "/v1/admin/sweep", { key: ADMIN_TOKEN });
  expect((await fresh()).storage).toEqual(swept);
  await runDurableObjectAlarm(sweeperFor(bindings));
});

test("however often it is asked, the account and the sweeper are asked once each in ten seconds", async ({
  team: _team,
}) => {
  await passTime(OVERVIEW_REFRESH_MS);
  const asked = [vi.spyOn(UpstreamAccount.prototype, "accountOverview"), vi.spyOn(BucketSweeper.prototype, "figures")];
  const first = await overview();
  await passTime(OVERVIEW_REFRESH_MS - 1);
  expect(await overview()).toEqual(first);
  expect(asked.map(({ mock }) => mock.calls.length)).toEqual([1, 1]);
  await passTime(1);
  expect((await overview()).as_of).not.toBe(first.as_of);
  expect(asked.map(({ mock }) => mock.calls.length)).toEqual([2, 2]);
});

test("an account that fal has locked is the worst, with what to do", async ({ team }) => {
  await faultAccount("locked");
  await team.submit("a cat");
  const { upstream, worst } = await fresh();
  expect(upstream).toMatchObject({ state: "paused", why: "locked" });
  expect(worst[0]).toContain("pay at fal");
  await faultAccount("none");
});
