// Python against Sluice as a whole process, over https: the calls of fal's client, and those that people write for Maton.
// What each script covers stands at its top.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "../../harness/eventually.ts";
import { freePorts } from "../../harness/process.ts";
import { httpsFront, runScenes, type Scenes } from "../../harness/python.ts";
import { type Sluice, startSluice } from "../../harness/sluice.ts";

interface Notice {
  headers: Record<string, string>;
  text: string;
  body: { request_id: string; gateway_request_id: string; status: string; payload: unknown; error?: string };
}
interface Output {
  images: { url: string; width: number; content_type: string }[];
  [field: string]: unknown;
}

/** One picture of ours, as outputs name test. */
const PICTURE = expect.objectContaining({ url: expect.stringContaining("/files/"), content_type: "image/png" });

const certificates = mkdtempSync(join(tmpdir(), "sluice-python-"));
const notices: Notice[] = [];
let receiver: Server;
let front: Awaited<ReturnType<typeof httpsFront>>;
let sluice: Sluice;
let base: string;
let webhookUrl: string;
let falScenes: Scenes;
let matonScenes: Scenes;

beforeAll(async () => {
  const [port = 0, receiverPort = 0, frontPort = 0] = await freePorts(3);
  receiver = createServer((request, response) => {
    let text = "";
    request.on("data", (data) => {
      text += data;
    });
    request.on("end", () => {
      notices.push({ headers: request.headers as Record<string, string>, text, body: JSON.parse(text) });
      response.end();
    });
  });
  await new Promise<void>((done) => receiver.listen(receiverPort, "localhost", done));
  webhookUrl = `http://localhost:${receiverPort}/done`;
  base = `https://localhost:${frontPort}`;
  front = await httpsFront(frontPort, port);
  writeFileSync(join(certificates, "front.pem"), front.certificate);
  sluice = await startSluice({ PORT: String(port), RELAY_ALLOW_HOSTS: `localhost:${receiverPort}`, BASE_URL: base });
  const host = base.replace("https://", "");
  [falScenes, matonScenes] = await Promise.all([
    runScenes("fal_client_calls.py", {
      FAL_KEY: sluice.key,
      FAL_RUN_HOST: `${host}/fal/run`,
      FAL_QUEUE_RUN_HOST: `${host}/fal/queue`,
      SSL_CERT_FILE: join(certificates, "front.pem"),
      WEBHOOK_URL: webhookUrl,
    }),
    runScenes("maton_calls.py", {
      MATON_BASE: `${sluice.url}/maton`,
      MATON_API_KEY: sluice.key,
      WEBHOOK_URL: webhookUrl,
    }),
  ]);
});

afterAll(async () => {
  await sluice?.stop();
  await front?.close();
  await new Promise((done) => receiver.close(done));
  rmSync(certificates, { recursive: true, force: true });
});

function sawIn<T>(scenes: Scenes, name: string): T {
  const found = scenes.get(name);
  if (found === undefined) throw new Error(`no scene ${name}`);
  return found.saw as T;
}

/** The file behind a URL of ours, as far as a client sees test. */
async function typeOfFile(url: string): Promise<string | null> {
  expect(url).toContain(`${base}/files/`);
  const answer = await fetch(url.replace(base, sluice.url));
  expect(answer.status).toBe(200);
  return answer.headers.get("Content-Type");
}

/** The notice about a request, once it has come and holds by the team's secret. */
async function noticeOf(requestId: string): Promise<Notice> {
  const found = await eventually(async () => notices.find(({ body }) => body.request_id === requestId) ?? null, {
    what: "the webhook",
  });
  const answer = await fetch(`${sluice.url}/v1/team/webhook_secret`, {
    headers: { Authorization: `Bearer ${sluice.key}` },
  });
  const { secret } = (await answer.json()) as { secret: string };
  new Webhook(secret).verify(found.text, found.headers);
  return found;
}

