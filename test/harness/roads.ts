// The roads that a request takes, cut into steps, so that a test can do something between every two of them (evict, ring
// twice, lose the alarm) and compare the story with that of an undisturbed walk.

import { expect, vi } from "vitest";
import { HOUR_MS, MINUTE_MS, SECOND_MS } from "../../src/platform/time.ts";
import { alarmAt, RETRY_FIRST_MS } from "../../src/requests/machine/effect-schedule.ts";
import type { Effect } from "../../src/requests/machine/effect-types.ts";
import type { RequestRecord } from "../../src/requests/machine/types.ts";
import { DELIVER_RETRY_MS } from "../../src/webhooks/schedule.ts";
import { freezeClocks, passTime } from "./clock.ts";
import type { RequestObject } from "./request-object.ts";
import { Team } from "./team.ts";
import { expectArmed, recordOf, ring } from "./tracker.ts";
import { deliverWebhooks, post, sandbox, upstreamRequests } from "./upstream.ts";
import { type Intercept, interceptFetch, upstreamCall } from "./wire.ts";

/** Where every walk asks to hear of its end. */
export const RECEIVER = "https://receiver.example/hook";
/** One limit, so that a walk can tell what the books say. */
export const COUNTED = { limits: [{ name: "daily", scope: "team", per: "request", limit: 1_000, window: "1d" }] };

export interface Walk {
  team: Team;
  id: string;
  /** Lets what is due run, in the way this walk rings. */
  ring(): Promise<void>;
  /** What the receiver was sent: `webhook-id` and whether it took it. */
  heard: { id: string; taken: boolean }[];
}

export interface Step {
  what: string;
  take(walk: Walk): Promise<unknown>;
}

export interface Road {
  name: string;
  ends: "COMPLETED" | "CANCELED";
  steps: readonly Step[];
  /** What stands between the Worker and the sandbox on this road. */
  world?: () => Intercept;
  /** Settings of the sandbox. */
  settings?: Record<string, unknown>;
}

export interface Habits {
  /** After step `k`, before it is checked that the alarm is where it has to be. */
  between?(walk: Walk, k: number): Promise<void>;
  ring?(id: string): Promise<unknown>;
}

/** Walks a road in a world of its own. Answers everything that must not depend on what happened between the steps. */
export async function walk(road: Road, { between, ring: rings = ring }: Habits = {}): Promise<Record<string, unknown>> {
  vi.restoreAllMocks();
  await freezeClocks();
  const heard: Walk["heard"] = [];
  standBetween(road.world?.() ?? ((_request, pass) => pass()), heard);
  // A fal user that the account has never heard of, so that no walk depends on an earlier one.
  await sandbox("PATCH", "settings", { user_id: `user_${crypto.randomUUID()}`, ...road.settings });
  const team = await Team.create(COUNTED);
  const walker: Walk = {
    team,
    id: "",
    heard,
    async ring() {
      await rings(walker.id);
    },
  };
  for (const [k, step] of road.steps.entries()) {
    await step.take(walker);
    await between?.(walker, k);
    await expectArmed(walker.id);
  }
  return storyOf(walker);
}

/** The world of a road, and a receiver that takes what it is sent at the second time. */
function standBetween(world: Intercept, heard: Walk["heard"]): void {
  interceptFetch((request, pass) => {
    return request.url === RECEIVER ? receive(request, heard, heard.length > 0) : world(request, pass);
  });
}

export async function receive(request: Request, heard: Walk["heard"], taken: boolean): Promise<Response> {
  await request.text();
  heard.push({ id: request.headers.get("webhook-id") ?? "", taken });
  return new Response(null, { status: taken ? 200 : 503 });
}

/** The request as its caller sees it, the books, fal's count, the receiver's. Ids and times differ from walk to walk. */
export async function storyOf({
  team,
  id,
  heard,
}: Pick<Walk, "team" | "id" | "heard">): Promise<Record<string, unknown>> {
  const { status, stage, error, files, upstream, webhook, metrics } = await team.read(id);
  const me = await team.send<{ limits: { used: number }[] }>("GET", "/v1/me");
  const index = await team.send<{ data: { id: string; status: string }[] }>("GET", "/v1/requests");
  return {
    ...{ status, stage, error, webhook: { ...(webhook as object), delivery_id: null }, metrics },
    files: files.map(({ url, ...file }) => ({ ...file, stored: url?.includes(`/files/${team.id}/${id}.`) })),
    calls: upstream.calls,
    timeline: await team.timeline(id),
    used: me.body.limits.map((limit) => limit.used),
    index: index.body.data.map((entry) => ({ same: entry.id === id, status: entry.status })),
    submits: (await upstreamRequests()).length,
    heard: heard.map((each) => ({ same: each.id === heard[0]?.id, taken: each.taken })),
    owed: soon(await recordOf(id)).map((effect) => effect.name),
  };
}

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
      const answer = await team.send<RequestObject>("POST", `/v1/requests/${id}/cancel`);
      expect(answer.status).toBe(status);
    },
  };
}

/** Everything that is still owed, each at its time. No webhook comes. */
function runsDry(what: string): Step {
  return { what, take: runDry };
}

/** What is owed but for the letting go of what is kept for days. */
function soon(record: RequestRecord | null): Effect[] {
  return record?.effects.filter(({ kind }) => kind !== "purge") ?? [];
}

/** Rings whenever something is due, until nothing is owed any more. */
export async function runDry({ id, ring }: Pick<Walk, "id" | "ring">): Promise<void> {
  for (let i = 0; i < 30; i++) {
    const due = alarmAt(soon(await recordOf(id)));
    if (due === null) return;
    await passTime(Math.max(0, due - Date.now()));
    await ring();
  }
  throw new Error(`it owes something for ever: ${JSON.stringify((await recordOf(id))?.effects)}`);
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
