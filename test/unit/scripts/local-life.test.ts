// The lock of a state folder, and why a local receiver did not take an event.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { receiverFault } from "../../../scripts/receiver-fault.ts";
import { lockState } from "../../../scripts/state-lock.ts";

const dirs: string[] = [];
const newDir = () => {
  const dir = mkdtempSync(join(tmpdir(), "sluice-lock-"));
  dirs.push(dir);
  return dir;
};

afterEach(() => {
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true });
});

test("a state folder is locked once, and again after it was released; another folder is another lock", async () => {
  const dir = newDir();
  const unlock = await lockState(dir);
  expect(unlock).not.toBeNull();
  expect(await lockState(dir)).toBeNull();
  const other = await lockState(newDir());
  expect(other).not.toBeNull();
  await other?.();
  await unlock?.();
  const again = await lockState(dir);
  expect(again).not.toBeNull();
  await again?.();
});

test("a killed holder leaves no lock behind", async () => {
  const dir = newDir();
  const program = `import { lockState } from "./scripts/state-lock.ts"; await lockState(${JSON.stringify(dir)}); console.log("locked"); setInterval(() => {}, 1e6);`;
  const holder = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(holder.stdout, "data");
  expect(await lockState(dir)).toBeNull();
  holder.kill("SIGKILL");
  await once(holder, "exit");
  const unlock = await lockState(dir);
  expect(unlock).not.toBeNull();
  await unlock?.();
});

test("a receiver that is not there, or breaks off, is told apart from one that refuses", async () => {
  const server = createServer((request) => request.socket.destroy()).listen(0, "127.0.0.1");
  await once(server, "listening");
  const at = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`);
  expect(await receiverFault(at, null, "network")).toContain("broke the connection");
  server.close();
  await once(server, "close");
  expect(await receiverFault(at, null, "network")).toContain(`Nothing listens at ${at.host}`);
  expect(await receiverFault(at, 404, "refused")).toContain("no POST route at /hook");
  expect(await receiverFault(at, 401, "refused")).toContain("signing secret");
  expect(await receiverFault(at, null, "timeout")).toContain("Answer 2xx first");
  expect(await receiverFault(at, 200, "accepted")).toBeNull();
});
