// A delivery's crash points: the tracker breaks off at each of them, and its receiver hears of the end at least once, always with
// the same id and bytes, and the log, the books and the team's index come to the same as without.

import { runInDurableObject } from "cloudflare:test";
import { describe, expect, vi } from "vitest";
import { teamFor, trackerFor } from "../../../src/platform/stubs.ts";
import { ALARM_NET_MS } from "../../../src/requests/machine/lanes.ts";
import { Deliveries } from "../../../src/team/endpoints/deliveries.ts";
import { DELIVER_RETRY_MS } from "../../../src/webhooks/retry-schedule.ts";
import { introduceAccount } from "../../harness/account.ts";
import { passTime } from "../../harness/clock.ts";
import { deliveryOf, status } from "../../harness/deliveries.ts";
import { bindings } from "../../harness/env.ts";
import { eventually } from "../../harness/eventually.ts";
import { test } from "../../harness/fixtures.ts";
import { cutOff, evict } from "../../harness/objects.ts";
import type { Received } from "../../harness/receiver.ts";
import type { Scene } from "../../harness/scene.ts";
import { expectArmed, recordOf, ring } from "../../harness/tracker.ts";
import { signAsNewUser } from "../../harness/upstream.ts";

test.beforeEach(() => signAsNewUser());

/** How often each point's receiver may hear of it: what was sent before the crash is sent again. */
const TIMES = {
  "leased, before it asks where to send": 1,
  "told where to send, before it sends": 1,
  "sending, before the answer": 2,
  "answered, before the outcome is written": 2,
  "done, before the team is told": 1,
  "done, before it hears that the team was told": 1,
};
type Point = keyof typeof TIMES;

/** The first time that a delivery comes to this point it stays there. Answers whether it has. */
function stickAt({ receivers }: Scene, point: Point): () => boolean {
  let stuck = false;
  const never = new Promise<never>(() => undefined);
  function stick<T>(now: boolean, go: () => Promise<T>): Promise<T> {
    if (stuck || !now) return go();
    stuck = true;
    return never;
  }
  async function stickAfter<T>(now: boolean, go: () => Promise<T>): Promise<T> {
    const value = await go();
    return stick(now, async () => value);
  }
  const { target, report } = Deliveries.prototype;
  vi.spyOn(Deliveries.prototype, "target").mockImplementation(function (this: Deliveries, asked) {
    const ask = async () => target.call(this, asked);
    const answer =
      point === "told where to send, before it sends"
        ? stickAfter(true, ask)
        : stick(point === "leased, before it asks where to send", ask);
    return answer as unknown as ReturnType<typeof target>;
  });
  vi.spyOn(Deliveries.prototype, "report").mockImplementation(function (this: Deliveries, reported) {
    const tell = async () => report.call(this, reported);
    const answer =
      point === "done, before it hears that the team was told"
        ? stickAfter(true, tell)
        : stick(point === "done, before the team is told", tell);
    return answer as unknown as ReturnType<typeof report>;
  });
  receivers.answer("own.example", async (request, received) => {
    const take = async () => status(200)(request, received);
    if (point !== "answered, before the outcome is written") return stick(point === "sending, before the answer", take);
    // The status is here; the answer's body, and with it the outcome, is not.
    if (stuck) return take();
    stuck = true;
    return new Response(new ReadableStream({ pull: () => new Promise(() => undefined) }));
  });
  return () => stuck;
}

const POINTS = Object.entries(TIMES) as [Point, number][];

describe("the tracker breaks off after the answer to fal's webhook, when a delivery is", () => {
  test.for(POINTS)("%s: the receiver hears of it %d time(s)", async ([point, times], { scene }) => {
    await introduceAccount(scene.team);
    const isStuck = stickAt(scene, point);
    const id = await scene.finished();
    await eventually(async () => expect(isStuck()).toBe(true));
    await expectArmed(id, Date.now() + ALARM_NET_MS);
    await cutOff(id);
    await scene.team.read(id);
    await expectArmed(id, Date.now());
    await ring(id);
    expectSame(scene.receivers.received, times);
    await expectDelivered(scene, id, { cutOff: point.startsWith("done") ? 0 : 1 });
  });
});

