// The plan's days: inputs, files and records go by themselves, each at its time, fixed at the submit.

import { expect } from "vitest";
import { outputKey } from "../../../src/files/bucket-keys.ts";
import { deleteKeys, R2_PAGE_KEYS } from "../../../src/files/delete-prefix.ts";
import { DAY_MS, SECOND_MS } from "../../../src/platform/time.ts";
import { call } from "../../harness/calls.ts";
import { passTime } from "../../harness/clock.ts";
import { bindings } from "../../harness/env.ts";
import { test } from "../../harness/fixtures.ts";
import { evict } from "../../harness/objects.ts";
import type { RequestObject } from "../../harness/request-object.ts";
import type { Team } from "../../harness/team.ts";
import { expectArmed, recordOf, ring, runToEnd } from "../../harness/tracker.ts";

test.override({ plan: { retention: { inputs_days: 1, files_days: 2, records_days: 3 } } });
const LONG = { input: { note: "x".repeat(600_000) } };

async function completed(team: Team): Promise<RequestObject> {
  const { id } = await team.submit("a cat", LONG);
  await passTime(5 * SECOND_MS);
  return runToEnd(team, id);
}

async function stored(team: Team): Promise<string[]> {
  const { objects } = await bindings.FILES.list();
  return objects.filter(({ key }) => key.split("/")[1] === team.id).map(({ key }) => key.split("/")[0] ?? "");
}

/** Lets a day pass, the object forgotten meanwhile, and what is due run. */
async function nextDay(id: string): Promise<void> {
  await evict(id);
  await passTime(DAY_MS);
  await ring(id);
  await expectArmed(id);
}

test("the input goes first, then the files, then the record", async ({ team }) => {
  const { id, files, completed_at, expires_at } = await completed(team);
  expect(Date.parse(String(expires_at)) - Date.parse(String(completed_at))).toBe(3 * DAY_MS);
  expect((await stored(team)).sort()).toEqual(["outputs", "texts"]);

  await nextDay(id);
  expect(await stored(team)).toEqual(["outputs"]);
  expect((await team.read(id)).files).toEqual(files);

  await nextDay(id);
  expect(await stored(team)).toEqual([]);
  const kept = await team.read(id);
  expect(kept.files).toMatchObject([{ status: "deleted", url: files[0]?.url }]);
  expect((await call("GET", files[0]?.url ?? "")).status).toBe(410);

  await nextDay(id);
  expect(await recordOf(id)).toBeNull();
  expect((await team.send("GET", `/v1/requests/${id}`)).status).toBe(410);
  expect(await ring(id), "nothing is owed any more").toBe(false);
});

test("what the plan said at the submit holds, whatever it says later", async ({ team }) => {
  const { id } = await completed(team);
  expect((await team.send("PUT", "/v1/plans/default", {})).status).toBe(200);
  const later = await completed(team);
  expect(later.expires_at).toBeNull();
  for (let day = 0; day < 3; day++) await nextDay(id);
  expect((await team.send("GET", `/v1/requests/${id}`)).status).toBe(410);
  expect((await team.read(later.id)).files).toMatchObject([{ status: "stored" }]);
});

test("a request that has not ended expires at no time yet", async ({ team }) => {
  const { id, expires_at } = await team.submit();
  expect(expires_at).toBeNull();
  expect((await team.send("DELETE", `/v1/requests/${id}?cancel=true`)).status).toBe(202);
  await runToEnd(team, id).catch(() => undefined);
});

test("keys are more than R2 deletes at once: all go, and those without an object do not matter", async () => {
  const keys = Array.from({ length: R2_PAGE_KEYS + 91 }, (_, n) => outputKey("many", "0".repeat(64), n));
  for (let n = 0; n < keys.length; n += 91) {
    await Promise.all(keys.slice(n, n + 91).map((key) => bindings.FILES.put(key, "x")));
  }
  await deleteKeys(bindings.FILES, [outputKey("many", "1".repeat(64), 0), ...keys]);
  expect((await bindings.FILES.list({ prefix: "outputs/many/" })).objects).toEqual([]);
});
