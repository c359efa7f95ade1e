// The log of a try as people read it, of a request's own URL, of an endpoint, and of an event that the team itself sends: how
// long it took, what kind of answer it was, and how that answer began. The receiver moves the clock, so each takes its time.

import { expect, vi } from "vitest";
import { SECOND_MS } from "../../../src/platform/time.ts";
import { EVENT_BODY_MAX_BYTES } from "../../../src/webhooks/event-body.ts";
import { DELIVER_REPLY_KEPT_MAX_CHARS } from "../../../src/webhooks/receiver-reply.ts";
import { DELIVER_RETRY_MS } from "../../../src/webhooks/retry-schedule.ts";
import { deliveryOf, reset, status } from "../../harness/deliveries.ts";
import { test } from "../../harness/fixtures.ts";
import { ringTeam } from "../../harness/objects.ts";
import type { AnswerWith } from "../../harness/receiver.ts";
import { HOOK, type Scene } from "../../harness/scene.ts";
import { ring } from "../../harness/tracker.ts";

interface Line {
  id: string;
  endpoint: string | null;
  request: string | null;
  state: string;
  attempts: number;
  last_status: number | null;
  last_category: string | null;
}

/** Answers so after this time. */
function after(ms: number, answer: AnswerWith): AnswerWith {
  return (request, received) => {
    vi.setSystemTime(Date.now() + ms);
    return answer(request, received);
  };
}

async function linesAt(scene: Scene, path: string): Promise<Line[]> {
  const answer = await scene.team.send<{ data: Line[] }>("GET", path);
  expect(answer.status).toBe(200);
  return answer.body.data;
}

/** The roads that a delivery takes. Each is tried once, at `own.example`, and gives the delivery's id. */
const ROADS: Readonly<Record<string, (scene: Scene) => Promise<string>>> = {
  "a request's own URL": async (scene) => onlyLine(scene, await scene.ended({ webhook_url: HOOK })),
  "an endpoint": async (scene) => {
    await scene.endpoint("own.example");
    return onlyLine(scene, await scene.ended({}));
  },
  "an event of the team": async (scene) => {
    const endpoint = await scene.endpoint("own.example");
    const sent = await scene.team.send<{ delivery_id: string }>("POST", `/v1/webhooks/${endpoint}/test`);
    await ringTeam(scene.team);
    return sent.body.delivery_id;
  },
};

async function onlyLine(scene: Scene, request: string): Promise<string> {
  // What the team is told of the try is owed by itself.
  await ring(request);
  const lines = await linesAt(scene, `/v1/requests/${request}/deliveries`);
  expect(lines).toHaveLength(1);
  return lines[0]?.id ?? "";
}

const LONG = "a stack trace, line by line\n".repeat(400);

test.for<[string, number, AnswerWith, Record<string, unknown>, string]>([
  [
    "yes, at once",
    0,
    status(204),
    { status: 204, category: "accepted", reason: "HTTP 204", response: { body: "", end: "whole" } },
    "delivered",
  ],
  [
    "yes, with words",
    1_234,
    status(200, {}, "thank you"),
    { status: 200, category: "accepted", reason: "HTTP 200", response: { body: "thank you", end: "whole" } },
    "delivered",
  ],
  [
    "a fault with a long page",
    14_999,
    status(500, {}, LONG),
    {
      ...{ status: 500, category: "server_error", reason: "HTTP 500" },
      response: { body: LONG.slice(0, DELIVER_REPLY_KEPT_MAX_CHARS), end: "cut" },
    },
    "failing",
  ],
  [
    "a refusal that repeats a secret",
    40,
    status(401, {}, "bad token=hunter2hunter2"),
    {
      ...{ status: 401, category: "refused", reason: expect.stringContaining("HTTP 401") },
      response: { body: "bad token=[removed]", end: "whole" },
    },
    "failing",
  ],
  ["too many", 7, status(429), { status: 429, category: "rate_limited", reason: "HTTP 429" }, "failing"],
  [
    "no answer at all",
    3_000,
    reset,
    { status: null, category: "connection", reason: "connection refused, reset or closed", response: null },
    "failing",
  ],
])(
  "%s: the log says how long it took, of which kind it was, and what came back",
  async ([_what, ms, answer, expected, state], { scene }) => {
    scene.receivers.answer("own.example", after(ms, answer));
    for (const [road, take] of Object.entries(ROADS)) {
      const heardBefore = scene.receivers.received.length;
      const id = await take(scene);
      const [heard, ...more] = scene.receivers.received.slice(heardBefore);
      expect(more, road).toEqual([]);
      const { log, sent, ...line } = await deliveryOf(scene.team, id);
      const wanted = { ...expected, duration_ms: ms, group: 0, replay: false, location: null };
      expect(log, road).toMatchObject([wanted]);
      expect(sent?.body, road).toBe(heard?.body);
      expect(line, road).toMatchObject({ state, attempts: 1 });
      const known = { state, attempts: 1, last_status: expected.status, last_category: expected.category };
      // Two of one moment stand in either order.
      expect(await linesAt(scene, "/v1/deliveries"), road).toContainEqual(expect.objectContaining({ id, ...known }));
      if (line.endpoint === null) continue;
      expect(await linesAt(scene, `/v1/webhooks/${line.endpoint}/deliveries`), road).toMatchObject([{ id, ...known }]);
      await scene.team.send("DELETE", `/v1/webhooks/${line.endpoint}`);
    }
  },
);

test("a long body is shown by its beginning, and says that it goes on", async ({ scene }) => {
  const metadata = { note: "long ".repeat(1_000) };
  const id = await onlyLine(scene, await scene.ended({ webhook_url: HOOK, metadata }));
  const { sent } = await deliveryOf(scene.team, id);
  const [heard] = scene.receivers.received;
  expect(heard?.body.length).toBeGreaterThan(DELIVER_REPLY_KEPT_MAX_CHARS);
  expect(heard?.body.length).toBeLessThan(EVENT_BODY_MAX_BYTES);
  expect(sent).toEqual({ body: heard?.body.slice(0, DELIVER_REPLY_KEPT_MAX_CHARS), end: "cut" });
});

test("each further try is timed by itself", async ({ scene }) => {
  const times = [2 * SECOND_MS, 250, 9 * SECOND_MS];
  const answered = (ms: number) => after(ms, status(ms === times.at(-1) ? 204 : 503));
  scene.receivers.answer("own.example", answered(times[0] ?? 0));
  const request = await scene.ended({ webhook_url: HOOK });
  for (const ms of times.slice(1)) {
    scene.receivers.answer("own.example", answered(ms));
    await scene.nextTry(request, DELIVER_RETRY_MS[1]);
  }
  const { log } = await scene.onlyDelivery(request);
  expect(log.map(({ duration_ms }) => duration_ms)).toEqual(times);
});
