// How a wish about Maton's connections is spelled, and what its answers mean.
import { describe, expect, test } from "vitest";
import {
  type ConnectionReply,
  type ConnectionRequest,
  connectionCall,
  connectionMeaning,
} from "../../../../src/upstream/client/connections.ts";
import { answerWith, client, config, fetchSpy, sent } from "../../../harness/upstream-client.ts";

const ID = "7355bd0b-8aaf-4c58-9122-a1e3d454414d";
const list: ConnectionRequest = { kind: "list", filters: {} };
const OURS = { connection_id: ID, status: "ACTIVE", app: "fal-ai" };
const FOREIGN = { connection_id: "mail", status: "ACTIVE", app: "google-mail" };

function meaning(wish: ConnectionRequest, status: number, body: unknown) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const reply: ConnectionReply = { kind: "read", status, text, retryAfterMs: null };
  return connectionMeaning(wish, { reply, inUse: null });
}

describe("a wish", () => {
  test.each<[ConnectionRequest, string, string, string | undefined]>([
    [list, "GET", "?app=fal-ai", undefined],
    [
      { kind: "list", filters: { status: "ACTIVE", method: undefined, limit: "5&app=slack" } },
      "GET",
      "?app=fal-ai&status=ACTIVE&limit=5%26app%3Dslack",
      undefined,
    ],
    [{ kind: "create" }, "POST", "", '{"app":"fal-ai"}'],
    [{ kind: "create", method: "API_KEY" }, "POST", "", '{"app":"fal-ai","method":"API_KEY"}'],
    [{ kind: "get", id: ID }, "GET", `/${ID}`, undefined],
    [{ kind: "delete", id: ID }, "DELETE", `/${ID}`, undefined],
  ])("%j is %s %s", (wish, method, path, body) => {
    expect(connectionCall(wish)).toEqual({ method, path, ...(body === undefined ? {} : { body }) });
  });

  test.each(["", "..", "a/b", "a?b", `${ID}/`, "x".repeat(129)])(
    "for an id that no path may carry (%j) is a bug",
    (id) => {
      expect(() => connectionCall({ kind: "get", id })).toThrow("connection id was not validated");
    },
  );

  test("goes out with our key alone, and no connection is named", async () => {
    answerWith(200, { connections: [] });
    expect(await client.callConnections(list)).toMatchObject({ kind: "read", status: 200, text: '{"connections":[]}' });
    const { url, headers } = sent();
    expect(url).toBe(`${config().MATON_CONTROL_URL}/connections?app=fal-ai`);
    expect(headers).toEqual({ accept: "application/json", authorization: "Bearer maton-key" });
  });

  test("that nobody answers has failed", async () => {
    fetchSpy.mockRejectedValue(new TypeError("network"));
    expect(await client.callConnections(list)).toEqual({ kind: "failed" });
  });
});

describe("an answer", () => {
  test("shows fal's connections alone, with their fields as Maton wrote them", () => {
    const text = `{"connections":[${JSON.stringify(FOREIGN)},{"connection_id":"${ID}","app":"fal-ai","metadata":{"n":196619188014358660}}]}`;
    const answer = meaning(list, 200, text);
    expect(answer.kind === "done" && JSON.stringify(answer.body)).toBe(
      `{"connections":[{"connection_id":"${ID}","app":"fal-ai","metadata":{"n":196619188014358660}}]}`,
    );
  });

  test.each<[string, ConnectionRequest, unknown]>([
    ["a list", list, { connections: [OURS] }],
    ["a new connection", { kind: "create" }, { connection: OURS }],
    ["one connection", { kind: "get", id: ID }, { connection: OURS }],
    ["a deletion", { kind: "delete", id: ID }, { deleted: true }],
  ])("to %s is handed on", (_name, wish, body) => {
    expect(meaning(wish, 200, body)).toEqual({ kind: "done", body, inUse: null });
  });

  test.each(["", "gone", "[]"])("to a deletion may say anything (%j): it worked", (text) => {
    expect(meaning({ kind: "delete", id: ID }, 204, text)).toEqual({ kind: "done", body: {}, inUse: null });
  });

  test.each<[number, unknown, string]>([
    [400, { error: { message: "Unknown app: x", code: 400 } }, "Unknown app: x"],
    [404, { message: "Connection c not found", type: "Not Found", code: 404 }, "Connection c not found"],
    [400, { error: "Bad limit" }, "Bad limit"],
    [405, "<html>", "Maton rejected the call."],
  ])("with Maton's own %i is its words (%j)", (status, body, message) => {
    expect(meaning(list, status, body)).toEqual({ kind: "declined", status, message });
  });

  test.each<[number, string]>([
    [401, "misconfigured"],
    [403, "misconfigured"],
    [429, "rate_limited"],
    [500, "upstream_failed"],
    [302, "upstream_failed"],
    [408, "upstream_failed"],
  ])("with %i is about the account, not the caller: %s", (status, code) => {
    expect(meaning(list, status, { error: { message: "secret words", code: status } })).toMatchObject({
      kind: "refused",
      refusal: { code },
    });
    expect(JSON.stringify(meaning(list, status, { error: { message: "secret words" } }))).not.toContain("secret words");
  });

  test.each<[string, ConnectionRequest, unknown]>([
    ["a list that is none", list, { connections: "all" }],
    ["a page", list, "<html>"],
    ["a connection without an id", { kind: "create" }, { connection: {} }],
  ])("that is %s is no answer", (_name, wish, body) => {
    expect(meaning(wish, 200, body)).toMatchObject({ kind: "refused", refusal: { code: "upstream_failed" } });
  });

  test("that was lost says whether it may have been applied", () => {
    const lost = (wish: ConnectionRequest) => connectionMeaning(wish, { reply: { kind: "failed" }, inUse: null });
    expect(lost({ kind: "create" })).toMatchObject({
      refusal: { hint: expect.stringContaining("may have been applied") },
    });
    expect(lost(list)).toMatchObject({ refusal: { hint: "Retry the call." } });
  });
});