describe("the tracker breaks off in its alarm, when a delivery is", () => {
  test.for(POINTS)("%s: the receiver hears of it %d time(s)", async ([point, times], { scene }) => {
    const isStuck = stickAt(scene, point);
    const id = await scene.finished();
    const ringing = ring(id).catch((fault: Error) => expect(fault.message).toBe("cut off by a test"));
    await eventually(async () => expect(isStuck()).toBe(true));
    await cutOff(id);
    await ringing;
    await scene.team.read(id);
    await expectArmed(id, Date.now());
    await ring(id);
    expectSame(scene.receivers.received, times);
    await expectDelivered(scene, id, { cutOff: point.startsWith("done") ? 0 : 1 });
  });
});

test("evicted before the lease, and its alarm twice: the receiver hears of it once", async ({ scene }) => {
  const id = await scene.finished();
  await evict(id);
  await ring(id);
  await evict(id);
  await ring(id);
  await ring(id);
  expectSame(scene.receivers.received, 1);
  await expectDelivered(scene, id, { cutOff: 0 });
});

test("an alarm that got lost comes back with whoever reads the request", async ({ scene }) => {
  scene.receivers.answer("own.example", status(500));
  const id = await scene.ended();
  const tracker = trackerFor(bindings, id);
  await runInDurableObject(tracker, (_instance, state) => state.storage.deleteAlarm());
  await evict(id);
  await scene.team.read(id);
  await expectArmed(id);
  scene.receivers.answer("own.example", status(200));
  await scene.nextTry(id, DELIVER_RETRY_MS[0]);
  expectSame(scene.receivers.received, 2);
});

test("crashed repeatedly while it sends, it backs off, and is told in the end", async ({ scene }) => {
  const id = await scene.finished();
  let cuts = 0;
  for (let crash = 0; crash < 6; crash++) {
    let isSent = false;
    scene.receivers.answer("own.example", () => {
      isSent = true;
      return new Promise(() => undefined);
    });
    const ringing = ring(id).catch(() => undefined);
    await Promise.race([eventually(async () => expect(isSent).toBe(true)), ringing]);
    if (isSent) await cutOff(id);
    await ringing;
    if (!isSent) break;
    cuts++;
  }
  expect(cuts, "it backs off before the sixth crash").toBeGreaterThan(0);
  expect(cuts).toBeLessThan(6);
  scene.receivers.answer("own.example", status(200));
  await passTime(10 * 60_000);
  await ring(id);
  expect(new Set(scene.receivers.received.map((each) => each.id)).size).toBe(1);
  const { log } = await scene.onlyDelivery(id);
  expect(log).toHaveLength(1);
  expect(log[0]).toMatchObject({ status: 200, cut_off_before: cuts });
  expect(scene.receivers.received).toHaveLength(1 + cuts);
});

test("a first failure and an outcome that the team could not hear are told later, and nothing is lost of them", async ({
  scene,
}) => {
  const told = vi.spyOn(Deliveries.prototype, "report").mockImplementation(() => {
    throw new Error("overloaded");
  });
  scene.receivers.answer("own.example", status(500));
  const id = await scene.ended();
  expect(told).toHaveBeenCalled();
  told.mockRestore();
  scene.receivers.answer("own.example", status(200));
  await scene.nextTry(id, DELIVER_RETRY_MS[0]);
  await scene.nextTry(id, DELIVER_RETRY_MS[0]);
  await expectDelivered(scene, id, { cutOff: 0 });
});

function expectSame(heard: readonly Received[], times: number): void {
  expect(heard).toHaveLength(times);
  expect(new Set(heard.map(({ id }) => id)).size).toBe(1);
  expect(new Set(heard.map(({ body }) => body)).size).toBe(1);
}

/** Taken, logged once, nothing left to do, and the team knows test. */
async function expectDelivered(scene: Scene, id: string, { cutOff }: { cutOff: number }): Promise<void> {
  const delivery = await scene.onlyDelivery(id);
  expect(delivery).toMatchObject({ state: "delivered" });
  expect(delivery.log.at(-1)).toMatchObject({ status: 200, cut_off_before: cutOff });
  expect(delivery.log.filter((each) => each.status === 200)).toHaveLength(1);
  expect((await recordOf(id))?.effects.map(({ name }) => name)).toEqual(["delete:deliveries"]);
  const known = await teamFor(bindings, scene.team.id).deliveries.read({ deliveryId: delivery.id });
  expect(known).toMatchObject({ state: "delivered", attempts: delivery.attempts });
  expect((await deliveryOf(scene.team, delivery.id)).attempts).toBe(delivery.log.length);
}
