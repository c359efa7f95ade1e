// A model that answers with a file instead of JSON: kept as the one file of its output, and answered as these bytes where fal
// would answer them.

import { expect, vi } from "vitest";
import { SECOND_MS } from "../../../src/platform/time.ts";
import { RESULT_FILE_MAX_BYTES } from "../../../src/upstream/client/client.ts";
import { call } from "../../harness/calls.ts";
import { passTime } from "../../harness/clock.ts";
import { teamSecret } from "../../harness/deliveries.ts";
import { bindings } from "../../harness/env.ts";
import { eventually } from "../../harness/eventually.ts";
import { test } from "../../harness/fixtures.ts";
import type { RequestObject } from "../../harness/request-object.ts";
import type { Team } from "../../harness/team.ts";
import { ring, runToEnd } from "../../harness/tracker.ts";
import { answerFirst } from "../../harness/wire.ts";

const MODEL = "fal-ai/flux/schnell";
const PROMPT = "a cat sandbox:binary-result";
const PNG_MAGIC = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

test.override({ plan: { hold_s: 0 } });

/** A request whose model answers with a picture, at its end. */
async function ended(team: Team, prompt = PROMPT): Promise<RequestObject> {
  const { id } = await team.submit(prompt);
  await passTime(5 * SECOND_MS);
  return runToEnd(team, id);
}

function get(team: Team, path: string): Promise<Response> {
  return call("GET", path, { headers: { Authorization: `Bearer ${team.key}` } });
}

function resultOf(team: Team, id: string, prefix = "/fal/queue/fal-ai/flux"): Promise<Response> {
  return get(team, `${prefix}/requests/${id}`);
}

async function bytesOf(answer: Response): Promise<Uint8Array> {
  expect(answer.status).toBe(200);
  return new Uint8Array(await answer.arrayBuffer());
}

test("is one stored file in v1, its URL in an output of fal's shape for files", async ({ team }) => {
  const request = await ended(team);
  expect(request).toMatchObject({ status: "COMPLETED", error: null });
  const [file] = request.files;
  expect(request.files).toEqual([
    expect.objectContaining({ path: "url", status: "stored", content_type: "image/png", error: null }),
  ]);
  expect(request.output).toEqual({ url: file?.url, content_type: "image/png", file_size: file?.size });
  expect(file?.url).toMatch(/^https:\/\/sluice\.test\/files\/.*\.png$/);
  const stored = await call("GET", file?.url ?? "");
  expect(stored.headers.get("Content-Type")).toBe("image/png");
  const bytes = await bytesOf(stored);
  expect([bytes.length, [...bytes.subarray(0, 8)]]).toEqual([file?.size, PNG_MAGIC]);
});

test.for(["/fal/queue/fal-ai/flux", "/maton/fal-ai/fal-ai/flux"])(
  "is answered as its bytes under %s, with their type and what they cost",
  async (prefix, { team }) => {
    const { id, files } = await ended(team);
    const answer = await resultOf(team, id, prefix);
    expect(answer.headers.get("Content-Type")).toBe("image/png");
    expect(answer.headers.get("x-fal-request-id")).toBe(id);
    expect(answer.headers.get("x-fal-billable-units")).not.toBeNull();
    const stored = await bytesOf(await call("GET", files[0]?.url ?? ""));
    expect(await bytesOf(answer)).toEqual(stored);
  },
);

test("is answered as its bytes under /fal/proxy too", async ({ team }) => {
  const { id } = await ended(team);
  const target = `https://queue.fal.run/fal-ai/flux/requests/${id}`;
  const headers = { Authorization: `Bearer ${team.key}`, "x-fal-target-url": target };
  const answer = await call("GET", "/fal/proxy", { headers });
  expect([...(await bytesOf(answer)).subarray(0, 8)]).toEqual(PNG_MAGIC);
});

/** A synchronous call that waits, its run brought to its end. */
async function waited(team: Team, path: string): Promise<Response> {
  const headers = { Authorization: `Bearer ${team.key}`, "Content-Type": "application/json" };
  const answer = call("POST", path, { headers, body: JSON.stringify({ prompt: PROMPT }) });
  await eventually(async () => expect((await team.read(await team.onlyRequest())).stage).toBe("queued"));
  await passTime(5 * SECOND_MS);
  await runToEnd(team, await team.onlyRequest());
  return answer;
}

