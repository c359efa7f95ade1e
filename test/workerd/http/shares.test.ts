// Share links and private files, from the API to the bytes: made, listed, used without a key, ended, revoked, deleted with the
// request; and files that are copied again on their owner's word.

import { describe, expect } from "vitest";
import { SHARES_PER_REQUEST_MAX } from "../../../src/files/request-file.ts";
import { MINUTE_MS, SECOND_MS } from "../../../src/platform/time.ts";
import { call } from "../../harness/calls.ts";
import { passTime } from "../../harness/clock.ts";
import { test } from "../../harness/fixtures.ts";
import type { RequestObject } from "../../harness/request-object.ts";
import { Team } from "../../harness/team.ts";
import { expectArmed, recordOf, ring, runToEnd } from "../../harness/tracker.ts";
import { deliverWebhooks } from "../../harness/upstream.ts";
import { interceptFetch, isSource } from "../../harness/wire.ts";

interface Share {
  id: string;
  created_at: string;
  expires_at: string;
  files: { n: number; path: string; url: string }[];
}
type Problem = { code: string; detail: string };

async function completed(of: Team, prompt: string): Promise<RequestObject> {
  const { id } = await of.submit(prompt);
  await passTime(5 * SECOND_MS);
  await deliverWebhooks();
  const ended = await runToEnd(of, id);
  expect(ended.status).toBe("COMPLETED");
  return ended;
}

function share(team: Team, id: string, body: object = {}) {
  return team.send<Share & Problem>("POST", `/v1/requests/${id}/shares`, body);
}

async function statusOf(url: string | null | undefined): Promise<number> {
  const answer = await call("GET", url ?? "");
  await answer.arrayBuffer();
  return answer.status;
}

describe("a share link", () => {
  test("opens its files for anybody until it ends, and is listed until then", async ({ team }) => {
    const { id, files } = await completed(team, "cats sandbox:many-files:3");
    const made = await share(team, id, { expires_in_s: 600, files: [2, 0] });
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({
      id: expect.stringMatching(/^shr_[0-9A-Za-z]{20}$/),
      expires_at: new Date(Date.now() + 600 * SECOND_MS).toISOString(),
      files: [
        { n: 0, path: "images.0.url" },
        { n: 2, path: "images.2.url" },
      ],
    });
    for (const { n, url } of made.body.files) {
      expect(url).not.toBe(files[n]?.url);
      const bytes = new Uint8Array(await (await call("GET", url)).arrayBuffer());
      expect(bytes.length).toBe(files[n]?.size);
    }
    const listed = await team.send<{ data: Share[] }>("GET", `/v1/requests/${id}/shares`);
    expect(listed.body.data).toEqual([made.body]);
    await passTime(600 * SECOND_MS);
    expect(await statusOf(made.body.files[0]?.url)).toBe(410);
    expect((await team.send<{ data: Share[] }>("GET", `/v1/requests/${id}/shares`)).body.data).toEqual([]);
    expect(await statusOf(files[0]?.url)).toBe(200);
  });

  test("of a private file ends with its links, and a longer one is refused", async () => {
    const team = await Team.create({ file_link_s: 300 });
    const { id } = await completed(team, "a cat");
    for (const expires_in_s of [301, 7 * 24 * 3_600, 365 * 24 * 3_600]) {
      const refused = await share(team, id, { expires_in_s });
      expect([refused.status, refused.body.detail]).toEqual([
        400,
        expect.stringMatching(/`expires_in_s`.*at most 300/),
      ]);
    }
    for (const body of [{}, { expires_in_s: 300 }, { expires_in_s: 60 }]) {
      const made = await share(team, id, body);
      expect(made.status).toBe(201);
      expect(Date.parse(made.body.expires_at)).toBeLessThanOrEqual(Date.now() + 300 * SECOND_MS);
    }
  });

  test("of all stored files lives a week unless told otherwise", async ({ team }) => {
    const { id } = await completed(team, "cats sandbox:many-files:3,file-404:1");
    const made = await share(team, id);
    expect(made.body.files.map(({ n }) => n)).toEqual([0, 2]);
    expect(made.body.expires_at).toBe(new Date(Date.now() + 7 * 24 * 60 * MINUTE_MS).toISOString());
  });

  test("that is revoked is good for nothing from the next call on; others stay", async ({ team }) => {
    const { id } = await completed(team, "a cat");
    const [first, second, third] = [await share(team, id), await share(team, id), await share(team, id)];
    const urls = [first, second, third].map(({ body }) => body.files[0]?.url);
    const revoke = (path: string) => team.send("DELETE", `/v1/requests/${id}/shares${path}`);
    expect((await revoke(`/${first.body.id}`)).status).toBe(204);
    expect((await revoke(`/${first.body.id}`)).status).toBe(204);
    expect(await Promise.all(urls.map(statusOf))).toEqual([410, 200, 200]);
    expect((await revoke("")).status).toBe(204);
    expect(await Promise.all(urls.map(statusOf))).toEqual([410, 410, 410]);
    expect(await (await call("GET", urls[1] ?? "")).json()).toMatchObject({ code: "gone" });
  });

  test("ends with its request", async ({ team }) => {
    const { id } = await completed(team, "a cat");
    const made = await share(team, id);
    expect((await team.send("DELETE", `/v1/requests/${id}`)).status).toBe(204);
    expect(await statusOf(made.body.files[0]?.url)).toBe(410);
    expect((await share(team, id)).status).toBe(410);
  });

  test("is made by the owner of stored files alone", async ({ team }) => {
    const { id } = await completed(team, "cats sandbox:many-files:2,file-404:1");
    const stranger = await Team.create();
    expect((await stranger.send("POST", `/v1/requests/${id}/shares`, {})).status).toBe(404);
    expect((await stranger.send("GET", `/v1/requests/${id}/shares`)).status).toBe(404);
    expect((await stranger.send("DELETE", `/v1/requests/${id}/shares`)).status).toBe(404);
    expect(await share(team, id, { files: [1] })).toMatchObject({
      status: 409,
      body: { detail: "File 1 is not stored." },
    });
    expect(await share(team, id, { files: [7] })).toMatchObject({
      status: 409,
      body: { detail: "File 7 is not stored." },
    });
    for (const body of [{ files: [] }, { files: [-1] }, { expires_in_s: 59 }, { expires_in_s: 1e9 }]) {
      expect((await share(team, id, body)).status).toBe(400);
    }
    const open = await team.submit("a cat");
    expect(await share(team, open.id)).toMatchObject({
      status: 409,
      body: { detail: "The request has no stored files." },
    });
    await team.cancel(open.id);
    await runToEnd(team, open.id);
  });

  test("is one of at most a hundred that have not ended", async ({ team }) => {
    const { id } = await completed(team, "a cat");
    for (let i = 0; i < SHARES_PER_REQUEST_MAX; i++)
      expect((await share(team, id, { expires_in_s: 60 })).status).toBe(201);
    expect(await share(team, id)).toMatchObject({ status: 409, body: { code: "conflict" } });
    await passTime(MINUTE_MS);
    expect((await share(team, id)).status).toBe(201);
  });
});

