// The `deliver` effect: which end it tells of, that every try says the same, and what each answer comes to.

import { Webhook } from "standardwebhooks";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { DeliveryReport, DeliveryTarget } from "../../../../src/contracts/team-webhooks.ts";
import type { StoredText } from "../../../../src/files/stored-text.ts";
import type { Env } from "../../../../src/platform/bindings.ts";
import type { Config } from "../../../../src/platform/config.ts";
import { MINUTE_MS } from "../../../../src/platform/time.ts";
import type { TextName } from "../../../../src/requests/engine/document.ts";
import type { EffectContext } from "../../../../src/requests/engine/effects/context.ts";
import { runDeliver, runReport } from "../../../../src/requests/engine/effects/deliver.ts";
import { MissedTurns } from "../../../../src/requests/engine/effects/missed-turns.ts";
import type { Effect } from "../../../../src/requests/machine/effect-types.ts";
import { opened } from "../../../../src/requests/machine/machine.ts";
import type { RequestDelivery, RequestState } from "../../../../src/requests/machine/types.ts";
import type { Attempt, StoredEvent } from "../../../../src/webhooks/attempt.ts";
import { aStart, REQUEST } from "../../../harness/requests.ts";

const SECRETS = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"];

// What the effects want of the team.
const deliveries = {
  target: vi.fn<(asked: { deliveryId: string }) => Promise<DeliveryTarget>>(),
  report: vi.fn<(report: DeliveryReport) => Promise<void>>(),
};
const team = { deliveries };
vi.mock("../../../../src/platform/stubs.ts", () => ({
  askTeam: (_env: unknown, _team: string, ask: (stub: typeof team) => unknown) => ask(team),
}));

const KNOWN: DeliveryTarget = {
  ...{ kind: "known", url: null, secrets: SECRETS, headers: { "X-Own": "1" }, endpointId: null, notBefore: null },
};

const NOW = Date.UTC(2026, 10, 5, 12);
const fetchStub = vi.fn<(url: string, init: RequestInit) => Promise<Response>>();

