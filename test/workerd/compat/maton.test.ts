// `/maton`, call by call, as code written for the Maton gateway makes them with fetch. The queue's own rules are tested at
// /fal/queue (queue.test.ts): it is the same routes.

import { describe, expect } from "vitest";
import { introduceAccount } from "../../harness/account.ts";
import { call } from "../../harness/calls.ts";
import { passTime } from "../../harness/clock.ts";
import { BASE } from "../../harness/env.ts";
import { test as base } from "../../harness/fixtures.ts";
import { Team } from "../../harness/team.ts";
import { runToEnd } from "../../harness/tracker.ts";
import { sandbox, sandboxCalls } from "../../harness/upstream.ts";
import { answerFirst } from "../../harness/wire.ts";

interface Body {
  [field: string]: unknown;
  request_id: string;
  status: string;
  message: string;
}
interface Connection {
  connection_id: string;
  status: string;
  url: string;
}

const test = base
  /** One call, a second after the one before, so that the account's pace never matters. */
  .extend("send", async ({ team }) => {
    return async <T = Body>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
      await passTime(1_000);
      return team.send<T>(method, `/maton${path}`, body, headers);
    };
  })
  /** A key that may run and read, not administer. */
  .extend("runner", async ({ team }) => {
    const made = await team.send<{ secret: string }>("POST", "/v1/keys", { scopes: ["run", "read"] });
    return new Team(team.id, made.body.secret);
  })
  /** A second connection that works, of an account that knows fal by its first one. */
  .extend("other", async ({ team, send }) => {
    await introduceAccount(team);
    const made = await send<{ connection: Connection }>("POST", "/connections", { app: "fal-ai" });
    const id = made.body.connection.connection_id;
    await sandbox("POST", `connections/${id}`, { status: "ACTIVE" });
    return id;
  });
test.override({ plan: { hold_s: 0 }, rights: { manages_connections: true } });

async function connectionUsed(): Promise<string | undefined> {
  const { requests } = await sandbox<{ requests: { connection_id: string }[] }>("GET", "requests");
  return requests.at(-1)?.connection_id;
}

describe("the gateway's page, example by example", () => {
  test("submits, polls with the app's or the model's id, gets the result, cancels", async ({ team, send }) => {
    const submitted = await send("POST", "/fal-ai/fal-ai/flux/schnell", {
      ...{ prompt: "a tiny cute cat", image_size: "square_hd", num_images: 1 },
    });
    expect(submitted.status).toBe(200);
    const id = submitted.body.request_id;
    const mine = `${BASE}/maton/fal-ai/fal-ai/flux/requests/${id}`;
    expect(submitted.body).toEqual({
      ...{ status: "IN_QUEUE", request_id: id, queue_position: expect.any(Number) },
      ...{ response_url: mine, status_url: `${mine}/status`, cancel_url: `${mine}/cancel` },
    });
    for (const app of ["fal-ai/flux", "fal-ai/flux/schnell"]) {
      expect((await send("GET", `/fal-ai/${app}/requests/${id}/status?logs=0`)).status).toBe(202);
    }
    await runToEnd(team, id);
    expect((await send("GET", `/fal-ai/fal-ai/flux/requests/${id}/status`)).body.status).toBe("COMPLETED");
    const result = await call("GET", new URL(mine).pathname, { headers: { Authorization: `Key ${team.key}` } });
    expect(await result.json()).toMatchObject({ images: [{ url: expect.stringContaining(`${BASE}/files/`) }] });
    const late = await send("PUT", `/fal-ai/fal-ai/flux/requests/${id}/cancel`);
    expect([late.status, late.body.status]).toEqual([400, "ALREADY_COMPLETED"]);
  });

  test("has no FAILED: a failed run is COMPLETED with an error, and its result is the model's own no", async ({
    team,
    send,
  }) => {
    const { body } = await send("POST", "/fal-ai/fal-ai/flux/schnell", { prompt: "a cat sandbox:refused" });
    expect((await runToEnd(team, body.request_id)).status).toBe("FAILED");
    const path = `/fal-ai/fal-ai/flux/requests/${body.request_id}`;
    expect((await send("GET", `${path}/status`)).body).toMatchObject({
      ...{ status: "COMPLETED", error: expect.any(String), error_type: "content_policy_violation" },
    });
    expect((await send("GET", path)).status).toBe(422);
  });

  test("streams the status as server-sent events", async ({ team, send }) => {
    const { body } = await send("POST", "/fal-ai/fal-ai/flux/schnell", { prompt: "a cat" });
    await runToEnd(team, body.request_id);
    const path = `/maton/fal-ai/fal-ai/flux/requests/${body.request_id}/status/stream?logs=1`;
    const answer = await call("GET", path, { headers: { Authorization: `Bearer ${team.key}` } });
    expect(answer.headers.get("Content-Type")).toBe("text/event-stream");
    expect(await answer.text()).toMatch(/^data: .*"status":"COMPLETED".*\n\n$/);
  });

  test("lists, begins, reads and deletes connections in Maton's own shapes", async ({ team, send }) => {
    const all = await send<{ connections: Connection[] }>("GET", "/connections?app=fal-ai&status=ACTIVE");
    expect(all.body.connections).toHaveLength(1);
    const made = await send<{ connection: Connection }>("POST", "/connections", { app: "fal-ai" });
    expect([made.status, made.headers.get("Cache-Control")]).toEqual([200, "no-store"]);
    const { connection } = made.body;
    expect(connection).toEqual({
      ...{ connection_id: expect.any(String), status: "PENDING", app: "fal-ai", method: "API_KEY" },
      url: expect.stringContaining("session_token="),
    });
    const path = `/connections/${connection.connection_id}`;
    expect((await send<{ connection: Connection }>("GET", path)).body.connection).toMatchObject(connection);
    const pending = await send<{ connections: Connection[] }>("GET", "/connections?status=PENDING&limit=5");
    expect(pending.body.connections).toEqual([expect.objectContaining(connection)]);
    expect(await send("DELETE", path)).toMatchObject({ status: 200, body: {} });
    const gone = await send("GET", path);
    expect(gone.body).toMatchObject({ code: 404, type: "Not Found", message: gone.body.message });
    expect(gone.body.error).toEqual({ message: `Connection ${connection.connection_id} not found`, code: 404 });
    const audit = await team.send<{ data: { action: string }[] }>("GET", "/v1/audit");
    expect(audit.body.data.slice(0, 2).map(({ action }) => action)).toEqual([
      "connection.deleted",
      "connection.created",
    ]);
  });
});

