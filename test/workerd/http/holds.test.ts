// Calls that wait while there is room for none more: refused where they have to wait, answered at once where they would like to.

import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openHold } from "../../../src/http/holds.ts";
import {
  type CallHold,
  HOLDS_PER_ADDRESS_MAX,
  HOLDS_PER_TEAM_MAX,
  SOCKETS_PER_OBJECT_MAX,
} from "../../../src/platform/hold-counter.ts";
import { teamFor } from "../../../src/platform/stubs.ts";
import { wholeTeam } from "../../../src/requests/machine/types.ts";
import { ask, call, json } from "../../harness/calls.ts";
import { bindings } from "../../harness/env.ts";
import { eventually } from "../../harness/eventually.ts";
import { follow, held, sockets } from "../../harness/holds.ts";
import { MODEL } from "../../harness/model.ts";
import { trackerOf } from "../../harness/objects.ts";
import { Team } from "../../harness/team.ts";

let team: Team;
let taken: CallHold[] = [];

/** Takes all the room that is left of a team, or of one of its addresses. */
function takeAll(ip: string | null = null): void {
  for (;;) {
    const answer = openHold({ team: team.id, ip });
    if (answer.kind === "refused") return;
    taken.push(answer.hold);
  }
}

beforeEach(async () => {
  team = await Team.create();
});

afterEach(() => {
  for (const hold of taken.splice(0)) hold.release();
});

describe("without room for the team", () => {
  test.each([
    ["a request's event stream", "/v1/requests/:id/events"],
    ["a read that waits", "/v1/requests/:id?wait=5"],
    ["a feed that waits", "/v1/events?after=latest&wait=5"],
    ["fal's status stream", "/fal/queue/fal-ai/flux/requests/:id/status/stream"],
  ])("%s is refused with 429, and opens when there is room again", async (_name, path) => {
    const { id } = await team.submit("sandbox:slow");
    takeAll();
    const response = await call("GET", path.replace(":id", id), { key: team.key });
    expect([response.status, response.headers.get("Retry-After")]).toEqual([429, "10"]);
    const body = await json(response);
    expect([body.code ?? body.error_type, await sockets(id)]).toEqual(["rate_limited", 0]);
    for (const hold of taken.splice(0)) hold.release();
    const read = await call("GET", path.replace(":id", id).replace("wait=5", "wait=1"), { key: team.key });
    expect(read.status).toBe(200);
    await read.body?.cancel();
  });

  test("a run is refused before anything is submitted", async () => {
    takeAll();
    const response = await call("POST", `/fal/run/${MODEL}`, { key: team.key, body: { prompt: "a cat" } });
    expect([response.status, (await json(response)).error_type]).toEqual([429, "rate_limited"]);
    expect((await team.send<{ data: unknown[] }>("GET", "/v1/requests")).body.data).toEqual([]);
  });

  test("a submit that prefers to wait is accepted and answered at once, and says that it did not wait", async () => {
    takeAll();
    const answer = await team.send(
      "POST",
      "/v1/requests",
      { model: MODEL, input: { prompt: "a cat" } },
      { Prefer: "wait=30" },
    );
    expect([answer.status, answer.headers.get("Preference-Applied")]).toEqual([202, null]);
  });

  test("status and result calls of fal's clients are answered at once", async () => {
    const { id } = await team.submit("sandbox:slow");
    const path = `/fal/queue/fal-ai/flux/requests/${id}`;
    await call("GET", `${path}/status`, { key: team.key });
    takeAll();
    for (const each of [`${path}/status`, path]) {
      const response = await call("GET", each, { key: team.key });
      expect([202, 400]).toContain(response.status);
      await response.text();
    }
    expect(await sockets(id)).toBe(0);
  });

  test("reads that do not wait, and other teams, are as ever", async () => {
    const { id } = await team.submit();
    takeAll();
    expect((await call("GET", `/v1/requests/${id}`, { key: team.key })).status).toBe(200);
    const other = await Team.create();
    expect((await ask("GET", "/v1/events?after=latest&wait=1", { key: other.key })).status).toBe(200);
  });
});

test("one visitor's address has room of its own: it is refused, and the team's server is not", async () => {
  const { id } = await team.submit("sandbox:slow", { user: "ada" });
  const token = await ask<{ token: string }>("POST", "/v1/tokens", { key: team.key, body: { user: "ada" } });
  const headers = { "CF-Connecting-IP": "203.0.113.77" };
  const streams: ReadableStream[] = [];
  for (let n = 0; n < HOLDS_PER_ADDRESS_MAX; n++) {
    const response = await call("GET", `/v1/requests/${id}/events`, { key: token.body.token, headers });
    expect(response.status).toBe(200);
    if (response.body !== null) streams.push(response.body);
  }
  const refused = await call("GET", `/v1/requests/${id}/events`, { key: token.body.token, headers });
  expect([refused.status, (await json(refused)).detail]).toEqual([
    ...[429, "Too many calls from this address are waiting already."],
  ]);
  const server = follow(team, id);
  await eventually(async () => expect(server.events.length).toBeGreaterThan(0));
  await server.leave();
  for (const stream of streams) await stream.cancel();
  const again = await call("GET", `/v1/requests/${id}/events`, { key: token.body.token, headers });
  expect(again.status).toBe(200);
  await again.body?.cancel();
});

test("a client that goes away gives its room back", async () => {
  const { id } = await team.submit("sandbox:slow");
  const stream = follow(team, id);
  await held(id, 1);
  taken = [];
  takeAll();
  expect(taken).toHaveLength(HOLDS_PER_TEAM_MAX - 1);
  await stream.leave();
  await eventually(async () => {
    takeAll();
    expect(taken).toHaveLength(HOLDS_PER_TEAM_MAX);
  });
});

describe("one object", () => {
  const viewer = () => ({ "Sluice-Viewer": JSON.stringify(wholeTeam(team.id)), Upgrade: "websocket" });

  test.each([
    ["a request's tracker", async () => trackerOf((await team.submit("sandbox:slow")).id)],
    ["a team's feed", async () => teamFor(bindings, team.id)],
  ])("%s tells no more sockets than its thread can", async (_name, open) => {
    const stub = await open();
    const opened: WebSocket[] = [];
    for (let n = 0; n < SOCKETS_PER_OBJECT_MAX; n++) {
      const { webSocket } = await stub.fetch("https://object/hold", { headers: viewer() });
      webSocket?.accept();
      if (webSocket) opened.push(webSocket);
    }
    expect(opened).toHaveLength(SOCKETS_PER_OBJECT_MAX);
    expect((await stub.fetch("https://object/hold", { headers: viewer() })).status).toBe(429);
    for (const socket of opened) socket.close();
  });
});
