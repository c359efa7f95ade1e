// What real receivers do to a delivery, over real sockets: each misbehaves as its path says, and the log of the delivery tells
// what happened and when the next try comes. Then `npm run listen` brings the events to a receiver without a public address.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { Webhook } from "standardwebhooks";
import { Webhook as SvixWebhook } from "svix";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launch, type Running } from "../../scripts/launcher.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from "../../src/platform/time.ts";
import { eventually } from "../harness/eventually.ts";
import { freePorts } from "../harness/process.ts";

/** 64 MiB of zeros in 64 KiB. */
const BOMB = gzipSync(Buffer.alloc(64 * 1024 * 1024));

type Script = (request: IncomingMessage, response: ServerResponse) => void;

const answer = (status: number, headers: Record<string, string> = {}): Script => {
  return (_request, response) => void response.writeHead(status, headers).end("no");
};

const SCRIPTS: Record<string, Script> = {
  "/fine": answer(204),
  "/processing": (_request, response) => {
    response.writeProcessing();
    response.writeHead(200).end("no");
  },
  "/slow-headers": () => undefined,
  "/slow-body": (_request, response) => void response.writeHead(200).write("so "),
  "/endless-body": (_request, response) => {
    const write = () => {
      while (!response.destroyed && response.write("x".repeat(1024)));
    };
    response.writeHead(200).on("drain", write);
    write();
  },
  "/gzip-bomb": (_request, response) => void response.writeHead(500, { "content-encoding": "gzip" }).end(BOMB),
  "/reset": (request) => void request.socket.resetAndDestroy(),
  "/not-http": (request) => void request.socket.end("220 smtp.example ESMTP\r\n"),
  "/redirect-loop": answer(302, { location: "/redirect-loop" }),
  "/gone": answer(410),
  "/retry-after-seconds": answer(503, { "retry-after": "120" }),
  "/retry-after-date": (_request, response) => {
    response.writeHead(429, { "retry-after": new Date(Date.now() + HOUR_MS).toUTCString() }).end();
  },
  "/retry-after-a-year": answer(503, { "retry-after": "31536000" }),
  "/retry-after-words": answer(500, { "retry-after": "soon" }),
};

interface Delivery {
  id: string;
  status: string;
  attempts: number;
  next_attempt_at: string | null;
  log: {
    at: string;
    status: number | null;
    category: string;
    response: { body: string; end: string } | null;
    next: { at: string | null };
  }[];
}

interface Heard {
  path: string;
  id: string;
  verified: boolean;
  event: { type: string; data: { id: string } };
}

const heard: Heard[] = [];
const stateDir = mkdtempSync(join(tmpdir(), "sluice-receivers-"));
let secret = "";
let receiver: Server;
let [receiverPort, closedPort] = [0, 0];
let running: Running;

beforeAll(async () => {
  const [port = 0, sandboxPort = 0, ...others] = await freePorts(4);
  [receiverPort = 0, closedPort = 0] = others;
  receiver = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    const path = request.url ?? "";
    heard.push({ path, id: String(request.headers["webhook-id"]), ...verified(body, request.headers) });
    SCRIPTS[path]?.(request, response);
  });
  // The runtime calls "localhost" by IPv6 or IPv4, as it likes.
  await new Promise<void>((done) => receiver.listen(receiverPort, "localhost", done));
  running = await launch(
    {
      ...{ STATE_DIR: stateDir, PORT: String(port), SANDBOX_PORT: String(sandboxPort) },
      RELAY_ALLOW_HOSTS: `localhost:${receiverPort},localhost:${closedPort}`,
    },
    () => undefined,
  );
  secret = (await ask<{ secret: string }>("/v1/team/webhook_secret")).secret;
});

afterAll(async () => {
  await running.stop();
  receiver.closeAllConnections();
  receiver.close();
  rmSync(stateDir, { recursive: true, force: true });
});

/** Both libraries of receivers must take test. */
function verified(body: string, headers: IncomingMessage["headers"]): Pick<Heard, "verified" | "event"> {
  const signed = headers as Record<string, string>;
  try {
    new SvixWebhook(secret).verify(body, signed);
    return { verified: true, event: new Webhook(secret).verify(body, signed) as Heard["event"] };
  } catch {
    return { verified: false, event: JSON.parse(body) as Heard["event"] };
  }
}

async function ask<T>(path: string, body?: unknown): Promise<T> {
  const headers = { Authorization: `Bearer ${running.key}`, "Content-Type": "application/json" };
  const init = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
  const response = await fetch(`${running.url}${path}`, { headers, ...init });
  expect(response.ok, `${path} ${response.status}`).toBe(true);
  return (await response.json()) as T;
}

async function submit(webhookUrl?: string): Promise<string> {
  const input = { prompt: "a cat", image_size: "square" };
  const body = { model: "fal-ai/flux/schnell", input, ...(webhookUrl ? { webhook_url: webhookUrl } : {}) };
  return (await ask<{ id: string }>("/v1/requests", body)).id;
}

/** The delivery of a request after so many tries. */
function delivered(requestId: string, tries: number): Promise<Delivery> {
  return eventually(
    async () => {
      const { data } = await ask<{ data: { id: string }[] }>(`/v1/requests/${requestId}/deliveries`);
      const [first] = data;
      if (first === undefined) return null;
      const delivery = await ask<Delivery>(`/v1/deliveries/${first.id}`);
      return delivery.log.length >= tries ? delivery : null;
    },
    { what: `try ${tries} of ${requestId}` },
  );
}

const FIVE_S = [4 * SECOND_MS, 6 * SECOND_MS] as const;

