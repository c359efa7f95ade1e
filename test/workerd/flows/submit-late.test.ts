// A submit whose answer is slow: the caller does not wait for ever, and what it brings is acted on whenever it comes.
// Also the road without webhooks, where no late proof can come.

import { runInDurableObject } from "cloudflare:test";
import { describe, expect } from "vitest";
import { HOUR_MS, MINUTE_MS } from "../../../src/platform/time.ts";
import { SUBMIT_ANSWER_WAIT_MS } from "../../../src/requests/engine/runner.ts";
import { RequestTracker } from "../../../src/requests/engine/tracker.ts";
import { UNCERTAIN_GRACE_MS } from "../../../src/requests/machine/submits.ts";
import { passTime } from "../../harness/clock.ts";
import { bindings } from "../../harness/env.ts";
import { eventually } from "../../harness/eventually.ts";
import { test } from "../../harness/fixtures.ts";
import { trackerOf } from "../../harness/objects.ts";
import { aStart } from "../../harness/requests.ts";
import { catchTimers } from "../../harness/timers.ts";
import { expectArmed, recordOf, ring, runToEnd } from "../../harness/tracker.ts";
import { sandbox, sandboxCalls, upstreamRequests } from "../../harness/upstream.ts";
import { holdSubmits } from "../../harness/wire.ts";

const ONE_LIMIT = { limits: [{ name: "month", scope: "team", per: "request", window: "1mo", limit: 5 }] };

test.override({ plan: ONE_LIMIT });

/** How many submits left for upstream since the sandbox was reset, unanswered ones ("gateway") too: never two. */
async function submitsSent(): Promise<number> {
  const { counts } = await sandboxCalls();
  return (counts.submit ?? 0) + (counts.gateway ?? 0);
}

describe("an answer that is slow", () => {
  test("leaves the caller with 202 after ten seconds, and what it brings is acted on as soon as it is here", async ({
    team,
  }) => {
    const { reached, letGo } = holdSubmits("a cat");
    const timeIsUp = catchTimers(SUBMIT_ANSWER_WAIT_MS);
    const answer = team.submit("a cat");
    await reached;
    timeIsUp();
    const submitted = await answer;
    expect(submitted).toMatchObject({ status: "IN_QUEUE", stage: "submitting" });
    await expectArmed(submitted.id);
    expect((await team.cancel(submitted.id)).status).toBe(202);
    letGo();
    await eventually(async () => expect((await recordOf(submitted.id))?.state.upstreamId).not.toBeNull());
    await eventually(() => expectArmed(submitted.id));
    await ring(submitted.id);
    expect((await team.read(submitted.id)).status).toBe("CANCELED");
    expect(await submitsSent()).toBe(1);
  });

  test("counts as lost once its lease is over, and is taken gladly when it comes after all", async ({ team }) => {
    const { reached, letGo } = holdSubmits("a cat");
    const answer = team.submit("a cat");
    await reached;
    const id = await team.onlyRequest();
    await passTime(2 * MINUTE_MS);
    await ring(id);
    expect((await team.read(id)).stage).toBe("uncertain");
    await expectArmed(id);
    letGo();
    expect(await answer).toMatchObject({ stage: "queued" });
    await expectArmed(id);
    expect((await runToEnd(team, id)).status).toBe("COMPLETED");
    expect(await upstreamRequests()).toHaveLength(1);
    expect(await submitsSent()).toBe(1);
  });

  test("reopens even what was given up as uncertain, and is followed to its end", async ({ team }) => {
    await sandbox("PATCH", "settings", { result_ttl_ms: 24 * HOUR_MS, cdn_ttl_ms: 24 * HOUR_MS });
    const { reached, letGo } = holdSubmits("sandbox:webhook-lost");
    const answer = team.submit("sandbox:webhook-lost");
    await reached;
    const id = await team.onlyRequest();
    for (const afterMs of [2 * MINUTE_MS, UNCERTAIN_GRACE_MS]) {
      await passTime(afterMs);
      await ring(id);
    }
    expect((await team.read(id)).error).toMatchObject({ code: "submit_uncertain" });
    expect(await team.used()).toEqual([1]);
    letGo();
    expect(await answer).toMatchObject({ stage: "queued", error: null });
    await expectArmed(id);
    expect((await runToEnd(team, id)).status).toBe("COMPLETED");
    expect(await team.timeline(id)).toContain("recovered");
    expect(await submitsSent()).toBe(1);
    expect(await team.used()).toEqual([1]);
  });
});

describe("without a public URL no webhook can prove a lost submit", () => {
  test("so it fails at once, unknown whether charged", async ({ team }) => {
    const id = bindings.TRACKER.newUniqueId().toString();
    const input = { at: "row", text: '{"prompt":"sandbox:submit-drop"}' } as const;
    const started = await runInDurableObject(trackerOf(id), (_instance, state) =>
      new RequestTracker(state, { ...bindings, PUBLIC_URL: "" } as typeof bindings).start(
        aStart({ id, team: team.id, input, createdAt: Date.now() }),
      ),
    );
    expect(started).toMatchObject({
      view: { state: { stage: "failed", error: { code: "submit_uncertain", charged: "unknown" } } },
    });
    await expectArmed(id);
    expect(await upstreamRequests()).toMatchObject([{ webhook_url: null }]);
  });
});
