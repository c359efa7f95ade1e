// Big inputs, big outputs, many files and faulty ones: whatever comes, the request ends, and what was stored is the whole of test.

import { describe, expect, vi } from "vitest";
import { ROW_TEXT_MAX_BYTES } from "../../../src/files/stored-text.ts";
import { acquire, BUFFER_BUDGET_BYTES, highWaterBytes } from "../../../src/net/byte-budget.ts";
import { sha256Hex } from "../../../src/platform/ids.ts";
import { SECOND_MS } from "../../../src/platform/time.ts";
import { call } from "../../harness/calls.ts";
import { passTime } from "../../harness/clock.ts";
import { bindings } from "../../harness/env.ts";
import { test } from "../../harness/fixtures.ts";
import { evict } from "../../harness/objects.ts";
import type { RequestObject } from "../../harness/request-object.ts";
import type { Team } from "../../harness/team.ts";
import { expectArmed, ring, runToEnd } from "../../harness/tracker.ts";
import { deliverWebhooks, post, sandbox, upstreamRequests } from "../../harness/upstream.ts";
import { interceptFetch, upstreamCall } from "../../harness/wire.ts";

type Image = { url: string };

function imagesOf(request: RequestObject): Image[] {
  return (request.output as { images: Image[] }).images;
}

describe("an input above what a row holds", () => {
  const notes = "ä€😀 ".repeat(80_000);
  const inputText = `{"prompt":"a cat","seed":196619188014358660,"notes":${JSON.stringify(notes)}}`;

  test("lies in R2, reaches upstream whole, and comes back in the output as it was written", async ({ team }) => {
    const sent: string[] = [];
    interceptFetch(async (request, pass) => {
      if (upstreamCall(request) !== "submit") return pass();
      sent.push(await request.clone().text());
      return sent.length > 1 ? pass() : Response.json({ error: { message: "Rate limit exceeded" } }, { status: 429 });
    });
    expect(new TextEncoder().encode(inputText).length).toBeGreaterThan(ROW_TEXT_MAX_BYTES);
    const body = `{"model":"sandbox/echo","input":${inputText}}`;
    const { body: submitted, status } = await team.send("POST", "/v1/requests", body);
    expect([status, submitted.stage]).toEqual([202, "held"]);
    expect((await textsInBucket(team, submitted.id)).map(({ name, size }) => [name, size])).toEqual([
      ["input", new TextEncoder().encode(inputText).length],
    ]);
    await evict(submitted.id);
    await passTime(2 * SECOND_MS);
    await ring(submitted.id);
    await expectArmed(submitted.id);
    expect(sent).toEqual([inputText, inputText]);
    await passTime(5 * SECOND_MS);
    const ended = await runToEnd(team, submitted.id);
    expect(ended).toMatchObject({ status: "COMPLETED", output: { output: { prompt: "a cat", notes } } });
    const answer = await call("GET", `/v1/requests/${submitted.id}`, {
      headers: { Authorization: `Bearer ${team.key}` },
    });
    expect(await answer.text()).toContain('"seed":196619188014358660');
    expect(await upstreamRequests()).toHaveLength(1);
  });
});

describe("twenty requests with big outputs at once in one isolate", () => {
  test("all end, every byte is there, and no more than the budget is held at a time", async ({ team }) => {
    const prompts = Array.from({ length: 20 }, (_, n) => {
      if (n % 2 === 0)
        return { model: "fal-ai/flux/schnell", input: { prompt: `cat ${n} sandbox:big-output:3000000` } };
      return {
        model: "sandbox/echo",
        input: { prompt: `cat ${n}`, notes: `${n}`.repeat(n % 4 === 1 ? 600_000 : 1_300_000) },
      };
    });
    const log = vi.spyOn(console, "log");
    const submitted = await Promise.all(prompts.map((body) => team.send("POST", "/v1/requests", body)));
    const ids = submitted.map((answer) => answer.body.id);
    expect(submitted.map((answer) => answer.status)).toEqual(ids.map(() => 202));
    const payloads = new Map<string, Record<string, unknown>>();
    let ended: RequestObject[] = [];
    for (let round = 0; round < 30 && ended.length < ids.length; round++) {
      await passTime(2 * SECOND_MS);
      await postAtOnce(payloads);
      await Promise.all(ids.map((id) => ring(id)));
      ended = (await Promise.all(ids.map((id) => team.read(id)))).filter((each) => each.status === "COMPLETED");
    }
    expect(ended).toHaveLength(20);
    // The operator reads it in every line about an effect.
    const lines = log.mock.calls.map(([line]) => JSON.parse(String(line)) as { event: string; held?: number });
    const held = lines.filter(({ event }) => event === "effect.attempted").map((line) => line.held ?? Number.NaN);
    expect(
      held.toSorted((one, other) => one - other),
      "it only rises",
    ).toEqual(held);
    expect(held.at(-1)).toBe(highWaterBytes());
    for (const request of ended) await expectWhole(request, payloads.get(request.upstream.request_id ?? "") ?? {});
    for (const id of ids) await expectArmed(id);
    expect(await upstreamRequests()).toHaveLength(20);
    expect(highWaterBytes(), "several are held at a time").toBeGreaterThan(3 * 3_000_000);
    expect(highWaterBytes()).toBeLessThanOrEqual(48 * 1024 * 1024);
    (await acquire(BUFFER_BUDGET_BYTES))?.release();
  });
});