/** Each receiver, what the first try comes to, and how long after it the next one is planned. */
const CASES: [string, string, number | null, string, readonly [number, number] | null][] = [
  ["takes it", "/fine", 204, "accepted", null],
  ["says 102 before it takes it", "/processing", 200, "accepted", null],
  ["never answers", "/slow-headers", null, "timeout", FIVE_S],
  ["answers and never ends its body", "/slow-body", 200, "accepted", null],
  ["answers without end", "/endless-body", 200, "accepted", null],
  ["answers with a gzip bomb", "/gzip-bomb", 500, "server_error", FIVE_S],
  ["resets the connection", "/reset", null, "connection", FIVE_S],
  ["does not speak HTTP", "/not-http", null, "connection", FIVE_S],
  ["redirects in a loop", "/redirect-loop", 302, "redirect", FIVE_S],
  ["wants no more", "/gone", 410, "gone", null],
  ["asks for two minutes", "/retry-after-seconds", 503, "server_error", [2 * MINUTE_MS, 3 * MINUTE_MS]],
  ["names a time", "/retry-after-date", 429, "rate_limited", [HOUR_MS - 5 * SECOND_MS, 1.3 * HOUR_MS]],
  ["asks for a year", "/retry-after-a-year", 503, "server_error", [DAY_MS, 1.3 * DAY_MS]],
  ["asks in words", "/retry-after-words", 500, "server_error", FIVE_S],
];

describe("a receiver that", () => {
  const requests = new Map<string, string>();

  beforeAll(async () => {
    const urls = [
      ...CASES.map(([, path]) => `http://localhost:${receiverPort}${path}`),
      `http://localhost:${closedPort}/`,
      `https://localhost:${receiverPort}/no-tls`,
    ];
    for (const url of urls) requests.set(new URL(url).pathname, await submit(url));
  });

  test.each(CASES)("%s", async (_what, path, status, category, wait) => {
    const id = requests.get(path) ?? "";
    const { log, next_attempt_at } = await delivered(id, 1);
    const [first] = log;
    expect([first?.status, first?.category]).toEqual([status, category]);
    expect(first?.response?.body.length ?? 0).toBeLessThanOrEqual(4096);
    if (wait === null) expect(next_attempt_at).toBeNull();
    // Later tries may have come meanwhile, so the first one's plan is what the log says.
    else {
      const gap = Date.parse(first?.next.at ?? "") - Date.parse(first?.at ?? "");
      const tookAtMost = 16 * SECOND_MS;
      expect(gap).toBeGreaterThanOrEqual(wait[0]);
      expect(gap).toBeLessThanOrEqual(wait[1] + tookAtMost);
    }
    const calls = await eventually(
      async () => {
        const all = heard.filter(({ event }) => event.data.id === id);
        return (await delivered(id, 1)).log.length === all.length ? all : null;
      },
      { what: "a log line of each call" },
    );
    expect(calls.map(({ verified: fits }) => fits)).not.toContain(false);
    expect(new Set(calls.map((call) => call.id)).size, "one id over all tries").toBe(1);
  });

  test("does not speak TLS is tried again, and never by HTTP", async () => {
    const { log } = await delivered(requests.get("/no-tls") ?? "", 2);
    expect(log.map(({ status, category }) => [status, category])).toEqual(log.map(() => [null, "unreachable"]));
    expect(heard.map(({ path }) => path)).not.toContain("/no-tls");
  });

  test("is not there is tried again", async () => {
    const { log } = await delivered(requests.get("/") ?? "", 1);
    expect([log[0]?.status, log[0]?.category]).toEqual([null, "connection"]);
    expect((await delivered(requests.get("/") ?? "", 2)).log[1]).toMatchObject({
      status: null,
      category: "connection",
    });
  });
});

describe("npm run listen", () => {
  let listening: ChildProcess | null = null;
  let said = "";

  async function listen(...more: string[]): Promise<void> {
    said = "";
    const forward = `http://localhost:${receiverPort}/fine`;
    const args = ["scripts/listen.ts", "--forward", forward, "--url", running.url, "--key", running.key, ...more];
    listening = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [listening.stdout, listening.stderr]) {
      stream?.on("data", (data) => {
        said += String(data);
      });
    }
    await eventually(async () => (said.includes("Signing secret") ? true : null), {
      what: "it follows the feed",
    });
  }

  async function stop(): Promise<string> {
    const child = listening;
    listening = null;
    if (child?.exitCode === null && child.kill("SIGINT")) await once(child, "exit");
    return said;
  }

  afterAll(stop);

  const heardOf = (id: string) => heard.filter(({ path, event }) => path === "/fine" && event.data.id === id);

  test("brings each end to a receiver on this machine, whole and signed, and goes on where it stopped", async () => {
    await listen("--types", "request.completed");
    const first = await submit();
    await eventually(async () => (heardOf(first).length > 0 ? true : null), {
      what: "the first event",
    });
    const [, cursor = ""] = /--after (\d+)/.exec(await stop()) ?? [];
    const second = await submit();
    await eventually(
      async () => {
        const { status } = await ask<{ status: string }>(`/v1/requests/${second}`);
        return status === "COMPLETED" ? true : null;
      },
      { what: "the second end" },
    );
    await listen("--after", cursor);
    await eventually(async () => (heardOf(second).length > 0 ? true : null), {
      what: "the second event",
    });
    expect(
      [heardOf(first), heardOf(second)].map((each) => each.map(({ verified: fits, event }) => [fits, event.type])),
    ).toEqual([[[true, "request.completed"]], [[true, "request.completed"]]]);
    expect(heardOf(first)[0]?.event.data).toEqual(await ask(`/v1/requests/${first}`));
  });
});
