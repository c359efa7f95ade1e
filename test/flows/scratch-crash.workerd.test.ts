import { runInDurableObject } from "cloudflare:test";
import { expect, it } from "vitest";
import { bindings } from "../support/world.ts";
import { acquire } from "../../src/net/buffers.ts";
import { BUFFER_BUDGET_BYTES } from "../../src/limits.ts";

const a = bindings.TRACKER.get(bindings.TRACKER.newUniqueId());
const b = bindings.TRACKER.get(bindings.TRACKER.newUniqueId());
const sleep = (ms: number) => new Promise((r) => setTimeout(r, ms));

it("a bare promise across objects", async () => {
  let resolve: () => void = () => {};
  let state = "none";
  const waiting = runInDurableObject(a, async () => {
    await new Promise<void>((r) => { resolve = r; });
    state = "woken";
    await sleep(1);
    state = "slept";
  });
  await sleep(50);
  await runInDurableObject(b, async () => { resolve(); });
  await Promise.race([waiting, sleep(500)]);
  console.log("bare", state);
});

it("with a timer", async () => {
  let resolve: () => void = () => {};
  let state = "none";
  const waiting = runInDurableObject(a, async () => {
    let timer: any;
    await new Promise<void>((r) => { timer = setTimeout(r, 1000); resolve = r; });
    state = "woken";
    clearTimeout(timer);
    state = "cleared";
    await sleep(1);
    state = "slept";
  });
  await sleep(50);
  await runInDurableObject(b, async () => { resolve(); });
  await Promise.race([waiting, sleep(500)]);
  console.log("timer", state);
});

it("permits", async () => {
  const all = await runInDurableObject(b, () => acquire(BUFFER_BUDGET_BYTES));
  let state = "none";
  const waiting = runInDurableObject(a, async () => {
    const p = await acquire(1000);
    state = "got";
    await sleep(1);
    p?.release();
    state = "released";
  });
  await sleep(50);
  await runInDurableObject(b, () => { all?.release(); });
  await Promise.race([waiting.catch((e) => { state = String(e); }), sleep(3000)]);
  console.log("permits", state);
});
