// `npm run docs:run`: starts Sluice on a fresh state and runs every command of README and docs in order; fails on any status that the
// page does not lead to expect. `npm run docs:run -- docs/files.md` runs one page.

import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { launch } from "../launcher.ts";
import { type Outcome, PAGES, runPages } from "./runner.ts";

const asked = process.argv.slice(2);
const stateDir = mkdtempSync(join(tmpdir(), "sluice-docs-state-"));
const [PORT, SANDBOX_PORT] = [await freePort(), await freePort()];
const sluice = await launch({ STATE_DIR: stateDir, PORT, SANDBOX_PORT }, (line) => console.log(line));
try {
  const outcomes = await runPages(sluice, asked.length === 0 ? PAGES : asked, show);
  const failed = outcomes.filter(({ fault }) => fault !== null).length;
  console.log(`${outcomes.length} commands, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
} finally {
  await sluice.stop();
  rmSync(stateDir, { recursive: true, force: true });
}

function show({ command, status, fault, skipped }: Outcome): void {
  const [first = ""] = command.text.split("\n");
  const what = skipped === null ? (fault === null ? `ok ${status ?? ""}` : "FAILED") : `left out: ${skipped}`;
  console.log(`${command.page}:${command.line}  ${what}  ${first.slice(0, 90)}`);
  if (fault !== null) console.log(`    ${fault}`);
}

function freePort(): Promise<string> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(String(port)));
    });
  });
}
