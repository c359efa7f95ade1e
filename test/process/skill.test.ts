// The agents' skill as an agent runs it: one command a call, against a whole Sluice. What its script decides without a network is
// tested beside it, in Python.

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, request as forward, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../harness/eventually.ts";
import { freePorts } from "../harness/process.ts";
import { type Sluice, startSluice } from "../harness/sluice.ts";

const SCRIPT = resolve("skills/sluice/scripts/sluice.py");
const DONE = 0;
const MONEY = 3;
const RUNNING = 4;
const FLUX = "fal-ai/flux/schnell";

interface Said {
  code: number | null;
  out: {
    request_id: string;
    status: string;
    saved: string[];
    cost: { charged_usd: string };
    replayed: boolean;
    next: string;
    error?: { code: string; message: string };
    session_used_usd?: string;
  };
}

const folder = mkdtempSync(join(tmpdir(), "sluice-skill-"));
let sluice: Sluice;

beforeAll(async () => {
  sluice = await startSluice();
});

afterAll(async () => {
  await sluice?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** The script with nothing in its environment but what it asks for. */
function begin(args: readonly string[], variables: Record<string, string> = {}): ChildProcess {
  return spawn("python3", [SCRIPT, ...args], {
    cwd: folder,
    env: {
      PATH: process.env.PATH,
      PYTHONDONTWRITEBYTECODE: "1",
      XDG_STATE_HOME: join(folder, "state"),
      SLUICE_URL: sluice.url,
      SLUICE_KEY: sluice.key,
      SLUICE_SESSION: "one",
      ...variables,
    },
  });
}

async function run(args: readonly string[], variables: Record<string, string> = {}): Promise<Said> {
  const child = begin(args, variables);
  let [out, err] = ["", ""];
  child.stdout?.setEncoding("utf8").on("data", (data: string) => {
    out += data;
  });
  child.stderr?.setEncoding("utf8").on("data", (data: string) => {
    err += data;
  });
  const code = await new Promise<number | null>((done) => child.once("close", done));
  expect(err).toBe("");
  expect(out).not.toContain(sluice.key);
  return { code, out: JSON.parse(out) as Said["out"] };
}

/** How many runs the provider was given with this prompt. */
async function runsOf(prompt: string): Promise<number> {
  const { requests } = await sluice.sandbox<{ requests: { input: { prompt?: string } }[] }>("GET", "requests");
  return requests.filter(({ input }) => input.prompt === prompt).length;
}

test("the parts that decide without a network pass their own tests", async () => {
  const child = spawn("python3", [resolve("test/process/skill/test_sluice.py")], {
    env: { PATH: process.env.PATH, PYTHONDONTWRITEBYTECODE: "1" },
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (data: string) => {
    said += data;
  });
  const code = await new Promise((done) => child.once("close", done));
  expect({ code, said }).toEqual({ code: 0, said: expect.stringContaining("OK") });
});

test("one call makes a picture, saves it, and tells what it cost; the same call again is the same picture, free", async () => {
  const first = await run(["make", FLUX, "a tiny cute cat", "-o", "cat.png"]);
  expect(first).toMatchObject({ code: DONE, out: { status: "COMPLETED", saved: ["cat.png"], replayed: false } });
  expect(readFileSync(join(folder, "cat.png")).subarray(1, 4).toString()).toBe("PNG");
  expect(Number(first.out.cost.charged_usd)).toBeGreaterThan(0);
  const again = await run(["make", FLUX, "a tiny cute cat", "-o", "cat.png"]);
  expect(again.out).toMatchObject({ request_id: first.out.request_id, replayed: true });
  expect(await runsOf("a tiny cute cat")).toBe(1);
  const limits = await run(["limits"]);
  expect(Number(limits.out.session_used_usd)).toBe(Number(first.out.cost.charged_usd));
});

test("a file is uploaded once for a call that is issued again", async () => {
  writeFileSync(join(folder, "in.png"), readFileSync(join(folder, "cat.png")));
  const call = ["make", "fal-ai/clarity-upscaler", "--image", "in.png", "--allow-unknown-price", "-o", "up"];
  const first = await run(call);
  expect(first.out).toMatchObject({ status: "COMPLETED" });
  const again = await run(call);
  expect(again.out).toMatchObject({ request_id: first.out.request_id, replayed: true });
  expect(first.out.saved.every((path) => existsSync(join(folder, path)))).toBe(true);
});

test("a call that is killed while it waits resumes when it is issued again", async () => {
  const prompt = "a dog sandbox:slow:2500";
  const call = ["make", FLUX, prompt, "-o", "dog.png"];
  const killed = begin(call);
  await eventually(async () => expect(await runsOf(prompt)).toBe(1));
  killed.kill("SIGKILL");
  const again = await run(call);
  expect(again).toMatchObject({ code: DONE, out: { status: "COMPLETED", saved: ["dog.png"], replayed: true } });
  expect(await runsOf(prompt)).toBe(1);
});

test("a call whose answer is lost is made again by itself, and runs once", async () => {
  const [port = 0] = await freePorts(1);
  const lossy = await lossyFront(port, sluice.port);
  try {
    const prompt = "a bird";
    const said = await run(["make", FLUX, prompt, "-o", "bird.png"], { SLUICE_URL: `http://localhost:${port}` });
    expect(said).toMatchObject({ code: DONE, out: { status: "COMPLETED", replayed: true } });
    expect(await runsOf(prompt)).toBe(1);
  } finally {
    lossy.closeAllConnections();
    lossy.close();
  }
});

test("money stops a call before it is submitted: the session's, the call's, and the key's own", async () => {
  const before = await sluice.gatewayCalls();
  const session = await run(["make", FLUX, "a fish"], { SLUICE_SESSION_USD: "0.001" });
  expect(session).toMatchObject({ code: MONEY, out: { error: { code: "session_usd" } } });
  const call = await run(["make", FLUX, "a fish", "--max-usd", "0.001"]);
  expect(call).toMatchObject({ code: MONEY, out: { error: { code: "max_usd" } } });

  const headers = { Authorization: `Bearer ${sluice.key}`, "Content-Type": "application/json" };
  const plan = { limits: [{ name: "tiny", scope: "key", per: "usd", limit: "0.001", window: "1d" }] };
  await fetch(`${sluice.url}/v1/plans/tiny`, { method: "PUT", headers, body: JSON.stringify(plan) });
  const body = JSON.stringify({ name: "agent", scopes: ["run", "read"], plan: "tiny" });
  const made = await fetch(`${sluice.url}/v1/keys`, { method: "POST", headers, body });
  const { secret } = (await made.json()) as { secret: string };
  const own = await run(["make", FLUX, "a fish"], { SLUICE_KEY: secret, SLUICE_SESSION: "two" });
  expect(own).toMatchObject({ code: MONEY, out: { error: { code: "quota_exceeded" } } });
  const left = await run(["limits"], { SLUICE_KEY: secret, SLUICE_SESSION: "two" });
  expect(left.out.session_used_usd).toBe("0");
  expect(await sluice.gatewayCalls()).toBe(before);
});

test("two calls at once share one session's money", async () => {
  const variables = { SLUICE_SESSION: "three", SLUICE_SESSION_USD: "0.004" };
  const both = await Promise.all(["a red cat", "a blue cat"].map((prompt) => run(["make", FLUX, prompt], variables)));
  expect(both.map(({ code }) => code).toSorted()).toEqual([DONE, MONEY]);
});

test("one that still runs ends with its own code and the exact next command", async () => {
  const id = await sluice.submit({ model: FLUX, input: { prompt: "a slow cat sandbox:slow:60000" } });
  const { code, out } = await run(["get", id]);
  expect(code).toBe(RUNNING);
  expect(out.next).toContain(`python3 ${SCRIPT} wait ${id}`);
  expect((await run(["cancel", id])).code).toBe(DONE);
});

test("what it keeps can be read by its owner only", () => {
  const state = join(folder, "state/sluice");
  const modes = readdirSync(state).map((name) => statSync(join(state, name)).mode & 0o077);
  expect(modes.length).toBeGreaterThan(2);
  expect(new Set(modes)).toEqual(new Set([0]));
});

/** Passes calls on to Sluice, and cuts off the answer to the first submit. */
async function lossyFront(port: number, target: number): Promise<Server> {
  let isLost = false;
  const server = createServer((call, response) => {
    const { method, url, headers } = call;
    const loses = method === "POST" && url === "/v1/requests" && !isLost;
    const passed = forward({ host: "localhost", port: target, method, path: url, headers }, (answer) => {
      if (loses) {
        isLost = true;
        answer.resume();
        answer.once("end", () => response.destroy());
        return;
      }
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    passed.on("error", () => response.destroy());
    call.pipe(passed);
  });
  await new Promise<void>((done) => server.listen(port, "localhost", done));
  return server;
}