describe("fal's Python client, pointed here by FAL_RUN_HOST and FAL_QUEUE_RUN_HOST with a path in them", () => {
  const saw = <T>(scene: string) => sawIn<T>(falScenes, scene);
  const callsOf = (scene: string) => falScenes.get(scene)?.calls ?? Number.NaN;

  test("submits, reads the status with and without logs, and gets the result from the returned URLs", async () => {
    const { request_id, urls, without_logs, with_logs, output } = saw<{
      request_id: string;
      urls: string[];
      without_logs: { state: string; position?: number; logs?: null };
      with_logs: { state: string };
      output: Output;
    }>("submit");
    const mine = `${base}/fal/queue/fal-ai/flux/requests/${request_id}`;
    expect(urls).toEqual([mine, `${mine}/status`, `${mine}/cancel`]);
    const states = ["Queued", "InProgress", "Completed"];
    expect([states.includes(without_logs.state), states.includes(with_logs.state)]).toEqual([true, true]);
    expect(await typeOfFile(output.images[0]?.url ?? "")).toBe("image/png");
  });

  test("takes the endpoint's path as an argument too", () => {
    expect(saw("path")).toMatchObject({ base: true, output: { images: [PICTURE] } });
  });

  test("follows the events to the end, and a held status makes that a handful of calls", () => {
    const { states, logs, output } = saw<{ states: string[]; logs: { message: string }[]; output: Output }>("events");
    expect(states.at(-1)).toBe("Completed");
    expect(logs[0]?.message).toBe("Loading the model");
    expect(output.images).toHaveLength(1);
    // At a poll every 0.1 s a run of 5 s would take fifty; the whole scene is submit, statuses, one more, result.
    expect(callsOf("events")).toBeLessThanOrEqual(8);
  });

  test("finds a request again by endpoint and id", () => {
    expect(saw("handle")).toMatchObject({ state: "Completed", output: { images: [PICTURE] } });
  });

  test("subscribes", () => {
    const { states, output } = saw<{ states: string[]; output: Output }>("subscribe");
    expect(states.at(-1)).toBe("Completed");
    expect(output.images[0]?.content_type).toBe("image/png");
  });

  test("gives up after client_timeout and cancels; the result is then fal's 499", () => {
    expect(saw("timeout")).toMatchObject({ state: "Completed", end: { status: 499 } });
  });

  test("cancels, is told 400 when it is over and 404 for what is not there", () => {
    expect(saw("cancel")).toMatchObject({ end: { status: 499 }, again: { status: 400 }, unknown: { status: 404 } });
  });

  test("runs and waits for the output", () => {
    expect(saw("run")).toMatchObject({
      output: { images: [PICTURE] },
      path: { images: [PICTURE] },
    });
    expect(callsOf("run")).toBe(2);
  });

  test("streams: the last event is the output", () => {
    const { events } = saw<{ events: Output[] }>("stream");
    expect(events.at(-1)?.images).toHaveLength(1);
    expect(callsOf("stream")).toBe(1);
  });

  test("raises what went wrong, with words in `detail`, and tries nothing again in vain", () => {
    const seen = saw<Record<string, { status: number; message: unknown; error?: string; state?: string }>>("errors");
    expect(seen.refused_status).toMatchObject({ state: "Completed", error: expect.any(String) });
    expect(seen.refused_result).toMatchObject({ status: 422, message: [{ type: "content_policy_violation" }] });
    expect(seen.run_refused).toEqual(seen.refused_result);
    expect(seen.invalid?.status).toBe(422);
    expect(seen.no_owner).toMatchObject({ status: 404, message: expect.stringContaining("fal-ai/flux/schnell") });
    expect(seen.unknown?.status).toBe(404);
    expect(seen.wrong_key).toMatchObject({ status: 401, message: expect.any(String) });
  });

  test("hears of the end at its webhook_url, in fal's body and with our signature", async () => {
    const { request_id } = saw<{ request_id: string }>("webhook");
    const { body } = await noticeOf(request_id);
    expect(body).toMatchObject({
      status: "OK",
      gateway_request_id: expect.any(String),
      payload: { images: [PICTURE] },
    });
  });
});

