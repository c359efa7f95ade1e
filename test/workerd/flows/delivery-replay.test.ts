// Deliveries to several targets, what changes while tries are pending, replays by hand, and who may see them.

import { describe, expect } from "vitest";
import { DAY_MS, HOUR_MS } from "../../../src/platform/time.ts";
import { DELIVER_RETRY_MS } from "../../../src/webhooks/retry-schedule.ts";
import { passTime } from "../../harness/clock.ts";
import { deliveriesOf, deliveryOf, newSecret, status, withEndpoints } from "../../harness/deliveries.ts";
import { eventually } from "../../harness/eventually.ts";
import { test } from "../../harness/fixtures.ts";
import { HOOK, type Scene } from "../../harness/scene.ts";
import { Team } from "../../harness/team.ts";
import { ring } from "../../harness/tracker.ts";

/** A delivery's line in the team's list. */
async function listed({ team }: Scene, id: string): Promise<Record<string, unknown> | undefined> {
  const answer = await team.send<{ data: Record<string, unknown>[] }>("GET", "/v1/deliveries");
  return answer.body.data.find((line) => line.id === id);
}

describe("several targets", () => {
  test("only the one that fails is tried again, each with a count of its own, all with one id and the same bytes", async ({
    scene,
  }) => {
    await scene.endpoint("good.example");
    await scene.endpoint("bad.example");
    scene.receivers.answer("bad.example", status(503));
    const id = await scene.ended();
    await scene.nextTry(id, DELIVER_RETRY_MS[0]);
    await scene.nextTry(id, DELIVER_RETRY_MS[1]);
    expect(["own.example", "good.example", "bad.example"].map((host) => scene.receivers.at(host).length)).toEqual([
      1, 1, 3,
    ]);
    expect(new Set(scene.receivers.received.map((each) => each.id)).size).toBe(1);
    expect(new Set(scene.receivers.received.map((each) => each.body)).size).toBe(1);
    const lines = await deliveriesOf(scene.team, id);
    expect(lines.map((line) => [line.state, line.attempts]).sort()).toEqual([
      ["delivered", 1],
      ["delivered", 1],
      ["failing", 3],
    ]);
    scene.receivers.answer("bad.example", status(200));
    await scene.nextTry(id, DELIVER_RETRY_MS[2]);
  });

  test("a rotated secret and a changed address count from the very next try", async ({ scene }) => {
    const [first, second, third] = [newSecret(), newSecret(), newSecret()];
    const secrets = [{ secret: first, validUntil: null }];
    const id = await scene.endpoint("one.example", secrets);
    scene.receivers.answer("one.example", status(500));
    scene.receivers.answer("two.example", status(500));
    const request = await scene.ended({});
    const overlap = Date.now() + HOUR_MS;
    await withEndpoints(scene.team, (store) =>
      store.setSecrets(id, [
        { secret: second, validUntil: null },
        { secret: first, validUntil: overlap },
      ]),
    );
    scene.receivers.secrets.set("one.example", [second, first]);
    await scene.nextTry(request, DELIVER_RETRY_MS[0]);
    await withEndpoints(scene.team, (store) => {
      store.setSecrets(id, [{ secret: third, validUntil: null }]);
      store.setTerms(id, { url: "https://two.example/x", events: null, tags: {}, description: "", headers: {} }, "");
    });
    scene.receivers.secrets.set("two.example", [third]);
    await scene.nextTry(request, DELIVER_RETRY_MS[1]);
    scene.receivers.answer("two.example", status(200));
    await scene.nextTry(request, DELIVER_RETRY_MS[2]);
    const signatures = scene.receivers.received.map((each) => each.headers.get("webhook-signature")?.split(" ").length);
    expect(signatures).toEqual([1, 2, 1, 1]);
    expect(scene.receivers.received.map(({ url }) => new URL(url).hostname)).toEqual([
      ...["one.example", "one.example", "two.example", "two.example"],
    ]);
    expect((await scene.onlyDelivery(request)).log.map(({ url }) => url)).toEqual(
      scene.receivers.received.map(({ url }) => url),
    );
  });

  test("an endpoint that is disabled in between is not called; enabled, a replay reaches it", async ({ scene }) => {
    const id = await scene.endpoint("one.example");
    scene.receivers.answer("one.example", status(500));
    const request = await scene.ended({});
    await withEndpoints(scene.team, (store) => store.setDisabled(id, { at: Date.now(), reason: "by_hand" }));
    await scene.nextTry(request, DELIVER_RETRY_MS[0]);
    const gone = await scene.onlyDelivery(request);
    expect(gone).toMatchObject({
      state: "gone",
      log: [{ status: 500 }, { category: "disabled", reason: "disabled" }],
    });
    expect(scene.receivers.received).toHaveLength(1);
    await withEndpoints(scene.team, (store) => store.setDisabled(id, null));
    scene.receivers.answer("one.example", status(200));
    expect((await scene.team.send("POST", `/v1/deliveries/${gone.id}/replay`)).status).toBe(202);
    await ring(request);
    expect(await deliveryOf(scene.team, gone.id)).toMatchObject({ state: "delivered" });
  });
});

