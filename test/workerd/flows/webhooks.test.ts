// What a report of fal's does to its request: it ends it once, whenever it comes and however often, whatever it carries.
// The fal user is known from a first request on, so a report is applied as it comes in; who is believed is in webhook-trust.

import { describe, expect, vi } from "vitest";
import { HOUR_MS, MINUTE_MS, SECOND_MS } from "../../../src/platform/time.ts";
import { RequestTracker } from "../../../src/requests/engine/tracker.ts";
import { UNCERTAIN_GRACE_MS } from "../../../src/requests/machine/submits.ts";
import { introduceAccount } from "../../harness/account.ts";
import { passTime } from "../../harness/clock.ts";
import { test } from "../../harness/fixtures.ts";
import { expectArmed, ring, runToEnd } from "../../harness/tracker.ts";
import { deliverWebhooks, post, sandbox, signedWebhook, upstreamRequests } from "../../harness/upstream.ts";
import { callsAtFal, finishedAtFal, webhookUnderWay } from "../../harness/webhooks.ts";
import { holdSources } from "../../harness/wire.ts";

test.beforeEach(async ({ team }) => {
  await introduceAccount(team);
});

function count(timeline: string[], event: string): number {
  return timeline.filter((each) => each === event).length;
}

describe("a webhook that comes more than once", () => {
  test("ends its request the first time and changes nothing the second", async ({ team }) => {
    const { id } = await finishedAtFal(team, "sandbox:webhook-twice");
    expect(await deliverWebhooks()).toEqual([200, 200]);
    await expectArmed(id);
    expect((await runToEnd(team, id)).status).toBe("COMPLETED");
    const timeline = await team.timeline(id);
    expect(count(timeline, "webhook")).toBe(1);
    expect(count(timeline, "completed")).toBe(1);
    expect(await callsAtFal()).toEqual([{ submit: 1 }]);
  });

  test("ends its request once when twenty come at once, and all are thanked for", async ({ team }) => {
    const { id, webhook } = await webhookUnderWay(team, "twenty at once");
    const twenty = Array.from({ length: 20 }, () => webhook);
    expect(await Promise.all(twenty.map(post))).toEqual(twenty.map(() => 200));
    await expectArmed(id);
    const ended = await runToEnd(team, id, { webhooks: false });
    expect(ended).toMatchObject({ status: "COMPLETED", upstream: { calls: 1 } });
    const events = ["webhook", "stored", "completed", "settled", "conflicting_report"];
    const timeline = await team.timeline(id);
    expect(events.map((event) => count(timeline, event))).toEqual([1, 1, 1, 1, 0]);
    const { requests } = await sandbox<{ requests: { files: { gets: number }[] }[] }>("GET", "requests");
    expect(requests[1]?.files.map(({ gets }) => gets)).toEqual([1]);
  });

  test("is thanked for after the end too, and nothing of the request changes", async ({ team }) => {
    const { id, upstreamId } = await finishedAtFal(team, "repeated after the end");
    const ended = await runToEnd(team, id);
    const timeline = await team.timeline(id);
    await passTime(2 * MINUTE_MS);
    expect(await post(await signedWebhook({ request_id: upstreamId }))).toBe(200);
    await expectArmed(id);
    expect(await team.read(id)).toEqual(ended);
    expect(await team.timeline(id)).toEqual(timeline);
    expect(await ring(id)).toBe(false);
  });
});