/** Posts the webhook of every request that has come to fal since, all at once; keeps what they said. */
async function postAtOnce(payloads: Map<string, Record<string, unknown>>): Promise<void> {
  const fresh = (await upstreamRequests()).filter(
    (each) => each.status === "COMPLETED" && !payloads.has(each.request_id),
  );
  const webhooks: Parameters<typeof post>[0][] = [];
  for (const { request_id } of fresh) {
    const webhook = await sandbox<Parameters<typeof post>[0]>("POST", "webhooks", { request_id });
    payloads.set(request_id, (JSON.parse(webhook.body) as { payload: Record<string, unknown> }).payload);
    webhooks.push(webhook);
  }
  expect((await Promise.all(webhooks.map(post))).every((status) => status === 200)).toBe(true);
}

/** The output is fal's, but for the URLs of its files; behind those lie fal's bytes. */
async function expectWhole(request: RequestObject, payload: Record<string, unknown>): Promise<void> {
  const { images: sources, ...rest } = payload as { images: Image[] };
  const { images, ...ours } = request.output as { images: Image[] };
  // Compared as a boolean: the difference of two megabytes is nothing to read.
  expect(JSON.stringify(ours) === JSON.stringify(rest)).toBe(true);
  expect(request.files).toHaveLength(sources.length);
  for (const [n, file] of request.files.entries()) {
    expect(file).toMatchObject({ status: "stored", url: images[n]?.url, content_type: "image/png", error: null });
    const bytes = new Uint8Array(await (await call("GET", file.url ?? "")).arrayBuffer());
    expect(bytes.length).toBe(file.size);
    expect(await sha256Hex(bytes)).toBe(file.sha256);
    const source = sources[n]?.url ?? "";
    if (source.startsWith("data:")) expect(await sha256Hex(bytesOf(source))).toBe(file.sha256);
  }
}

function bytesOf(dataUri: string): Uint8Array {
  return Uint8Array.from(atob(dataUri.slice(dataUri.indexOf(",") + 1)), (char) => char.charCodeAt(0));
}

describe("outputs of many places", () => {
  test("a hundred files are all copied, each to its own place", async ({ team }) => {
    const ended = await completed(team, "a hundred cats sandbox:many-files:100");
    expect(ended.files).toHaveLength(100);
    const images = imagesOf(ended);
    expect(ended.files.map((file) => file.path)).toEqual(images.map((_, n) => `images.${n}.url`));
    expect(ended.files.map((file) => file.url)).toEqual(images.map((image) => image.url));
    expect(new Set(ended.files.map((file) => file.status))).toEqual(new Set(["stored"]));
    expect(new Set(ended.files.map((file) => file.sha256)).size).toBe(100);
    const last = await call("GET", ended.files[99]?.url ?? "");
    expect(await sha256Hex(new Uint8Array(await last.arrayBuffer()))).toBe(ended.files[99]?.sha256);
  });

  test("files deep in a tree and bare URLs are copied, and what is not fal's stays as it is", async ({ team }) => {
    const ended = await completed(team, "a cat in 3D sandbox:nested");
    const ours = (path: string) => ended.files.find((file) => file.path === path)?.url;
    const paths = [
      "images.0.url",
      "model_urls.glb.url",
      "model_urls.textures.0.base_color.url",
      "model_urls.textures.0.layers.0.0.url",
      "thumbnail_url",
    ];
    const stored = ended.files.filter(({ status }) => status === "stored");
    expect(stored.map(({ path }) => path).toSorted()).toEqual(paths);
    expect(stored.every(({ url }) => url?.startsWith("https://sluice.test/files/"))).toBe(true);
    const others = ended.files.filter(({ status }) => status !== "stored");
    expect(others).toMatchObject([{ path: "model_mesh.url", status: "not_copied" }]);
    expect(ended.output).toMatchObject({
      model_urls: {
        glb: { url: ours("model_urls.glb.url") },
        textures: [
          {
            base_color: { url: ours("model_urls.textures.0.base_color.url") },
            layers: [[{ url: ours("model_urls.textures.0.layers.0.0.url") }]],
          },
        ],
      },
      thumbnail_url: ours("thumbnail_url"),
      model_mesh: { url: "https://assets.example.com/mesh.glb" },
    });
  });
});

