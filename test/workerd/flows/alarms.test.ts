// Alarms that ring twice, get lost, or meet a fault: nothing is done twice, nothing that is owed is left lying.

import { runInDurableObject } from "cloudflare:test";
import { describe, expect } from "vitest";
import { ALARM_BUDGET_MS } from "../../../src/platform/alarm.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from "../../../src/platform/time.ts";
import { passTime } from "../../harness/clock.ts";
import { test } from "../../harness/fixtures.ts";
import { evict, trackerOf } from "../../harness/objects.ts";
import { places, ROADS, undisturbedStory } from "../../harness/roads.ts";
import { expectArmed, ring, runToEnd } from "../../harness/tracker.ts";
import { deliverWebhooks, sandbox, signAsNewUser, sourcePath } from "../../harness/upstream.ts";
import { runDry, walk } from "../../harness/walk.ts";
import { interceptFetch, isSource, upstreamCall } from "../../harness/wire.ts";

describe("an alarm that rings twice does nothing twice", () => {
  test.each(ROADS)("$name: twice in a row", async (road) => {
    const told = await undisturbedStory(road);
    const twice = async (id: string) => {
      await ring(id);
      await ring(id);
    };
    expect(await walk(road, { ring: twice })).toEqual(told);
  });

  test.each(ROADS)("$name: twice at once", async (road) => {
    const told = await undisturbedStory(road);
    const twice = (id: string) => Promise.all([ring(id), ring(id)]);
    expect(await walk(road, { ring: twice })).toEqual(told);
  });
});

describe("an alarm that got lost comes back", () => {
  test.each(places())("$name: after $what, by the object's next wake-up", async ({ road, k }) => {
    const told = await undisturbedStory(road);
    const story = await walk(road, {
      between: async ({ id }, step) => {
        if (step !== k) return;
        await loseAlarm(id);
        await evict(id);
      },
    });
    expect(story).toEqual(told);
  });

  test.each(ROADS)("$name: lost after every step, found by whoever reads the request", async (road) => {
    const told = await undisturbedStory(road);
    const story = await walk(road, {
      between: async ({ team, id }) => {
        await loseAlarm(id);
        await team.read(id);
      },
    });
    expect(story).toEqual(told);
  });
});

async function loseAlarm(id: string): Promise<void> {
  await runInDurableObject(trackerOf(id), (_instance, state) => state.storage.deleteAlarm());
}

const FAULTS: { fault: string; ours: boolean; answer: (request: Request) => Promise<Response> }[] = [
  { fault: "a call that fails", ours: false, answer: () => Promise.reject(new TypeError("fault in a test")) },
  {
    fault: "an answer that breaks whoever looks at it",
    ours: true,
    // Awaiting asks for `then`: the fault must come later, where the answer is read.
    answer: async () => new Proxy(new Response(null), { get: (_, name) => (name === "then" ? undefined : raise()) }),
  },
];

function raise(): never {
  throw new RangeError("fault in a test");
}

describe("a fault in one row never stops the others", () => {
  test.for(FAULTS)("$fault: one file of three", async ({ answer, ours }, { team }) => {
    const broken = { path: "" };
    interceptFetch((request, pass) => (new URL(request.url).pathname === broken.path ? answer(request) : pass()));
    const { id } = await team.submit("three cats sandbox:many-files:3");
    broken.path = await sourcePath(1);
    await passTime(5 * SECOND_MS);
    await deliverWebhooks();
    await ring(id);
    await expectArmed(id);
    const stored = await team.read(id);
    expect(stored).toMatchObject({
      status: "IN_PROGRESS",
      stage: "storing",
      files: [{ status: "stored" }, { status: "pending", url: null }, { status: "stored" }],
    });
    // What is our own doing uses up no try: the file is had once the fault is mended. What the source does, does.
    if (ours) broken.path = "";
    const ended = await runToEnd(team, id);
    const second = ours ? { status: "stored", error: null } : { status: "failed", error: { code: "storage_failed" } };
    expect(ended).toMatchObject({ status: "COMPLETED", files: [{ status: "stored" }, second, { status: "stored" }] });
    if (!ours) expect(ended.files[1]?.url).toMatch(broken.path);
    const { images } = ended.output as { images: { url: string }[] };
    expect(images.map((image) => image.url)).toEqual(ended.files.map((file) => file.url));
  });

  test.for(FAULTS)("$fault: the poll, while a cancel is due", async ({ answer }, { team }) => {
    interceptFetch((request, pass) => (upstreamCall(request) === "status" ? answer(request) : pass()));
    await sandbox("PATCH", "settings", { queue_ms: { image: HOUR_MS } });
    const { id } = await team.submit("a cat");
    await passTime(2 * MINUTE_MS);
    expect((await team.cancel(id)).status).toBe(202);
    await ring(id);
    expect(await team.read(id)).toMatchObject({ status: "CANCELED", error: null });
    await runDry({ id, ring: async () => void (await ring(id)) });
    await expectArmed(id);
  });
});

test("an alarm starts nothing after its minute, and is back at once for what it left", async ({ team }) => {
  let gets = 0;
  interceptFetch(async (request, pass) => {
    if (isSource(request) && ++gets === 1) await passTime(ALARM_BUDGET_MS + 1);
    return pass();
  });
  await sandbox("PATCH", "settings", { cdn_ttl_ms: DAY_MS });
  await signAsNewUser();
  const { id } = await team.submit("six cats sandbox:many-files:6");
  await passTime(5 * SECOND_MS);
  await deliverWebhooks();
  await ring(id);
  expect(gets).toBeLessThan(6);
  expect(await team.read(id)).toMatchObject({ stage: "storing" });
  await expectArmed(id);
  await ring(id);
  expect(await team.read(id)).toMatchObject({ status: "COMPLETED" });
  expect(gets).toBe(6);
});
