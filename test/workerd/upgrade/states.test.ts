// Stored state and code of two versions: today's code opens what every released version left, and code that is too old for a state
// says so and writes nothing.

import { runDurableObjectAlarm } from "cloudflare:test";
import { afterEach, test as base, describe, expect, vi } from "vitest";
import { SWEEPER_VERSION } from "../../../src/files/sweeper.ts";
import { sweeperFor } from "../../../src/platform/stubs.ts";
import { DAY_MS, MINUTE_MS } from "../../../src/platform/time.ts";
import { TRACKER_VERSION } from "../../../src/requests/engine/document.ts";
import { TEAM_FORMAT } from "../../../src/team/schema.ts";
import { ACCOUNT_VERSION } from "../../../src/upstream/account-store.ts";
import { ask } from "../../harness/calls.ts";
import { freezeClocks } from "../../harness/clock.ts";
import { ADMIN_TOKEN, bindings } from "../../harness/env.ts";
import { account, evictEverything, ringTeam } from "../../harness/objects.ts";
import { dump, restore, type StoredState } from "../../harness/stored-state.ts";
import { Team } from "../../harness/team.ts";
import { runToEnd } from "../../harness/tracker.ts";
import first from "./states/1.json?raw";
import { type Release, SITUATIONS, type Situation, stubOf, versionIn } from "./walk.ts";

/** By the number that they were frozen under; one line for each release. */
const RELEASES: readonly [version: number, release: Release][] = [[1, JSON.parse(first)]];
type Name = keyof Release["states"];

/** Every object as the release left it, a minute later; answers its team. */
async function open(
  left: Release,
  change: (name: Name, state: StoredState) => StoredState = (_name, state) => state,
): Promise<Team> {
  // An account that the test before left as another version's would refuse to be asked.
  await restore(account(), left.states.account);
  await freezeClocks(left.at + MINUTE_MS);
  for (const [name, state] of Object.entries(left.states) as [Name, StoredState][]) {
    await restore(stubOf(left, name), change(name, state));
  }
  await evictEverything();
  return new Team(left.team.id, left.team.key, left.team.keyId);
}

const asOperator = <T>(path: string) => ask<T>("GET", path, { key: ADMIN_TOKEN });

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

base("the newest frozen states are those of today's formats", () => {
  const [, newest] = RELEASES.at(-1) ?? [];
  const today = { team: TEAM_FORMAT, account: ACCOUNT_VERSION, sweeper: SWEEPER_VERSION };
  for (const [name, format] of Object.entries(today)) {
    expect(newest && versionIn(newest.states[name as Name]), `freeze the new ${name}`).toEqual(format);
  }
  for (const place of SITUATIONS)
    expect(newest && versionIn(newest.states[`tracker: ${place}`])).toMatchObject(TRACKER_VERSION);
});

