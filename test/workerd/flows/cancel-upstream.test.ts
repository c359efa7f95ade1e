// A cancel of what fal has: a wish that fal may grant, refused once there is nothing left to cancel; and a cancel of many.

import { beforeEach, describe, expect } from "vitest";
import { MINUTE_MS, SECOND_MS } from "../../../src/platform/time.ts";
import { CANCEL_RETRY_MS } from "../../../src/requests/machine/effect-schedule.ts";
import { CANCEL_POLL_FIRST_MS } from "../../../src/requests/machine/poll-schedule.ts";
import { exhaustPace, introduceAccount } from "../../harness/account.ts";
import { passTime } from "../../harness/clock.ts";
import { test } from "../../harness/fixtures.ts";
import { Team } from "../../harness/team.ts";
import { expectArmed, recordOf, ring, runToEnd } from "../../harness/tracker.ts";
import { deliverWebhooks, dueWebhooks, post, sandbox, sandboxCalls, upstreamRequests } from "../../harness/upstream.ts";
import { holdSources, interceptFetch, upstreamCall } from "../../harness/wire.ts";

const ONE_LIMIT = { limits: [{ name: "month", scope: "team", per: "request", window: "1mo", limit: 9 }] };

test.override({ plan: ONE_LIMIT });

async function cancelCalls(): Promise<number> {
  return (await sandboxCalls()).counts.cancel ?? 0;
}

describe("a cancel while fal has it queued", () => {
  beforeEach(() => sandbox("PATCH", "settings", { queue_ms: { image: 10 * MINUTE_MS } }));

  test("is answered 202, and fal's 200 makes it CANCELED, free", async ({ team }) => {
    const { id } = await team.submit("a cat");
    const answer = await team.cancel(id);
    expect(answer.status).toBe(202);
    expect(answer.body.status).toBe("IN_QUEUE");
    await expectArmed(id);
    await ring(id);
    expect(await team.read(id)).toMatchObject({ status: "CANCELED", error: null, upstream: { calls: 2 } });
    await runToEnd(team, id);
    expect(await team.used()).toEqual([0]);
    const canceled = await team.send<{ data: { id: string }[] }>("GET", "/v1/requests?status=canceled");
    expect(canceled.body.data).toMatchObject([{ id }]);
    await passTime(MINUTE_MS);
    expect(await ring(id)).toBe(false);
    expect(await upstreamRequests()).toMatchObject([{ end: "cancelled" }]);
  });

  test("twice is sent once, and after the end it is refused", async ({ team }) => {
    const { id } = await team.submit("a cat");
    const both = await Promise.all([team.cancel(id), team.cancel(id)]);
    expect(both.map((answer) => answer.status)).toEqual([202, 202]);
    await ring(id);
    expect(await cancelCalls()).toBe(1);
    const third = await team.cancel(id);
    expect([third.status, third.body.code]).toEqual([409, "already_ended"]);
    await expectArmed(id);
  });

  test.for(["completed", "not_found"])(
    "that fal takes as a wish only, keeping it as %s, ends as fal says",
    async (kept, { team }) => {
      await sandbox("PATCH", "settings", { cancel_queued_status: 202, cancelled_in_queue: kept });
      const { id } = await team.submit("a cat");
      await team.cancel(id);
      await ring(id);
      expect((await team.read(id)).status).toBe("IN_QUEUE");
      await expectArmed(id);
      const ended = await runToEnd(team, id);
      if (kept === "completed") expect(ended.status).toBe("CANCELED");
      else expect(ended).toMatchObject({ status: "FAILED", error: { code: "result_lost", charged: "unknown" } });
    },
  );

  test("may also be confirmed by fal's webhook", async ({ team }) => {
    await introduceAccount(team);
    await sandbox("PATCH", "settings", { cancel_queued_status: 202, webhook_on_cancel: true });
    const { id } = await team.submit("a cat");
    await team.cancel(id);
    await ring(id);
    const [told, ...more] = await dueWebhooks();
    expect(more).toEqual([]);
    if (told === undefined) throw new Error("fal told nothing");
    expect(await post(told)).toBe(200);
    expect((await team.read(id)).status).toBe("CANCELED");
    await expectArmed(id);
  });
});

