// What the operator and the teams hear of a closed connection: once each team, again and again the operator until it is taken.

import { afterEach, describe, expect, test, vi } from "vitest";
import type { Env } from "../../../src/platform/bindings.ts";
import type { Config } from "../../../src/platform/config.ts";
import { NOTICE_RETRY_MS, type Notice, noticeOf, sendNotice } from "../../../src/upstream/outage-notice.ts";

const NOW = Date.UTC(2026, 10, 5, 12);
const CONFIG = {
  OPERATOR_WEBHOOK_URL: "https://ops.example/hook",
  SIGNING_KEY: ["a-signing-key-of-at-least-32-bytes"],
  RELAY_ALLOW_HOSTS: [],
} as unknown as Config;
const CLOSURE = { why: "locked", since: NOW } as Parameters<typeof noticeOf>[1];

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** Who was told: team names, and the ids of what the operator got, answered with `status`. */
function listeners(status: number): { env: Env; teams: string[]; operator: (string | null)[] } {
  const [teams, operator]: [string[], (string | null)[]] = [[], []];
  vi.useFakeTimers({ now: NOW });
  vi.spyOn(globalThis, "fetch").mockImplementation(async (_url, init) => {
    operator.push(new Headers(init?.headers).get("webhook-id"));
    return new Response(null, { status });
  });
  const getByName = (name: string) => ({ events: { publish: async () => void teams.push(name) } });
  return { env: { TEAM: { getByName } } as unknown as Env, teams, operator };
}

const paused = () => noticeOf("upstream.paused", CLOSURE, "finder", NOW);

describe("a closed connection", () => {
  test("is told to each team that waits and to the one that found it, once, and to the operator", async () => {
    const { env, teams, operator } = listeners(204);
    const notice = paused();
    expect(await sendNotice(env, CONFIG, notice, ["one", "finder"])).toBeNull();
    expect([teams, operator]).toEqual([["one", "finder"], [notice.id]]);
  });

  test("is told to an operator who does not take it by one id until the tries are over, and to no team again", async () => {
    const { env, teams, operator } = listeners(500);
    const first = paused();
    const dues: number[] = [];
    let owed: Notice | null = first;
    while (owed !== null && dues.length <= NOTICE_RETRY_MS.length) {
      owed = await sendNotice(env, CONFIG, owed, ["one"]);
      if (owed !== null) dues.push(owed.dueAt - NOW);
    }
    expect(dues).toEqual([...NOTICE_RETRY_MS]);
    expect(operator).toEqual(Array(NOTICE_RETRY_MS.length + 1).fill(first.id));
    expect(teams).toEqual(["one", "finder"]);
  });

  test("that is open again is told to the operator alone", async () => {
    const { env, teams, operator } = listeners(204);
    await sendNotice(env, CONFIG, noticeOf("upstream.resumed", CLOSURE, "finder", NOW), ["one"]);
    expect([teams, operator.length]).toEqual([[], 1]);
  });
});
