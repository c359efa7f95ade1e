// The Maton connection that submits go over: none, one that was deleted, one that cannot be looked up.

import { describe, expect } from "vitest";
import { LOOKUP_RETRY_MS } from "../../../src/net/fetch-text.ts";
import { MINUTE_MS, SECOND_MS } from "../../../src/platform/time.ts";
import { introduceAccount } from "../../harness/account.ts";
import { passTime } from "../../harness/clock.ts";
import { test as base } from "../../harness/fixtures.ts";
import { Team } from "../../harness/team.ts";
import { expectArmed, ring, runToEnd } from "../../harness/tracker.ts";
import { post, sandbox, signedWebhook } from "../../harness/upstream.ts";
import { interceptFetch } from "../../harness/wire.ts";

const ONE_LIMIT = { limits: [{ name: "month", scope: "team", per: "request", window: "1mo", limit: 9 }] };
const MISSING = { code: "connection_missing", retryable: true, charged: false };

/** The connection that submits go over when the test begins. */
const test = base.extend("first", { auto: true }, async ({ team }) => {
  // The account may know a connection of an earlier test, which the sandbox has forgotten: one submit finds that out.
  await (await Team.create()).submit("whatever becomes of it");
  await passTime(MINUTE_MS);
  await introduceAccount(team);
  return connectionUsed();
});
test.override({ plan: ONE_LIMIT });

/** Over which connection the sandbox was last given a request. */
async function connectionUsed(): Promise<string> {
  const { requests } = await sandbox<{ requests: { connection_id: string }[] }>("GET", "requests");
  return requests.at(-1)?.connection_id ?? "";
}

/** A call on Maton's list of connections, as its account's owner makes test. */
function control(method: string, path: string, body?: object): Promise<Response> {
  return fetch(`https://ctrl.sandbox.test/connections${path}`, {
    method,
    headers: { Authorization: "Bearer sandbox-maton-key" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

async function anotherConnection(): Promise<string> {
  const made = (await (await control("POST", "", { app: "fal-ai" })).json()) as {
    connection: { connection_id: string };
  };
  await sandbox("POST", `connections/${made.connection.connection_id}`, { status: "ACTIVE" });
  return made.connection.connection_id;
}

test("that is no longer active fails submits, retryable and uncharged, until there is one again", async ({
  team,
  first,
}) => {
  await sandbox("POST", `connections/${first}`, { status: "FAILED" });
  const refused = await team.submit("a cat");
  expect(refused).toMatchObject({ status: "FAILED", error: MISSING, upstream: { calls: 1 } });
  const notEvenSent = await team.submit("a cat");
  expect(notEvenSent).toMatchObject({ status: "FAILED", error: MISSING, upstream: { calls: 0 } });
  for (const each of [refused, notEvenSent]) await runToEnd(team, each.id);
  expect(await team.used()).toEqual([1]);
  await sandbox("POST", `connections/${first}`, { status: "ACTIVE" });
  await passTime(LOOKUP_RETRY_MS);
  const { id } = await team.submit("a cat");
  await passTime(5 * SECOND_MS);
  expect((await runToEnd(team, id)).status).toBe("COMPLETED");
});

test("that is deleted later does not stop the webhook, and the next submit finds another", async ({ team, first }) => {
  const { id, upstream } = await team.submit("a cat");
  const other = await anotherConnection();
  expect((await control("DELETE", `/${first}`)).status).toBe(200);
  await passTime(2 * MINUTE_MS);
  // A call that cannot be believed makes a poll due, which then finds that its connection is gone.
  await post(await signedWebhook({ request_id: upstream.request_id ?? "", forged: true }));
  await ring(id);
  expect(await team.read(id)).toMatchObject({ status: "IN_QUEUE", error: null, upstream: { calls: 2 } });
  await expectArmed(id);
  expect((await team.submit("another cat")).stage).toBe("queued");
  expect(await connectionUsed()).toBe(other);
  expect((await runToEnd(team, id)).status).toBe("COMPLETED");
});

describe("a look-up", () => {
  /** The account knows no connection, there is one, and Maton's list answers this until told otherwise. */
  async function lookUpsAnswer(team: Team, first: string, status: number): Promise<{ better: () => void }> {
    await control("DELETE", `/${first}`);
    const { id } = await team.submit("finds that out");
    expect((await runToEnd(team, id)).error).toMatchObject(MISSING);
    await anotherConnection();
    let worse = true;
    interceptFetch((request, pass) => {
      if (!worse || new URL(request.url).pathname !== "/connections") return pass();
      return Promise.resolve(Response.json({ error: { message: "No", code: status } }, { status }));
    });
    return {
      better: () => {
        worse = false;
      },
    };
  }

  test("that fails holds the request, and goes again after a pause", async ({ team, first }) => {
    const { better } = await lookUpsAnswer(team, first, 500);
    const submitted = await team.submit("a cat");
    expect(submitted).toMatchObject({ status: "IN_QUEUE", stage: "held", upstream: { calls: 0 } });
    await expectArmed(submitted.id);
    better();
    await passTime(LOOKUP_RETRY_MS);
    await ring(submitted.id);
    expect((await team.read(submitted.id)).stage).toBe("queued");
    expect(await runToEnd(team, submitted.id)).toMatchObject({ status: "COMPLETED" });
  });

  test("that our key may not make fails the request as misconfigured, uncharged", async ({ team, first }) => {
    await lookUpsAnswer(team, first, 401);
    const submitted = await team.submit("a cat");
    expect(submitted).toMatchObject({
      status: "FAILED",
      error: { code: "misconfigured", retryable: true, charged: false },
      upstream: { calls: 0 },
    });
    await runToEnd(team, submitted.id);
    expect(await team.used()).toEqual([1]);
  });
});
