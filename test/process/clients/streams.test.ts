// Event streams over real sockets: what a client reads of a run that fails after its stream has begun, and how the stream ends.

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { createFalClient } from "@fal-ai/client";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Sluice, startSluice } from "../../harness/sluice.ts";

const MODEL = "fal-ai/flux/schnell";
const LATE = "a cat sandbox:refused,slow:16000";

let sluice: Sluice;

beforeAll(async () => {
  sluice = await startSluice();
});

afterAll(() => sluice.stop());

test("curl reads the error's event, and the stream ends cleanly", async () => {
  const headers = ["-H", `Authorization: Key ${sluice.key}`, "-H", "Content-Type: application/json"];
  const body = JSON.stringify({ prompt: LATE });
  const url = `${sluice.url}/fal/run/${MODEL}/stream`;
  const { stdout } = await promisify(execFile)("curl", ["-sS", "-N", "-m", "50", ...headers, "-d", body, url]);
  expect(stdout).toMatch(/event: error\ndata: \{.*"error_type":"content_policy_violation".*\}\n\n$/);
});

test("fal's client gets the error's body as the last event", async () => {
  const fal = createFalClient({
    credentials: sluice.key,
    proxyUrl: { url: `${sluice.url}/fal/proxy`, when: "always" },
  });
  const stream = await fal.stream(MODEL, { input: { prompt: LATE } });
  const events: unknown[] = [];
  for await (const event of stream) events.push(event);
  expect(events).toEqual([expect.objectContaining({ error_type: "content_policy_violation" })]);
});
