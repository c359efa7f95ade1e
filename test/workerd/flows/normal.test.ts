// The main road as callers see it: a prompt goes in, its picture stays.

import { describe, expect } from "vitest";
import { call } from "../../harness/calls.ts";
import { passTime } from "../../harness/clock.ts";
import { test } from "../../harness/fixtures.ts";
import { expectArmed, ring, runToEnd } from "../../harness/tracker.ts";
import { deliverWebhooks, sandboxCalls } from "../../harness/upstream.ts";

describe("a request on the webhook road", () => {
  test("goes in as IN_QUEUE, ends as COMPLETED with our own URLs, and its picture can be fetched by anybody who has the URL", async ({
    team,
  }) => {
    const submitted = await team.submit("a tiny cute cat");
    expect(submitted.status).toBe("IN_QUEUE");
    expect(submitted.stage).toBe("queued");
    await expectArmed(submitted.id);
    await passTime(5_000);
    expect(await deliverWebhooks()).toEqual([200]);
    const ended = await runToEnd(team, submitted.id);
    expect(ended.status).toBe("COMPLETED");
    const [file] = ended.files;
    expect(file).toMatchObject({ status: "stored", content_type: "image/png", path: "images.0.url", error: null });
    expect((ended.output as { images: { url: string }[] }).images[0]?.url).toBe(file?.url);
    const picture = await call("GET", file?.url ?? "");
    const bytes = new Uint8Array(await picture.arrayBuffer());
    expect(picture.status).toBe(200);
    expect(picture.headers.get("Content-Type")).toBe("image/png");
    expect(bytes.length).toBe(file?.size);
    expect([...bytes.slice(0, 4)]).toEqual([0x89, 0x50, 0x4e, 0x47]);
    await expectArmed(submitted.id);
  });

  test("costs one upstream call from the account's second request on", async ({ team }) => {
    const first = await team.submit("the first");
    await passTime(5_000);
    await runToEnd(team, first.id);
    const before = (await sandboxCalls()).total;
    for (const prompt of ["two", "three", "four"]) {
      const { id } = await team.submit(prompt);
      await passTime(5_000);
      const ended = await runToEnd(team, id);
      expect(ended.status).toBe("COMPLETED");
      expect(ended.upstream.calls).toBe(1);
    }
    expect((await sandboxCalls()).total - before).toBe(3);
  });

  test("keeps a seed above 2^53 as it was written", async ({ team }) => {
    const { id } = await team.submit("big seed");
    await passTime(5_000);
    await runToEnd(team, id);
    const answer = await call("GET", `/v1/requests/${id}`, { headers: { Authorization: `Bearer ${team.key}` } });
    const seed = /"seed":(\d+)/.exec(await answer.text())?.[1] ?? "";
    expect(BigInt(seed)).toBeGreaterThan(2n ** 53n);
    expect(seed).not.toBe(String(Number(seed)));
  });
});

test("a request nobody reports on is finished by polls", async ({ team }) => {
  const { id } = await team.submit("no webhook");
  const ended = await runToEnd(team, id, { webhooks: false });
  expect(ended.status).toBe("COMPLETED");
  expect(await team.timeline(id)).toContain("poll");
  expect(await ring(id)).toBe(false);
});
