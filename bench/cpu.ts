// CPU time of processes, from /proc: Linux only.

import { readFileSync } from "node:fs";

/** Of USER_HZ, in which /proc tells CPU time. */
const TICK_MS = 10;

/** CPU time of these processes so far, user and system, in ms. One that has ended counts nothing. */
export function cpuMsOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + ticksOf(pid), 0) * TICK_MS;
}

function ticksOf(pid: number): number {
  try {
    // "pid (name) state …": the name may hold spaces and brackets.
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    return Number(fields[11]) + Number(fields[12]);
  } catch {
    return 0;
  }
}
