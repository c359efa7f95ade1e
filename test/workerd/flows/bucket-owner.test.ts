// One bucket, one owner: a deployment that does not own the bucket deletes nothing in it, says so, and may take it over on purpose.

import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { describe, expect, vi } from "vitest";
import { outputKey } from "../../../src/files/bucket-keys.ts";
import { claimBucket, OWNER_KEY } from "../../../src/files/bucket-owner.ts";
import { sweeperFor } from "../../../src/platform/stubs.ts";
import { call } from "../../harness/calls.ts";
import { bindings } from "../../harness/env.ts";
import { test } from "../../harness/fixtures.ts";
import { Team } from "../../harness/team.ts";

test.beforeEach(async () => {
  for (const { key } of (await bindings.FILES.list()).objects) await bindings.FILES.delete(key);
  await runInDurableObject(sweeperFor(bindings), (_instance, { storage }) => storage.deleteAll());
});

const NOBODY = "0".repeat(64);
const OTHER = "5f0c2f3e-0000-4000-8000-000000000000";

interface Sweep {
  status: string;
  deleted: number;
  bucket: { owned: boolean; owner: { deployment: string } | null; adoptions: { from: { deployment: string } }[] };
  code: string;
  detail: string;
  hint: string;
}

async function ask(method: string, body?: unknown): Promise<{ status: number; body: Sweep }> {
  const headers = { Authorization: `Bearer ${bindings.ADMIN_TOKEN}`, "Content-Type": "application/json" };
  const init = body === undefined ? { headers } : { headers, body: JSON.stringify(body) };
  const answer = await call(method, "/v1/admin/sweep", init);
  return { status: answer.status, body: (await answer.json()) as Sweep };
}

async function ring(): Promise<void> {
  await runDurableObjectAlarm(sweeperFor(bindings));
}

describe("the owner of a bucket", () => {
  test("is the deployment that makes the first team, and stays it", async () => {
    await Team.create();
    const mark = await (await bindings.FILES.get(OWNER_KEY))?.text();
    expect(JSON.parse(mark ?? "{}")).toEqual({ deployment: expect.any(String), claimed_at: expect.any(Number) });
    await Team.create();
    expect((await ask("POST")).status).toBe(202);
    expect(await (await bindings.FILES.get(OWNER_KEY))?.text()).toBe(mark);
    await ring();
    expect((await ask("GET")).body).toMatchObject({ status: "finished", bucket: { owned: true, adoptions: [] } });
  });

  test("is one of two that claim it at the same moment", async () => {
    const owners = await Promise.all(["a", "b", "c"].map((deployment) => claimBucket(bindings.FILES, deployment, 1)));
    const stored = JSON.parse((await (await bindings.FILES.get(OWNER_KEY))?.text()) ?? "{}") as { deployment: string };
    expect(new Set(owners.map(({ deployment }) => deployment))).toEqual(new Set([stored.deployment]));
  });
});

describe("a deployment on a bucket of another one", () => {
  test("sweeps nothing, and says why and what to do", async () => {
    await claimBucket(bindings.FILES, OTHER, Date.now());
    const team = await Team.create();
    await bindings.FILES.put(outputKey(team.id, NOBODY, 0), "another deployment's file");
    const { status, body } = await ask("POST");
    expect(status).toBe(409);
    expect(body.code).toBe("conflict");
    expect(body.detail).toContain(OTHER);
    expect(body.hint).toContain('{"adopt": true}');
    await ring();
    expect((await ask("GET")).status).toBe(409);
    expect(await bindings.FILES.head(outputKey(team.id, NOBODY, 0))).not.toBeNull();
  });

  test("leaves the files of a team of the same name when it removes its own", async () => {
    await claimBucket(bindings.FILES, OTHER, Date.now());
    const team = await Team.create();
    await bindings.FILES.put(outputKey(team.id, NOBODY, 0), "another deployment's file");
    expect(await sweeperFor(bindings).emptyTeam(team.id)).toEqual({ deleted: 0, done: true });
    expect(await bindings.FILES.head(outputKey(team.id, NOBODY, 0))).not.toBeNull();
  });

  test("stops in the midst of a sweep when the other one takes the bucket over", async () => {
    const team = await Team.create();
    await bindings.FILES.put(outputKey(team.id, NOBODY, 0), "1");
    expect((await ask("POST")).status).toBe(202);
    await bindings.FILES.put(OWNER_KEY, JSON.stringify({ deployment: OTHER, claimed_at: 1 }));
    await ring();
    expect((await ask("GET")).body).toMatchObject({ status: "refused", deleted: 0, bucket: { owned: false } });
  });

  test("sweeps once the operator has taken the bucket over, which is recorded", async () => {
    await claimBucket(bindings.FILES, OTHER, Date.now());
    const team = await Team.create();
    await bindings.FILES.put(outputKey(team.id, NOBODY, 0), "1");
    await bindings.FILES.put(outputKey("their-team", NOBODY, 0), "1");
    expect((await ask("POST", { adopt: false })).status).toBe(409);
    expect((await ask("POST", { adopt: true })).status).toBe(202);
    await ring();
    const { body } = await ask("GET");
    expect(body).toMatchObject({ status: "finished", deleted: 1 });
    expect(body.bucket).toMatchObject({ owned: true, adoptions: [{ from: { deployment: OTHER } }] });
    expect(await bindings.FILES.head(outputKey("their-team", NOBODY, 0)), "no team of ours").not.toBeNull();
    expect((await ask("POST", { adopt: true })).status, "again").toBe(202);
    expect((await ask("GET")).body.bucket.adoptions).toHaveLength(1);
  });

  test.each(["", "not JSON", "{}", '{"deployment":7}'])("takes an unreadable mark %j for another's", async (mark) => {
    await bindings.FILES.put(OWNER_KEY, mark);
    const { status, body } = await ask("POST");
    expect(status).toBe(409);
    expect(body.detail).toContain("unreadable");
    expect((await ask("POST", { adopt: true })).status).toBe(202);
  });

  test("goes on when R2 cannot be asked whose the bucket is, and deletes nothing meanwhile", async () => {
    const team = await Team.create();
    await bindings.FILES.put(outputKey(team.id, NOBODY, 0), "1");
    await ask("POST");
    const bucket = Object.getPrototypeOf(bindings.FILES) as R2Bucket;
    const away = vi.spyOn(bucket, "get").mockRejectedValue(new Error("R2 is away"));
    await ring();
    away.mockRestore();
    expect((await ask("GET")).body).toMatchObject({ status: "running", deleted: 0 });
    await ring();
    expect((await ask("GET")).body).toMatchObject({ status: "finished", deleted: 1 });
  });
});
