// Every receiver of examples/webhooks is called over HTTP with deliveries that the relay really signs and posts: it takes what
// is genuine, once, and refuses the rest. Python and Deno run as their own processes.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { receiver as expressReceiver } from "../../../examples/webhooks/express.ts";
import honoApp from "../../../examples/webhooks/hono.ts";
import { POST } from "../../../examples/webhooks/next-route.ts";
import { MINUTE_MS } from "../../../src/platform/time.ts";
import { endEvent } from "../../../src/webhooks/event-body.ts";
import { deliver } from "../../../src/webhooks/send.ts";
import { eventually } from "../../harness/eventually.ts";
import { freePorts } from "../../harness/process.ts";

const SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const OLDER = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const ID = "ab".repeat(32);
const body = endEvent({
  ...{ outcome: "completed", recovered: false, endedAt: Date.UTC(2026, 0, 2), outputOmitted: false },
  requestText: JSON.stringify({ id: ID, status: "COMPLETED", output: { seed: 1, prompt: "ünïcödé 🐈" } }),
});

interface Receiver {
  url: string;
  /** What it did about events so far, a line each. */
  lines: string[];
  stop(): Promise<void>;
}

async function bytesOf(request: IncomingMessage): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) chunks.push(chunk as Uint8Array);
  return new Uint8Array(Buffer.concat(chunks));
}

async function served(listener: RequestListener, path: string): Promise<Receiver> {
  const server: Server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const lines: string[] = [];
  vi.spyOn(console, "log").mockImplementation((line: string) => void lines.push(line));
  return {
    url: `http://127.0.0.1:${port}${path}`,
    lines,
    async stop() {
      vi.restoreAllMocks();
      server.close();
      await once(server, "close");
    },
  };
}

/** A handler of Requests, as frameworks mount test. */
function fetchServed(handler: (request: Request) => Response | Promise<Response>): Promise<Receiver> {
  return served(async (incoming, outgoing) => {
    const headers = new Headers(incoming.headers as Record<string, string>);
    const init = { method: "POST", headers, body: await bytesOf(incoming) };
    const answer = await handler(new Request(`http://receiver.test${incoming.url}`, init));
    outgoing.writeHead(answer.status).end(await answer.text());
  }, "/hook");
}

async function spawned(command: (port: number) => [string, ...string[]]): Promise<Receiver> {
  const [port = 0] = await freePorts(1);
  const [program, ...args] = command(port);
  const env = { ...process.env, WEBHOOK_SECRET: SECRET, PORT: String(port), NO_COLOR: "1" };
  const child: ChildProcess = spawn(program, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  const lines: string[] = [];
  let said = "";
  child.stdout?.on("data", (data) => lines.push(...String(data).trim().split("\n").filter(isEvent)));
  child.stderr?.on("data", (data) => {
    said += String(data);
  });
  const url = `http://127.0.0.1:${port}/hook`;
  await eventually(
    async () => {
      if (child.exitCode !== null) throw new Error(`${program} ended: ${said}`);
      return fetch(url, { method: "POST", body: "" }).then(
        () => true,
        () => null,
      );
    },
    { what: `${program} listens` },
  );
  return {
    url,
    lines,
    async stop() {
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}

const isEvent = (line: string) => line.startsWith("request.");

const RECEIVERS: [string, () => Promise<Receiver>][] = [
  ["hono.ts", () => fetchServed((request) => honoApp.fetch(request, { WEBHOOK_SECRET: SECRET }))],
  [
    "express.ts",
    async () => {
      const handled = new Set<string>();
      const hook = expressReceiver(async (id, { type, data }) => {
        if (!handled.has(id)) console.log(`${type}: ${data.id} is ${data.status}`);
        handled.add(id);
      });
      // What express.raw() does: the bytes as `body`.
      return served(async (request, response) => {
        await hook(Object.assign(request, { body: await bytesOf(request) }), response);
      }, "/hook");
    },
  ],
  ["next-route.ts", () => fetchServed(POST)],
  [
    "supabase-edge.ts",
    () =>
      spawned(() => [
        ...(["node_modules/.bin/deno", "run", "--quiet", "--no-remote", "--node-modules-dir=manual"] as const),
        ...["--allow-env", "--allow-net=0.0.0.0", "examples/webhooks/supabase-edge.ts"],
      ]),
  ],
  ["receiver.py", () => spawned((port) => ["python3", "examples/webhooks/receiver.py", String(port)])],
];

describe.each(RECEIVERS)("examples/webhooks/%s", (_name, start) => {
  let receiver: Receiver;

  beforeAll(async () => {
    vi.stubEnv("WEBHOOK_SECRET", SECRET);
    receiver = await start();
  });

  afterAll(async () => {
    await receiver.stop();
    vi.unstubAllEnvs();
  });

  /** One try of a delivery, as the relay makes test. */
  const send = async (eventId: string, { secrets = [SECRET], agoMs = 0, text = body } = {}) => {
    const guard = { allowHosts: [new URL(receiver.url).host], ownHosts: [] };
    const now = () => Date.now() - agoMs;
    const answer = await deliver({ url: receiver.url, eventId, body: text, secrets, now, guard });
    return answer.status;
  };

  test("takes a genuine event, and does its work once however often it comes", async () => {
    expect(await send("evt_first")).toBe(204);
    expect(await send("evt_first", { agoMs: 2 * MINUTE_MS })).toBe(204);
    expect(await send("evt_second")).toBe(204);
    const line = `request.completed: ${ID} is COMPLETED`;
    await eventually(async () => (receiver.lines.length >= 2 ? true : null), { what: "it said so" });
    expect(receiver.lines).toEqual([line, line]);
  });

  test("takes an event that two secrets signed, whichever of them it holds", async () => {
    expect(await send("evt_third", { secrets: [OLDER, SECRET] })).toBe(204);
    expect(await send("evt_fourth", { secrets: [SECRET, OLDER] })).toBe(204);
  });

  test("refuses what another secret signed", async () => {
    expect(await send("evt_fifth", { secrets: [OLDER] })).toBe(401);
  });

  test.each([
    ["old", 10 * MINUTE_MS],
    ["from the future", -10 * MINUTE_MS],
  ])("refuses a time stamp that is %s", async (_what, agoMs) => {
    expect(await send("evt_sixth", { agoMs })).toBe(401);
  });

  test("refuses a body that was changed on the way, another id, and a call without a signature", async () => {
    let signed: RequestInit = {};
    vi.spyOn(globalThis, "fetch").mockImplementationOnce(async (_url, init) => {
      signed = init ?? {};
      return new Response(null, { status: 204 });
    });
    await send("evt_seventh");
    const post = async (changes: RequestInit) =>
      (await fetch(receiver.url, { ...signed, signal: null, ...changes })).status;
    const headers = new Headers(signed.headers);
    headers.set("webhook-id", "evt_eighth");
    expect(await post({ body: `${String(signed.body)} ` })).toBe(401);
    expect(await post({ headers })).toBe(401);
    expect(await post({ headers: { "content-type": "application/json" } })).toBe(401);
    expect(await post({})).toBe(204);
  });
});
