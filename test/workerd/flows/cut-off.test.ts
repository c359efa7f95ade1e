// Tries that outlive their lease, and tries that die with their object: nothing counts twice, nothing stays undone.

import { expect } from "vitest";
import { DAY_MS, MINUTE_MS, SECOND_MS } from "../../../src/platform/time.ts";
import { attentionAt, LEASES_BEFORE_BACKOFF, leaseMs } from "../../../src/requests/machine/effect-schedule.ts";
import type { Effect } from "../../../src/requests/machine/effect-types.ts";
import { call } from "../../harness/calls.ts";
import { passTime } from "../../harness/clock.ts";
import { eventually } from "../../harness/eventually.ts";
import { test } from "../../harness/fixtures.ts";
import { cutOff } from "../../harness/objects.ts";
import { expectArmed, recordOf, ring, runToEnd } from "../../harness/tracker.ts";
import { deliverWebhooks, sandbox, signAsNewUser, sourcePath, upstreamRequests } from "../../harness/upstream.ts";
import { interceptFetch, isSource, silence, upstreamCall } from "../../harness/wire.ts";

test.beforeEach(async ({ clock: _clock }) => {
  // Leases of copies are long: what they copy must still be there when they are over.
  await sandbox("PATCH", "settings", { cdn_ttl_ms: DAY_MS });
  await signAsNewUser();
});

test("a submit whose answer comes after its lease was believed lost, is heard all the same, and fal is asked once", async ({
  team,
}) => {
  let submits = 0;
  let answers = false;
  interceptFetch(async (request, pass) => {
    if (upstreamCall(request) !== "submit") return pass();
    if (submits++ === 0) return Response.json({ error: { message: "Rate limit exceeded" } }, { status: 429 });
    const answer = await pass();
    await eventually(async () => expect(answers).toBe(true));
    return answer;
  });
  const { id } = await team.submit("a cat");
  await passTime(2 * SECOND_MS);
  const slow = ring(id);
  await eventually(async () => expect(await team.read(id)).toMatchObject({ stage: "submitting" }));
  await expectArmed(id);
  await passTime(leaseMs("submit"));
  await ring(id);
  expect(await team.read(id)).toMatchObject({
    status: "IN_QUEUE",
    stage: "uncertain",
    upstream: { request_id: null },
  });
  await expectArmed(id);
  answers = true;
  await slow;
  const [sent, ...more] = await upstreamRequests();
  expect(more).toEqual([]);
  expect(await team.read(id)).toMatchObject({ stage: "queued", upstream: { request_id: sent?.request_id } });
  expect(await runToEnd(team, id)).toMatchObject({ status: "COMPLETED" });
  expect(submits).toBe(2);
});

test("a copy that is still running when its lease is over is begun again, and counts once", async ({ team }) => {
  let copies = 0;
  let answers = false;
  interceptFetch(async (request, pass) => {
    const answer = await pass();
    if (!isSource(request) || ++copies > 1) return answer;
    await eventually(async () => expect(answers).toBe(true));
    return answer;
  });
  const { id } = await team.submit("a cat");
  await passTime(5 * SECOND_MS);
  await deliverWebhooks();
  const slow = ring(id);
  await eventually(async () => expect(copies).toBe(1));
  await passTime(leaseMs("mirror"));
  await ring(id);
  const ended = await team.read(id);
  expect(ended).toMatchObject({ status: "COMPLETED", files: [{ status: "stored" }] });
  answers = true;
  await slow;
  expect(await team.read(id)).toEqual(ended);
  expect((await team.timeline(id)).filter((what) => what === "stored")).toHaveLength(1);
  expect((await call("GET", ended.files[0]?.url ?? "")).status).toBe(200);
  await expectArmed(id);
});

test("a try that was believed lost and fails late takes nothing from the one that runs instead", async ({ team }) => {
  const answers: ("fail" | "pass" | null)[] = [null, null];
  let copies = 0;
  interceptFetch(async (request, pass) => {
    if (!isSource(request)) return pass();
    const mine = copies++;
    await eventually(async () => expect(answers[mine]).not.toBeNull());
    return answers[mine] === "fail" ? Response.json({}, { status: 500 }) : pass();
  });
  const { id } = await team.submit("a cat");
  await passTime(5 * SECOND_MS);
  await deliverWebhooks();
  const first = ring(id);
  await eventually(async () => expect(copies).toBe(1));
  await passTime(leaseMs("mirror"));
  const second = ring(id);
  await eventually(async () => expect(copies).toBe(2));
  answers[0] = "fail";
  await first;
  await passTime(MINUTE_MS);
  await ring(id);
  await expectArmed(id);
  answers[1] = "pass";
  await second;
  expect(await team.read(id)).toMatchObject({ status: "COMPLETED", files: [{ status: "stored" }] });
  expect(copies).toBe(2);
});

test("a copy that died with its object is begun again as soon as the object wakes, long before its lease is over", async ({
  team,
}) => {
  let tries = 0;
  interceptFetch((request, pass) => (isSource(request) && ++tries === 1 ? silence(request) : pass()));
  const { id } = await team.submit("a cat");
  await passTime(5 * SECOND_MS);
  await deliverWebhooks();
  const broken = ring(id).catch((fault: Error) => expect(fault.message).toBe("cut off by a test"));
  await eventually(async () => expect(tries).toBe(1));
  await cutOff(id);
  await broken;
  await expectArmed(id);
  await ring(id);
  expect(await team.read(id)).toMatchObject({ status: "COMPLETED", files: [{ status: "stored" }] });
});

test("a file that ends its object at every try is put off, and its neighbours are stored meanwhile", async ({
  team,
}) => {
  const deadly = { path: "", tries: 0, holds: true };
  interceptFetch((request, pass) => {
    if (new URL(request.url).pathname !== deadly.path || !deadly.holds) return pass();
    deadly.tries++;
    return silence(request);
  });
  const { id } = await team.submit("three cats sandbox:many-files:3");
  deadly.path = await sourcePath(0);
  await passTime(5 * SECOND_MS);
  await deliverWebhooks();
  for (let tries = 1; tries <= LEASES_BEFORE_BACKOFF; tries++) {
    const broken = ring(id).catch((fault: Error) => expect(fault.message).toBe("cut off by a test"));
    await eventually(async () => expect(deadly.tries).toBe(tries));
    await eventually(async () =>
      expect(await team.read(id)).toMatchObject({
        files: [{ status: "pending" }, { status: "stored" }, { status: "stored" }],
      }),
    );
    await cutOff(id);
    await broken;
    await expectArmed(id);
    await passTime(leaseMs("mirror"));
  }
  await ring(id);
  await expectArmed(id);
  expect(deadly.tries).toBe(LEASES_BEFORE_BACKOFF);
  const put = await mirrorRow(id);
  expect(put).toMatchObject({ leaseUntil: null, lastFailure: "crashed repeatedly" });
  expect(attentionAt(put)).toBeGreaterThan(Date.now() + 10 * SECOND_MS);
  deadly.holds = false;
  expect(await runToEnd(team, id)).toMatchObject({ status: "COMPLETED", files: [{ status: "stored" }, {}, {}] });
});

async function mirrorRow(id: string): Promise<Effect> {
  const row = (await recordOf(id))?.effects.find((effect) => effect.kind === "mirror");
  if (row === undefined) throw new Error("no copy is owed");
  return row;
}