beforeEach(() => {
  fetchStub.mockReset();
  deliveries.target.mockReset().mockResolvedValue(KNOWN);
  deliveries.report.mockReset();
  vi.stubGlobal("fetch", fetchStub);
  vi.useFakeTimers({ now: NOW, toFake: ["Date"] });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const DELIVERY: RequestDelivery = {
  ...{ id: "dlv_1", target: "request", eventId: "evt_0123456789abcdefghij", endedAt: NOW - MINUTE_MS },
  ...{ eventType: "request.completed", status: "pending", attempts: 0, group: 0, replay: null },
};

/** What the effect sees of its tracker. Tests change `state`, `config`, `texts` and `events` as events would. */
function aTracker(changes: Partial<RequestState> = {}) {
  const born = opened(aStart({ webhookUrl: "https://hooks.example.com/x" })).state;
  const ended: Partial<RequestState> = { stage: "completed", endedAt: NOW - MINUTE_MS, settledAt: NOW - MINUTE_MS };
  const tracker = {
    state: { ...born, ...ended, deliveries: [DELIVERY], ...changes } as RequestState,
    config: {
      BASE_URL: "https://sluice.example.com",
      SIGNING_KEY: ["k".repeat(32)],
      RELAY_ALLOW_HOSTS: [] as string[],
    },
    texts: new Map<TextName, StoredText>([["output", { at: "row", text: `{"seed":196619188014358660}` }]]),
    events: new Map<string, StoredEvent>(),
    last: null as Attempt | null,
    run: (effect: Partial<Effect> = {}) => runDeliver(contextOf(tracker), anEffect(effect)),
    report: () => runReport(contextOf(tracker), anEffect({ name: "report:dlv_1", kind: "report" })),
  };
  return tracker;
}

function contextOf(tracker: ReturnType<typeof aTracker>): EffectContext {
  const text = (name: TextName) => tracker.texts.get(name) ?? null;
  return {
    env: {} as Env,
    config: tracker.config as unknown as Config,
    now: () => Date.now(),
    currentRecord: () => ({ state: tracker.state, files: [], effects: [] }),
    storedText: text,
    event: (id) => tracker.events.get(id) ?? null,
    keepEvent: (event) => void (tracker.events.has(event.id) || tracker.events.set(event.id, event)),
    lastAttempt: () => tracker.last,
    currentView: () => ({
      state: tracker.state,
      files: [],
      output: tracker.state.stage === "completed" ? text("output") : null,
      payload: null,
      logs: null,
      timelineSeq: 0,
    }),
    unfinishedUploads: () => [],
    multipartUploadOf: () => {
      throw new Error("a delivery uploads nothing");
    },
    applyEvent: () => true,
    watch: () => "none",
    hasOtherAttempts: () => false,
    useGrant: () => null,
    storageSynced: () => Promise.resolve(),
    missedTurns: new MissedTurns(),
    noteBucketKey: () => {
      throw new Error("a delivery puts nothing into the bucket");
    },
    bucketKeys: () => [],
    releaseSlotOnce: () => Promise.resolve(),
    inBackground: () => undefined,
  };
}

function anEffect(changes: Partial<Effect>): Effect {
  return {
    name: "deliver:dlv_1",
    kind: "deliver",
    target: "dlv_1",
    dueAt: NOW,
    failures: 0,
    internalFailures: 0,
    leaseUntil: NOW + MINUTE_MS,
    leaseId: 1,
    attempts: 1,
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
    expect(id).toBe(DELIVERY.eventId);
    expect(headers["x-own"]).toBe("1");
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
      keptAtSend = tracker.events.get(DELIVERY.eventId)?.body;
      return new Response(null);
    });
    await tracker.run();
    expect(keptAtSend).toBe(sent().body);
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

const LOGGED = { delivery: "dlv_1", group: 0, replay: false, cutOff: 0 };

describe("what an answer comes to", () => {
  test("a yes is a line of the log", async () => {
    answer(204);
    expect(await aTracker().run()).toStrictEqual({
      kind: "attempted",
      attempt: {
        ...LOGGED,
        ...{ kind: "taken", category: "accepted", reason: "HTTP 204", retryAfterMs: null, at: NOW, ms: 0, status: 204 },
        ...{ url: "https://hooks.example.com/x", reply: { text: "", end: "whole" }, location: null },
      },
    });
  });

  test("a no carries the receiver's wish", async () => {
    answer(503, { "retry-after": "120" });
    expect(await aTracker().run({ attempts: 3 })).toMatchObject({
      kind: "attempted",
      attempt: {
        ...LOGGED,
        ...{
          kind: "later",
          reason: "HTTP 503",
          retryAfterMs: 120_000,
          status: 503,
          category: "server_error",
          cutOff: 2,
        },
      },
    });
  });

  test("an answer of 410 is final", async () => {
    answer(410);
    expect(await aTracker().run()).toMatchObject({ attempt: { kind: "gone", category: "gone" } });
  });

  test("a replay says that it is one, and its group", async () => {
    const replay = { resumeAt: NOW + MINUTE_MS };
    answer(500);
    const outcome = await aTracker({ deliveries: [{ ...DELIVERY, group: 2, replay }] }).run();
    expect(outcome).toMatchObject({ attempt: { kind: "later", group: 2, replay: true } });
  });

  test.each([
    ["an address", "https://169.254.169.254/"],
    ["this deployment by BASE_URL", "https://sluice.example.com/hooks"],
    ["this deployment by the origin", "https://sluice.test/hooks"],
  ])("a URL that leads to %s is final and never called", async (_what, webhookUrl) => {
    const outcome = await aTracker({ webhookUrl }).run();
    expect(outcome).toMatchObject({ attempt: { kind: "gone", status: null, category: "blocked" } });
    expect(outcome).toHaveProperty("attempt.reason", expect.stringContaining("blocked by the URL guard: "));
    expect(fetchStub).not.toHaveBeenCalled();
  });

  test.each([
    ["a delivery that nobody knows", {}, { target: "dlv_2" }],
    ["a request that has not ended", { stage: "storing", endedAt: null }, {}],
  ] as const)("%s has nothing to be told", async (_what, state, effect) => {
    expect(await aTracker(state).run(effect)).toStrictEqual({ kind: "obsolete" });
    expect(fetchStub).not.toHaveBeenCalled();
  });
});

describe("where it goes is asked at every try", () => {
  test("an address that was changed counts from the next try on", async () => {
    const tracker = aTracker();
    for (const url of ["https://old.example/", "https://new.example/"]) {
      deliveries.target.mockResolvedValueOnce({ ...KNOWN, url });
      answer(500);
      expect(await tracker.run()).toMatchObject({ attempt: { url } });
    }
    expect(fetchStub.mock.calls.map(([url]) => url)).toStrictEqual(["https://old.example/", "https://new.example/"]);
    expect(deliveries.target).toHaveBeenCalledWith({ deliveryId: "dlv_1" });
  });

  test.each([
    ["an overlap: both, the new one first", SECRETS],
    ["no overlap any more, or none at all: only the new one", SECRETS.slice(0, 1)],
  ])("%s", async (_when, secrets) => {
    deliveries.target.mockResolvedValueOnce({ ...KNOWN, secrets });
    answer(200);
    await aTracker().run();
    const { body, headers } = sent();
    const single = (secret: string) => new Webhook(secret).sign(DELIVERY.eventId, new Date(NOW), body);
    expect(headers["webhook-signature"]).toBe(secrets.map(single).join(" "));
  });

  test.each(["deleted", "disabled", "unknown"] as const)(
    "an endpoint that is %s is not called, and it is logged",
    async (reason) => {
      deliveries.target.mockResolvedValueOnce({ kind: "gone", reason });
      expect(await aTracker().run()).toMatchObject({
        attempt: { ...LOGGED, kind: "gone", reason, status: null, category: "disabled", at: NOW, ms: 0, url: "" },
      });
      expect(fetchStub).not.toHaveBeenCalled();
    },
  );

  test("an endpoint that gets its backlog slowly is asked for later, which is no failure", async () => {
    deliveries.target.mockResolvedValueOnce({ ...KNOWN, notBefore: NOW + 1 });
    expect(await aTracker().run()).toStrictEqual({ kind: "deferred", until: NOW + 1 });
    deliveries.target.mockResolvedValueOnce({ ...KNOWN, notBefore: NOW });
    answer(200);
    expect(await aTracker().run()).toMatchObject({ attempt: { kind: "taken" } });
  });
});

describe("how it stands is told to the team", () => {
  test("with what the last try came to", async () => {
    const tracker = aTracker({ deliveries: [{ ...DELIVERY, status: "failing", attempts: 3 }] });
    tracker.last = { status: 500, category: "server_error", at: NOW - 1, replay: true, kind: "later" } as Attempt;
    expect(await tracker.report()).toStrictEqual({ kind: "obsolete" });
    expect(deliveries.report).toHaveBeenCalledWith({
      ...{ deliveryId: "dlv_1", requestId: REQUEST, outcome: "failing", attempts: 3 },
      ...{ status: 500, category: "server_error", at: NOW - 1, failedReplay: true },
    });
  });

  test("a team that cannot be reached hears of it later: the row stays owed", async () => {
    deliveries.report.mockRejectedValueOnce(new Error("overloaded"));
    await expect(aTracker({ deliveries: [{ ...DELIVERY, status: "delivered" }] }).report()).rejects.toThrow(
      "overloaded",
    );
  });

  test("of a delivery without a try there is nothing to tell", async () => {
    expect(await aTracker().report()).toStrictEqual({ kind: "obsolete" });
    expect(deliveries.report).not.toHaveBeenCalled();
  });
});

describe("a request that was told as failed and is recovered", () => {
  const second: RequestDelivery = { ...DELIVERY, id: "dlv_2", eventId: "evt_second", endedAt: NOW + 1 };
  const recovered: Partial<RequestState> = {
    ...{ stage: "completed", endedAt: NOW + 1, recoveredAt: NOW },
    deliveries: [DELIVERY, second],
  };

  test("ends a second time, with an event of its own; what was told can still be told again", async () => {
    const tracker = aTracker({ stage: "failed" });
    answer(200);
    await tracker.run();
    Object.assign(tracker.state, recovered);
    for (const target of ["dlv_2", "dlv_1"]) {
      answer(200);
      await tracker.run({ target });
    }
    expect([0, 1, 2].map((n) => [sent(n).id, JSON.parse(sent(n).body).type])).toStrictEqual([
      [DELIVERY.eventId, "request.failed"],
      ["evt_second", "request.recovered"],
      [DELIVERY.eventId, "request.failed"],
    ]);
    expect(sent(2).body).toBe(sent(0).body);
  });

  test("an end that was taken back before anybody heard of it is not told", async () => {
    expect(await aTracker(recovered).run()).toStrictEqual({ kind: "obsolete" });
    expect(fetchStub).not.toHaveBeenCalled();
  });
});