describe.each(RELEASES)("what version %i left", (_version, left) => {
  const test = base.extend("team", { auto: true }, async () => open(left));

  test("is a team that answers, and goes on admitting and settling", async ({ team }) => {
    const me = await team.send<{ limits: { name: string; used: number | string }[] }>("GET", "/v1/me?user=ada");
    expect(me.status, JSON.stringify(me.body)).toBe(200);
    expect(me.body.limits.map(({ name }) => name)).toEqual(["team-day", "user-money"]);
    const list = await team.send<{ data: { id: string }[] }>("GET", "/v1/requests?limit=20");
    const kept = SITUATIONS.filter((place) => place !== "deleted").map((place) => left.requests[place]);
    expect(list.body.data.map(({ id }) => id).sort()).toEqual([...kept].sort());
    for (const path of ["usage", "webhooks", "uploads", "events", "audit", "keys", "issuers", "plans", "deliveries"]) {
      expect((await team.send("GET", `/v1/${path}`)).status, path).toBe(200);
    }
    expect(await ringTeam(team)).toBe(true);
    const { id } = await team.submit("a new cat", { user: "ada" });
    expect((await runToEnd(team, id)).status).toBe("COMPLETED");
  });

  test("is requests at every place, which are read, go on, and end", async ({ team }) => {
    const read = async (place: keyof Release["requests"]) => team.send("GET", `/v1/requests/${left.requests[place]}`);
    for (const [place, status] of [
      ["completed", "COMPLETED"],
      ["failed", "FAILED"],
      ["canceled", "CANCELED"],
    ] as const) {
      const { body } = await read(place);
      expect(body, place).toMatchObject({ status, user: "ada", metadata: { order: 17 }, tags: { env: "prod" } });
      expect((await team.timeline(body.id)).length, place).toBeGreaterThan(1);
    }
    expect((await read("deleted")).status).toBe(410);
    const { completed, waiting } = left.requests;
    const shares = await team.send<{ data: unknown[] }>("GET", `/v1/requests/${completed}/shares`);
    expect(shares.body.data).toHaveLength(1);
    const deliveries = await team.send<{ data: unknown[] }>("GET", `/v1/requests/${completed}/deliveries`);
    expect(deliveries.body.data).toHaveLength(2);
    expect((await team.send("DELETE", `/v1/requests/${completed}`)).status).toBe(204);
    expect((await runToEnd(team, waiting)).status).toBe("COMPLETED");
    // The sandbox is a new one: its fal has never heard of the request, so only its owner can end it.
    expect((await team.send("DELETE", `/v1/requests/${left.requests["at fal"]}?cancel=true`)).status).toBeLessThan(300);
  });

  test("is an account that remembers its connection, users and durations, and a directory of teams", async () => {
    const overview = await asOperator<{ slots: { used: number }; webhooks: { state: string } }>("/v1/admin/upstream");
    expect(overview.body).toMatchObject({ slots: { used: 1 }, webhooks: { state: "arriving" } });
    expect((await sweeperFor(bindings).teams(null, 10)).data).toMatchObject([{ id: left.team.id, frozenAt: null }]);
    expect((await asOperator("/v1/admin/sweep")).body).toMatchObject({ status: "running" });
    expect(await runDurableObjectAlarm(stubOf(left, "sweeper"))).toBe(true);
    const { body: swept } = await asOperator<{ finished_at: string | null }>("/v1/admin/sweep");
    expect(swept.finished_at).not.toBeNull();
  });
});

describe("code that is too old for what is stored", () => {
  const [, today] = RELEASES.at(-1) ?? [];
  if (today === undefined) throw new Error("no release is frozen");

  base.each([
    ["team", "/v1/me", "team"],
    ["tracker: completed", "/v1/requests/{completed}", "team"],
    ["tracker: waiting", "/v1/requests/{waiting}/timeline", "team"],
    ["account", "/v1/admin/upstream", "operator"],
    ["sweeper", "/v1/admin/sweep", "operator"],
  ] as const)("of the %s answers %s with 503, and writes nothing, its alarm neither", async (object, path, who) => {
    const team = await open(today, (name, state) =>
      name === object ? { ...newer(state), alarm: today.at + DAY_MS } : state,
    );
    const stub = stubOf(today, object);
    const before = await dump(stub);
    const asked = path.replace(/\{(.*)\}/, (_id, place) => today.requests[place as Situation]);
    const answer = await ask<{ code: string; detail: string }>("GET", asked, {
      key: who === "team" ? team.key : ADMIN_TOKEN,
    });
    expect(answer, JSON.stringify(answer.body)).toMatchObject({ status: 503, body: { code: "misconfigured" } });
    expect(answer.headers.get("Retry-After")).toBe("30");
    expect(answer.body.detail).toContain(`reads format ${FAR} or newer`);
    expect(await runDurableObjectAlarm(stub)).toBe(true);
    const { alarm, ...after } = await dump(stub);
    const { alarm: _alarm, ...stored } = before;
    expect(after).toEqual(stored);
    expect(alarm, "kept for the newer code").toBeGreaterThan(Date.now());
  });

  base("comes back to all of it with the newer code", async () => {
    const team = await open(today, (_name, state) => newer(state));
    expect((await team.send("GET", "/v1/me")).status).toBe(503);
    for (const [name, state] of Object.entries(today.states) as [Name, StoredState][]) {
      await restore(stubOf(today, name), state);
    }
    expect((await team.send("GET", "/v1/me")).status).toBe(200);
    expect(await account().currentPause()).not.toBeUndefined();
  });
});

const FAR = 99;

/** The same state, as code of a far version would have written it. */
function newer(state: StoredState): StoredState {
  const { version, request, ...keys } = state.keys;
  const far = { version: FAR, min_reader: FAR };
  const marked = request === undefined ? { version: far } : { request: { ...(request as object), ...far } };
  return { ...state, keys: { ...keys, ...(version === undefined ? {} : { version }), ...marked } };
}