describe("a cancel while it runs", () => {
  /** A request that fal is working on. */
  async function running(team: Team, prompt: string): Promise<string> {
    const { id } = await team.submit(prompt);
    await passTime(500);
    return id;
  }

  test("is a wish that fal may grant: CANCELED once its result says so, free", async ({ team }) => {
    const id = await running(team, "sandbox:slow:60000");
    expect((await team.cancel(id)).status).toBe(202);
    await ring(id);
    expect((await team.read(id)).status).not.toBe("CANCELED");
    await expectArmed(id);
    const ended = await runToEnd(team, id);
    expect(ended).toMatchObject({ status: "CANCELED", error: null, output: null });
    expect(await cancelCalls()).toBe(1);
    expect(await team.used()).toEqual([0]);
  });

  test("is seen to be granted at the first look, which comes at once although webhooks arrive", async ({ team }) => {
    await introduceAccount(team);
    const id = await running(team, "sandbox:slow:60000");
    const before = (await sandboxCalls()).counts;
    await team.cancel(id);
    await ring(id);
    await expectArmed(id, Date.now() + CANCEL_POLL_FIRST_MS);
    await passTime(CANCEL_POLL_FIRST_MS);
    await ring(id);
    await ring(id);
    expect(await team.read(id)).toMatchObject({ status: "CANCELED", upstream: { calls: 4 } });
    const after = (await sandboxCalls()).counts;
    const made = ["cancel", "status", "result"].map((kind) => (after[kind] ?? 0) - (before[kind] ?? 0));
    expect(made).toEqual([1, 1, 1]);
  });

  test("says nothing about webhooks: later requests do not begin to poll because none told of it", async ({ team }) => {
    await introduceAccount(team);
    const id = await running(team, "sandbox:slow:60000");
    await team.cancel(id);
    expect((await runToEnd(team, id)).status).toBe("CANCELED");
    const { id: next } = await team.submit("a cat");
    expect((await recordOf(next))?.state.webhooks).toBe("arriving");
    await passTime(5 * SECOND_MS);
    expect((await runToEnd(team, next)).upstream.calls).toBe(1);
  });

  test("that the model does not heed leaves it COMPLETED and counted", async ({ team }) => {
    const id = await running(team, "sandbox:ignore-cancel");
    expect((await team.cancel(id)).status).toBe(202);
    const ended = await runToEnd(team, id);
    expect(ended).toMatchObject({ status: "COMPLETED", files: [{ status: "stored" }] });
    expect(await team.used()).toEqual([1]);
  });

  test("that comes too late at fal brings the result, also when no webhook tells it", async ({ team }) => {
    const id = await running(team, "sandbox:webhook-lost");
    await passTime(5 * SECOND_MS);
    expect((await team.cancel(id)).status).toBe(202);
    await ring(id);
    expect((await team.read(id)).status).toBe("COMPLETED");
    expect((await sandboxCalls()).counts).toMatchObject({ cancel: 1, result: 1 });
  });

  test("that fal cannot answer is tried again, then given up, and the end is told all the same", async ({ team }) => {
    let asked = 0;
    interceptFetch(async (request, pass) => {
      if (upstreamCall(request) !== "cancel") return pass();
      asked++;
      return new Response("bad gateway", { status: 502 });
    });
    const id = await running(team, "sandbox:slow:3600000,webhook-lost");
    await team.cancel(id);
    const ended = await runToEnd(team, id);
    expect(ended.status).toBe("COMPLETED");
    expect(asked).toBe(CANCEL_RETRY_MS.length + 1);
    expect(await team.timeline(id)).toContain("cancel");
  });
});

describe("a cancel that has nothing left to cancel is 409", () => {
  test("while the output is being stored, which goes on", async ({ team }) => {
    await introduceAccount(team);
    const { id } = await team.submit("sandbox:file-500:1");
    await passTime(5 * SECOND_MS);
    const [told] = await dueWebhooks();
    if (told === undefined) throw new Error("fal told nothing");
    const sources = holdSources();
    await post(told);
    expect((await team.read(id)).stage).toBe("storing");
    const answer = await team.cancel(id);
    expect([answer.status, answer.body.code]).toEqual([409, "already_ended"]);
    await expectArmed(id);
    sources.letGo();
    expect((await runToEnd(team, id)).status).toBe("COMPLETED");
    expect(await cancelCalls()).toBe(0);
  });

  test.for([
    ["COMPLETED", "a cat"],
    ["FAILED", "sandbox:refused"],
  ] as const)("when it is %s", async ([status, prompt], { team }) => {
    const { id } = await team.submit(prompt);
    await passTime(5 * SECOND_MS);
    expect((await runToEnd(team, id)).status).toBe(status);
    const before = await team.timeline(id);
    const answer = await team.cancel(id);
    expect([answer.status, answer.body.code]).toEqual([409, "already_ended"]);
    expect((await team.read(id)).status).toBe(status);
    expect(await team.timeline(id)).toEqual(before);
  });
});

test("a cancel of another team's request is 404 and does nothing", async ({ team }) => {
  const { id } = await team.submit("a cat");
  const other = await Team.create();
  expect((await other.cancel(id)).status).toBe(404);
  expect((await team.cancel("0".repeat(64))).status).toBe(404);
  expect(await team.timeline(id)).not.toContain("cancel_requested");
});

describe("a cancel of many", () => {
  test("tells of each open request that the filter names what became of it, and leaves the others", async ({
    team,
  }) => {
    const submit = async (user: string, tags = {}, prompt = `by ${user}`) =>
      (await team.submit(prompt, { user, tags })).id;
    const done = await submit("anna");
    await passTime(5 * SECOND_MS);
    await runToEnd(team, done);
    const storing = await submit("anna", {}, "sandbox:file-500");
    await passTime(5 * SECOND_MS);
    await deliverWebhooks();
    expect((await team.read(storing)).stage).toBe("storing");
    await sandbox("PATCH", "settings", { queue_ms: { image: 10 * MINUTE_MS } });
    const queued = await submit("anna", { project: "x" });
    const bobs = await submit("bob", { project: "x" });
    await exhaustPace();
    const held = await submit("anna");
    const annas = await team.send("POST", "/v1/requests/cancel", { filter: { user: "anna" } });
    expect(annas.status).toBe(200);
    expect(annas.body).toEqual({ canceled: [held], requested: [queued], already_ended: [storing], next_cursor: null });
    expect((await team.read(bobs)).stage).toBe("queued");
    await expectArmed(queued);
    await passTime(2 * SECOND_MS); // the account's calls of this second are used up
    await ring(queued);
    expect((await team.read(queued)).status).toBe("CANCELED");
    const tagged = await team.send("POST", "/v1/requests/cancel", { filter: { tag: "project=x" } });
    expect(tagged.body).toMatchObject({ canceled: [], requested: [bobs], already_ended: [] });
  });
});
