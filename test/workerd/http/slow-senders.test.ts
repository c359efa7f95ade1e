// Bodies that never end, sent to the real routes: whoever is silent holds next to nothing, and nobody else waits for it. That they
// are cut off, and what they are told, is in test/unit/http/slow-body.test.ts and test/process/slow-senders.test.ts.

import { expect, test } from "vitest";
import { acquire, BUFFER_BUDGET_BYTES } from "../../../src/net/byte-budget.ts";
import { call } from "../../harness/calls.ts";
import { MODEL } from "../../harness/model.ts";
import { Team } from "../../harness/team.ts";
import { announce, aPng, send } from "../../harness/upload-calls.ts";

/** Bodies without a length that begin and then are silent, until all of them end. */
class SilentSenders {
  readonly #open: ReadableStreamDefaultController<Uint8Array>[] = [];

  body(first: Uint8Array): ReadableStream<Uint8Array> {
    return new ReadableStream({
      start: (controller) => {
        this.#open.push(controller);
        controller.enqueue(first);
      },
    });
  }

  endAll(): void {
    for (const controller of this.#open) controller.close();
  }
}

const submitOf = (bytes: number) => ({ model: MODEL, input: { prompt: "a cat", note: "x".repeat(bytes) } });

test.each([
  ["sent a little", 6_000, 6_000],
  ["sent megabytes", 1_500_000, 3_000_000],
])(
  "five uploads and three posts that %s and are silent hold up no other team",
  async (_what, uploadBytes, postBytes) => {
    const stranger = await Team.create();
    const other = await Team.create();
    const { upload_url } = await announce(stranger.key);
    const senders = new SilentSenders();
    const text = new TextEncoder().encode(JSON.stringify(submitOf(postBytes)).slice(0, postBytes));
    const headers = { "Content-Type": "application/json" };
    let answered = 0;
    const silent = [
      ...Array.from({ length: 5 }, () => send(upload_url, { body: senders.body(aPng(uploadBytes)) })),
      ...Array.from({ length: 3 }, () =>
        call("POST", "/v1/requests", { key: stranger.key, body: senders.body(text), headers }),
      ),
    ].map((call) =>
      call.then(
        (answer) => void (answer.status === 409 || answered++),
        () => undefined,
      ),
    );
    for (const bytes of [17_000, 50_000, 5_000_000]) {
      const answer = await other.send("POST", "/v1/requests", submitOf(bytes));
      expect([200, 202]).toContain(answer.status);
    }
    expect(answered, "none of the silent ones had to end first").toBe(0);
    senders.endAll();
    await Promise.all(silent);
    // Waits for ever when anything is still held.
    (await acquire(BUFFER_BUDGET_BYTES))?.release();
  },
);
