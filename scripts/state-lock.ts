// One start per state folder. The lock is a socket that the running process listens on: it ends with the process, however that
// ends, so a kill leaves nothing behind that would have to be cleared by hand.

import { createHash } from "node:crypto";
import { rmSync } from "node:fs";
import { createConnection, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What releases the lock; null: another process holds it. */
export async function lockState(stateDir: string): Promise<(() => Promise<void>) | null> {
  const path = socketPath(stateDir);
  for (const isLastTry of [false, true]) {
    const server = await listen(path);
    if (server !== null) return () => new Promise((done) => server.close(() => done()));
    if (isLastTry || (await isAnswered(path))) return null;
    // The socket of a process that was killed.
    rmSync(path, { force: true });
  }
  return null;
}

/** Short whatever the folder is called: the path of a socket has about a hundred characters. */
function socketPath(stateDir: string): string {
  const name = `sluice-${createHash("sha256").update(stateDir).digest("hex").slice(0, 24)}`;
  return process.platform === "win32" ? `\\\\.\\pipe\\${name}` : join(tmpdir(), `${name}.sock`);
}

function listen(path: string): Promise<Server | null> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", (fault: NodeJS.ErrnoException) =>
      fault.code === "EADDRINUSE" ? resolve(null) : reject(fault),
    );
    server.listen(path, () => {
      server.unref();
      resolve(server);
    });
  });
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
