// Deliveries in the real runtime: when receivers hear, what they may do to us, and what is never reached.

import { describe, expect, vi } from "vitest";
import { DAY_MS, HOUR_MS, MINUTE_MS } from "../../../src/platform/time.ts";
import { DELIVER_RETRY_MS } from "../../../src/webhooks/retry-schedule.ts";
import { DELIVER_TIMEOUT_MS } from "../../../src/webhooks/send.ts";
import { call } from "../../harness/calls.ts";
import { passTime } from "../../harness/clock.ts";
import { deliveriesOf, deliveryOf, hang, reset, saveEndpoint, status } from "../../harness/deliveries.ts";
import { eventually } from "../../harness/eventually.ts";
import { test } from "../../harness/fixtures.ts";
import type { AnswerWith } from "../../harness/receiver.ts";
import { HOOK } from "../../harness/scene.ts";
import { holdLimit } from "../../harness/timers.ts";
import { expectArmed, recordOf, ring } from "../../harness/tracker.ts";

describe("the schedule", () => {
  test("500 for an hour, then 200: told at the next slot, by the same id and bytes and a fresh time stamp", async ({
    scene,
  }) => {
    scene.receivers.answer("own.example", status(500, {}, "Internal Server Error"));
    const id = await scene.ended();
    for (const wait of DELIVER_RETRY_MS.slice(0, 3)) await scene.nextTry(id, wait);
    expect(await scene.team.read(id)).toMatchObject({ webhook: { status: "pending", attempts: 4 } });
    scene.receivers.answer("own.example", status(200, {}, "ok"));
    await scene.nextTry(id, DELIVER_RETRY_MS[3]);

    const heard = scene.receivers.at("own.example");
    expect(heard).toHaveLength(5);
    expect(new Set(heard.map((each) => each.id)).size).toBe(1);
    expect(new Set(heard.map((each) => each.body)).size).toBe(1);
    expect(new Set(heard.map((each) => each.headers.get("webhook-timestamp"))).size).toBe(5);
    expect(await scene.team.read(id)).toMatchObject({ webhook: { url: HOOK, status: "delivered", attempts: 5 } });

    const delivery = await scene.onlyDelivery(id);
    expect(delivery).toMatchObject({ state: "delivered", attempts: 5, next_attempt_at: null, endpoint: null });
    expect(delivery).toMatchObject({ event_id: heard[0]?.id, event_type: "request.completed" });
    expect(delivery.sent).toMatchObject({ end: "whole", body: heard[0]?.body });
    expect(delivery.log.map((each) => [each.status, each.category, each.next.why])).toEqual([
      ...Array.from({ length: 4 }, () => [500, "server_error", "schedule"]),
      [200, "accepted", "delivered"],
    ]);
    expect(delivery.log[0]).toMatchObject({
      ...{ url: "https://own.example/hook?[removed]", group: 0, replay: false, cut_off_before: 0, location: null },
      response: { body: "Internal Server Error", end: "whole" },
    });
    expect((await scene.team.timeline(id)).filter((line) => line.startsWith("deliver"))).toEqual([
      ...Array.from({ length: 4 }, () => "delivery_failed"),
      "delivered",
    ]);
    expect((await recordOf(id))?.effects.map(({ name }) => name)).toEqual(["delete:deliveries"]);
  });

  test("Retry-After puts a try off, and the log says that it did", async ({ scene }) => {
    scene.receivers.answer("own.example", status(429, { "Retry-After": "7200" }));
    const id = await scene.ended();
    const { log, next_attempt_at } = await scene.onlyDelivery(id);
    const due = new Date(Date.now() + 2 * HOUR_MS).toISOString();
    expect([next_attempt_at, log[0]?.next]).toEqual([due, { at: due, why: "retry_after" }]);
    await passTime(2 * HOUR_MS - 1);
    await expectArmed(id);
    scene.receivers.answer("own.example", status(200));
    await scene.nextTry(id, 1);
    expect(await scene.onlyDelivery(id)).toMatchObject({ state: "delivered", attempts: 2 });
  });

  test("500 for days: after the tenth try it is parked, shown as failed, and a replay delivers it", async ({
    scene,
  }) => {
    scene.receivers.answer("own.example", status(500));
    const id = await scene.ended();
    await scene.tired(id);
    const parked = await scene.onlyDelivery(id);
    expect(parked).toMatchObject({ state: "parked", attempts: 10, next_attempt_at: null });
    expect(parked.log.at(-1)?.next).toEqual({ at: null, why: "no_tries_left" });
    expect(await scene.team.read(id)).toMatchObject({ webhook: { status: "failed", attempts: 10 } });
    await expectArmed(id);

    scene.receivers.answer("own.example", status(200));
    expect((await scene.team.send("POST", `/v1/deliveries/${parked.id}/replay`)).status).toBe(202);
    await ring(id);
    const heard = scene.receivers.at("own.example");
    expect(heard.at(-1)).toMatchObject({ id: heard[0]?.id, body: heard[0]?.body });
    const delivered = await deliveryOf(scene.team, parked.id);
    expect(delivered).toMatchObject({ state: "delivered", attempts: 11 });
    expect(delivered.log.at(-1)).toMatchObject({ group: 1, replay: true, next: { why: "delivered" } });
  });

  test("410 ends it at once: gone, and never tried again", async ({ scene }) => {
    scene.receivers.answer("own.example", status(410));
    const id = await scene.ended();
    expect(await scene.onlyDelivery(id)).toMatchObject({
      state: "gone",
      attempts: 1,
      log: [{ next: { why: "gone" } }],
    });
    await scene.nextTry(id, 3 * DAY_MS);
    expect(scene.receivers.received).toHaveLength(1);
    expect(await scene.team.timeline(id)).toContain("delivery_gone");
  });
});

