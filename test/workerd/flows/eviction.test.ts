// Objects lose their memory between any two steps, and in the midst of any call: the end is the same, and fal is asked once.

import { describe, expect, vi } from "vitest";
import { HOUR_MS } from "../../../src/platform/time.ts";
import { passTime } from "../../harness/clock.ts";
import { bindings } from "../../harness/env.ts";
import { eventually } from "../../harness/eventually.ts";
import { test } from "../../harness/fixtures.ts";
import { cutOff, evict, evictEverything } from "../../harness/objects.ts";
import { places, ROADS, undisturbedStory } from "../../harness/roads.ts";
import { expectArmed, ring } from "../../harness/tracker.ts";
import { deliverWebhooks, sandbox } from "../../harness/upstream.ts";
import { COUNTED, RECEIVER, receive, runDry, storyOf, walk } from "../../harness/walk.ts";
import { interceptFetch, upstreamCall } from "../../harness/wire.ts";

test.each(ROADS)("$name ends as $ends, settled and told, with nothing owed", async (road) => {
  const story = await undisturbedStory(road);
  expect(story).toMatchObject({
    status: road.ends,
    owed: [],
    heard: [
      { same: true, taken: false },
      { same: true, taken: true },
    ],
    index: [{ same: true, status: road.ends.toLowerCase() }],
    used: [road.ends === "COMPLETED" ? 1 : 0],
  });
});

describe("the tracker is evicted between two steps, and nobody can tell", () => {
  test.each(places())("$name: after $what", async ({ road, k }) => {
    const told = await undisturbedStory(road);
    const story = await walk(road, {
      between: async ({ id }, step) => {
        if (step === k) await evict(id);
      },
    });
    expect(story).toEqual(told);
  });
});

describe("tracker, team and account are evicted after every step, and nobody can tell", () => {
  test.each(ROADS)("$name", async (road) => {
    const told = await undisturbedStory(road);
    expect(await walk(road, { between: evictEverything })).toEqual(told);
  });
});

type Call = "submit" | "status" | "result" | "cancel" | "file" | "store" | "tell";
const MOMENTS = ["before it leaves", "after its answer, which nobody hears"] as const;
type Moment = (typeof MOMENTS)[number];

interface Break {
  call: Call;
  moment: Moment;
  /** How it ends all the same. */
  ends: Record<string, unknown>;
  /** What the caller or fal does after the submit, if not the usual. */
  then?: "no webhook" | "cancel";
}

/** The digest too, although a copy that is found after a break did not pass by in one piece. */
const FILE = { status: "stored", stored: true, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) };
const COMPLETED = { status: "COMPLETED", files: [FILE], used: [1], submits: 1 };
const CANCELED = { status: "CANCELED", files: [], used: [0], submits: 1 };
/** Nothing can prove that it never left, so it is not sent again, and what it took is kept. */
const UNCERTAIN = {
  status: "FAILED",
  error: { code: "submit_uncertain", charged: "unknown", retryable: false },
  used: [1],
  submits: 0,
};

const BREAKS: Break[] = [
  { call: "submit", moment: "before it leaves", ends: UNCERTAIN },
  { call: "submit", moment: "after its answer, which nobody hears", ends: COMPLETED },
  ...both("result", COMPLETED),
  ...both("file", COMPLETED),
  ...both("store", COMPLETED),
  ...both("tell", COMPLETED),
  ...both("status", COMPLETED, "no webhook"),
  ...both("cancel", CANCELED, "cancel"),
];

function both(call: Call, ends: Break["ends"], then?: Break["then"]): Break[] {
  return MOMENTS.map((moment) => ({ call, moment, ends, ...(then && { then }) }));
}

describe("the tracker breaks off in the midst of a call, and the request ends all the same", () => {
  test.override({ plan: COUNTED });

  test.for(BREAKS)("$call: $moment", async ({ call, moment, ends, then }, { team }) => {
    const heard: { id: string; taken: boolean }[] = [];
    const stuck = stickAt(call, moment, heard);
    // A fal user that is not known yet makes the account fetch the result; a long queue lets a late cancel succeed.
    const queue_ms = { image: then === "cancel" ? HOUR_MS : 0 };
    await sandbox("PATCH", "settings", { user_id: `user_${crypto.randomUUID()}`, queue_ms });
    const broken = eventually(async () => expect(stuck()).toBe(true)).then(async () =>
      cutOff(await team.onlyRequest()),
    );
    const { id } = await team.submit("a cat", { webhook_url: RECEIVER });
    await expectArmed(id);
    await passTime(5_000);
    if (then === "cancel") expect((await team.cancel(id)).status).toBe(202);
    if (then === undefined) await deliverWebhooks();
    // Whoever reads the request finds it, and what died with its object is due at once.
    const brokenOff = async (fault: Error) => {
      expect(fault.message).toBe("cut off by a test");
      await team.read(id);
      await expectArmed(id, Date.now());
    };
    await runDry({ id, ring: () => ring(id).then(() => undefined, brokenOff) });
    await broken;
    expect(await storyOf({ team, id, heard })).toMatchObject({ ...ends, owed: [] });
    expect(new Set(heard.map((each) => each.id)).size).toBe(1);
  });
});

/** The first such call never comes back. Answers whether it has been made. */
function stickAt(call: Call, moment: Moment, heard: { id: string; taken: boolean }[]): () => boolean {
  let stuck = false;
  async function stick<T>(pass: () => Promise<T>): Promise<T> {
    if (stuck) return pass();
    if (moment !== "before it leaves") await pass();
    stuck = true;
    return new Promise<T>(() => undefined);
  }
  interceptFetch((request, pass) => {
    const host = new URL(request.url).hostname;
    const toReceiver = request.url === RECEIVER;
    const kind = toReceiver ? "tell" : host === "cdn.sandbox.test" ? "file" : upstreamCall(request);
    const through = toReceiver ? () => receive(request, heard, true) : pass;
    return kind === call ? stick(through) : through();
  });
  if (call === "store") {
    const bucket = Object.getPrototypeOf(bindings.FILES) as R2Bucket;
    const put = bucket.put;
    vi.spyOn(bucket, "put").mockImplementation(function (this: R2Bucket, ...args: Parameters<R2Bucket["put"]>) {
      return stick(() => put.apply(this, args));
    } as R2Bucket["put"]);
  }
  return () => stuck;
}
