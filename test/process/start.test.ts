// `npm start` as a supervisor treats it: started by name, stopped by a signal to npm.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { eventually } from "../harness/eventually.ts";
import { children, freePorts, isRunning } from "../harness/process.ts";

const stateDir = mkdtempSync(join(tmpdir(), "sluice-start-"));
let npm: ChildProcess | null = null;

afterAll(() => {
  npm?.kill();
  rmSync(stateDir, { recursive: true, force: true });
});

test("leaves nothing running when npm alone is told to stop", async () => {
  const [port = 0, sandboxPort = 0] = await freePorts(2);
  const places = { STATE_DIR: stateDir, PORT: String(port), SANDBOX_PORT: String(sandboxPort) };
  // Nothing else of this process: the test runner sets a BASE_URL of its own.
  const { PATH, HOME } = process.env;
  npm = spawn("npm", ["start"], { env: { PATH, HOME, ...places }, stdio: ["ignore", "pipe", "ignore"] });
  let said = "";
  npm.stdout?.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  await eventually(async () => (said.includes("Press Ctrl-C to stop") ? said : null), {
    what: "it says how to call it",
  });
  expect((await fetch(`http://localhost:${port}/healthz`)).status).toBe(200);
  const line = /^export .*$/m.exec(said)?.[0] ?? "";
  const names = [...line.matchAll(/ ([A-Z_]+)=(\S+)/g)].map(([, name]) => name);
  expect(names).toEqual(["SLUICE", "SLUICE_URL", "SLUICE_KEY", "KEY", "ADMIN_KEY", "ADMIN_TOKEN"]);
  const others = await freePorts(2);
  const second = spawnSync("npm", ["start"], {
    env: { PATH, HOME, STATE_DIR: stateDir, PORT: String(others[0]), SANDBOX_PORT: String(others[1]) },
    encoding: "utf8",
  });
  expect([second.status, second.stderr]).toEqual([1, expect.stringContaining("is running already with the state in")]);
  expect((await fetch(`http://localhost:${port}/`)).headers.get("Content-Type")).toContain("text/html");
  const theirs = children(npm.pid).map(({ pid }) => pid);
  expect(theirs.length).toBeGreaterThan(4);
  npm.kill("SIGTERM");
  await eventually(async () => (theirs.some(isRunning) ? null : true), {
    what: "all of it has ended",
  });
});