describe("what a receiver may do to us", () => {
  const bomb: AnswerWith = () => {
    const zeros = new Blob([new Uint8Array(4 * 1024 * 1024).fill(97)])
      .stream()
      .pipeThrough(new CompressionStream("gzip"));
    return new Response(zeros, { headers: { "Content-Encoding": "gzip" }, encodeBody: "manual" });
  };
  const endless: AnswerWith = () => {
    const chunk = new TextEncoder().encode("more of it\n".repeat(100));
    return new Response(new ReadableStream({ pull: (controller) => controller.enqueue(chunk) }));
  };
  const broken: AnswerWith = () => {
    return new Response(new ReadableStream({ pull: (controller) => controller.error(new Error("reset")) }));
  };

  test.for<[string, AnswerWith, object]>([
    [
      "a redirect to a metadata host",
      status(302, { Location: "http://169.254.169.254/x?k=v" }),
      {
        ...{ status: 302, category: "redirect", location: "http://169.254.169.254/x?[removed]" },
      },
    ],
    ["a gzip bomb", bomb, { status: 200, category: "accepted" }],
    ["a body without end", endless, { status: 200, category: "accepted", response: { end: "cut" } }],
    ["a body that breaks", broken, { status: 200, category: "accepted", response: { end: "broken" } }],
    ["a connection that breaks", reset, { status: null, category: "connection", response: null }],
    [
      "an echo of what it got",
      (request) => new Response(request.headers.get("webhook-signature"), { status: 401 }),
      {
        ...{ status: 401, category: "refused", response: { body: "[removed]", end: "whole" } },
      },
    ],
  ])("%s", async ([_what, answer, expected], { scene }) => {
    scene.receivers.answer("own.example", answer);
    const id = await scene.ended();
    expect(scene.receivers.received).toHaveLength(1);
    expect((await scene.onlyDelivery(id)).log).toMatchObject([expected]);
    scene.receivers.answer("own.example", status(200));
    await scene.nextTry(id, DELIVER_RETRY_MS[0]);
    expect(await scene.onlyDelivery(id)).toMatchObject({ state: "delivered" });
  });

  test("one that never answers holds up nobody else, and is cut off", async ({ scene }) => {
    const others = await Promise.all(["a.example", "b.example", "c.example"].map((host) => scene.endpoint(host)));
    const giveUp = holdLimit(DELIVER_TIMEOUT_MS);
    scene.receivers.answer("own.example", hang);
    const id = await scene.finished();
    const ringing = ring(id);
    await eventually(async () => {
      const lines = await deliveriesOf(scene.team, id);
      expect(lines.filter((line) => line.state === "delivered").map((line) => line.endpoint)).toEqual(
        expect.arrayContaining(others),
      );
    });
    expect(scene.receivers.at("own.example")).toHaveLength(1);
    giveUp();
    await ringing;
    const own = (await deliveriesOf(scene.team, id)).find((line) => line.endpoint === null);
    expect(await deliveryOf(scene.team, own?.id ?? "")).toMatchObject({
      state: "failing",
      log: [{ category: "timeout" }],
    });
    scene.receivers.answer("own.example", status(200));
    await scene.nextTry(id, DELIVER_RETRY_MS[0]);
    expect(scene.receivers.received.map((each) => each.id)).toEqual(Array(5).fill(scene.receivers.received[0]?.id));
  });
});