describe("a webhook that meets something else", () => {
  test("of the same request from another of fal's own attempts is the same end", async ({ team }) => {
    const { id, webhook } = await webhookUnderWay(team);
    const body = webhook.body.replace(/("gateway_request_id": ?")[^"]+/, `$1${crypto.randomUUID()}`);
    expect(body).not.toBe(webhook.body);
    const again = await signedWebhook({ request_id: webhook.headers["x-fal-webhook-request-id"] ?? "", body });
    expect([await post(webhook), await post(again)]).toEqual([200, 200]);
    await runToEnd(team, id, { webhooks: false });
    const events = ["webhook", "completed", "conflicting_report"];
    const timeline = await team.timeline(id);
    expect(events.map((event) => count(timeline, event))).toEqual([1, 1, 0]);
  });

  test("a poll at the same moment: the request ends once, and its files are fetched once", async ({ team }) => {
    const { id, webhook } = await webhookUnderWay(team, "told and asked at once");
    await passTime(2 * MINUTE_MS);
    const again = await signedWebhook({ request_id: webhook.headers["x-fal-webhook-request-id"] ?? "" });
    const [status] = await Promise.all([post(again), ring(id), ring(id)]);
    expect(status).toBe(200);
    expect((await runToEnd(team, id, { webhooks: false })).status).toBe("COMPLETED");
    const timeline = await team.timeline(id);
    expect(["stored", "completed", "settled"].map((event) => count(timeline, event))).toEqual([1, 1, 1]);
    expect(count(timeline, "conflicting_report")).toBe(0);
    const { requests } = await sandbox<{ requests: { files: { gets: number }[] }[] }>("GET", "requests");
    expect(requests[1]?.files.map(({ gets }) => gets)).toEqual([1]);
  });

  test("the end, and is stale: answered 401, and nothing of the request changes", async ({ team }) => {
    const { id, upstreamId } = await finishedAtFal(team);
    const ended = await runToEnd(team, id);
    expect(await post(await signedWebhook({ request_id: upstreamId, variant: "stale" }))).toBe(401);
    await ring(id);
    expect(await team.read(id)).toEqual(ended);
    expect(count(await team.timeline(id), "webhook")).toBe(1);
  });

  test("an object that cannot keep it: no 2xx, so fal sends it again, and nothing is lost", async ({ team }) => {
    const { id, webhook } = await webhookUnderWay(team);
    const before = await team.read(id);
    const report = vi.spyOn(RequestTracker.prototype, "report").mockImplementation(() => {
      throw new Error("the disk is full");
    });
    expect(await post(webhook)).toBeGreaterThanOrEqual(500);
    expect(await team.read(id)).toEqual(before);
    report.mockRestore();
    expect(await post(webhook)).toBe(200);
    await expectArmed(id);
    expect((await runToEnd(team, id, { webhooks: false })).status).toBe("COMPLETED");
  });

  test("files that are still to be copied: it is answered as soon as it is kept", async ({ team }) => {
    const { id, webhook } = await webhookUnderWay(team);
    const sources = holdSources();
    expect(await post(webhook)).toBe(200);
    expect((await team.read(id)).stage).toBe("storing");
    sources.letGo();
    expect((await runToEnd(team, id, { webhooks: false })).status).toBe("COMPLETED");
  });
});

describe("a webhook without a payload that can be used", () => {
  test.for([
    ["carries null", "sandbox:webhook-null", { submit: 1, result: 1 }],
    ["is larger than a megabyte", "sandbox:webhook-big", { submit: 1, status: 1, result: 1 }],
  ] as const)(
    "that %s is answered 200, and the result is fetched at once",
    async ([_what, prompt, calls], { team }) => {
      const { id } = await finishedAtFal(team, prompt);
      expect(await deliverWebhooks()).toEqual([200]);
      expect((await team.read(id)).output).toBeNull();
      await expectArmed(id);
      await ring(id);
      const ended = await team.read(id);
      expect(ended).toMatchObject({ status: "COMPLETED", files: [{ status: "stored" }] });
      expect(await callsAtFal()).toEqual([calls]);
    },
  );

  test.for([
    ["no JSON", () => "<html>OK</html>"],
    [
      "a status that fal does not have",
      (id: string) => JSON.stringify({ request_id: id, status: "DONE", payload: {} }),
    ],
    ["another request's id in its body", () => JSON.stringify({ request_id: "another", status: "OK", payload: {} })],
    ["an error without a status", (id: string) => JSON.stringify({ request_id: id, status: "ERROR", error: "Oh no" })],
  ] as const)(
    "but with %s is answered 200, not applied, and fal is asked at once",
    async ([_what, bodyOf], { team }) => {
      const { id, upstreamId } = await finishedAtFal(team, "sandbox:webhook-lost");
      expect(await post(await signedWebhook({ request_id: upstreamId, body: bodyOf(upstreamId) }))).toBe(200);
      expect(await team.read(id)).toMatchObject({ output: null, error: null });
      await expectArmed(id);
      await ring(id);
      expect(await team.read(id)).toMatchObject({ status: "COMPLETED", files: [{ status: "stored" }] });
    },
  );

  test("ends a request whose submit's answer got lost, however large its output is", async ({ team }) => {
    const { id, stage } = await team.submit("sandbox:submit-garbage,webhook-big");
    expect(stage).toBe("uncertain");
    await passTime(5 * SECOND_MS);
    expect(await deliverWebhooks()).toEqual([200]);
    await expectArmed(id);
    await ring(id);
    expect(await team.read(id)).toMatchObject({ status: "COMPLETED", files: [{ status: "stored" }] });
    expect(await callsAtFal()).toEqual([{ submit: 1, result: 1 }]);
  });
});

