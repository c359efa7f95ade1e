// GET /v1/requests/{id}/input: what was asked of a model, exactly, for whoever may read the request, while the plan keeps it.

import { expect } from "vitest";
import { DAY_MS, SECOND_MS } from "../../../src/platform/time.ts";
import { call, json } from "../../harness/calls.ts";
import { passTime } from "../../harness/clock.ts";
import { test } from "../../harness/fixtures.ts";
import { newKey, Team } from "../../harness/team.ts";
import { ring, runToEnd } from "../../harness/tracker.ts";

test("is the text as it was written: numbers beyond 2^53, the order of fields, text of every script", async ({
  team,
}) => {
  const input = '{"seed":9007199254740993,"prompt":"кот 🐈","guidance":1.0,"a":1e2}';
  const posted = await call("POST", "/v1/requests", {
    ...{ key: team.key, headers: { "Content-Type": "application/json" } },
    body: `{"model":"owner/echo","input":${input}}`,
  });
  const { id, links } = (await json(posted)) as { id: string; links: { input: string } };
  expect(new URL(links.input).pathname).toBe(`/v1/requests/${id}/input`);
  const response = await call("GET", `/v1/requests/${id}/input`, { key: team.key });
  expect([response.status, response.headers.get("Content-Type"), response.headers.get("Cache-Control")]).toEqual([
    ...[200, "application/json", "no-store"],
  ]);
  expect(await response.text()).toBe(input);
});

test("of a long input comes from the bucket, whole", async ({ team }) => {
  const note = "x".repeat(600_000);
  const { id } = await team.submit("a cat", { input: { note } });
  const { body } = await team.send<{ note: string }>("GET", `/v1/requests/${id}/input`);
  expect(body.note).toBe(note);
});

test("has the values that the plan forces, as the model got them", async () => {
  const team = await Team.create({ input: { force: { enable_safety_checker: true } } });
  const { id } = await team.submit("a cat");
  expect((await team.send("GET", `/v1/requests/${id}/input`)).body).toMatchObject({ enable_safety_checker: true });
});

test("is gone when the plan's days for inputs are over, and the request stays", async () => {
  const team = await Team.create({ retention: { inputs_days: 1 } });
  const { id } = await team.submit("a cat");
  await passTime(5 * SECOND_MS);
  await runToEnd(team, id);
  await passTime(DAY_MS);
  await ring(id);
  const input = await team.send<{ code: string; detail: string }>("GET", `/v1/requests/${id}/input`);
  expect([input.status, input.body.code]).toEqual([410, "gone"]);
  expect(input.body.detail).toContain("retention period for inputs");
  expect((await team.send("GET", `/v1/requests/${id}`)).status).toBe(200);
});

test("is not there for others: another team, another member", async ({ team }) => {
  const { id } = await team.submit("a cat", { user: "ada" });
  const { secret } = await newKey(team.key, { user: "eve" });
  const other = await Team.create();
  for (const key of [secret, other.key]) {
    expect((await call("GET", `/v1/requests/${id}/input`, { key })).status).toBe(404);
  }
  expect((await call("GET", `/v1/requests/${"0".repeat(64)}/input`, { key: team.key })).status).toBe(404);
});
