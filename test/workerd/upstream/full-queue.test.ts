// Submits that come while too many wait: turned away with 429 or 503 and Retry-After, and nothing of them stays.

import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, expect, vi } from "vitest";
import { MINUTE_MS, SECOND_MS } from "../../../src/platform/time.ts";
import { QUEUE_FULL_REMEMBERED_MS, QUEUE_FULL_RETRY_S } from "../../../src/requests/service/full-queues.ts";
import { UpstreamAccount } from "../../../src/upstream/account.ts";
import { introduceAccount } from "../../harness/account.ts";
import { passTime } from "../../harness/clock.ts";
import { eventually } from "../../harness/eventually.ts";
import { test } from "../../harness/fixtures.ts";
import { account, trackerOf } from "../../harness/objects.ts";
import type { Team } from "../../harness/team.ts";
import { ring, runToEnd } from "../../harness/tracker.ts";

const LIMITS = [
  { name: "open", scope: "team", per: "concurrent", limit: 10 },
  { name: "day", scope: "team", per: "request", window: "1d", limit: 10 },
];

test.override("plan", { limits: LIMITS });

test.beforeEach(async ({ team }) => {
  await introduceAccount(team);
  await passTime(MINUTE_MS + QUEUE_FULL_REMEMBERED_MS);
});

/** The account turns new submits away from now on; answers the ids that asked. */
function fullOf(of: "team" | "account"): { ids: string[]; empty: () => void } {
  const real = UpstreamAccount.prototype.requestGrant;
  const ids: string[] = [];
  const spy = vi.spyOn(UpstreamAccount.prototype, "requestGrant").mockImplementation(function (
    this: UpstreamAccount,
    ...args
  ) {
    const [request] = args;
    if (request.isNew !== true) return real.apply(this, args);
    ids.push(request.requestId);
    return Promise.resolve({ granted: false, reason: "queue_full", of });
  });
  return { ids, empty: () => spy.mockRestore() };
}

async function submit(team: Team, headers: Record<string, string> = {}) {
  const body = { model: "fal-ai/flux/schnell", input: { prompt: "a cat" } };
  return team.send<{ code: string; id: string }>("POST", "/v1/requests", body, headers);
}

describe("a submit while the queue is full", () => {
  test.for([
    ["team", 429, "rate_limited"],
    ["account", 503, "overloaded"],
  ] as const)(
    "of the %s is answered %i with Retry-After, and nothing reserved stays",
    async ([of, status, code], { team }) => {
      const before = await team.used();
      const full = fullOf(of);
      const refused = await submit(team);
      expect([refused.status, refused.body.code, refused.headers.get("Retry-After")]).toEqual([
        ...[status, code, String(QUEUE_FULL_RETRY_S)],
      ]);
      expect(await team.used()).toEqual(before);
      const [id = ""] = full.ids;
      for (let n = 0; n < 3; n++) await ring(id);
      expect(await team.used()).toEqual(before);
      expect((await team.send("GET", `/v1/requests/${id}`)).status).toBe(410);
      const listed = await team.send<{ data: { id: string }[] }>("GET", "/v1/requests");
      expect(listed.body.data.map((each) => each.id)).not.toContain(id);
      expect(await runInDurableObject(trackerOf(id), (_instance, { storage }) => storage.getAlarm())).toBeNull();
      // The isolate remembers: nobody is asked for a while.
      expect((await submit(team)).status).toBe(status);
      expect(full.ids).toHaveLength(1);
      await passTime(QUEUE_FULL_REMEMBERED_MS);
      full.empty();
      const taken = await submit(team);
      expect([200, 201, 202]).toContain(taken.status);
      expect((await runToEnd(team, taken.body.id)).status).toBe("COMPLETED");
    },
  );

  test("may be repeated with its idempotency key, and is taken then", async ({ team }) => {
    const full = fullOf("team");
    const key = { "Idempotency-Key": crypto.randomUUID() };
    expect((await submit(team, key)).status).toBe(429);
    await passTime(QUEUE_FULL_REMEMBERED_MS + SECOND_MS);
    full.empty();
    const taken = await submit(team, key);
    expect([200, 201, 202]).toContain(taken.status);
    expect((await runToEnd(team, taken.body.id)).status).toBe("COMPLETED");
  });
});

test("a request that waits already is turned away by nobody, also after the account was put out of memory", async ({
  team,
}) => {
  await account().pauseAfterRateLimit(null);
  const { id, stage } = await team.submit("a cat");
  expect(stage).toBe("held");
  fullOf("account");
  await evictDurableObject(account());
  await passTime(30 * SECOND_MS);
  await ring(id);
  await eventually(async () => expect((await team.read(id)).stage).toBe("queued"));
  expect((await runToEnd(team, id)).status).toBe("COMPLETED");
});