describe("two webhooks that contradict each other", () => {
  test.for([
    ["ERROR then OK", ["error", "ok"], "FAILED"],
    ["OK then ERROR", ["ok", "error"], "COMPLETED"],
  ] as const)(
    "%s: the first one wins, the second is noted in the timeline",
    async ([_what, variants, status], { team }) => {
      const { id, upstreamId } = await finishedAtFal(team, "sandbox:webhook-lost");
      const [first, second] = variants;
      expect(await post(await signedWebhook({ request_id: upstreamId, variant: first }))).toBe(200);
      const ended = await runToEnd(team, id);
      expect(ended.status).toBe(status);
      expect(await post(await signedWebhook({ request_id: upstreamId, variant: second }))).toBe(200);
      await expectArmed(id);
      await ring(id);
      expect(await team.read(id)).toEqual(ended);
      expect((await team.timeline(id)).at(-1)).toBe("conflicting_report");
    },
  );

  test("OK then ERROR while the files are being stored: the files are stored", async ({ team }) => {
    const { id, upstreamId } = await finishedAtFal(team, "sandbox:webhook-lost");
    const sources = holdSources();
    for (const variant of ["ok", "error"] as const) {
      expect(await post(await signedWebhook({ request_id: upstreamId, variant }))).toBe(200);
      expect((await team.read(id)).stage).toBe("storing");
      await expectArmed(id);
    }
    sources.letGo();
    expect(await runToEnd(team, id)).toMatchObject({ status: "COMPLETED", error: null });
    expect(count(await team.timeline(id), "conflicting_report")).toBe(1);
  });

  test("both in fal's own outbox: the request has failed, and the ledger says so", async ({ team }) => {
    const { id } = await finishedAtFal(team, "sandbox:webhook-error-then-ok");
    expect(await deliverWebhooks()).toEqual([200, 200]);
    expect((await runToEnd(team, id)).status).toBe("FAILED");
    const failed = await team.send<{ data: { id: string }[] }>("GET", "/v1/requests?status=failed");
    expect(failed.body.data.map((each) => each.id)).toEqual([id]);
  });
});

