// Who is believed: fal's signature, fresh, by a user known to be ours, at the address that only fal was given. Anybody else
// who knows the address rings a doorbell: nothing of it is stored, and fal is asked instead.

import { describe, expect } from "vitest";
import { SECOND_MS } from "../../../src/platform/time.ts";
import { introduceAccount } from "../../harness/account.ts";
import { call } from "../../harness/calls.ts";
import { passTime } from "../../harness/clock.ts";
import { BASE, bindings } from "../../harness/env.ts";
import { test } from "../../harness/fixtures.ts";
import { expectArmed, ring, runToEnd } from "../../harness/tracker.ts";
import { deliverWebhooks, post, sandbox, signedWebhook, upstreamRequests } from "../../harness/upstream.ts";
import { expectDoorbell, finishedAtFal, webhookUnderWay } from "../../harness/webhooks.ts";

describe("a call that fal did not sign, or not just now", () => {
  type Change = (headers: Record<string, string>) => Record<string, string>;
  const headerNames = ["request-id", "user-id", "timestamp", "signature"].map((each) => `x-fal-webhook-${each}`);
  function without(name: string): Change {
    return ({ [name]: _dropped, ...rest }) => rest;
  }
  function changed(name: string, value: string): Change {
    return (headers) => ({ ...headers, [name]: value });
  }

  test.for<[string, Change]>([
    ...headerNames.map((name): [string, Change] => [`without ${name}`, without(name)]),
    ["with another user id", changed("x-fal-webhook-user-id", "user_other")],
    ["with another request id", changed("x-fal-webhook-request-id", crypto.randomUUID())],
    ["with a signature that is no hex", changed("x-fal-webhook-signature", "zz".repeat(64))],
    ["with a time stamp in milliseconds", (headers) => ({ ...headers, "x-fal-webhook-timestamp": String(Date.now()) })],
  ] as const)("%s is answered 401 and tells nothing", async ([_what, change], { team }) => {
    await introduceAccount(team);
    const { id, webhook } = await webhookUnderWay(team);
    const before = await team.read(id);
    expect(await post({ ...webhook, headers: change(webhook.headers) })).toBe(401);
    await expectDoorbell(team, id, before);
  });

  test("signed by somebody else is answered 401, and polls end the request", async ({ team }) => {
    await introduceAccount(team);
    const { id } = await finishedAtFal(team, "sandbox:webhook-forged");
    const before = await team.read(id);
    expect(await deliverWebhooks()).toEqual([401]);
    await expectDoorbell(team, id, before);
  });

  test("with a changed body is answered 401 and tells nothing", async ({ team }) => {
    await introduceAccount(team);
    const { id, webhook } = await webhookUnderWay(team);
    const before = await team.read(id);
    expect(await post({ ...webhook, body: `${webhook.body} ` })).toBe(401);
    await expectDoorbell(team, id, before);
  });

  test.for([
    [-600, 401],
    [-301, 401],
    [-300, 200],
    [-299, 200],
    [299, 200],
    [300, 200],
    [301, 401],
    [600, 401],
  ] as const)("signed %i s away from our clock is answered %i", async ([offset, status], { team }) => {
    await introduceAccount(team);
    const { id, upstreamId } = await finishedAtFal(team);
    const before = await team.read(id);
    expect(await post(await signedWebhook({ request_id: upstreamId, timestamp_offset_s: offset }))).toBe(status);
    if (status === 401) return await expectDoorbell(team, id, before);
    expect(await team.timeline(id)).toContain("webhook");
    expect((await team.read(id)).stage).toBeOneOf(["storing", "completed"]);
  });

  test("is no oracle: a wrong token is answered 404, the same for a known and an unknown id", async ({ team }) => {
    const mine = await webhookUnderWay(team);
    const other = await webhookUnderWay(team);
    const before = await team.read(mine.id);
    const path = new URL(mine.webhook.url).pathname;
    const token = path.split("/").at(-1) ?? "";
    const unknownId = bindings.TRACKER.newUniqueId().toString();
    const wrong = [
      path.replace(
        token,
        token.replace(/.$/, (last) => (last === "0" ? "1" : "0")),
      ),
      path.replace(token, new URL(other.webhook.url).pathname.split("/").at(-1) ?? ""),
      path.replace(token, "x"),
      path.replace(mine.id, unknownId),
      path.replace(mine.id, "0".repeat(64)),
      path.replace(mine.id, "not-an-id"),
    ];
    const answers = await Promise.all(
      wrong.map(async (url) => {
        const answer = await call("POST", url, { headers: mine.webhook.headers, body: mine.webhook.body });
        return [answer.status, await answer.text()];
      }),
    );
    expect(new Set(answers.map(String))).toEqual(new Set([`404,${JSON.stringify({ message: "Not found" })}`]));
    expect(await team.read(mine.id)).toEqual(before);
    expect(await team.timeline(mine.id)).not.toContain("unverified_callback");
  });
});

