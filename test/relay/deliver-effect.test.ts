// The `deliver` effect: which end it tells of, that every try says the same, and what each answer comes to.

import { Webhook } from "standardwebhooks";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Config, Env } from "../../src/env.ts";
import { MINUTE_MS } from "../../src/limits.ts";
import type { EffectContext } from "../../src/requests/effects/context.ts";
import { runDeliver } from "../../src/requests/effects/deliver.ts";
import { opened } from "../../src/requests/machine.ts";
import type { TextName } from "../../src/requests/store.ts";
import type { Effect, RequestState, StoredText } from "../../src/requests/types.ts";
import { aStart, REQUEST } from "../support/requests.ts";

const SECRETS = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"];

// The team's object needs the Workers runtime; the effect wants nothing of it but the secrets.
vi.mock("../../src/access/team.ts", () => ({
  askTeam: (_env: unknown, _team: string, ask: (team: { webhookSecrets(): Promise<string[]> }) => unknown) =>
    ask({ webhookSecrets: async () => SECRETS }),
}));

const NOW = Date.UTC(2026, 10, 5, 12);
const fetchStub = vi.fn<(url: string, init: RequestInit) => Promise<Response>>();

beforeEach(() => {
  fetchStub.mockReset();
  vi.stubGlobal("fetch", fetchStub);
  vi.useFakeTimers({ now: NOW, toFake: ["Date"] });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** What the effect sees of its tracker. Tests change `state`, `config` and `texts` as events would. */
function aTracker(changes: Partial<RequestState> = {}) {
  const born = opened(aStart({ webhookUrl: "https://hooks.example.com/x" })).state;
  const ended: Partial<RequestState> = { stage: "completed", endedAt: NOW - MINUTE_MS, settledAt: NOW - MINUTE_MS };
  const tracker = {
    state: { ...born, ...ended, ...changes } as RequestState,
    config: {
      BASE_URL: "https://sluice.example.com",
      SIGNING_KEY: ["k".repeat(32)],
      RELAY_ALLOW_HOSTS: [] as string[],
    },
    texts: new Map<TextName, StoredText>([["output", { at: "row", text: `{"seed":196619188014358660}` }]]),
    run: (effect: Partial<Effect> = {}) => runDeliver(contextOf(tracker), anEffect(effect)),
  };
  return tracker;
}

function contextOf(tracker: ReturnType<typeof aTracker>): EffectContext {
  const text = (name: TextName) => tracker.texts.get(name) ?? null;
  return {
    env: {} as Env,
    config: tracker.config as unknown as Config,
    now: () => Date.now(),
    record: () => ({ state: tracker.state, files: [], effects: [] }),
    text,
    keepText: (name, stored) => void tracker.texts.set(name, stored),
    view: () => ({
      state: tracker.state,
      files: [],
      output: tracker.state.stage === "completed" ? text("output") : null,
      payload: null,
      logs: null,
      deliveries: [{ target: "request", failures: 0, parkedAt: null, lastFailure: null }],
      timelineSeq: 0,
    }),
    unfinishedUploads: () => [],
    uploads: () => {
      throw new Error("a delivery uploads nothing");
    },
    advance: () => true,
    watch: () => "none",
    othersRun: () => false,
  };
}

function anEffect(changes: Partial<Effect>): Effect {
  return {
    name: "deliver:request",
    kind: "deliver",
    target: "request",
    dueAt: NOW,
    failures: 0,
    stumbles: 0,
    leaseUntil: NOW + MINUTE_MS,
    leaseId: 1,
    takes: 1,
    lastFailure: null,
    parkedAt: null,
    ...changes,
  };
}

function answer(status: number, headers: Record<string, string> = {}): void {
  fetchStub.mockResolvedValueOnce(new Response(null, { status, headers }));
}

function sent(n = 0): { body: string; id: string | undefined; headers: Record<string, string> } {
  const init = fetchStub.mock.calls[n]?.[1];
  if (init === undefined || typeof init.body !== "string") throw new Error("nothing was sent");
  const headers = Object.fromEntries(new Headers(init.headers));
  return { body: init.body, id: headers["webhook-id"], headers };
}

describe("what is told", () => {
  test("the request object as readers get it, signed with each of the team's secrets, numbers as they were written", async () => {
    answer(200);
    await aTracker().run();
    const { body, id, headers } = sent();
    expect(id).toMatch(/^evt_[0-9A-Za-z]{20}$/);
    for (const secret of SECRETS) {
      expect(new Webhook(secret).verify(body, headers)).toMatchObject({
        type: "request.completed",
        timestamp: new Date(NOW - MINUTE_MS).toISOString(),
        data: {
          id: REQUEST,
          status: "COMPLETED",
          links: { self: `https://sluice.example.com/v1/requests/${REQUEST}` },
        },
      });
    }
    expect(body).toContain(`"output":{"seed":196619188014358660}`);
  });

  test("an output that lies in R2 is not read: the event is thin", async () => {
    const tracker = aTracker();
    tracker.texts.set("output", { at: "r2", key: "texts/output", sha256: "00", bytes: 600_000 });
    answer(200);
    await tracker.run();
    const { data } = JSON.parse(sent().body);
    expect(Object.keys(data)).toStrictEqual(["id", "status", "links"]);
  });

  test.each([
    ["BASE_URL", { BASE_URL: "https://base.example", PUBLIC_URL: "https://public.example" }, "https://base.example"],
    ["PUBLIC_URL without it", { BASE_URL: undefined, PUBLIC_URL: "https://public.example" }, "https://public.example"],
    ["the origin without both", { BASE_URL: undefined, PUBLIC_URL: undefined }, "https://sluice.test"],
  ])("our URLs are spelled with %s", async (_what, config, base) => {
    const tracker = aTracker();
    Object.assign(tracker.config, config);
    answer(200);
    await tracker.run();
    expect(JSON.parse(sent().body).data.links.self).toBe(`${base}/v1/requests/${REQUEST}`);
  });
});

describe("every try says the same", () => {
  test("id and body of the first try are sent again, whatever changed since", async () => {
    const tracker = aTracker();
    answer(500);
    await tracker.run();
    tracker.state = { ...tracker.state, upstreamCalls: 7, revision: 99 };
    tracker.config.BASE_URL = "https://moved.example.com";
    vi.setSystemTime(NOW + MINUTE_MS);
    answer(200);
    await tracker.run();
    expect(sent(1).body).toBe(sent(0).body);
    expect(sent(1).id).toBe(sent(0).id);
    expect(sent(1).headers["webhook-timestamp"]).not.toBe(sent(0).headers["webhook-timestamp"]);
  });

  test("they are kept before anything is sent, so that a try that is cut off is repeated with them", async () => {
    const tracker = aTracker();
    let keptAtSend: string | undefined;
    fetchStub.mockImplementationOnce(async () => {
      const stored = tracker.texts.get("event");
      keptAtSend = stored?.at === "row" ? stored.text : undefined;
      return new Response(null);
    });
    await tracker.run();
    expect(JSON.parse(keptAtSend ?? "null")).toMatchObject({ id: sent().id, body: sent().body });
  });

  test("two tries at once, one of them believed lost, still say the same", async () => {
    const tracker = aTracker();
    answer(200);
    answer(200);
    await Promise.all([tracker.run(), tracker.run()]);
    expect(sent(1).id).toBe(sent(0).id);
    expect(sent(1).body).toBe(sent(0).body);
  });
});

describe("what an answer comes to", () => {
  test("a yes is an event", async () => {
    answer(204);
    expect(await aTracker().run()).toStrictEqual({
      kind: "happened",
      event: { type: "delivered", target: "request", attempts: 1 },
    });
  });

  test("a no is a failure with the receiver's wish", async () => {
    answer(503, { "retry-after": "120" });
    expect(await aTracker().run()).toStrictEqual({ kind: "failed", reason: "HTTP 503", retryAfterMs: 120_000 });
  });

  test("410 is final", async () => {
    answer(410);
    expect(await aTracker().run()).toMatchObject({ kind: "failed", reason: "HTTP 410: it wants no more", final: true });
  });

  test.each([
    ["an address", "https://169.254.169.254/"],
    ["this deployment by BASE_URL", "https://sluice.example.com/hooks"],
    ["this deployment by the origin", "https://sluice.test/hooks"],
  ])("a URL that leads to %s is final and never called", async (_what, webhookUrl) => {
    const outcome = await aTracker({ webhookUrl }).run();
    expect(outcome).toMatchObject({ kind: "failed", final: true });
    expect(outcome).toHaveProperty("reason", expect.stringContaining("refused by the URL guard: "));
    expect(fetchStub).not.toHaveBeenCalled();
  });

  test.each([
    ["an endpoint that nobody knows", {}, { target: "whk_1" }],
    ["a request without a webhook_url", { webhookUrl: null }, {}],
    ["a request that has not ended", { stage: "storing", endedAt: null }, {}],
  ] as const)("%s has nothing to hear", async (_what, state, effect) => {
    expect(await aTracker(state).run(effect)).toStrictEqual({ kind: "obsolete" });
    expect(fetchStub).not.toHaveBeenCalled();
  });
});

describe("a request that was told as failed and is recovered", () => {
  const uncertain: Partial<RequestState> = { stage: "failed", endedAt: NOW - MINUTE_MS };
  const recovering: Partial<RequestState> = { stage: "storing", endedAt: null, recoveredAt: NOW };
  const recovered: Partial<RequestState> = { stage: "completed", endedAt: NOW + 1, recoveredAt: NOW };

  test("ends a second time, with an event of its own", async () => {
    const tracker = aTracker(uncertain);
    answer(200);
    await tracker.run();
    tracker.state = { ...tracker.state, ...recovered };
    answer(200);
    await tracker.run();
    expect([sent(0), sent(1)].map(({ body }) => JSON.parse(body).type)).toStrictEqual([
      "request.failed",
      "request.recovered",
    ]);
    expect(sent(1).id).not.toBe(sent(0).id);
  });

  test.each([
    ["its files are still being stored", recovering, { kind: "obsolete" }],
    ["it has ended again", recovered, { kind: "turned_away", until: NOW }],
  ])("a yes to the old event does not count for the new one: %s", async (_what, changes, outcome) => {
    const tracker = aTracker(uncertain);
    fetchStub.mockImplementationOnce(async () => {
      tracker.state = { ...tracker.state, ...changes };
      return new Response(null);
    });
    expect(await tracker.run()).toStrictEqual(outcome);
  });
});
