// /v1/connections: the deployment's connections at Maton, as admins see and change them.

import { describe, expect } from "vitest";
import { LOOKUP_RETRY_MS } from "../../../src/net/fetch-text.ts";
import { accountFor } from "../../../src/platform/stubs.ts";
import { SECOND_MS } from "../../../src/platform/time.ts";
import { CONNECTION_GRANT_WAIT_MS } from "../../../src/upstream/connection-calls.ts";
import { introduceAccount } from "../../harness/account.ts";
import { passTime } from "../../harness/clock.ts";
import { bindings } from "../../harness/env.ts";
import { eventually } from "../../harness/eventually.ts";
import { test as base } from "../../harness/fixtures.ts";
import { Team } from "../../harness/team.ts";
import { runToEnd } from "../../harness/tracker.ts";
import { sandbox, sandboxCalls } from "../../harness/upstream.ts";
import { answerFirst, interceptFetch } from "../../harness/wire.ts";

interface Connection {
  id: string;
  status: string;
  url: string | null;
  in_use: boolean;
  [field: string]: unknown;
}
interface Problem {
  code: string;
  detail: string;
}

const test = base
  /** One call, a second after the one before: an account that just woke has half its turns. */
  .extend("send", async ({ team }) => {
    return async <T = Connection>(method: string, path: string, body?: unknown) => {
      await passTime(SECOND_MS);
      return team.send<T>(method, `/v1/connections${path}`, body);
    };
  })
  .extend("list", async ({ send }) => {
    return async (query = "") => (await send<{ data: Connection[] }>("GET", query)).body.data;
  });
test.override({ rights: { manages_connections: true } });

describe("connections", () => {
  test("are begun, looked at, finished at Maton's page, and deleted", async ({ team, send, list }) => {
    const begun = await send("POST", "", {});
    expect(begun.status).toBe(201);
    const { id } = begun.body;
    expect(begun.body).toMatchObject({ app: "fal-ai", method: "API_KEY", status: "PENDING", in_use: false });
    expect(begun.body.url).toContain("session_token=");
    expect((await send("GET", `/${id}`)).body).toMatchObject({ id, status: "PENDING", created_at: expect.any(String) });
    await sandbox("POST", `connections/${id}`, { status: "ACTIVE" });
    expect((await list("?status=ACTIVE")).map((each) => each.id)).toContain(id);
    expect((await list("?status=PENDING")).map((each) => each.id)).not.toContain(id);
    expect(await list("?limit=1")).toHaveLength(1);
    expect((await send("DELETE", `/${id}`)).status).toBe(204);
    expect((await send<Problem>("GET", `/${id}`)).body).toMatchObject({ status: 404, code: "not_found" });
    expect((await send<Problem>("DELETE", `/${id}`)).status).toBe(404);
    const audit = await team.send<{ data: { action: string; target: string }[] }>("GET", "/v1/audit");
    expect(audit.body.data.slice(0, 2)).toMatchObject([
      { action: "connection.deleted", target: id },
      { action: "connection.created", target: id },
    ]);
  });

  test("say which one is in use, and a deleted one is used no longer", async ({ team, send, list }) => {
    await introduceAccount(team);
    const [old] = await list();
    expect(old).toMatchObject({ status: "ACTIVE", in_use: true });
    const { id } = (await send("POST", "", {})).body;
    await sandbox("POST", `connections/${id}`, { status: "ACTIVE" });
    expect((await send("DELETE", `/${old?.id}`)).status).toBe(204);
    await passTime(LOOKUP_RETRY_MS);
    const request = await team.submit();
    expect((await runToEnd(team, request.id)).status).toBe("COMPLETED");
    expect(await list()).toMatchObject([{ id, in_use: true }]);
    // The account's object outlives this test, the sandbox's connections do not.
    await send("DELETE", `/${id}`);
  });

  test("of other vendors are not shown, not read and not deleted", async ({ send }) => {
    const calls: string[] = [];
    interceptFetch(async (request, pass) => {
      const { pathname } = new URL(request.url);
      if (pathname !== "/connections/mail") return pass();
      calls.push(request.method);
      return Response.json({ connection: { connection_id: "mail", status: "ACTIVE", app: "google-mail" } });
    });
    expect((await send("GET", "/mail")).status).toBe(404);
    expect((await send("DELETE", "/mail")).status).toBe(404);
    expect(calls).toEqual(["GET", "GET"]);
  });

  test("show Maton's reason when it says no", async ({ send }) => {
    const refused = await send<Problem>("POST", "", { method: "OAUTH2" });
    expect(refused.body).toMatchObject({ status: 400, code: "invalid_request" });
    expect(refused.body.detail).toContain("API_KEY only");
  });

  test("that no path can carry do not leave the house", async ({ send }) => {
    const before = await sandboxCalls();
    expect((await send("GET", "/a%2Fb")).status).toBe(404);
    expect((await send("GET", "/..%2F..%2Fx")).status).toBe(404);
    expect((await sandboxCalls()).total).toBe(before.total);
  });

  test("never show whose key Maton refused", async ({ send }) => {
    answerFirst(1, ["other"], () =>
      Response.json({ error: { message: "Invalid API key", code: 401 } }, { status: 401 }),
    );
    expect((await send<Problem>("GET", "")).body).toMatchObject({ status: 503, code: "misconfigured" });
  });
});