describe("the address that fal is given", () => {
  test.for<[string, string, (url: string) => string, number]>([
    ["GET", "as it is", (url) => url, 404],
    ["HEAD", "as it is", (url) => url, 404],
    ["PUT", "as it is", (url) => url, 404],
    ["POST", "with a trailing slash", (url) => `${url}/`, 200],
    ["POST", "with a query", (url) => `${url}?attempt=2`, 200],
    ["POST", "with an upper-case host", (url) => url.replace(BASE, BASE.toUpperCase()), 200],
    ["POST", "over plain http", (url) => url.replace("https:", "http:"), 200],
    ["POST", "with a doubled slash", (url) => url.replace("/hooks/", "//hooks/"), 200],
    ["POST", "with more behind it", (url) => `${url}/more`, 404],
  ])("%s %s is never redirected", async ([method, _how, spelling, status], { team }) => {
    await introduceAccount(team);
    const { id, webhook } = await webhookUnderWay(team);
    const body = method === "POST" || method === "PUT" ? { body: webhook.body } : {};
    expect((await call(method, spelling(webhook.url), { headers: webhook.headers, ...body })).status).toBe(status);
    expect((await team.read(id)).stage).toBeOneOf(status === 200 ? ["storing", "completed"] : ["queued"]);
  });
});

describe("a fal user whose webhooks we have not seen before", () => {
  const newUser = (): string => `user_${crypto.randomUUID()}`;

  test("costs one result call the first time, and none from then on", async ({ team }) => {
    await sandbox("PATCH", "settings", { user_id: newUser() });
    const first = await finishedAtFal(team, "the first");
    expect(await deliverWebhooks()).toEqual([200]);
    expect(await team.read(first.id)).toMatchObject({ stage: "queued", output: null });
    await expectArmed(first.id);
    expect((await runToEnd(team, first.id)).upstream.calls).toBe(2);
    const second = await finishedAtFal(team, "the second");
    expect(await deliverWebhooks()).toEqual([200]);
    expect((await runToEnd(team, second.id)).upstream.calls).toBe(1);
    expect((await upstreamRequests()).map(({ calls }) => calls)).toEqual([{ submit: 1, result: 1 }, { submit: 1 }]);
  });

  test("costs one result call too when twenty of its webhooks come at once", async ({ team }) => {
    await sandbox("PATCH", "settings", { user_id: newUser() });
    const { id, webhook } = await webhookUnderWay(team);
    const twenty = Array.from({ length: 20 }, () => webhook);
    expect(new Set(await Promise.all(twenty.map(post)))).toEqual(new Set([200]));
    await expectArmed(id);
    expect((await runToEnd(team, id, { webhooks: false })).status).toBe("COMPLETED");
    expect((await upstreamRequests()).map(({ calls }) => calls)).toEqual([{ submit: 1, result: 1 }]);
  });

  const lie = (id: string): string => {
    const payload = { images: [{ url: "https://cdn.sandbox.test/files/b/of/somebody-else.png" }], seed: 1 };
    return JSON.stringify({ request_id: id, gateway_request_id: id, status: "OK", payload });
  };
  const failure = (id: string): string => {
    return JSON.stringify({
      request_id: id,
      status: "ERROR",
      error: "Invalid status code: 500",
      payload: { detail: "No" },
    });
  };

  test.for([
    ["another output", lie],
    ["a failure", failure],
  ] as const)(
    "and who tells %s after the end is not believed: the true end counts",
    async ([_what, bodyOf], { team }) => {
      await introduceAccount(team);
      const swapped = newUser();
      for (const prompt of ["one", "two"]) {
        const { id, upstreamId } = await finishedAtFal(team, prompt);
        const untrue = await signedWebhook({ request_id: upstreamId, user_id: swapped, body: bodyOf(upstreamId) });
        expect(await post(untrue)).toBe(200);
        expect(await team.read(id)).toMatchObject({ stage: "queued", output: null, error: null, files: [] });
        await expectArmed(id);
        await ring(id);
        const ended = await team.read(id);
        expect(ended).toMatchObject({ status: "COMPLETED", files: [{ status: "stored" }], upstream: { calls: 2 } });
        expect(JSON.stringify(ended)).not.toContain("somebody-else");
      }
    },
  );

  test("and who tells an end while fal still works is not believed: the request goes on to its true end", async ({
    team,
  }) => {
    await introduceAccount(team);
    const { id, upstream } = await team.submit("sandbox:slow:30000");
    await passTime(5 * SECOND_MS);
    const request_id = upstream.request_id ?? "";
    expect(await post(await signedWebhook({ request_id, user_id: newUser(), body: lie(request_id) }))).toBe(200);
    await ring(id);
    expect(await team.read(id)).toMatchObject({ stage: "queued", output: null, upstream: { calls: 2 } });
    await expectArmed(id);
    await passTime(30 * SECOND_MS);
    expect(await deliverWebhooks()).toEqual([200]);
    expect((await team.read(id)).stage).toBeOneOf(["storing", "completed"]);
    expect((await runToEnd(team, id)).upstream.calls).toBe(2);
  });
});