describe("replays by hand", () => {
  test("a delivered one is sent again with its id, once for a double click, and a failing replay leaves it delivered", async ({
    scene,
  }) => {
    const id = await scene.ended();
    const { id: delivery } = await scene.onlyDelivery(id);
    for (let click = 0; click < 2; click++) {
      const answer = await scene.team.send("POST", `/v1/deliveries/${delivery}/replay`);
      expect(answer.status).toBe(202);
    }
    await ring(id);
    expect(scene.receivers.received).toHaveLength(2);
    expect(scene.receivers.received[1]).toMatchObject({
      id: scene.receivers.received[0]?.id,
      body: scene.receivers.received[0]?.body,
    });
    scene.receivers.answer("own.example", status(500));
    await scene.team.send("POST", `/v1/deliveries/${delivery}/replay`);
    await ring(id);
    await scene.nextTry(id, DAY_MS);
    const log = (await deliveryOf(scene.team, delivery)).log.map(({ group, replay, next }) => [
      group,
      replay,
      next.why,
    ]);
    expect(log).toEqual([
      [0, false, "delivered"],
      [1, true, "delivered"],
      [2, true, "replay_failed"],
    ]);
    expect(await scene.team.read(id)).toMatchObject({ webhook: { status: "delivered", attempts: 3 } });
  });

  test("while a try is planned: one is sent now; failing, the plan goes on as it was, taken, nothing more comes", async ({
    scene,
  }) => {
    scene.receivers.answer("own.example", status(500));
    const id = await scene.ended();
    await scene.nextTry(id, DELIVER_RETRY_MS[0]);
    const before = await scene.onlyDelivery(id);
    await scene.team.send("POST", `/v1/deliveries/${before.id}/replay`);
    await ring(id);
    const after = await deliveryOf(scene.team, before.id);
    expect(after).toMatchObject({ state: "failing", attempts: 3, next_attempt_at: before.next_attempt_at });
    scene.receivers.answer("own.example", status(200));
    await scene.team.send("POST", `/v1/deliveries/${before.id}/replay`);
    await ring(id);
    await scene.nextTry(id, DAY_MS);
    expect(scene.receivers.received).toHaveLength(4);
    expect(await deliveryOf(scene.team, before.id)).toMatchObject({ state: "delivered", attempts: 4 });
  });

  test("while a try is under way: that one does as well, and the team's list goes on saying how it stands", async ({
    scene,
  }) => {
    scene.receivers.answer("own.example", status(500));
    const id = await scene.ended();
    const { id: delivery } = await scene.onlyDelivery(id);
    const { promise, resolve } = Promise.withResolvers<Response>();
    scene.receivers.answer("own.example", () => promise);
    await passTime(Math.ceil(1.2 * DELIVER_RETRY_MS[0]));
    const ringing = ring(id);
    await eventually(async () => expect(scene.receivers.received).toHaveLength(2));
    await scene.replay(delivery);
    resolve(new Response(null, { status: 500 }));
    await ringing;
    await ring(id);
    expect(scene.receivers.received).toHaveLength(2);
    const after = await deliveryOf(scene.team, delivery);
    expect(after.log.map(({ replay }) => replay)).toEqual([false, false]);
    expect(after.next_attempt_at).not.toBeNull();
    expect(await listed(scene, delivery)).toMatchObject({ state: "failing", last_status: 500 });
    scene.receivers.answer("own.example", status(200));
    await scene.nextTry(id, DELIVER_RETRY_MS[1]);
    await ring(id);
    expect(await listed(scene, delivery)).toMatchObject({ state: "delivered", attempts: 3 });
  });

  test("that fail say nothing about the endpoint, whose own failures are counted; one that is taken ends them", async ({
    scene,
  }) => {
    const endpoint = await scene.endpoint("one.example");
    const health = async () => {
      type Health = { failed_deliveries: number; failing_since: string | null; last_success_at: string | null };
      return (await scene.team.send<{ health: Health }>("GET", `/v1/webhooks/${endpoint}`)).body.health;
    };
    const replayed = async (request: string, delivery: string) => {
      await scene.replay(delivery);
      for (let n = 0; n < 2; n++) await ring(request);
      return health();
    };
    const taken = await scene.ended({});
    await ring(taken);
    const { id: first } = await scene.onlyDelivery(taken);
    const before = await health();
    scene.receivers.answer("one.example", status(500));
    expect(await replayed(taken, first)).toEqual(before);
    const failing = await scene.ended({});
    await ring(failing);
    const { id: second } = await scene.onlyDelivery(failing);
    const counted = await health();
    expect(counted.failed_deliveries).toBe(1);
    expect(await replayed(failing, second)).toEqual(counted);
    expect(await replayed(taken, first)).toEqual(counted);
    expect(await listed(scene, second)).toMatchObject({ state: "failing", attempts: 2 });
    scene.receivers.answer("one.example", status(200));
    expect(await replayed(failing, second)).toMatchObject({ failed_deliveries: 0, failing_since: null });
  });

  test("of a parked one that fails again: one try, and it stays parked", async ({ scene }) => {
    scene.receivers.answer("own.example", status(500));
    const id = await scene.ended();
    await scene.tired(id);
    const { id: delivery } = await scene.onlyDelivery(id);
    await scene.team.send("POST", `/v1/deliveries/${delivery}/replay`);
    await ring(id);
    await scene.nextTry(id, DAY_MS);
    expect(scene.receivers.received).toHaveLength(11);
    expect(await deliveryOf(scene.team, delivery)).toMatchObject({
      state: "parked",
      attempts: 11,
      next_attempt_at: null,
    });
  });

  test("after thirty days what was sent is let go, and a replay says so instead of sending nothing", async ({
    scene,
  }) => {
    const id = await scene.ended();
    const { id: delivery } = await scene.onlyDelivery(id);
    await scene.nextTry(id, 26 * DAY_MS);
    expect(await scene.team.timeline(id)).toContain("data_deleted");
    const answer = await scene.team.send<{ code: string }>("POST", `/v1/deliveries/${delivery}/replay`);
    expect([answer.status, answer.body.code]).toEqual([410, "gone"]);
    await ring(id);
    expect(scene.receivers.received).toHaveLength(1);
    expect(await deliveryOf(scene.team, delivery)).toMatchObject({ state: "delivered", sent: null, log: [] });
  });
});