describe("a team that does not manage them", () => {
  /** What the operator says of the team. */
  const allow = (id: string, manages_connections: boolean) =>
    new Team("operator", bindings.ADMIN_TOKEN).send<Problem & { manages_connections: boolean }>(
      ...(["PATCH", `/v1/admin/teams/${id}`, { manages_connections }] as const),
    );

  test("sees the one in use and no other, begins and deletes none, and none of it costs a call", async ({
    team,
    send,
    list,
  }) => {
    await introduceAccount(team);
    const [inUse] = await list();
    const begun = (await send("POST", "", {})).body;
    const tenant = await Team.create();
    const before = await sandboxCalls();
    const seen = await tenant.send<{ data: Connection[] }>("GET", "/v1/connections");
    const known = { id: inUse?.id, app: "fal-ai", method: null, status: "ACTIVE", url: null, in_use: true };
    expect(seen.body.data).toEqual([{ ...known, created_at: null, updated_at: null, metadata: {} }]);
    expect((await tenant.send("GET", `/v1/connections/${inUse?.id}`)).body).toEqual(seen.body.data[0]);
    expect((await tenant.send("GET", "/v1/connections?status=PENDING")).body).toMatchObject({ data: [] });
    for (const [method, path, body] of [
      ["GET", `/${begun.id}`, undefined],
      ["GET", "/00000000-0000-4000-8000-000000000000", undefined],
    ] as const) {
      const answer = await tenant.send<Problem>(method, `/v1/connections${path}`, body);
      expect([answer.status, answer.body.code], path).toEqual([404, "not_found"]);
    }
    for (const [method, path, body] of [
      ["POST", "", {}],
      ["DELETE", `/${inUse?.id}`, undefined],
      ["DELETE", `/${begun.id}`, undefined],
      ["DELETE", "/00000000-0000-4000-8000-000000000000", undefined],
    ] as const) {
      const answer = await tenant.send<Problem>(method, `/v1/connections${path}`, body);
      expect([answer.status, answer.body.code], `${method} ${path}`).toEqual([403, "forbidden"]);
      expect(JSON.stringify(answer.body)).toContain("manages_connections");
    }
    expect(await sandboxCalls()).toEqual(before);
    await send("DELETE", `/${begun.id}`);
  });

  test("is told the same in Maton's words, and its header names no connection", async ({ team, send, list }) => {
    await introduceAccount(team);
    const [inUse] = await list();
    const { id: other } = (await send("POST", "", {})).body;
    await sandbox("POST", `connections/${other}`, { status: "ACTIVE" });
    const tenant = await Team.create({ hold_s: 0 });
    const before = await sandboxCalls();
    const maton = <T = Problem>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
      tenant.send<T>(method, `/maton${path}`, body, headers);
    const shown = { connection_id: inUse?.id, app: "fal-ai", status: "ACTIVE" };
    expect((await maton("GET", "/connections?app=fal-ai&status=ACTIVE")).body).toEqual({ connections: [shown] });
    expect((await maton("GET", `/connections/${inUse?.id}`)).body).toEqual({ connection: shown });
    expect((await maton("GET", `/connections/${other}`)).status).toBe(404);
    expect((await maton("POST", "/connections", { app: "fal-ai" })).status).toBe(403);
    expect((await maton("DELETE", `/connections/${inUse?.id}`)).status).toBe(403);
    expect(await sandboxCalls()).toEqual(before);
    const path = "/fal-ai/fal-ai/flux/schnell";
    const submitted = await maton("POST", path, { prompt: "a cat" }, { "Maton-Connection": other });
    expect(submitted.status).toBe(200);
    const { requests } = await sandbox<{ requests: { connection_id: string }[] }>("GET", "requests");
    expect(requests.at(-1)?.connection_id).toBe(inUse?.id);
    const [id] = [await tenant.onlyRequest()];
    await passTime(5 * SECOND_MS);
    await runToEnd(tenant, id);
    await send("DELETE", `/${other}`);
  });

  test("manages them from the operator's word on, and no longer once that is taken back", async ({ send }) => {
    const tenant = await Team.create();
    const change = async () => {
      await passTime(SECOND_MS);
      const begun = await tenant.send<Connection>("POST", "/v1/connections", {});
      if (begun.status === 201) await send("DELETE", `/${begun.body.id}`);
      return begun.status;
    };
    expect(await change()).toBe(403);
    expect((await tenant.send("PATCH", `/v1/admin/teams/${tenant.id}`, { manages_connections: true })).status).toBe(
      401,
    );
    for (const [may, status] of [
      [true, 201],
      [true, 201],
      [false, 403],
    ] as const) {
      const told = await allow(tenant.id, may);
      expect([told.status, told.body.manages_connections]).toEqual([200, may]);
      expect(await change()).toBe(status);
    }
    const audit = await tenant.send<{ data: { action: string; actor: string }[] }>("GET", "/v1/audit");
    const told = audit.body.data.filter(({ action }) => action.startsWith("team.connections"));
    expect(told.map(({ action, actor }) => [action, actor])).toEqual([
      ["team.connections_forbidden", "operator"],
      ["team.connections_allowed", "operator"],
    ]);
    expect((await allow("no-such-team", true)).status).toBe(404);
  });
});

