import { describe, expect } from "vitest";
import { call, json } from "../../harness/calls.ts";
import { test as base } from "../../harness/fixtures.ts";
import { newKey } from "../../harness/team.ts";

const MODEL = "fal-ai/flux/schnell";
const INPUT = { prompt: "a cat sandbox:slow" };

/** Two servers of one team: one may run, the other looks as well. */
const test = base.extend("keys", async ({ team }) => ({
  runner: (await newKey(team.key, { scopes: ["run"] })).secret,
  other: (await newKey(team.key, { scopes: ["run"] })).secret,
  server: (await newKey(team.key, { scopes: ["run", "read"] })).secret,
  reader: (await newKey(team.key, { scopes: ["read"] })).secret,
}));

async function submitted(key: string): Promise<string> {
  const answer = await call("POST", "/v1/requests", { key, body: { model: MODEL, input: INPUT } });
  expect(answer.status).toBe(202);
  return String((await json(answer)).id);
}

/** Every way to look at a request, to change it and to end it, on every surface. */
const WAYS = (id: string): [string, string, unknown?][] => [
  ["GET", `/v1/requests/${id}`],
  ["GET", `/v1/requests/${id}/timeline`],
  ["GET", `/v1/requests/${id}/input`],
  ["GET", `/v1/requests/${id}/deliveries`],
  ["GET", `/fal/queue/${MODEL}/requests/${id}/status`],
  ["GET", `/maton/fal-ai/${MODEL}/requests/${id}/status`],
  ["POST", `/v1/requests/${id}/shares`, {}],
  ["POST", `/v1/requests/${id}/files/retry`],
  ["PUT", `/fal/queue/${MODEL}/requests/${id}/cancel`],
  ["PUT", `/maton/fal-ai/${MODEL}/requests/${id}/cancel`],
  ["POST", `/v1/requests/${id}/cancel`],
  ["DELETE", `/v1/requests/${id}?cancel=true`],
];

async function proxied(key: string, id: string) {
  const target = `https://queue.fal.run/${MODEL}/requests/${id}/status`;
  return (await call("GET", "/fal/proxy", { key, headers: { "x-fal-target-url": target } })).status;
}

describe("a key with the scope run alone", () => {
  test("reads and cancels what it made, on every surface", async ({ keys }) => {
    const id = await submitted(keys.runner);
    expect(await proxied(keys.runner, id)).toBeLessThan(300);
    for (const [method, path, body] of WAYS(id)) {
      const { status } = await call(method, path, { key: keys.runner, body });
      expect([method, path, [401, 403, 404].includes(status)]).toEqual([method, path, false]);
    }
  });

  test("is told nothing of what another key made, and changes nothing of it", async ({ keys, team }) => {
    const id = await submitted(keys.other);
    expect(await proxied(keys.runner, id)).toBe(404);
    for (const [method, path, body] of WAYS(id)) {
      const { status } = await call(method, path, { key: keys.runner, body });
      expect([method, path, status]).toEqual([method, path, 404]);
    }
    expect((await team.read(id)).status).not.toBe("CANCELED");
  });

  test("lists and cancels many only among its own", async ({ keys }) => {
    const [own, foreign] = [await submitted(keys.runner), await submitted(keys.other)];
    const listed = await json(await call("GET", "/v1/requests", { key: keys.runner }));
    expect((listed.data as { id: string }[]).map(({ id }) => id)).toEqual([own]);
    const count = await json(await call("GET", "/v1/requests/count", { key: keys.runner }));
    expect(count.count).toBe(1);
    for (const path of ["/v1/requests", "/v1/requests/count"]) {
      expect((await call("GET", `${path}?key=key_other`, { key: keys.runner })).status).toBe(403);
    }
    const canceled = await json(await call("POST", "/v1/requests/cancel", { key: keys.runner, body: { filter: {} } }));
    expect(JSON.stringify(canceled)).toContain(own);
    expect(JSON.stringify(canceled)).not.toContain(foreign);
  });

  test("reads and deletes only uploads that it announced", async ({ keys }) => {
    const announced = await call("POST", "/v1/uploads", {
      key: keys.runner,
      body: { file_name: "cat.png", content_type: "image/png", size: 12 },
    });
    const id = String((await json(announced)).id);
    expect((await call("GET", `/v1/uploads/${id}`, { key: keys.runner })).status).toBe(200);
    for (const method of ["GET", "DELETE"]) {
      expect([method, (await call(method, `/v1/uploads/${id}`, { key: keys.other })).status]).toEqual([method, 404]);
    }
    expect((await call("DELETE", `/v1/uploads/${id}`, { key: keys.runner })).status).toBe(204);
  });

  test("still knows what of its own was deleted", async ({ keys, tracker, team }) => {
    const id = await submitted(keys.runner);
    await tracker.runToEnd(team, id);
    expect((await call("DELETE", `/v1/requests/${id}`, { key: keys.runner })).status).toBe(204);
    expect((await call("GET", `/v1/requests/${id}`, { key: keys.runner })).status).toBe(410);
    expect((await call("GET", `/v1/requests/${id}`, { key: keys.other })).status).toBe(404);
  });
});

describe("a key with the scope read", () => {
  test("sees what every key of the team made, and submits and cancels nothing", async ({ keys }) => {
    const id = await submitted(keys.runner);
    expect((await call("GET", `/v1/requests/${id}`, { key: keys.reader })).status).toBe(200);
    expect((await call("POST", `/v1/requests/${id}/cancel`, { key: keys.reader })).status).toBe(403);
    const body = { model: MODEL, input: INPUT };
    expect((await call("POST", "/v1/requests", { key: keys.reader, body })).status).toBe(403);
  });

  test("and run cancels what it sees", async ({ keys }) => {
    const id = await submitted(keys.runner);
    expect((await call("POST", `/v1/requests/${id}/cancel`, { key: keys.server })).ok).toBe(true);
  });
});
