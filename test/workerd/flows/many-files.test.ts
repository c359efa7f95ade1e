// Hundreds of files in one output: all are stored, each under its own number, and no more than two are copied at a time.

import { describe, expect } from "vitest";
import { SECOND_MS } from "../../../src/platform/time.ts";
import { passTime } from "../../harness/clock.ts";
import { test } from "../../harness/fixtures.ts";
import { runToEnd } from "../../harness/tracker.ts";
import { deliverWebhooks } from "../../harness/upstream.ts";
import { interceptFetch, isSource } from "../../harness/wire.ts";

describe("an output of 500 files", () => {
  test("is stored whole, two copies at a time", async ({ team }) => {
    let running = 0;
    let most = 0;
    interceptFetch(async (request, pass) => {
      if (!isSource(request)) return pass();
      most = Math.max(most, ++running);
      try {
        return await pass();
      } finally {
        running--;
      }
    });
    const { id } = await team.submit("cats sandbox:many-files:500", {
      input: { image_size: { width: 64, height: 64 } },
    });
    await passTime(5 * SECOND_MS);
    await deliverWebhooks();
    const ended = await runToEnd(team, id);
    expect(ended.status).toBe("COMPLETED");
    expect(ended.files.map(({ status }) => status)).toEqual(Array.from({ length: 500 }, () => "stored"));
    expect(new Set(ended.files.map(({ url }) => url)).size).toBe(500);
    expect(most).toBe(2);
  });
});