describe("a team with private files", () => {
  test("gets links that end instead of permanent URLs, the same while nothing changes, and fresh ones later", async () => {
    const secretive = await Team.create({ file_link_s: 600 });
    const ended = await completed(secretive, "a cat");
    const url = ended.files[0]?.url;
    expect(url).toMatch(/\.-\.[0-9]{10}\.[0-9a-f]{68}\/0\//);
    expect((ended.output as { images: { url: string }[] }).images[0]?.url).toBe(url);
    expect(await statusOf(url)).toBe(200);
    expect((await secretive.read(ended.id)).files[0]?.url).toBe(url);
    await passTime(600 * SECOND_MS - 1);
    expect(await statusOf(url)).toBe(200);
    await passTime(601 * SECOND_MS);
    expect(await statusOf(url)).toBe(410);
    const fresh = (await secretive.read(ended.id)).files[0]?.url;
    expect([fresh === url, await statusOf(fresh)]).toEqual([false, 200]);
  });
});

describe("a file that could not be stored", () => {
  test("is copied again on its owner's word, while the request stays completed and shows where each file is", async ({
    team,
  }) => {
    const before = await completed(team, "cats sandbox:many-files:3,file-flaky:5");
    expect(before.files.map(({ status }) => status)).toEqual(["failed", "failed", "failed"]);
    const retry = (path: string) => team.send("POST", `/v1/requests/${before.id}/files/${path}`);
    const one = await retry("1/retry");
    expect([one.status, one.body.status]).toEqual([202, "COMPLETED"]);
    expect(one.body.files.map(({ status }) => status)).toEqual(["failed", "pending", "failed"]);
    expect(one.body.files.map(({ url }) => url)).toEqual(before.files.map(({ url }) => url));
    expect((await retry("1/retry")).status).toBe(202);
    await expectArmed(before.id, Date.now());
    await ring(before.id);
    const stored = await team.read(before.id);
    expect(stored.files.map(({ status }) => status)).toEqual(["failed", "stored", "failed"]);
    expect(stored).toMatchObject({ status: "COMPLETED", completed_at: before.completed_at, cost: before.cost });
    expect((stored.output as { images: { url: string }[] }).images[1]?.url).toBe(stored.files[1]?.url);
    expect(await statusOf(stored.files[1]?.url)).toBe(200);
    expect(await retry("1/retry")).toMatchObject({ status: 409, body: { detail: "File 1 is already stored." } });
    expect((await retry("7/retry")).status).toBe(404);
    expect((await retry("x/retry")).status).toBe(404);
    expect((await retry("retry")).status).toBe(202);
    await ring(before.id);
    expect((await team.read(before.id)).files.map(({ status }) => status)).toEqual(["stored", "stored", "stored"]);
    expect((await retry("retry")).status).toBe(409);
    expect((await recordOf(before.id))?.effects).toEqual([]);
    expect(await team.timeline(before.id)).toContain("copy_requested");
  });

  test("whose source has gone meanwhile says so and keeps its source URL", async ({ team }) => {
    const before = await completed(team, "a cat sandbox:file-500");
    interceptFetch((request, pass) =>
      isSource(request) ? Promise.resolve(new Response(null, { status: 404 })) : pass(),
    );
    expect((await team.send("POST", `/v1/requests/${before.id}/files/0/retry`)).status).toBe(202);
    await ring(before.id);
    expect((await team.read(before.id)).files[0]).toMatchObject({
      ...{ status: "failed", url: before.files[0]?.url },
      error: { code: "storage_failed", message: "The source returned HTTP 404." },
    });
  });

  test("is nobody else's to copy, and of an open request nobody's", async ({ team }) => {
    const { id } = await team.submit("a cat");
    expect(await team.send("POST", `/v1/requests/${id}/files/0/retry`)).toMatchObject({ status: 409 });
    expect((await (await Team.create()).send("POST", `/v1/requests/${id}/files/retry`)).status).toBe(404);
    await team.cancel(id);
    await runToEnd(team, id);
  });
});
