// /v1/connections: the deployment's connections at Maton, as admins see and change them.

import { runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { CONNECTION_TURN_WAIT_MS, LOOKUP_RETRY_MS, SECOND_MS } from "../../src/limits.ts";
import { accountFor } from "../../src/upstream/account.ts";
import {
  answerFirst,
  bindings,
  eventually,
  interceptFetch,
  introduceAccount,
  onFrozenClocks,
  passTime,
  runToEnd,
  sandbox,
  sandboxCalls,
  Team,
} from "../support/world.ts";

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

let team: Team;
onFrozenClocks(async () => {
  team = await Team.create();
});

/** One call, a second after the one before: an account that just woke has half its turns. */
async function send<T = Connection>(method: string, path: string, body?: unknown) {
  await passTime(SECOND_MS);
  return team.send<T>(method, `/v1/connections${path}`, body);
}
const list = async (query = "") => (await send<{ data: Connection[] }>("GET", query)).body.data;

describe("connections", () => {
  it("are begun, looked at, finished at Maton's page, and deleted", async () => {
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

  it("say which one is in use, and a deleted one is used no longer", async () => {
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

  it("of other vendors are not shown, not read and not deleted", async () => {
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

  it("show Maton's reason when it says no", async () => {
    const refused = await send<Problem>("POST", "", { method: "OAUTH2" });
    expect(refused.body).toMatchObject({ status: 400, code: "invalid_request" });
    expect(refused.body.detail).toContain("API_KEY only");
  });

  it("that no path can carry do not leave the house", async () => {
    const before = await sandboxCalls();
    expect((await send("GET", "/a%2Fb")).status).toBe(404);
    expect((await send("GET", "/..%2F..%2Fx")).status).toBe(404);
    expect((await sandboxCalls()).total).toBe(before.total);
  });

  it("never show whose key Maton refused", async () => {
    answerFirst(1, ["other"], () =>
      Response.json({ error: { message: "Invalid API key", code: 401 } }, { status: 401 }),
    );
    expect((await send<Problem>("GET", "")).body).toMatchObject({ status: 503, code: "misconfigured" });
  });
});

describe("the account's pace", () => {
  it("holds for connections too: twelve at once draw no 429", async () => {
    const before = (await sandboxCalls()).total;
    const answers = Promise.all(Array.from({ length: 12 }, () => team.send("GET", "/v1/connections")));
    await eventually(async () => expect((await sandboxCalls()).total).toBe(before + 10));
    await passTime(2 * SECOND_MS);
    expect((await answers).map(({ status }) => status)).toEqual(Array(12).fill(200));
    expect((await sandboxCalls()).rate_limited).toBe(0);
  });

  it("that is closed for long is told with a time to come back", async () => {
    const pause = 10 * CONNECTION_TURN_WAIT_MS;
    await runInDurableObject(accountFor(bindings), (account) => account.rateLimited(pause));
    const refused = await send<Problem>("GET", "");
    expect(refused.body).toMatchObject({ status: 429, code: "rate_limited" });
    expect(Number(refused.headers.get("Retry-After"))).toBeGreaterThan(CONNECTION_TURN_WAIT_MS / SECOND_MS);
    await passTime(pause);
    expect((await send("GET", "")).status).toBe(200);
  });

  it("closes when Maton says 429 to an admin's call", async () => {
    answerFirst(1, ["other"], () => new Response("{}", { status: 429, headers: { "Retry-After": "30" } }));
    const refused = await send<Problem>("GET", "");
    expect([refused.status, refused.headers.get("Retry-After")]).toEqual([429, "30"]);
    const held = await team.submit();
    expect(held.stage).toBe("held");
    await passTime(30 * SECOND_MS);
    expect((await runToEnd(team, held.id)).status).toBe("COMPLETED");
  });
});