describe("the account's pace", () => {
  test("holds for connections too: twelve at once draw no 429", async ({ team }) => {
    const before = (await sandboxCalls()).total;
    const answers = Promise.all(Array.from({ length: 12 }, () => team.send("GET", "/v1/connections")));
    await eventually(async () => expect((await sandboxCalls()).total).toBe(before + 10));
    await passTime(2 * SECOND_MS);
    expect((await answers).map(({ status }) => status)).toEqual(Array(12).fill(200));
    expect((await sandboxCalls()).rate_limited).toBe(0);
  });

  test("that is closed for long is told with a time to come back", async ({ send }) => {
    const pause = 10 * CONNECTION_GRANT_WAIT_MS;
    await accountFor(bindings).pauseAfterRateLimit(pause);
    const refused = await send<Problem>("GET", "");
    expect(refused.body).toMatchObject({ status: 429, code: "rate_limited" });
    expect(Number(refused.headers.get("Retry-After"))).toBeGreaterThan(CONNECTION_GRANT_WAIT_MS / SECOND_MS);
    await passTime(pause);
    expect((await send("GET", "")).status).toBe(200);
  });

  test("closes when Maton says 429 to an admin's call", async ({ team, send }) => {
    answerFirst(1, ["other"], () => new Response("{}", { status: 429, headers: { "Retry-After": "30" } }));
    const refused = await send<Problem>("GET", "");
    expect([refused.status, refused.headers.get("Retry-After")]).toEqual([429, "30"]);
    const held = await team.submit();
    expect(held.stage).toBe("held");
    await passTime(30 * SECOND_MS);
    expect((await runToEnd(team, held.id)).status).toBe("COMPLETED");
  });
});