describe("a webhook that tells no output", () => {
  const refusal = { type: "content_policy_violation", loc: ["body", "prompt"] };
  test.for([
    ["sandbox:refused", { code: "content_refused", retryable: false, detail: [refusal] }],
    ["sandbox:invalid", { code: "invalid_input", detail: "The input could not be processed" }],
    ["sandbox:crash", { code: "upstream_failed", retryable: true, charged: false }],
    ["sandbox:error500", { code: "upstream_failed", detail: "Internal Server Error", charged: false }],
  ] as const)("%s: the request fails with fal's own words, without another call", async ([prompt, error], { team }) => {
    const { id } = await finishedAtFal(team, prompt);
    expect(await deliverWebhooks()).toEqual([200]);
    await expectArmed(id);
    const ended = await team.read(id);
    expect(ended).toMatchObject({ status: "FAILED", output: null, files: [], error });
    // Whether a 422 is charged is the plan's word, which the ledger gives with the settling, soon after the end.
    const charged = prompt === "sandbox:invalid" || prompt === "sandbox:refused" ? [true, "unknown"] : [false];
    expect(ended.error?.charged).toBeOneOf(charged);
    expect((await runToEnd(team, id)).error).toEqual({ ...ended.error, charged: charged[0] });
    expect(await callsAtFal()).toEqual([{ submit: 1 }]);
  });

  test("of a cancel that fal obeyed cancels the request", async ({ team }) => {
    await sandbox("PATCH", "settings", { webhook_on_cancel: true });
    const { id } = await team.submit("sandbox:slow:60000");
    await passTime(SECOND_MS);
    expect((await team.send("POST", `/v1/requests/${id}/cancel`)).status).toBe(202);
    await ring(id);
    await passTime(SECOND_MS);
    expect(await deliverWebhooks()).toEqual([200]);
    await expectArmed(id);
    expect(await team.read(id)).toMatchObject({ status: "CANCELED", error: null });
    expect((await runToEnd(team, id)).status).toBe("CANCELED");
  });
});

test("a webhook about another request of the same account is not applied, and fal is asked at once", async ({
  team,
}) => {
  const mine = await team.submit("sandbox:webhook-lost");
  const other = await webhookUnderWay(team, "somebody else's picture");
  const { url } = await signedWebhook({ request_id: mine.upstream.request_id ?? "" });
  expect(await post({ ...other.webhook, url })).toBe(200);
  expect(await team.read(mine.id)).toMatchObject({ output: null, files: [] });
  await expectArmed(mine.id);
  await ring(mine.id);
  const ended = await team.read(mine.id);
  expect(ended.status).toBe("COMPLETED");
  expect(ended.upstream.request_id).toBe(mine.upstream.request_id);
  const others = await runToEnd(team, other.id);
  expect(others.files[0]?.sha256).not.toBe(ended.files[0]?.sha256);
});

test("a webhook after the grace of a lost submit brings the request back, once, and the ledger follows", async ({
  team,
}) => {
  await sandbox("PATCH", "settings", { cdn_ttl_ms: 24 * HOUR_MS });
  const { id } = await team.submit("sandbox:submit-garbage,webhook-lost");
  await passTime(UNCERTAIN_GRACE_MS);
  await ring(id);
  const given = await team.read(id);
  expect(given).toMatchObject({ status: "FAILED", error: { code: "submit_uncertain", charged: "unknown" } });
  const listed = async (status: string): Promise<string[]> => {
    const page = await team.send<{ data: { id: string }[] }>("GET", `/v1/requests?status=${status}`);
    return page.body.data.map((each) => each.id);
  };
  expect(await listed("failed")).toEqual([id]);

  const upstreamId = (await upstreamRequests())[1]?.request_id ?? "";
  const sources = holdSources();
  expect(await post(await signedWebhook({ request_id: upstreamId }))).toBe(200);
  await expectArmed(id);
  expect(await team.read(id)).toMatchObject({ stage: "storing", error: null, upstream: { request_id: upstreamId } });
  sources.letGo();
  const ended = await runToEnd(team, id);
  expect(ended).toMatchObject({ status: "COMPLETED", files: [{ status: "stored" }] });
  expect(await listed("failed")).toEqual([]);
  expect(await listed("completed")).toContain(id);

  expect(await post(await signedWebhook({ request_id: upstreamId }))).toBe(200);
  expect(await post(await signedWebhook({ request_id: upstreamId, variant: "error" }))).toBe(200);
  await expectArmed(id);
  expect(await team.read(id)).toEqual(ended);
  expect(count(await team.timeline(id), "recovered")).toBe(1);
  expect(await callsAtFal()).toEqual([{ submit: 1 }]);
});
