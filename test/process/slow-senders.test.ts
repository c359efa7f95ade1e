// Bodies that never end, over real sockets: a stranger begins uploads and posts and goes silent. Another team's posts go through at
// once, and the stranger is told 408 after the pause that a sender may make.

import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BODY_SILENCE_MAX_MS } from "../../src/net/body-pace.ts";
import { SECOND_MS } from "../../src/platform/time.ts";
import { type Sluice, startSluice } from "../harness/sluice.ts";

let sluice: Sluice;
const sockets: Socket[] = [];

beforeAll(async () => {
  sluice = await startSluice();
});

afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await sluice.stop();
});

interface SilentCall {
  beganAt: number;
  /** Status of the answer, and when it came. */
  answered: Promise<{ status: number; afterMs: number }>;
  isAnswered(): boolean;
}

/** A chunked body that begins and is then silent, on a socket that stays open. */
function silentCall(method: string, url: string, headers: Record<string, string>, first: Buffer): SilentCall {
  const { hostname, port, pathname, host } = new URL(url);
  const socket = connect(Number(port), hostname);
  sockets.push(socket);
  const beganAt = Date.now();
  const lines = Object.entries({ Host: host, "Transfer-Encoding": "chunked", ...headers });
  const head = [`${method} ${pathname} HTTP/1.1`, ...lines.map(([name, value]) => `${name}: ${value}`)].join("\r\n");
  socket.write(`${head}\r\n\r\n${first.length.toString(16)}\r\n`);
  socket.write(first);
  socket.write("\r\n");
  let isAnswered = false;
  const answered = new Promise<{ status: number; afterMs: number }>((resolve, reject) => {
    socket.on("error", reject);
    socket.once("data", (data) => {
      isAnswered = true;
      resolve({ status: Number(data.toString("latin1").split(" ")[1]), afterMs: Date.now() - beganAt });
    });
  });
  return { beganAt, answered, isAnswered: () => isAnswered };
}

async function post<T>(path: string, key: string, body: unknown): Promise<{ status: number; body: T }> {
  const headers = { Authorization: `Bearer ${key}`, "Content-Type": "application/json" };
  const answer = await fetch(`${sluice.url}${path}`, { method: "POST", headers, body: JSON.stringify(body) });
  return { status: answer.status, body: (await answer.json()) as T };
}

const submitOf = (bytes: number) => ({
  model: "fal-ai/flux/schnell",
  input: { prompt: "a cat", note: "x".repeat(bytes) },
});

test("five silent uploads and three silent posts hold up no other team, and end with 408", async () => {
  const other = await post<{ key: { secret: string } }>("/v1/admin/teams", sluice.adminToken, {
    id: "other",
    name: "Other",
  });
  expect(other.status).toBe(201);
  const png = Buffer.concat([Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]), Buffer.alloc(6_000, 1)]);
  const calls: SilentCall[] = [];
  for (let i = 0; i < 5; i++) {
    const file = { file_name: "cat.png", content_type: "image/png" };
    const { body } = await post<{ upload_url: string }>("/v1/uploads", sluice.key, file);
    calls.push(silentCall("PUT", body.upload_url, {}, png));
  }
  const headers = { Authorization: `Bearer ${sluice.key}`, "Content-Type": "application/json" };
  const text = Buffer.from(JSON.stringify(submitOf(20_000)).slice(0, 20_000));
  for (let i = 0; i < 3; i++) calls.push(silentCall("POST", `${sluice.url}/v1/requests`, headers, text));

  for (const bytes of [17_000, 50_000, 5_000_000]) {
    const began = Date.now();
    expect((await post("/v1/requests", other.body.key.secret, submitOf(bytes))).status).toBe(202);
    expect(Date.now() - began).toBeLessThan(BODY_SILENCE_MAX_MS / 2);
  }
  expect(
    calls.filter((call) => call.isAnswered()),
    "nobody had to be cut off first",
  ).toEqual([]);

  for (const { status, afterMs } of await Promise.all(calls.map((call) => call.answered))) {
    expect(status).toBe(408);
    expect(afterMs).toBeGreaterThan(BODY_SILENCE_MAX_MS - SECOND_MS);
  }
}, 90_000);
