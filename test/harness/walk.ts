// A walk over a road of requests, in a world of its own: what may happen between two steps, and the story that it ends with.

import { vi } from "vitest";
import { alarmAt } from "../../src/requests/machine/effect-schedule.ts";
import type { Effect } from "../../src/requests/machine/effect-types.ts";
import type { RequestRecord } from "../../src/requests/machine/types.ts";
import { freezeClocks, passTime } from "./clock.ts";
import { Team } from "./team.ts";
import { expectArmed, recordOf, ring } from "./tracker.ts";
import { sandbox, upstreamRequests } from "./upstream.ts";
import { type Intercept, interceptFetch } from "./wire.ts";

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

/** What is owed but for the letting go of what is kept for days. */
function soon(record: RequestRecord | null): Effect[] {
  return record?.effects.filter(({ kind }) => kind !== "delete") ?? [];
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
