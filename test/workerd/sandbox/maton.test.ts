import { beforeEach, describe, expect, test } from "vitest";
import * as z from "zod";
import { advance, call, FLUX, freshWorld, json, ORIGIN, set, submit } from "../../harness/sandbox.ts";

beforeEach(() => freshWorld());

describe("a credential", () => {
  test.each([
    ["no key", ""],
    ["an unknown key", "Bearer other"],
    ["fal's own scheme", "Key sandbox-maton-key"],
    ["no scheme", "sandbox-maton-key"],
  ])("is refused with 401: %s", async (_what, authorization) => {
    for (const path of [`/fal-ai/${FLUX}`, "/connections", "/nowhere"]) {
      const answer = await call("POST", path, {}, { authorization });
      expect(answer.status).toBe(401);
      expect(await json(answer)).toEqual({ error: { message: expect.any(String), code: 401 } });
    }
  });

  test("is refused in the flat shape when the settings say so", async () => {
    await set({ error_shape: "flat" });
    const answer = await call("GET", "/connections", undefined, { authorization: "Bearer other" });
    expect(await json(answer)).toEqual({ message: expect.any(String), type: "Unauthorized", code: 401 });
  });
});

describe("an account with a fault", () => {
  test.each([
    ["rate_limited", 429, 429],
    ["failing", 500, 500],
    ["dead", 502, 502],
    ["locked", 403, 200],
  ])(
    "%s answers a submit with %i and a list with %i, and nothing is taken, until the fault is gone",
    async (fault, submitted, listed) => {
      await set({ account_fault: fault });
      expect((await call("POST", `/fal-ai/${FLUX}`, { prompt: "a cat" })).status).toBe(submitted);
      expect((await call("GET", "/connections")).status).toBe(listed);
      expect(await json(await call("GET", "/_sandbox/requests"))).toMatchObject({ requests: [] });
      await set({ account_fault: "none" });
      expect((await call("POST", `/fal-ai/${FLUX}`, { prompt: "a cat" })).status).toBe(200);
    },
  );
});

describe("the pace of an account", () => {
  beforeEach(() => set({ rps: 10, api_keys: ["sandbox-maton-key", "second-key"] }));

  test("is ten calls in any second; the eleventh is 429 in Maton's shape", async () => {
    for (let n = 0; n < 10; n++) expect((await call("GET", "/connections")).status).toBe(200);
    const answer = await call("GET", "/connections");
    expect(answer.status).toBe(429);
    expect(answer.headers.has("retry-after")).toBe(false);
    expect(await json(answer)).toEqual({ error: { message: expect.any(String), code: 429 } });
  });

  test("slides: a call is forgotten one second after it was let in", async () => {
    for (let n = 0; n < 5; n++) await call("GET", "/connections");
    await advance(600);
    for (let n = 0; n < 5; n++) await call("GET", "/connections");
    expect((await call("GET", "/connections")).status).toBe(429);
    await advance(399);
    expect((await call("GET", "/connections")).status).toBe(429);
    await advance(1);
    const statuses = [];
    for (let n = 0; n < 6; n++) statuses.push((await call("GET", "/connections")).status);
    expect(statuses).toEqual([200, 200, 200, 200, 200, 429]);
  });

  test("counts the queue and the connections together, and each account apart", async () => {
    for (let n = 0; n < 5; n++) await call("GET", "/connections");
    for (let n = 0; n < 5; n++) await submit();
    expect((await call("POST", `/fal-ai/${FLUX}`, { prompt: "a" })).status).toBe(429);
    expect((await call("GET", "/connections", undefined, { authorization: "Bearer second-key" })).status).toBe(200);
  });

  test("names a wait when the settings say so", async () => {
    await set({ rps: 1, retry_after_s: 3 });
    await call("GET", "/connections");
    expect((await call("GET", "/connections")).headers.get("retry-after")).toBe("3");
  });
});

const connectionSchema = z.looseObject({ connection_id: z.string(), status: z.string(), url: z.string() });
const listSchema = z.object({ connections: z.array(connectionSchema) });

async function list(query = "", headers: HeadersInit = {}) {
  return listSchema.parse(await (await call("GET", `/connections${query}`, undefined, headers)).json()).connections;
}

async function create() {
  const answer = await call("POST", "/connections", { app: "fal-ai" });
  expect(answer.status).toBe(200);
  return z.object({ connection: connectionSchema }).parse(await answer.json()).connection;
}

