// The roads that a request takes, cut into steps, so that a test can do something between every two of them (evict, ring
// twice, lose the alarm) and compare the story with that of an undisturbed walk.

import { expect } from "vitest";
import { HOUR_MS, MINUTE_MS, SECOND_MS } from "../../src/platform/time.ts";
import { RETRY_FIRST_MS } from "../../src/requests/machine/effect-schedule.ts";
import { DELIVER_RETRY_MS } from "../../src/webhooks/retry-schedule.ts";
import { passTime } from "./clock.ts";
import { deliverWebhooks, post, sandbox, upstreamRequests } from "./upstream.ts";
import { RECEIVER, type Road, runDry, type Step, walk } from "./walk.ts";
import { type Intercept, upstreamCall } from "./wire.ts";

/** First retries of effects and of deliveries, with the most that their jitter adds. */
const RETRY_MS = 1.2 * RETRY_FIRST_MS;
const REDELIVER_MS = 1.2 * DELIVER_RETRY_MS[0];

// --- Steps -----------------------------------------------------------------------------------------------------

function submits(prompt: string): Step {
  return {
    what: "the submit",
    async take(walker) {
      walker.id = (await walker.team.submit(prompt, { webhook_url: RECEIVER })).id;
    },
  };
}

function rings(what: string, afterMs: number): Step {
  return {
    what,
    async take(walker) {
      await passTime(afterMs);
      await walker.ring();
    },
  };
}

function webhooks(what: string, afterMs: number): Step {
  return {
    what,
    async take() {
      await passTime(afterMs);
      expect(await deliverWebhooks()).toEqual([200]);
    },
  };
}

/** fal posts once more what it had posted: it did not hear our first answer. */
function webhookAgain(what: string): Step {
  return {
    what,
    async take(walker) {
      const [sent] = await upstreamRequests();
      const again = await sandbox<Parameters<typeof post>[0]>("POST", "webhooks", { request_id: sent?.request_id });
      expect(await post(again)).toBe(200);
      await walker.ring();
    },
  };
}

function cancels(what: string, status: number): Step {
  return {
    what,
    async take({ team, id }) {
      const answer = await team.send("POST", `/v1/requests/${id}/cancel`);
      expect(answer.status).toBe(status);
    },
  };
}

/** Everything that is still owed, each at its time. No webhook comes. */
function runsDry(what: string): Step {
  return { what, take: runDry };
}

/** Maton has no room for the first submit. */
function firstSubmitLimited(): Intercept {
  let submits = 0;
  return async (request, pass) => {
    if (upstreamCall(request) !== "submit" || submits++ > 0) return pass();
    return Response.json({ error: { message: "Rate limit exceeded" } }, { status: 429 });
  };
}

export const ROADS: readonly Road[] = [
  {
    name: "the webhook road",
    ends: "COMPLETED",
    world: firstSubmitLimited,
    steps: [
      submits("a cat sandbox:file-flaky:1"),
      rings("the second try at the submit", 2 * SECOND_MS),
      webhooks("the webhook of a user that is not known yet", 5 * SECOND_MS),
      rings("the fetch of the result and a failed copy", 0),
      rings("the copy, the end, the books and a failed delivery", RETRY_MS),
      rings("the delivery", REDELIVER_MS),
      webhookAgain("the same webhook once more"),
    ],
  },
  {
    name: "the poll road",
    ends: "COMPLETED",
    steps: [
      submits("a cat sandbox:slow:100000,status-500:1,file-flaky:1"),
      rings("a poll that fails", MINUTE_MS),
      rings("a poll that finds it running", RETRY_MS),
      rings("the poll that finds it over, the fetch of the result and a failed copy", 2 * MINUTE_MS),
      rings("the copy, the end, the books and a failed delivery", RETRY_MS),
      rings("the delivery", REDELIVER_MS),
    ],
  },
  {
    name: "the road of a cancel in fal's queue",
    ends: "CANCELED",
    settings: { queue_ms: { image: MINUTE_MS } },
    steps: [
      submits("a cat sandbox:status-500:1"),
      cancels("the cancel", 202),
      rings("a cancel that fal does not answer", 0),
      rings("the cancel at fal, the end, the books and a failed delivery", RETRY_MS),
      rings("the delivery", REDELIVER_MS),
    ],
  },
  {
    name: "the road of a cancel while it runs",
    ends: "CANCELED",
    steps: [
      submits("a cat sandbox:slow"),
      rings("time in which it starts", 2 * SECOND_MS),
      cancels("the cancel", 202),
      rings("the cancel at fal", 0),
      rings("the poll that finds it over", 3 * SECOND_MS),
      runsDry("the end, the books and the delivery"),
    ],
  },
  {
    name: "the road of a cancel before fal has it",
    ends: "CANCELED",
    world: firstSubmitLimited,
    steps: [submits("a cat"), cancels("the cancel", 200), runsDry("the books and the delivery")],
  },
  {
    name: "the road of a lost submit that a webhook proves",
    ends: "COMPLETED",
    world: () => async (request, pass) => {
      const answer = await pass();
      return upstreamCall(request) === "submit" ? new Response("lost", { status: 502 }) : answer;
    },
    steps: [
      submits("a cat"),
      rings("an hour of not knowing", HOUR_MS),
      webhooks("the webhook", 0),
      runsDry("the end, the books and the delivery"),
    ],
  },
];

/** Every place between two steps: what a table test runs over. */
export function places(): { road: Road; k: number; name: string; what: string }[] {
  return ROADS.flatMap((road) => road.steps.map(({ what }, k) => ({ road, k, name: road.name, what })));
}

const undisturbed = new Map<Road, Promise<Record<string, unknown>>>();

/** The story of a road on which nothing happens between the steps; walked once in a file. */
export function undisturbedStory(road: Road): Promise<Record<string, unknown>> {
  const known = undisturbed.get(road) ?? walk(road);
  undisturbed.set(road, known);
  return known;
}
