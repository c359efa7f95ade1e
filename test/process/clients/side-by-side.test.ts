// `@fal-ai/client` on the sandbox's gateway directly and through Sluice, the same calls side by side: what its caller sees has
// to be equal, and the calls that each way needed are printed (docs/compatibility.md shows them).

import { type ApiError, createFalClient, type FalClient } from "@fal-ai/client";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Sluice, startSluice } from "../../harness/sluice.ts";

const MODEL = "fal-ai/flux/schnell";

let sluice: Sluice;

beforeAll(async () => {
  sluice = await startSluice();
  // The first request of an account costs one call more: it proves whose webhooks are to be believed.
  await clientOf("sluice", () => undefined).subscribe(MODEL, { input: { prompt: "hello" } });
});

afterAll(() => sluice.stop());

type Way = "fal" | "sluice";

/** A client whose calls to queue.fal.run go one way or the other, each of them counted. */
function clientOf(way: Way, count: () => void): FalClient {
  return createFalClient({
    credentials: way === "sluice" ? sluice.key : "unused",
    requestMiddleware: async (request) => {
      count();
      const { pathname, search } = new URL(request.url);
      if (way === "sluice") return { ...request, url: `${sluice.url}/fal/queue${pathname}${search}` };
      const headers = { ...request.headers, Authorization: `Bearer ${sluice.gatewayKey}` };
      return { ...request, url: `${sluice.gatewayUrl}/fal-ai${pathname}${search}`, headers };
    },
  });
}

interface Seen {
  outcome: object;
  /** States in the order they were first told. */
  states: string[];
  calls: number;
  upstream: number;
  ms: number;
}

type Act = (fal: FalClient, states: Set<string>) => Promise<unknown>;

const subscribed =
  (prompt: string, mode: "polling" | "streaming" = "polling"): Act =>
  (fal, states) =>
    fal.subscribe(MODEL, {
      ...{ input: { prompt, seed: 7 }, mode, logs: false },
      onQueueUpdate: ({ status }) => void states.add(status),
    });

const ACTS: Record<string, Act> = {
  "subscribe, 1 s": subscribed("a cat"),
  "subscribe, 10 s": subscribed("a cat sandbox:slow:10000"),
  "subscribe, streaming": subscribed("a cat", "streaming"),
  "an answer that is a file": subscribed("a cat sandbox:binary-result"),
  "refused by the model": subscribed("a cat sandbox:refused"),
  "the model's own error": subscribed("a cat sandbox:error500"),
  "cancel of a running request": async (fal, states) => {
    const { request_id: requestId } = await fal.queue.submit(MODEL, { input: { prompt: "a cat sandbox:slow:20000" } });
    const onQueueUpdate = async ({ status }: { status: string }): Promise<void> => {
      states.add(status);
      if (status !== "IN_PROGRESS" || states.has("cancel")) return;
      states.add("cancel");
      await fal.queue.cancel(MODEL, { requestId });
    };
    await fal.queue.subscribeToStatus(MODEL, {
      requestId,
      logs: true,
      onQueueUpdate: (update) => void onQueueUpdate(update),
    });
    return fal.queue.result(MODEL, { requestId });
  },
  "cancel of an ended request": async (fal) => {
    const { requestId } = await fal.subscribe(MODEL, { input: { prompt: "a cat" } });
    await fal.queue.cancel(MODEL, { requestId });
  },
  "an id that nobody made": (fal) => fal.queue.status(MODEL, { requestId: "0".repeat(64) }),
};

test.each(Object.keys(ACTS))("%s: its caller sees the same either way", async (name) => {
  const act = ACTS[name];
  if (act === undefined) throw new Error("no such act");
  const direct = await seen("fal", act);
  const through = await seen("sluice", act);
  const line = ({ calls, upstream, ms }: Seen): string =>
    `${calls} calls, ${upstream} at fal, ${(ms / 1_000).toFixed(1)} s`;
  process.stdout.write(`${name}: directly ${line(direct)}; through Sluice ${line(through)}\n`);
  // Sluice's error bodies say more than fal's; what fal says is there to the letter.
  expect(through.outcome).toMatchObject(direct.outcome);
  // A short run may be over before anything told that it had begun.
  expect([through.states[0], through.states.at(-1)]).toEqual([direct.states[0], direct.states.at(-1)]);
  expect(direct.states).toEqual(expect.arrayContaining(through.states));
  expect(through.upstream).toBeLessThanOrEqual(direct.upstream);
  if (direct.calls > 10) expect(through.calls).toBeLessThan(direct.calls / 3);
});

async function seen(way: Way, act: Act): Promise<Seen> {
  let calls = 0;
  const fal = clientOf(way, () => {
    calls++;
  });
  const states = new Set<string>();
  const before = await sluice.gatewayCalls();
  const begunAt = performance.now();
  const outcome = await act(fal, states).then(shown, faultShown);
  const ms = performance.now() - begunAt;
  return { outcome, states: [...states], calls, upstream: (await sluice.gatewayCalls()) - before, ms };
}

/** An outcome without what differs by nature: ids, hosts, times. */
function shown(value: unknown): object {
  const text = JSON.stringify(value ?? {});
  return JSON.parse(
    text
      .replaceAll(/"url":"https?:[^"]*"/g, '"url":"…"')
      .replaceAll(/"(requestId|request_id)":"[^"]*"/g, '"$1":"…"')
      .replaceAll(/"inference":[0-9.]+/g, '"inference":0'),
  ) as object;
}

/** What code that catches looks at. */
function faultShown({ name, status, body }: ApiError<{ detail?: unknown; status?: unknown }>): object {
  return shown({ name, status, body: { detail: body.detail, status: body.status } });
}