describe("connections", () => {
  test("begin with one that works", async () => {
    const [first, ...rest] = await list("?app=fal-ai&status=ACTIVE");
    expect(rest).toEqual([]);
    expect(first).toMatchObject({ status: "ACTIVE", app: "fal-ai", method: "API_KEY", metadata: {} });
    expect(first?.creation_time).toBe("2026-01-01T00:00:00.000000Z");
  });

  test("are created pending and become active when their link is opened", async () => {
    const created = await create();
    expect(Object.keys(created).sort()).toEqual(["app", "connection_id", "method", "status", "url"]);
    expect(created.status).toBe("PENDING");
    const page = created.url.replace(ORIGIN, "");
    expect((await call("GET", page, undefined, { authorization: "" })).status).toBe(200);
    expect((await call("GET", "/connect?session_token=wrong")).status).toBe(404);
    const answer = await call("GET", `/connections/${created.connection_id}`);
    expect(await json(answer)).toMatchObject({ connection: { status: "ACTIVE" } });
  });

  test.each([
    ["?app=other", 0],
    ["?status=PENDING", 1],
    ["?status=ACTIVE", 1],
    ["?method=OAUTH2", 0],
    ["?limit=1", 1],
    ["", 2],
  ])("are filtered by %s", async (query, count) => {
    await create();
    expect(await list(query)).toHaveLength(count);
  });

  test("can be deleted, and are unknown then; a new one never gets an old id", async () => {
    const { connection_id: id } = await create();
    expect((await call("DELETE", `/connections/${id}`)).status).toBe(200);
    const answer = await call("GET", `/connections/${id}`);
    expect(answer.status).toBe(404);
    expect(await json(answer)).toEqual({ message: `Connection ${id} not found`, type: "Not Found", code: 404 });
    expect((await create()).connection_id).not.toBe(id);
  });

  test.each([
    ["POST", "/connections", { app: "notion" }, 400],
    ["POST", "/connections", {}, 400],
    ["POST", "/connections", { app: "fal-ai", method: "OAUTH2" }, 400],
    ["PUT", "/connections", {}, 405],
    ["GET", "/connections?limit=0", undefined, 400],
    ["DELETE", "/connections/nope", undefined, 404],
  ])("%s %s %j is %i", async (method, path, body, status) => {
    expect((await call(method, path, body)).status).toBe(status);
  });

  test("belong to one account", async () => {
    await set({ api_keys: ["sandbox-maton-key", "second-key"] });
    const [own] = await list();
    const [other] = await list("", { authorization: "Bearer second-key" });
    expect(other?.connection_id).not.toBe(own?.connection_id);
  });
});

describe("the choice of a connection", () => {
  test("is 400 for an unknown app and 404, flat, for an unknown connection", async () => {
    expect((await call("POST", "/notion/v1/pages", {})).status).toBe(400);
    const answer = await call("POST", `/fal-ai/${FLUX}`, { prompt: "a" }, { "maton-connection": "nope" });
    expect(answer.status).toBe(404);
    expect(await json(answer)).toMatchObject({ type: "Not Found", code: 404 });
  });

  test("is 400 without an active one", async () => {
    for (const { connection_id: id } of await list()) await call("DELETE", `/connections/${id}`);
    expect((await call("POST", `/fal-ai/${FLUX}`, { prompt: "a" })).status).toBe(400);
    const { connection_id: pending } = await create();
    expect((await call("POST", `/fal-ai/${FLUX}`, { prompt: "a" }, { "maton-connection": pending })).status).toBe(400);
  });

  test.each([
    ["oldest", 0],
    ["newest", 1],
  ])("falls on the %s when none is named", async (which, place) => {
    const { connection_id: id } = await create();
    await call("POST", `/_sandbox/connections/${id}`, { status: "ACTIVE" });
    await set({ default_connection: which });
    const request = await submit();
    const seen = await json(await call("GET", `/_sandbox/requests/${request.id}`));
    expect(seen.connection_id).toBe((await list())[place]?.connection_id);
  });

  test("decides who knows a request", async () => {
    const { connection_id: id } = await create();
    await call("POST", `/_sandbox/connections/${id}`, { status: "ACTIVE" });
    const request = await submit({ prompt: "a" }, { headers: { "maton-connection": id } });
    expect((await call("GET", request.status, undefined, { "maton-connection": id })).status).toBe(202);
    expect((await call("GET", request.status)).status).toBe(404);
    await set({ requests_scoped: false });
    expect((await call("GET", request.status)).status).toBe(202);
  });
});

test("loses fal's headers on the way when the settings say so", async () => {
  await set({ drop_fal_headers: true });
  const answer = await call("POST", `/fal-ai/${FLUX}`, { prompt: "a" });
  expect([...answer.headers.keys()].filter((name) => name.startsWith("x-fal-"))).toEqual([]);
  expect((await json(answer)).request_id).toEqual(expect.any(String));
});

describe("Turnstile's siteverify", () => {
  test.each([
    ["1x0000000000000000000000000000000AA", "t", true, []],
    ["2x0000000000000000000000000000000AA", "t", false, ["invalid-input-response"]],
    ["3x0000000000000000000000000000000AA", "t", false, ["timeout-or-duplicate"]],
    ["1x0000000000000000000000000000000AA", "", false, ["missing-input-response"]],
    ["mine", "t", false, ["invalid-input-secret"]],
    ["", "t", false, ["missing-input-secret"]],
  ])("answers secret %s and token %j with success %s", async (secret, response, success, codes) => {
    const form = new URLSearchParams({ secret, response }).toString();
    for (const body of [form, { secret, response }]) {
      const answer = await call("POST", "/turnstile/v0/siteverify", body, { authorization: "" });
      expect(await json(answer)).toMatchObject({ success, "error-codes": codes });
    }
  });
});