const STORED = { status: "stored", content_type: "image/png", error: null };
const FAILED = { status: "failed", size: null, sha256: null, error: { code: "storage_failed" } };
const FAULTS: { fault: string; word: string; file: Record<string, unknown>; gets: number }[] = [
  { fault: "is forbidden", word: "file-403:1", file: FAILED, gets: 1 },
  { fault: "is gone", word: "file-404:1", file: FAILED, gets: 1 },
  { fault: "is never to be had", word: "file-500:1", file: FAILED, gets: 5 },
  { fault: "breaks off each time", word: "file-truncated:1", file: FAILED, gets: 5 },
  { fault: "is somewhere else", word: "file-redirect:1", file: FAILED, gets: 1 },
  { fault: "fails twice and then comes", word: "file-flaky:2", file: STORED, gets: 3 },
  { fault: "comes without a length", word: "file-chunked:1", file: STORED, gets: 1 },
  { fault: "is called a text", word: "file-wrong-type:1", file: STORED, gets: 1 },
];

describe("one file of three is faulty", () => {
  test.for(FAULTS)(
    "it $fault: $file.status, the request ends, and no line tells its URL",
    async ({ word, file, gets }, { team }) => {
      const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
      const ended = await completed(team, `three cats sandbox:many-files:3,${word}`);
      expect(ended.files).toMatchObject([STORED, file, STORED]);
      const [sent] = (await upstreamRequests()) as unknown as { files: { path: string; gets: number }[] }[];
      expect(sent?.files[1]?.gets).toBe(gets);
      const [first, second, third] = imagesOf(ended);
      expect([first?.url, second?.url, third?.url]).toEqual(ended.files.map((each) => each.url));
      if (file.status === "failed") expect(second?.url).toBe(`https://cdn.sandbox.test${sent?.files[1]?.path}`);
      else expect((await call("GET", second?.url ?? "")).status).toBe(200);
      const lines = log.mock.calls.map(([line]) => String(line));
      expect(lines.filter((line) => line.includes('"effect":"mirror')).length).toBeGreaterThanOrEqual(gets + 2);
      for (const secret of ["cdn.sandbox.test", sent?.files[1]?.path ?? "no path", "three cats"]) {
        expect(lines.filter((line) => line.includes(secret))).toEqual([]);
      }
    },
  );

  test("it is a web page that calls itself a picture: kept, but no browser will open it on our origin", async ({
    team,
  }) => {
    const ended = await completed(team, "three cats sandbox:many-files:3,file-html:1");
    expect(ended.files).toMatchObject([STORED, { status: "stored", error: null }, STORED]);
    expect(ended.files[1]?.content_type).not.toBe("image/png");
    const answer = await call("GET", ended.files[1]?.url ?? "");
    expect(new TextDecoder().decode(await answer.arrayBuffer())).toContain("<!doctype html>");
    expect(answer.headers.get("X-Content-Type-Options")).toBe("nosniff");
    expect(answer.headers.get("Content-Disposition")).toMatch(/^attachment/);
  });
});

async function completed(team: Team, prompt: string): Promise<RequestObject> {
  const { id } = await team.submit(prompt);
  await passTime(5 * SECOND_MS);
  await deliverWebhooks();
  const ended = await runToEnd(team, id);
  expect(ended).toMatchObject({ status: "COMPLETED", error: null });
  await expectArmed(id);
  return ended;
}

async function textsInBucket(team: Team, id: string): Promise<{ name: string; size: number }[]> {
  const { objects } = await bindings.FILES.list({ prefix: `texts/${team.id}/${id}/` });
  return objects.map(({ key, size }) => ({ name: key.split("/").at(-1)?.split(".")[0] ?? "", size }));
}
