// A webhook that is faster than the submit's answer: fal's word counts as soon as it is here, and the answer that comes
// after it adds what it knows. Whatever becomes of that answer, the submit is not sent again.

import { describe, expect, vi } from "vitest";
import { introduceAccount } from "../../harness/account.ts";
import { passTime } from "../../harness/clock.ts";
import { test } from "../../harness/fixtures.ts";
import type { RequestObject } from "../../harness/request-object.ts";
import type { Team } from "../../harness/team.ts";
import { expectArmed, ring, runToEnd } from "../../harness/tracker.ts";
import { deliverWebhooks, dueWebhooks, sandbox } from "../../harness/upstream.ts";
import { callsAtFal } from "../../harness/webhooks.ts";
import { holdSources, interceptFetch } from "../../harness/wire.ts";

test.beforeEach(async ({ team }) => {
  await introduceAccount(team);
});

describe("a webhook that overtakes the submit's answer", () => {
  /** Lets fal take the submit, then does `work` before the answer goes on. */
  function beforeTheAnswer(work: () => Promise<void>, answered = (answer: Response): Response => answer): void {
    interceptFetch(async (request, pass) => {
      const answer = await pass();
      if (request.method !== "POST") return answer;
      await work();
      return answered(answer);
    });
  }

  let seen: RequestObject;
  async function deliverAndLook(team: Team): Promise<void> {
    const [webhook] = await dueWebhooks();
    expect(await deliverWebhooks()).toEqual([200]);
    seen = await team.read(/\/hooks\/fal\/([0-9a-f]{64})\//.exec(webhook?.url ?? "")?.[1] ?? "");
  }

  test("is applied, and the late answer only adds its line to the timeline", async ({ team }) => {
    const sources = holdSources();
    beforeTheAnswer(() => deliverAndLook(team));
    const submitted = await team.submit("sandbox:webhook-first");
    expect(seen.stage).toBe("storing");
    expect(submitted).toEqual(seen);
    sources.letGo();
    await expectArmed(submitted.id);
    const ended = await runToEnd(team, submitted.id, { webhooks: false });
    expect(ended).toMatchObject({ status: "COMPLETED", upstream: { calls: 1 } });
    const timeline = await team.timeline(submitted.id);
    expect(timeline.slice(0, 5)).toEqual(["admitted", "granted", "webhook", "submitted", "stored"]);
    expect(await callsAtFal()).toEqual([{ submit: 1 }]);
  });

  test("stays applied when the answer then gets lost", async ({ team }) => {
    const sources = holdSources();
    beforeTheAnswer(
      () => deliverAndLook(team),
      () => {
        throw new TypeError("Network connection lost.");
      },
    );
    const submitted = await team.submit("sandbox:webhook-first");
    expect(submitted).toEqual(seen);
    sources.letGo();
    await expectArmed(submitted.id);
    const ended = await runToEnd(team, submitted.id, { webhooks: false });
    expect(ended.status).toBe("COMPLETED");
    expect(await callsAtFal()).toEqual([{ submit: 1 }]);
  });

  test("ends a request that fal took although it answered 429, before the submit is sent again", async ({ team }) => {
    const { id, stage } = await team.submit("sandbox:submit-429,taken");
    expect(stage).toBe("held");
    await passTime(1_500);
    expect(await deliverWebhooks()).toEqual([200]);
    await expectArmed(id);
    expect((await runToEnd(team, id)).status).toBe("COMPLETED");
    expect(await callsAtFal()).toEqual([{ submit: 1 }]);
  });

  test("of a fal user not known yet is looked into as soon as the answer is here", async ({ team }) => {
    await sandbox("PATCH", "settings", { user_id: "user_overtaking" });
    beforeTheAnswer(() => deliverAndLook(team));
    const submitted = await team.submit("sandbox:webhook-first");
    expect(seen.stage).toBe("submitting");
    expect(submitted.stage).toBe("queued");
    await expectArmed(submitted.id);
    vi.restoreAllMocks();
    await ring(submitted.id);
    expect(await team.read(submitted.id)).toMatchObject({ status: "COMPLETED", upstream: { calls: 2 } });
    expect(await callsAtFal()).toEqual([{ submit: 1, result: 1 }]);
  });
});