test("is what /fal/run answers", async ({ team }) => {
  const answer = await waited(team, `/fal/run/${MODEL}`);
  expect(answer.headers.get("Content-Type")).toBe("image/png");
  expect([...(await bytesOf(answer)).subarray(0, 8)]).toEqual(PNG_MAGIC);
});

test("is named in the one event of /fal/run/…/stream, because an event is text", async ({ team }) => {
  const answer = await waited(team, `/fal/run/${MODEL}/stream`);
  const text = await answer.text();
  const event = /^data: (.*)$/m.exec(text)?.[1] ?? "null";
  expect(JSON.parse(event)).toMatchObject({
    url: expect.stringContaining("https://sluice.test/files/"),
    content_type: "image/png",
  });
});

test("is named in the payload of a caller's fal_webhook", async ({ team, receivers }) => {
  receivers.secrets.set("own.example", [await teamSecret(team)]);
  const hook = encodeURIComponent("https://own.example/done");
  const submitted = await team.send<{ request_id: string }>("POST", `/fal/queue/${MODEL}?fal_webhook=${hook}`, {
    prompt: PROMPT,
  });
  const id = submitted.body.request_id;
  await passTime(5 * SECOND_MS);
  await runToEnd(team, id);
  for (let n = 0; n < 3; n++) await ring(id);
  const [received] = receivers.at("own.example");
  if (received === undefined) throw new Error("nothing came");
  expect(JSON.parse(received.body)).toMatchObject({
    status: "OK",
    payload: { url: expect.stringContaining("https://sluice.test/files/"), content_type: "image/png" },
  });
});

test("keeps the type that the model named, also one that files are not stored under", async ({ team }) => {
  const type = "audio/pcm; rate=24000";
  answerFirst(1, ["result"], () => new Response(new Uint8Array([1, 2, 255]), { headers: { "Content-Type": type } }));
  const { id, files } = await ended(team);
  expect(files[0]).toMatchObject({ status: "stored", content_type: "application/octet-stream", size: 3 });
  const answer = await resultOf(team, id);
  expect(answer.headers.get("Content-Type")).toBe(type);
  expect(answer.headers.get("X-Content-Type-Options")).toBe("nosniff");
  expect([...(await bytesOf(answer))]).toEqual([1, 2, 255]);
});

test("is not lost where the bucket never takes it: its bytes are answered all the same", async ({ team }) => {
  const real = bindings.FILES.put.bind(bindings.FILES);
  vi.spyOn(bindings.FILES, "put").mockImplementation(((key: string, ...rest: [never, never]) =>
    key.startsWith("outputs/") ? Promise.reject(new Error("R2 is down")) : real(key, ...rest)) as typeof real);
  const { id, status, files, output } = await ended(team);
  expect([status, files[0]?.status, files[0]?.url]).toEqual(["COMPLETED", "failed", null]);
  expect(output?.url).toMatch(/^data:image\/png;base64,/);
  expect([...(await bytesOf(await resultOf(team, id))).subarray(0, 8)]).toEqual(PNG_MAGIC);
});

test("is refused clearly when it is too large, and not read", async ({ team }) => {
  let read = 0;
  answerFirst(1, ["result"], () => {
    const body = new ReadableStream({
      pull(controller) {
        read += 1024 * 1024;
        controller.enqueue(new Uint8Array(1024 * 1024));
      },
    });
    return new Response(body, { headers: { "Content-Type": "video/mp4" } });
  });
  const { id, status, error } = await ended(team);
  expect([status, error?.code, error?.charged]).toEqual(["FAILED", "storage_failed", "unknown"]);
  expect(error?.message).toContain(`exceeds ${RESULT_FILE_MAX_BYTES} bytes`);
  expect(read).toBeLessThanOrEqual(RESULT_FILE_MAX_BYTES + 2 * 1024 * 1024);
  const result = await resultOf(team, id);
  expect([result.status, ((await result.json()) as { error_type: string }).error_type]).toEqual([
    424,
    "storage_failed",
  ]);
});

test("says that it was deleted once its time is over, while the request is still there", async ({ team }) => {
  await team.send("PUT", "/v1/plans/default", { hold_s: 0, retention: { files_days: 1 } });
  const { id } = await ended(team);
  await passTime(25 * 3_600 * SECOND_MS);
  await ring(id);
  const result = await resultOf(team, id);
  expect([result.status, ((await result.json()) as { error_type: string }).error_type]).toEqual([410, "gone"]);
});
