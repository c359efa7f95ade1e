// From an admit to a started request: what becomes of it when the client leaves, an object is reset or an answer gets lost.

import { describe, expect, vi } from "vitest";
import type { AdmitInput } from "../../../src/contracts/team-access.ts";
import { teamFor } from "../../../src/platform/stubs.ts";
import { HOUR_MS, MINUTE_MS, SECOND_MS } from "../../../src/platform/time.ts";
import { RequestTracker } from "../../../src/requests/engine/tracker.ts";
import { keyDigest } from "../../../src/team/auth/key-text.ts";
import { UNSTARTED_SWEEP_MS } from "../../../src/team/requests/sweep-schedule.ts";
import { Team as TeamObject } from "../../../src/team/team.ts";
import { passTime } from "../../harness/clock.ts";
import { bindings } from "../../harness/env.ts";
import { test } from "../../harness/fixtures.ts";
import { ringTeam, trackerOf } from "../../harness/objects.ts";
import { aStart } from "../../harness/requests.ts";
import type { Team } from "../../harness/team.ts";
import { NOTHING_MEASURED } from "../../harness/team-object.ts";
import { expectArmed, ring, runToEnd } from "../../harness/tracker.ts";
import { deliverWebhooks, upstreamRequests } from "../../harness/upstream.ts";

const LIMIT_OF_SEVEN = { limits: [{ name: "month", scope: "team", per: "request", window: "1mo", limit: 7 }] };

test.override({ plan: LIMIT_OF_SEVEN });

const POST = { model: "fal-ai/flux/schnell", input: { prompt: "a cat" } };
const postUnder = (team: Team, idempotencyKey: string, body: unknown = POST) =>
  team.send("POST", "/v1/requests", body, { "Idempotency-Key": idempotencyKey });

/** What the edge asks the team; the client that posted it has gone before anything else happened. */
async function admitAlone(team: Team, over: Partial<AdmitInput> = {}): Promise<string> {
  const credential = { kind: "key", digest: await keyDigest(team.key) } as const;
  const known = await teamFor(bindings, team.id).identify(credential);
  const answer = await teamFor(bindings, team.id).admit({
    ...{
      credential,
      visitor: null,
      ip: null,
      network: null,
      measures: NOTHING_MEASURED,
      files: { used: [], inline: [] },
    },
    planHash: known.kind === "known" ? known.identity.planHash : "unknown",
    requestId: bindings.TRACKER.newUniqueId().toString(),
    model: POST.model,
    ...{ user: null, tags: {}, idempotencyKey: null, bodyHash: "body" },
    ...over,
  });
  if (answer.kind !== "admitted") throw new Error("not admitted");
  return answer.requestId;
}

const startOf = (team: Team, id: string) => aStart({ id, team: team.id, createdAt: Date.now() });

async function listed(team: Team, status: string): Promise<string[]> {
  const answer = await team.send<{ data: { id: string }[] }>("GET", `/v1/requests?status=${status}`);
  return answer.body.data.map((each) => each.id);
}

describe("an admit that no start followed", () => {
  test("is asked about after a minute, closed for good, refunded, and its idempotency key is free again", async ({
    team,
  }) => {
    const id = await admitAlone(team, { idempotencyKey: "k" });
    expect(await team.used()).toEqual([1]);
    await passTime(UNSTARTED_SWEEP_MS - SECOND_MS);
    await ringTeam(team);
    expect(await listed(team, "open")).toEqual([id]);
    await passTime(SECOND_MS);
    expect(await ringTeam(team)).toBe(true);
    expect(await team.used()).toEqual([0]);
    expect(await listed(team, "open")).toEqual([]);
    expect(await trackerOf(id).start(startOf(team, id))).toEqual({ kind: "closed" });
    expect(await ring(id)).toBe(false);
    expect(await upstreamRequests()).toEqual([]);
    const again = await postUnder(team, "k", { ...POST, input: { prompt: "another" } });
    expect(again.status).toBe(202);
    expect(again.body.id).not.toBe(id);
    expect(again.headers.has("Idempotent-Replayed")).toBe(false);
    expect(await team.used()).toEqual([1]);
  });

  test("is started by the same post when it comes again in time", async ({ team }) => {
    const gone = Promise.withResolvers<never>();
    const called = Promise.withResolvers<void>();
    vi.spyOn(RequestTracker.prototype, "start").mockImplementationOnce(() => {
      called.resolve();
      return gone.promise;
    });
    const first = postUnder(team, "k");
    await called.promise;
    const again = await postUnder(team, "k");
    expect(again.headers.get("Idempotent-Replayed")).toBe("true");
    expect(again.body.stage).toBe("queued");
    await expectArmed(again.body.id);
    gone.reject(new Error("reset"));
    expect((await first).body.id).toBe(again.body.id);
    expect(await upstreamRequests()).toHaveLength(1);
    expect(await team.used()).toEqual([1]);
  });
});