describe("who may see it", () => {
  test("another team sees neither the deliveries nor the delivery, nor can it replay one", async ({ scene }) => {
    const id = await scene.ended();
    const { id: delivery } = await scene.onlyDelivery(id);
    const stranger = await Team.create();
    for (const [method, path] of [
      ["GET", `/v1/requests/${id}/deliveries`],
      ["GET", `/v1/deliveries/${delivery}`],
      ["POST", `/v1/deliveries/${delivery}/replay`],
    ] as const) {
      expect((await stranger.send(method, path)).status).toBe(404);
    }
    expect((await scene.team.send("GET", "/v1/deliveries/dlv_nobody")).status).toBe(404);
  });

  test("who sees one user's requests sees how the caller's own address heard, not the team's endpoints", async ({
    scene,
  }) => {
    await scene.endpoint("one.example");
    const member = await scene.team.send<{ secret: string }>("POST", "/v1/keys", {
      ...{ kind: "secret", scopes: ["run", "read"], user: "ada" },
    });
    const ada = new Team(scene.team.id, member.body.secret);
    const id = await scene.ended({ webhook_url: HOOK }, ada);
    expect(await deliveriesOf(scene.team, id)).toHaveLength(2);
    const seen = await deliveriesOf(ada, id);
    expect(seen.map((line) => line.endpoint)).toEqual([null]);
    const hidden = (await deliveriesOf(scene.team, id)).find((line) => line.endpoint !== null);
    expect((await ada.send("GET", `/v1/deliveries/${hidden?.id}`)).status).toBe(404);
  });
});
