// Alarms that ring twice, get lost, or meet a fault: nothing is done twice, nothing that is owed is left lying.

import { runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ALARM_BUDGET_MS, DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, TAKES_BEFORE_BACKOFF } from "../../src/limits.ts";
import { attentionAt, leaseMs } from "../../src/requests/schedule.ts";
import type { Effect } from "../../src/requests/types.ts";
import { places, ROADS, runDry, undisturbedStory, walk } from "../support/roads.ts";
import {
  call,
  cutOff,
  deliverWebhooks,
  eventually,
  evict,
  expectArmed,
  freezeClocks,
  interceptFetch,
  passTime,
  recordOf,
  ring,
  runToEnd,
  sandbox,
  silence,
  Team,
  trackerOf,
  upstreamCall,
  upstreamRequests,
} from "../support/world.ts";

let team: Team;
beforeEach(async () => {
  await freezeClocks();
  team = await Team.create();
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("an alarm that rings twice does nothing twice", () => {
  it.each(ROADS)("$name: twice in a row", async (road) => {
    const told = await undisturbedStory(road);
    const twice = async (id: string) => {
      await ring(id);
      await ring(id);
    };
    expect(await walk(road, { ring: twice })).toEqual(told);
  });

  it.each(ROADS)("$name: twice at once", async (road) => {
    const told = await undisturbedStory(road);
    const twice = (id: string) => Promise.all([ring(id), ring(id)]);
    expect(await walk(road, { ring: twice })).toEqual(told);
  });
});

describe("an alarm that got lost comes back", () => {
  it.each(places())("$name: after $what, by the object's next wake-up", async ({ road, k }) => {
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

  it.each(ROADS)("$name: lost after every step, found by whoever reads the request", async (road) => {
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
  it.each(FAULTS)("$fault: one file of three", async ({ answer, ours }) => {
    const broken = { path: "" };
    interceptFetch((request, pass) => (new URL(request.url).pathname === broken.path ? answer(request) : pass()));
    const { id } = await team.submit("three cats sandbox:many-files:3");
    broken.path = await filePath(1);
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

  it.each(FAULTS)("$fault: the poll, while a cancel is due", async ({ answer }) => {
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

describe("work that is cut off", () => {
  it("a submit whose answer comes after its lease was believed lost, is heard all the same, and fal is asked once", async () => {
    let submits = 0;
    let answers = false;
    interceptFetch(async (request, pass) => {
      if (upstreamCall(request) !== "submit") return pass();
      if (submits++ === 0) return Response.json({ error: { message: "Rate limit exceeded" } }, { status: 429 });
      const answer = await pass();
      await eventually(async () => expect(answers).toBe(true));
      return answer;
    });
    const { id } = await team.submit("a cat");
    await passTime(2 * SECOND_MS);
    const slow = ring(id);
    await eventually(async () => expect(await team.read(id)).toMatchObject({ stage: "submitting" }));
    await expectArmed(id);
    await passTime(leaseMs("submit"));
    await ring(id);
    expect(await team.read(id)).toMatchObject({
      status: "IN_QUEUE",
      stage: "uncertain",
      upstream: { request_id: null },
    });
    await expectArmed(id);
    answers = true;
    await slow;
    const [sent, ...more] = await upstreamRequests();
    expect(more).toEqual([]);
    expect(await team.read(id)).toMatchObject({ stage: "queued", upstream: { request_id: sent?.request_id } });
    expect(await runToEnd(team, id)).toMatchObject({ status: "COMPLETED" });
    expect(submits).toBe(2);
  });

  it("a copy that is still running when its lease is over is begun again, and counts once", async () => {
    let copies = 0;
    let answers = false;
    interceptFetch(async (request, pass) => {
      const answer = await pass();
      if (!isFile(request) || ++copies > 1) return answer;
      await eventually(async () => expect(answers).toBe(true));
      return answer;
    });
    await sandbox("PATCH", "settings", { cdn_ttl_ms: DAY_MS });
    const { id } = await team.submit("a cat");
    await passTime(5 * SECOND_MS);
    await deliverWebhooks();
    const slow = ring(id);
    await eventually(async () => expect(copies).toBe(1));
    await passTime(leaseMs("mirror"));
    await ring(id);
    const ended = await team.read(id);
    expect(ended).toMatchObject({ status: "COMPLETED", files: [{ status: "stored" }] });
    answers = true;
    await slow;
    expect(await team.read(id)).toEqual(ended);
    expect((await team.timeline(id)).filter((what) => what === "stored")).toHaveLength(1);
    expect((await call(ended.files[0]?.url ?? "")).status).toBe(200);
    await expectArmed(id);
  });

  it("a copy that died with its object is begun again as soon as the object wakes, long before its lease is over", async () => {
    let tries = 0;
    interceptFetch((request, pass) => (isFile(request) && ++tries === 1 ? silence(request) : pass()));
    const { id } = await team.submit("a cat");
    await passTime(5 * SECOND_MS);
    await deliverWebhooks();
    const broken = ring(id).catch((fault: Error) => expect(fault.message).toBe("cut off by a test"));
    await eventually(async () => expect(tries).toBe(1));
    await cutOff(id);
    await broken;
    await expectArmed(id);
    await ring(id);
    expect(await team.read(id)).toMatchObject({ status: "COMPLETED", files: [{ status: "stored" }] });
  });

  it("a file that ends its object at every try is put off, and its neighbours are stored meanwhile", async () => {
    const deadly = { path: "", tries: 0, holds: true };
    interceptFetch((request, pass) => {
      if (new URL(request.url).pathname !== deadly.path || !deadly.holds) return pass();
      deadly.tries++;
      return silence(request);
    });
    await sandbox("PATCH", "settings", { cdn_ttl_ms: DAY_MS });
    const { id } = await team.submit("three cats sandbox:many-files:3");
    deadly.path = await filePath(0);
    await passTime(5 * SECOND_MS);
    await deliverWebhooks();
    for (let tries = 1; tries <= TAKES_BEFORE_BACKOFF; tries++) {
      const broken = ring(id).catch((fault: Error) => expect(fault.message).toBe("cut off by a test"));
      await eventually(async () => expect(deadly.tries).toBe(tries));
      await eventually(async () =>
        expect(await team.read(id)).toMatchObject({
          files: [{ status: "pending" }, { status: "stored" }, { status: "stored" }],
        }),
      );
      await cutOff(id);
      await broken;
      await expectArmed(id);
      await passTime(leaseMs("mirror"));
    }
    await ring(id);
    await expectArmed(id);
    expect(deadly.tries).toBe(TAKES_BEFORE_BACKOFF);
    const put = await mirrorRow(id);
    expect(put).toMatchObject({ leaseUntil: null, lastFailure: "cut off again and again" });
    expect(attentionAt(put)).toBeGreaterThan(Date.now() + 10 * SECOND_MS);
    deadly.holds = false;
    expect(await runToEnd(team, id)).toMatchObject({ status: "COMPLETED", files: [{ status: "stored" }, {}, {}] });
  });
});

it("an alarm starts nothing after its minute, and is back at once for what it left", async () => {
  let gets = 0;
  interceptFetch(async (request, pass) => {
    if (isFile(request) && ++gets === 1) await passTime(ALARM_BUDGET_MS + 1);
    return pass();
  });
  await sandbox("PATCH", "settings", { cdn_ttl_ms: DAY_MS });
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

function isFile(request: Request): boolean {
  return new URL(request.url).hostname === "cdn.sandbox.test";
}

/** Where file `n` of the only request lies at the CDN. */
async function filePath(n: number): Promise<string> {
  const [sent] = (await upstreamRequests()) as unknown as { files: { path: string }[] }[];
  return sent?.files[n]?.path ?? "";
}

async function mirrorRow(id: string): Promise<Effect> {
  const row = (await recordOf(id))?.effects.find((effect) => effect.kind === "mirror");
  if (row === undefined) throw new Error("no copy is owed");
  return row;
}