describe("a start that fails", () => {
  const realStart = RequestTracker.prototype.start;

  test.for([
    ["before anything happened", false],
    ["after the request was sent, its answer lost", true],
  ] as const)("%s is tried again, and one request comes of it", async ([_when, ran], { team }) => {
    vi.spyOn(RequestTracker.prototype, "start").mockImplementationOnce(async function (this: RequestTracker, input) {
      if (ran) await realStart.call(this, input);
      throw new Error("reset");
    });
    const answer = await team.send("POST", "/v1/requests", POST);
    expect(answer.status).toBe(202);
    expect(answer.body.stage).toBe("queued");
    await expectArmed(answer.body.id);
    expect(await upstreamRequests()).toHaveLength(1);
    expect(await team.used()).toEqual([1]);
    expect((await runToEnd(team, answer.body.id)).status).toBe("COMPLETED");
  });

  /** Each call takes six seconds and comes to nothing. */
  const fail = async (): Promise<never> => {
    await passTime(6 * SECOND_MS);
    throw new Error("reset");
  };

  test("for ten seconds is closed, refunded and answered 503, so that a post again is a new request", async ({
    team,
  }) => {
    vi.spyOn(RequestTracker.prototype, "start").mockImplementation(fail);
    const answer = await postUnder(team, "k");
    expect(answer.status).toBe(503);
    expect(answer.body).toMatchObject({ code: "internal", retryable: true });
    expect(await team.used()).toEqual([0]);
    expect(await listed(team, "open")).toEqual([]);
    vi.restoreAllMocks();
    const closed = String(answer.body.request_id);
    expect(await trackerOf(closed).start(startOf(team, closed))).toEqual({ kind: "closed" });
    const again = await postUnder(team, "k");
    expect(again.status).toBe(202);
    expect(again.body.id).not.toBe(closed);
    expect(await upstreamRequests()).toHaveLength(1);
  });

  test("and turns out to have run after all is answered 202 with what became of it, never 503", async ({ team }) => {
    vi.spyOn(RequestTracker.prototype, "start").mockImplementation(async function (this: RequestTracker, input) {
      await realStart.call(this, input);
      return fail();
    });
    const answer = await postUnder(team, "k");
    expect(answer.status).toBe(202);
    expect(answer.body.stage).toBe("queued");
    await expectArmed(answer.body.id);
    expect(await upstreamRequests()).toHaveLength(1);
    expect(await team.used()).toEqual([1]);
  });

  test("while nobody can say what became of it is answered 202 with its id, and found out by the team later", async ({
    team,
  }) => {
    vi.spyOn(RequestTracker.prototype, "start").mockImplementation(fail);
    vi.spyOn(RequestTracker.prototype, "closeIfUnstarted").mockImplementation(fail);
    const answer = await postUnder(team, "k");
    expect(answer.status).toBe(202);
    expect(answer.body).toMatchObject({ status: "IN_QUEUE", stage: "held" });
    expect(await team.used()).toEqual([1]);
    await passTime(UNSTARTED_SWEEP_MS);
    await ringTeam(team);
    expect(await team.used()).toEqual([1]);
    vi.restoreAllMocks();
    await passTime(UNSTARTED_SWEEP_MS);
    expect(await ringTeam(team)).toBe(true);
    expect(await team.used()).toEqual([0]);
    expect(await upstreamRequests()).toEqual([]);
  });
});

describe("a request that the team did not hear of", () => {
  const lost = () => Promise.reject(new Error("reset"));

  test("is asked about after a minute and left alone while it runs", async ({ team }) => {
    const { id, stage } = await team.submit("a cat");
    expect(stage).toBe("queued");
    await passTime(UNSTARTED_SWEEP_MS);
    expect(await ringTeam(team)).toBe(true);
    expect(await team.used()).toEqual([1]);
    expect((await team.read(id)).stage).toBe("queued");
    expect((await runToEnd(team, id)).status).toBe("COMPLETED");
  });

  test.for([
    ["COMPLETED", "completed", 2],
    ["CANCELED", "canceled", 1],
  ] as const)(
    "is booked as %s once the sweep has woken its tracker, and once only",
    async ([status, indexed, used], { team }) => {
      const { id: other } = await team.submit("another cat");
      const { id } = await team.submit("a cat");
      if (status === "CANCELED") await team.cancel(id);
      else await passTime(5 * SECOND_MS);
      const settling = vi.spyOn(TeamObject.prototype, "settle").mockImplementation(lost as never);
      for (let n = 0; n < 5; n++) {
        await deliverWebhooks();
        await ring(id);
        await expectArmed(id);
      }
      expect((await team.read(id)).status).toBe(status);
      expect((await listed(team, "open")).sort()).toEqual([id, other].sort());
      expect(await team.used()).toEqual([2]);
      settling.mockRestore();
      await passTime(UNSTARTED_SWEEP_MS);
      expect(await ringTeam(team)).toBe(true);
      await passTime(HOUR_MS);
      await ring(id);
      expect(await listed(team, indexed)).toEqual([id]);
      expect(await team.used()).toEqual([used]);
      await runToEnd(team, id);
      expect(await team.used()).toEqual([used]);
      expect(await listed(team, indexed)).toEqual([id]);
    },
  );
});

describe("the same call delivered again", () => {
  test("to start makes one request and one submit, at once or later", async ({ team }) => {
    const id = await admitAlone(team);
    const answers = await Promise.all([1, 2, 3].map(() => trackerOf(id).start(startOf(team, id))));
    expect(answers.map((answer) => answer.kind)).toEqual(["started", "started", "started"]);
    await passTime(MINUTE_MS);
    expect(await trackerOf(id).start(startOf(team, id))).toMatchObject({ kind: "started" });
    await expectArmed(id);
    expect(await upstreamRequests()).toHaveLength(1);
    expect((await team.timeline(id)).filter((event) => event === "admitted")).toHaveLength(1);
    await ringTeam(team);
    expect(await team.used()).toEqual([1]);
  });

  test("to admit books it once", async ({ team }) => {
    const requestId = bindings.TRACKER.newUniqueId().toString();
    expect(await admitAlone(team, { requestId })).toBe(requestId);
    expect(await admitAlone(team, { requestId })).toBe(requestId);
    expect(await team.used()).toEqual([1]);
    expect(await listed(team, "open")).toEqual([requestId]);
  });
});
