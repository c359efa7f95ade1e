// A cancel before it is known that fal has the request: free while nothing was sent, remembered while it is not clear.

import { describe, expect } from "vitest";
import { MINUTE_MS, SECOND_MS } from "../../../src/platform/time.ts";
import { UNCERTAIN_GRACE_MS } from "../../../src/requests/machine/submits.ts";
import { exhaustPace, introduceAccount } from "../../harness/account.ts";
import { passTime } from "../../harness/clock.ts";
import { eventually } from "../../harness/eventually.ts";
import { test } from "../../harness/fixtures.ts";
import { Team } from "../../harness/team.ts";
import { expectArmed, ring, runToEnd } from "../../harness/tracker.ts";
import { sandbox, sandboxCalls } from "../../harness/upstream.ts";
import { holdSubmits, interceptFetch, isSubmitOf } from "../../harness/wire.ts";

const ONE_LIMIT = { limits: [{ name: "month", scope: "team", per: "request", window: "1mo", limit: 9 }] };

test.override({ plan: ONE_LIMIT });

/** Prompts that reached the sandbox. */
async function promptsSent(): Promise<string[]> {
  const { requests } = await sandbox<{ requests: { input: { prompt: string } }[] }>("GET", "requests");
  return requests.map((request) => request.input.prompt);
}

async function cancelCalls(): Promise<number> {
  return (await sandboxCalls()).counts.cancel ?? 0;
}

describe("a cancel while a request waits for the turn that it was given", () => {
  test("ends it, and the turn goes back", async ({ team }) => {
    // The tenth call of this second is the account's own: it looks up its connection.
    const busy = await Team.create();
    for (let n = 0; n < 9; n++) await busy.submit(`filler ${n}`);
    await passTime(200);
    const submitted = team.submit("never sent");
    await eventually(async () => expect((await team.read(await team.onlyRequest())).stage).toBe("held"));
    const id = await team.onlyRequest();
    expect((await team.cancel(id)).status).toBe(200);
    expect((await submitted).status).toBe("CANCELED");
    await expectArmed(id);
    expect(await promptsSent()).not.toContain("never sent");
  });
});

describe("a cancel while the submit is under way", () => {
  test("is remembered, and sent upstream once the id is known", async ({ team }) => {
    const { reached, letGo } = holdSubmits("a cat");
    const submitted = team.submit("a cat");
    await reached;
    const id = await team.onlyRequest();
    const answer = await team.cancel(id);
    expect(answer.status).toBe(202);
    expect(answer.body.stage).toBe("submitting");
    await expectArmed(id);
    expect((await team.cancel(id)).status).toBe(202);
    letGo();
    expect((await submitted).upstream.request_id).not.toBeNull();
    await expectArmed(id);
    await ring(id);
    expect(await team.read(id)).toMatchObject({ status: "CANCELED", error: null });
    expect(await cancelCalls()).toBe(1);
    await runToEnd(team, id);
    expect(await team.used()).toEqual([0]);
  });

  test("ends it when upstream turns out not to have taken it, and it is not sent again", async ({ team }) => {
    const reached = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    interceptFetch(async (request, pass) => {
      if (!(await isSubmitOf(request, "a cat"))) return pass();
      reached.resolve();
      await gate.promise;
      return Response.json({ error: { message: "Rate limit exceeded", code: 429 } }, { status: 429 });
    });
    const submitted = team.submit("a cat");
    await reached.promise;
    const id = await team.onlyRequest();
    expect((await team.cancel(id)).status).toBe(202);
    gate.resolve();
    expect((await submitted).status).toBe("CANCELED");
    await expectArmed(id);
    expect((await runToEnd(team, id)).upstream.calls).toBe(1);
    await passTime(MINUTE_MS);
    expect(await ring(id)).toBe(false);
    expect(await team.used()).toEqual([0]);
  });

  test("does not hide that upstream refused it", async ({ team }) => {
    const { reached, letGo } = holdSubmits("sandbox:submit-422");
    const submitted = team.submit("sandbox:submit-422");
    await reached;
    const id = await team.onlyRequest();
    await team.cancel(id);
    letGo();
    expect(await submitted).toMatchObject({ status: "FAILED", error: { code: "invalid_input", charged: false } });
    expect(await cancelCalls()).toBe(0);
  });
});

describe("a cancel while it is uncertain whether fal has it", () => {
  test("sends nothing, and the webhook that proves it ended ends it as completed and counted", async ({ team }) => {
    await introduceAccount(team);
    const { id } = await team.submit("sandbox:submit-drop");
    const answer = await team.cancel(id);
    expect(answer.status).toBe(202);
    expect(answer.body.stage).toBe("uncertain");
    await expectArmed(id);
    await ring(id);
    expect(await cancelCalls()).toBe(0);
    await passTime(5 * SECOND_MS);
    expect((await runToEnd(team, id)).status).toBe("COMPLETED");
    expect(await team.used()).toEqual([2]);
  });

  test("is sent once an answer that was believed lost brings the id", async ({ team }) => {
    const { reached, letGo } = holdSubmits("sandbox:slow:600000");
    const submitted = team.submit("sandbox:slow:600000");
    await reached;
    const id = await team.onlyRequest();
    await passTime(2 * MINUTE_MS);
    await ring(id);
    const answer = await team.cancel(id);
    expect(answer.status).toBe(202);
    expect(answer.body.stage).toBe("uncertain");
    letGo();
    await submitted;
    await expectArmed(id);
    const ended = await runToEnd(team, id);
    expect(ended.status).toBe("CANCELED");
    expect(await cancelCalls()).toBe(1);
    expect((await promptsSent()).filter((prompt) => prompt === "sandbox:slow:600000")).toHaveLength(1);
  });

  test("does not shorten the grace, nor call the unknown canceled", async ({ team }) => {
    await introduceAccount(team);
    const { id } = await team.submit("sandbox:submit-500");
    await team.cancel(id);
    await passTime(UNCERTAIN_GRACE_MS - SECOND_MS);
    await ring(id);
    expect((await team.read(id)).stage).toBe("uncertain");
    const ended = await runToEnd(team, id);
    expect(ended).toMatchObject({ status: "FAILED", error: { code: "submit_uncertain", charged: "unknown" } });
  });
});

// Last: the filler that still waits for its turn would take that of a request of the next test.
describe("a cancel while the request is held", () => {
  test("ends it at once, free, and nothing ever goes upstream", async ({ team }) => {
    await exhaustPace();
    const { id, stage, queue_position } = await team.submit("never sent");
    expect({ stage, queue_position }).toEqual({ stage: "held", queue_position: expect.any(Number) });
    const answer = await team.cancel(id);
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ status: "CANCELED", error: null, queue_position: null });
    await expectArmed(id);
    expect((await runToEnd(team, id)).upstream).toEqual({ request_id: null, calls: 0 });
    await passTime(MINUTE_MS);
    expect(await ring(id)).toBe(false);
    expect(await promptsSent()).not.toContain("never sent");
    expect(await team.used()).toEqual([0]);
  });
});