describe("nothing of ours and nothing inside is ever reached", () => {
  const CANARIES = [
    "https://sluice.test/hooks/fal/x/y",
    "https://SLUICE.test:443/v1/requests",
    "https://sluice.test./x",
    "https://127.1/",
    "https://0x7f000001/",
    "https://2130706433/",
    "https://[::1]/",
    "https://[::ffff:10.0.0.1]/",
    "https://[64:ff9b::a00:1]/",
    "https://169.254.169.254/latest/meta-data",
    "https://metadata.google.internal/",
    "https://user:pass@own.example/",
    "https://own.example:25/",
    "http://own.example/",
    "https://xn--ls8h.localhost/",
  ];

  test.for(CANARIES)("%s is refused when it is saved", async (url, { scene }) => {
    const answer = await scene.team.send<{ code: string }>("POST", "/v1/requests", {
      ...{ model: "fal-ai/flux/schnell", input: { prompt: "a cat" }, webhook_url: url },
    });
    expect([answer.status, answer.body.code]).toEqual([400, "invalid_request"]);
  });

  test("and when it is sent, should it have been saved under other rules: gone, once, without a call", async ({
    scene,
  }) => {
    for (const url of CANARIES) await saveEndpoint(scene.team, { url });
    const called = vi.mocked(globalThis.fetch);
    called.mockClear();
    const id = await scene.ended({});
    const lines = await deliveriesOf(scene.team, id);
    expect(lines.map((line) => [line.state, line.attempts])).toEqual(CANARIES.map(() => ["gone", 1]));
    for (const { id: delivery } of lines) {
      expect((await deliveryOf(scene.team, delivery)).log).toMatchObject([{ category: "blocked", status: null }]);
    }
    const hosts = new Set(called.mock.calls.map(([input]) => new URL(new Request(input as RequestInfo).url).hostname));
    expect(hosts.size, "the calls of the request itself are seen").toBeGreaterThan(0);
    for (const host of hosts) expect(host).toMatch(/\.sandbox\.test$/);
  });

  test("what is led back to us all the same starts nothing", async ({ scene }) => {
    await scene.ended();
    const [sent] = scene.receivers.received;
    const answer = await call("POST", "/v1/requests", {
      headers: {
        ...Object.fromEntries(sent?.headers ?? []),
        Authorization: `Bearer ${scene.team.key}`,
        "Content-Type": "application/json",
      },
      body: JSON.stringify({ model: "fal-ai/flux/schnell", input: { prompt: "a loop" } }),
    });
    expect(answer.status).toBe(508);
    expect(await answer.json()).toMatchObject({ code: "forbidden", retryable: false });
  });
});

test("after an hour of all this, no time lies further in the past than an alarm may be late", async ({ scene }) => {
  scene.receivers.answer("own.example", status(500));
  const id = await scene.ended();
  for (let n = 0; n < 3; n++) {
    await expectArmed(id);
    const { next_attempt_at } = await scene.onlyDelivery(id);
    expect(Date.parse(next_attempt_at ?? "")).toBeGreaterThan(Date.now() - MINUTE_MS);
    await scene.nextTry(id, DELIVER_RETRY_MS[n] ?? 0);
  }
  scene.receivers.answer("own.example", status(410));
  await scene.nextTry(id, DELIVER_RETRY_MS[3]);
});
