// What the one row of a request holds that lists and sums will show, and when it asks for a person's attention.

import { runInDurableObject } from "cloudflare:test";
import { describe, expect, vi } from "vitest";
import { sweeperFor, teamFor } from "../../../src/platform/stubs.ts";
import { ATTENTION } from "../../../src/team/attention.ts";
import type { RequestRow } from "../../../src/team/requests/request-row.ts";
import { type Answer, ask } from "../../harness/calls.ts";
import { passTime } from "../../harness/clock.ts";
import { ADMIN_TOKEN, bindings } from "../../harness/env.ts";
import { test } from "../../harness/fixtures.ts";
import type { Team } from "../../harness/team.ts";
import { anEnd, NOTHING_MEASURED, SOMEBODY, TeamObject } from "../../harness/team-object.ts";
import { runToEnd } from "../../harness/tracker.ts";

const rowOf = ({ id: team }: Pick<Team, "id">, id: string) =>
  runInDurableObject(teamFor(bindings, team), (_instance, { storage: { sql } }) =>
    sql.exec<RequestRow>("SELECT * FROM request WHERE id = ?", id).one(),
  );

describe("the row of a request", () => {
  test("says what a completed one cost, took and made, and with which key", async ({ team }) => {
    const { id } = await team.submit("a cat", { user: "anna" });
    await passTime(5_000);
    const ended = await runToEnd(team, id);
    const row = await rowOf(team, id);
    expect(row).toMatchObject({
      ...{ account: "default", key_name: "First key", key_id: team.keyId, user: "anna", status: "completed" },
      ...{ estimated: 3_000, charged: 3_000, source: "units", verdict: "charge", settled_by: null, holds: "[]" },
      ...{ error_code: null, file_count: 1, file_type: "image/png", sweep_at: null, attention: 0 },
    });
    expect(row.duration_ms).toBeGreaterThan(0);
    // The end of the URL that readers get, and no signature.
    expect(ended.files[0]?.url).toMatch(new RegExp(`/${row.file_path}$`));
    expect(row.file_path).toMatch(/^0\/[^/]+\.png$/);
  });

  test("names the error of a failed one", async ({ team }) => {
    const { id } = await team.submit("sandbox:crash");
    await passTime(5_000);
    const ended = await runToEnd(team, id);
    expect(await rowOf(team, id)).toMatchObject({
      ...{ status: "failed", error_code: ended.error?.code, verdict: "refund", charged: 0 },
      ...{ duration_ms: null, file_count: 0, file_type: null, file_path: null, attention: 0 },
    });
  });

  test("keeps what accounting needs when the request is deleted, and nothing of its content", async ({ team }) => {
    const { id } = await team.submit("a cat", { tags: { client: "acme" } });
    await passTime(5_000);
    await runToEnd(team, id);
    await team.send("DELETE", `/v1/requests/${id}`);
    expect(await rowOf(team, id)).toMatchObject({
      ...{ tags: "{}", file_count: 0, file_type: null, file_path: null, attention: 0, sweep_at: null },
      ...{ charged: 3_000, status: "completed", deleted_at: Date.now() },
    });
  });
});