describe("what Maton would refuse", () => {
  test.for([
    ["GET", "/google-mail/v1/users/me/messages", undefined],
    ["POST", "/slack/chat.postMessage", { text: "x" }],
    ["DELETE", "/", undefined],
    ["POST", "/connections", { app: "google-mail" }],
    ["POST", "/connections", {}],
  ] as const)("%s %s is 400 in its shape, without a call", async ([method, path, body], { send }) => {
    const before = (await sandboxCalls()).total;
    const answer = await send(method, path, body);
    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({
      ...{ message: expect.stringContaining("Unknown app"), error: { message: answer.body.message, code: 400 } },
    });
    expect((await sandboxCalls()).total).toBe(before);
  });

  test("has no connections of other apps to show", async ({ send }) => {
    const before = (await sandboxCalls()).total;
    expect((await send("GET", "/connections?app=slack")).body).toEqual({ connections: [] });
    expect((await sandboxCalls()).total).toBe(before);
  });

  test("is told in its own words when it is about the call", async ({ send }) => {
    const answer = await send("POST", "/connections", { app: "fal-ai", method: "OAUTH2" });
    expect(answer.body).toMatchObject({ code: 400, type: "Bad Request", error_type: "invalid_request" });
    expect(answer.body.message).toContain("API_KEY only");
  });

  test("is not the caller's fault when Maton refuses Sluice's own key", async ({ send }) => {
    answerFirst(1, ["other"], () =>
      Response.json({ error: { message: "Invalid API key", code: 401 } }, { status: 401 }),
    );
    const answer = await send("GET", "/connections");
    expect([answer.status, answer.body.error_type]).toEqual([503, "misconfigured"]);
  });

  test("needs a key that administers, for connections", async ({ runner }) => {
    const refused = await runner.send<Body>("GET", "/maton/connections");
    expect([refused.status, refused.body.error]).toEqual([403, { message: refused.body.message, code: 403 }]);
  });
});

describe("Maton-Connection", () => {
  test("of an admin chooses the connection; each later call about the request goes the same way", async ({
    team,
    other,
    send,
  }) => {
    const submit = ["POST", "/fal-ai/fal-ai/flux/schnell", { prompt: "a cat" }] as const;
    const chosen = await send(...submit, { "Maton-Connection": other });
    expect(await connectionUsed()).toBe(other);
    // The sandbox knows a request on its own connection alone: the polls went the same way.
    expect((await runToEnd(team, chosen.body.request_id, { webhooks: false })).status).toBe("COMPLETED");
    const usual = await send(...submit);
    expect(await connectionUsed()).not.toBe(other);
    await runToEnd(team, usual.body.request_id);
  });

  test("of anybody else changes nothing", async ({ team, runner, other }) => {
    const path = "/maton/fal-ai/fal-ai/flux/schnell";
    const submitted = await runner.send<Body>("POST", path, { prompt: "a cat" }, { "Maton-Connection": other });
    expect(submitted.status).toBe(200);
    expect(await connectionUsed()).not.toBe(other);
    await runToEnd(team, submitted.body.request_id);
  });

  test("that Maton does not know is 404 and costs nothing, one that no header can carry 400", async ({
    team,
    send,
  }) => {
    await introduceAccount(team);
    const unknown = { "Maton-Connection": "00000000-0000-4000-8000-000000000000" };
    const answer = await send("POST", "/fal-ai/fal-ai/flux/schnell", { prompt: "a cat" }, unknown);
    expect([answer.status, answer.body.error_type]).toEqual([404, "connection_missing"]);
    const nonsense = { "Maton-Connection": "a b" };
    const refused = await send("POST", "/fal-ai/fal-ai/flux/schnell", { prompt: "a cat" }, nonsense);
    expect([refused.status, refused.body.error_type]).toEqual([400, "invalid_request"]);
  });

  test("that is missing altogether is Maton's 400", async ({ team, send }) => {
    await introduceAccount(team);
    const noConnection = { error: { message: "No active connection for fal-ai", code: 400 } };
    answerFirst(1, ["submit"], () => Response.json(noConnection, { status: 400 }));
    const answer = await send("POST", "/fal-ai/fal-ai/flux/schnell", { prompt: "a cat" });
    expect([answer.status, answer.body.error_type]).toEqual([400, "connection_missing"]);
  });
});
