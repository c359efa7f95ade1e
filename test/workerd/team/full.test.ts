// A team whose object is nearly full: its operator is told once, submits stop, and what is under way is still booked.

import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect } from "vitest";
import type { Env } from "../../../src/platform/bindings.ts";
import { Team } from "../../../src/team/team.ts";
import {
  FULL_PERCENT,
  NEARLY_FULL_PERCENT,
  roomLeft,
  SIZE_NOTICE_RETRY_MS,
} from "../../../src/team/usage/size-watch.ts";
import { passTime } from "../../harness/clock.ts";
import { bindings } from "../../harness/env.ts";
import { test } from "../../harness/fixtures.ts";
import { anEnd, type TeamObject } from "../../harness/team-object.ts";
import { interceptFetch } from "../../harness/wire.ts";

const RECEIVER = "https://operator.example/hook";
const LIMIT_MB = 1;
const LIMIT_BYTES = LIMIT_MB * 1_000_000;

/** The team's object as a deployment makes it whose objects are small. */
function inSmallObject<T>(team: TeamObject, work: (small: Team, storage: DurableObjectStorage) => Promise<T>) {
  const small = { ...bindings, OBJECT_SIZE_LIMIT_MB: String(LIMIT_MB), OPERATOR_WEBHOOK_URL: RECEIVER };
  return runInDurableObject(env.TEAM.getByName(team.id), (_instance, state) =>
    work(new Team(state, small as unknown as Env), state.storage),
  );
}

/** Fills the object up to a percentage of its size. */
function fill({ sql }: DurableObjectStorage, percent: number): void {
  while ((sql.databaseSize / LIMIT_BYTES) * 100 < percent) {
    sql.exec("INSERT INTO audit (at, actor, action, detail) VALUES (1, 'k', 'a', ?)", "x".repeat(8_000));
  }
}

test.each([
  ["enough", 0],
  ["enough", NEARLY_FULL_PERCENT - 1],
  ["little", NEARLY_FULL_PERCENT],
  ["little", FULL_PERCENT - 1],
  ["none", FULL_PERCENT],
  ["none", 120],
] as const)("there is %s room at %i %%", (room, percent) => {
  expect(roomLeft(percent, 100)).toBe(room);
});

describe("a team that is full", () => {
  test("is refused new submits with team_full, repeats and ends are answered", async ({ teamObject: team }) => {
    const post = await team.post({ idempotencyKey: "again" });
    await inSmallObject(team, async (small, storage) => {
      expect((await small.admit(post)).kind).toBe("admitted");
      fill(storage, FULL_PERCENT);
      const refused = await small.admit({ ...post, requestId: "another", idempotencyKey: null });
      expect(refused).toMatchObject({ kind: "refused", refusal: { code: "team_full" } });
      expect(await small.admit({ ...post, requestId: "another" })).toMatchObject({ kind: "admitted", replayed: true });
      expect(await small.settle(anEnd(post.requestId, "charge"))).toMatchObject({ kind: "settled" });
      const file = { objectKey: "o1", name: "cat.png", contentType: "image/png", size: 1 };
      const { credential, user, visitor, ip, network, tags } = post;
      const upload = { credential, user, visitor, ip, network, tags, ...file };
      const full = await small.uploads.announce({ ...upload, id: "upl_11111111111111111111" });
      expect(full).toMatchObject({ kind: "refused", refusal: { code: "team_full" } });
      storage.sql.exec("DELETE FROM audit WHERE actor = 'k'");
      expect((await small.uploads.announce({ ...upload, id: "upl_11111111111111111111" })).kind).toBe("announced");
      expect((await small.admit({ ...post, requestId: "another", idempotencyKey: null })).kind).toBe("admitted");
    });
  });

  test("has its operator told once at 80 %, again after a failed call, and anew after there was room", async ({
    teamObject: team,
  }) => {
    const told: { id: string; body: { type: string; data: object } }[] = [];
    let status = 503;
    interceptFetch(async (request, pass) => {
      if (request.url !== RECEIVER) return pass();
      told.push({ id: request.headers.get("webhook-id") ?? "", body: await request.json() });
      return new Response(null, { status });
    });
    await inSmallObject(team, async (small, storage) => {
      await small.alarm();
      expect(told).toEqual([]);
      fill(storage, NEARLY_FULL_PERCENT);
      await small.alarm();
      const data = { team: team.id, percent: NEARLY_FULL_PERCENT, limit_bytes: LIMIT_BYTES };
      expect(told).toMatchObject([{ body: { type: "team.nearly_full", data } }]);
      expect(await storage.getAlarm()).toBeLessThanOrEqual(Date.now() + SIZE_NOTICE_RETRY_MS);
      status = 204;
      await passTime(SIZE_NOTICE_RETRY_MS);
      await small.alarm();
      await small.alarm();
      expect(told.map(({ id }) => id)).toEqual([told[0]?.id, told[0]?.id]);
      storage.sql.exec("DELETE FROM audit WHERE actor = 'k'");
      await small.alarm();
      fill(storage, NEARLY_FULL_PERCENT);
      await small.alarm();
      expect(new Set(told.map(({ id }) => id)).size).toBe(2);
    });
  });
});