describe("a request needs attention", () => {
  const attentionOf = async (team: TeamObject, id: string) => (await rowOf(team, id)).attention;
  const admitted = (team: TeamObject) => team.admitted({ measures: { ...NOTHING_MEASURED, megapixels: 1 } });

  test("while nobody knows whether it is billed, until it is settled", async () => {
    const team = await TeamObject.create();
    for (const settle of [
      (id: string) => team.stub.requests.settleManually({ requestId: id, charged: true, usdMicro: null }, SOMEBODY),
      (id: string) => team.stub.settle(anEnd(id, "charge", { endedAt: Date.now() + 1 })),
    ]) {
      const id = await admitted(team);
      await team.stub.settle(anEnd(id, "keep"));
      expect(await attentionOf(team, id)).toBe(ATTENTION.unsettledCharge);
      await settle(id);
      expect(await attentionOf(team, id)).toBe(0);
    }
  });

  test("when a file of its output could not be stored", async () => {
    const team = await TeamObject.create();
    const id = await admitted(team);
    const files = { stored: 1, failed: 1, first: { type: "image/png", path: "0/cat.png" } };
    await team.stub.settle(anEnd(id, "charge", { files }));
    expect(await attentionOf(team, id)).toBe(ATTENTION.failedFile);
  });

  test("while a delivery of its end is parked, until a replay has delivered it", async () => {
    const team = await TeamObject.create();
    const id = await admitted(team);
    const { deliveries } = await team.stub.settle(anEnd(id, "charge", { hasWebhook: true }));
    const deliveryId = deliveries[0]?.id ?? "";
    const report = { deliveryId, requestId: id, status: 500, category: "server_error", at: Date.now() };
    await team.stub.deliveries.report({ ...report, outcome: "failing", attempts: 1, failedReplay: false });
    expect(await attentionOf(team, id)).toBe(0);
    await team.stub.deliveries.report({ ...report, outcome: "parked", attempts: 9, failedReplay: false });
    expect(await attentionOf(team, id)).toBe(ATTENTION.parkedDelivery);
    await team.stub.deliveries.beginReplay({ deliveryId, replayId: null, by: SOMEBODY });
    await team.stub.deliveries.report({ ...report, outcome: "delivered", attempts: 10, failedReplay: false });
    expect(await attentionOf(team, id)).toBe(0);
  });
});

describe("the directory of the deployment", () => {
  const entryOf = async (id: string) => {
    const page = await sweeperFor(bindings).teams(id.slice(0, -1), 100);
    return page.data.find((entry) => entry.id === id) ?? null;
  };

  test("names a team from its creation on, and whether it is frozen", async () => {
    const team = await TeamObject.create();
    expect(await entryOf(team.id)).toEqual({ id: team.id, name: team.id, createdAt: Date.now(), frozenAt: null });
    await team.stub.settings.freeze(true, SOMEBODY);
    expect(await entryOf(team.id)).toMatchObject({ frozenAt: Date.now() });
    await team.stub.settings.freeze(false, SOMEBODY);
    expect(await entryOf(team.id)).toMatchObject({ frozenAt: null });
  });

  test("is listed to the operator by id, page by page, and to nobody else", async () => {
    const teams = [await TeamObject.create(), await TeamObject.create()];
    const listed: string[] = [];
    for (let cursor: string | null = ""; cursor !== null; ) {
      const path: string = `/v1/admin/teams?limit=1${cursor === "" ? "" : `&cursor=${cursor}`}`;
      const page: Answer<{ data: { id: string }[]; next_cursor: string | null }> = await ask("GET", path, {
        key: ADMIN_TOKEN,
      });
      listed.push(...page.body.data.map(({ id }) => id));
      cursor = page.body.next_cursor;
    }
    expect(listed).toEqual([...listed].sort());
    for (const { id } of teams) expect(listed.filter((each) => each === id)).toEqual([id]);
    expect((await ask("GET", "/v1/admin/teams")).status).toBe(401);
  });

  test("is told by the alarm what could not be told at once", async () => {
    const { BucketSweeper } = await import("../../../src/files/sweeper.ts");
    const lost = vi.spyOn(BucketSweeper.prototype, "recordTeam").mockImplementation(() => {
      throw new Error("reset");
    });
    const team = await TeamObject.create();
    expect(await entryOf(team.id)).toBeNull();
    lost.mockRestore();
    const due = await runInDurableObject(teamFor(bindings, team.id), (_instance, { storage }) => storage.getAlarm());
    expect(due).toBeLessThanOrEqual(Date.now() + 60_000);
    await passTime(60_000);
    await runInDurableObject(teamFor(bindings, team.id), (instance) => (instance as { alarm(): unknown }).alarm());
    expect(await entryOf(team.id)).toMatchObject({ id: team.id });
  });
});
