// Hands for tests of whole processes: free ports, and the processes below this one. Reads /proc, so Linux only.

import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { LOCAL_CONFIG } from "../../scripts/local-config.ts";

/** Ports that nobody listens on just now. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
      return server;
    }),
  );
  return Promise.all(
    servers.map(async (server) => {
      const address = server.address();
      await new Promise((done) => server.close(done));
      return typeof address === "object" && address !== null ? address.port : 0;
    }),
  );
}

export interface Child {
  pid: number;
  parent: number;
  /** Name of the program. */
  name: string;
  /** Its arguments, with spaces between. */
  args: string;
}

/** Every process below this one, however deep. */
export function children(of = process.pid, all = processes()): Child[] {
  return all.filter(({ parent }) => parent === of).flatMap((child) => [child, ...children(child.pid, all)]);
}

/** Ends every child with this process: wrangler's are groups of their own, which Ctrl-C does not reach. */
export function endChildrenOnSignal(): void {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      for (const { pid } of children()) process.kill(pid, "SIGKILL");
      process.exit(1);
    });
  }
}

export function isRunning(pid: number): boolean {
  return processes().some((each) => each.pid === pid);
}

function processes(): Child[] {
  return readdirSync("/proc")
    .filter((name) => /^[0-9]+$/.test(name))
    .flatMap((pid) => {
      try {
        // "pid (name) state parent …": the name may hold spaces and brackets. A zombie has ended, but for its exit code.
        const [, name = "", state, parent] =
          /\((.*)\) (\S) (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, "utf8")) ?? [];
        if (parent === undefined || state === "Z") return [];
        const args = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
        return [{ pid: Number(pid), parent: Number(parent), name, args }];
      } catch {
        return []; // It ended meanwhile.
      }
    });
}

/** The Worker's own runtimes; not the sandbox's. */
export function workerRuntimes(port: number): number[] {
  return runtimesOf(LOCAL_CONFIG, port);
}

/** The runtimes of the `wrangler dev` of this configuration; not the one that it keeps before them to hold the port. */
export function runtimesOf(config: string, port: number): number[] {
  const wranglers = children().filter(({ args }) => args.includes(`--config ${config} `));
  const theirs = wranglers.flatMap(({ pid }) => children(pid)).filter(({ name }) => name === "workerd");
  return [...new Set(theirs.filter(({ args }) => !args.includes(`:${port} `)).map(({ pid }) => pid))];
}