describe("code written for Maton, with another base URL and key", () => {
  const saw = <T>(scene: string) => sawIn<T>(matonScenes, scene);

  test("lists, begins, reads and deletes connections", () => {
    const seen = saw<{ made: { connection_id: string }; pending: string[] }>("connections");
    expect(seen).toMatchObject({
      before: [{ app: "fal-ai", status: "ACTIVE" }],
      made: { app: "fal-ai", method: "API_KEY", status: "PENDING", url: expect.stringContaining("session_token=") },
      read: { connection_id: seen.made.connection_id, creation_time: expect.any(String) },
      gone: { status: 404, body: { message: expect.stringContaining("not found"), code: 404 } },
      other_apps: [],
      other_app: { status: 400, body: { error: { message: expect.any(String), code: 400 } } },
    });
    expect(seen.pending).toContain(seen.made.connection_id);
  });

  test("runs the five models of the page and finds their files here", async () => {
    const outputs = saw<Record<string, Record<string, unknown>>>("models");
    const url = (model: string, ...path: (string | number)[]) =>
      String(path.reduce<unknown>((at, step) => (at as Record<string | number, unknown>)[step], outputs[model]));
    expect(await typeOfFile(url("fal-ai/flux/schnell", "images", 0, "url"))).toBe("image/png");
    expect(await typeOfFile(url("fal-ai/fast-sdxl", "images", 0, "url"))).toBe("image/png");
    expect(await typeOfFile(url("fal-ai/clarity-upscaler", "image", "url"))).toBe("image/png");
    expect(await typeOfFile(url("fal-ai/minimax/video-01", "video", "url"))).toBe("video/mp4");
    expect(await typeOfFile(url("fal-ai/f5-tts", "audio_url", "url"))).toMatch(/^audio\/(x-)?wav/);
  });

  test("may write request URLs with the whole model id; those it is told are ours, by the app", () => {
    const { submitted, output, status } = saw<{ submitted: Record<string, unknown>; output: Output; status: unknown }>(
      "full_id",
    );
    const mine = `${base}/maton/fal-ai/fal-ai/flux/requests/${submitted.request_id}`;
    expect(submitted).toMatchObject({
      ...{ status: "IN_QUEUE", queue_position: expect.any(Number) },
      ...{ response_url: mine, status_url: `${mine}/status`, cancel_url: `${mine}/cancel` },
    });
    expect(output.images).toHaveLength(1);
    expect(status).toMatchObject({ status: "COMPLETED", logs: expect.any(Array), metrics: expect.anything() });
  });

  test("may send a Key instead of a Bearer, and fal's headers", () => {
    expect(saw<Output>("headers").images).toHaveLength(1);
  });

  test("cancels with PUT; a result too early is 400, a second cancel too, the result of a cancelled run 499", () => {
    expect(saw("cancel")).toMatchObject({
      early: { status: 400, body: { detail: "Request is still in progress" } },
      first: { status: "CANCELLATION_REQUESTED" },
      second: { status: 400, body: { status: "ALREADY_COMPLETED" } },
      result: { status: 499 },
    });
  });

  test("is told what is wrong in a body that fits Maton's shape and fal's", () => {
    const both = { message: expect.any(String), detail: expect.anything(), error: { message: expect.any(String) } };
    expect(saw("errors")).toMatchObject({
      no_key: { status: 401, body: { ...both, error: { code: 401 } } },
      wrong_key: { status: 401, body: both },
      invalid: { status: 422 },
      no_app: { status: 400, body: both },
      no_owner: { status: 404, body: { message: expect.stringContaining("fal-ai/flux/schnell") } },
      no_request: { status: 404 },
    });
  });

  test("hears of the end at fal_webhook, in fal's body and with our signature", async () => {
    const { request_id } = saw<{ request_id: string }>("webhook");
    expect((await noticeOf(request_id)).body).toMatchObject({ status: "OK", payload: { images: [PICTURE] } });
  });

  test("works over one kept-alive session: 202 while it runs, 200 when done", () => {
    const { codes, output } = saw<{ codes: [number, string][]; output: Output }>("session");
    for (const [code, status] of codes) expect(code).toBe(status === "COMPLETED" ? 200 : 202);
    expect(codes.at(-1)).toEqual([200, "COMPLETED"]);
    expect(output.images).toHaveLength(1);
  });
});
