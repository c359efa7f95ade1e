// The commands of the pages that a newcomer reads first, pasted in order into a fresh state. `npm run docs:run` runs all pages.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { runPages } from "../../scripts/docs/runner.ts";
import { launch, type Running } from "../../scripts/launcher.ts";
import { freePorts } from "../harness/process.ts";

const FIRST_PAGES = ["README.md", "docs/requests.md", "docs/files.md", "docs/deletion.md"];

const stateDir = mkdtempSync(join(tmpdir(), "sluice-docs-test-"));
let sluice: Running | null = null;

afterAll(async () => {
  await sluice?.stop();
  rmSync(stateDir, { recursive: true, force: true });
});

test("every command answers as its page says", async () => {
  const [port, sandboxPort] = await freePorts(2);
  sluice = await launch(
    { STATE_DIR: stateDir, PORT: String(port), SANDBOX_PORT: String(sandboxPort) },
    () => undefined,
  );
  const outcomes = await runPages(sluice, FIRST_PAGES, () => undefined);
  expect(outcomes.filter(({ skipped }) => skipped === null).length).toBeGreaterThan(12);
  const faults = outcomes.flatMap(({ command, fault }) =>
    fault === null ? [] : [`${command.page}:${command.line} ${fault}`],
  );
  expect(faults).toEqual([]);
});
