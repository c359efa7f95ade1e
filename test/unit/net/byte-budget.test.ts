// The byte semaphore: order, refusal, what comes back when a holder or a waiter is cut off.

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  acquire,
  BUFFER_BUDGET_BYTES,
  highWaterBytes,
  PERMIT_LEASE_MS,
  PERMIT_RETRY_MS,
  type Permit,
} from "../../../src/net/byte-budget.ts";
import { SECOND_MS } from "../../../src/platform/time.ts";

const MIB = 1024 * 1024;
const taken: Promise<Permit>[] = [];

function take(bytes: number): Promise<Permit> {
  const permit = acquire(bytes).then((given) => {
    if (given === null) throw new Error("refused");
    return given;
  });
  taken.push(permit);
  return permit;
}

/** Whether a promise has settled once everybody who waits has looked again. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  void promise.then(() => {
    settled = true;
  });
  await vi.advanceTimersByTimeAsync(PERMIT_RETRY_MS);
  return settled;
}

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(async () => {
  for (const permit of taken.splice(0)) {
    await vi.advanceTimersByTimeAsync(PERMIT_RETRY_MS);
    (await permit).release();
  }
  vi.useRealTimers();
});

describe("acquire", () => {
  test("gives what is free at once", async () => {
    expect((await take(10 * MIB)).bytes).toBe(10 * MIB);
  });

  test("refuses more than the whole budget instead of waiting for ever", async () => {
    expect(await acquire(BUFFER_BUDGET_BYTES + 1)).toBeNull();
  });

  test("makes a late comer wait until enough is released", async () => {
    const first = await take(BUFFER_BUDGET_BYTES);
    const second = take(1);
    expect(await isSettled(second)).toBe(false);
    first.release();
    expect(await isSettled(second)).toBe(true);
  });

  test("serves in the order asked, so a small one does not overtake a large one", async () => {
    const first = await take(40 * MIB);
    const large = take(20 * MIB);
    const small = take(MIB);
    expect(await isSettled(small)).toBe(false);
    first.release();
    expect(await isSettled(large)).toBe(true);
    expect(await isSettled(small)).toBe(true);
  });

  test("lets the next in when a permit shrinks", async () => {
    const first = await take(BUFFER_BUDGET_BYTES);
    const second = take(8 * MIB);
    first.shrink(BUFFER_BUDGET_BYTES - 8 * MIB);
    expect(await isSettled(second)).toBe(true);
    expect(first.bytes).toBe(BUFFER_BUDGET_BYTES - 8 * MIB);
  });

  test("shrinking never takes more", async () => {
    const permit = await take(MIB);
    permit.shrink(2 * MIB);
    expect(permit.bytes).toBe(MIB);
  });

  test("releasing twice gives the bytes back once", async () => {
    const first = await take(40 * MIB);
    await take(8 * MIB);
    first.release();
    first.release();
    const second = take(41 * MIB);
    expect(await isSettled(second)).toBe(false);
  });

  test("remembers the most that was held at once", async () => {
    await take(30 * MIB);
    await take(18 * MIB);
    expect(highWaterBytes()).toBe(BUFFER_BUDGET_BYTES);
  });
});

describe("a request that the runtime cut off", () => {
  test("gives its bytes back when its lease is over", async () => {
    await take(BUFFER_BUDGET_BYTES);
    const second = take(BUFFER_BUDGET_BYTES);
    await vi.advanceTimersByTimeAsync(PERMIT_LEASE_MS - 2 * PERMIT_RETRY_MS);
    expect(await isSettled(second)).toBe(false);
    await vi.advanceTimersByTimeAsync(PERMIT_RETRY_MS);
    expect(await isSettled(second)).toBe(true);
  });

  test("does not hold up those behind it in the line", async () => {
    const first = await take(40 * MIB);
    const cutOff = take(BUFFER_BUDGET_BYTES);
    vi.setSystemTime(Date.now() + 20 * SECOND_MS);
    const behind = await take(8 * MIB);
    first.release();
    behind.release();
    await vi.advanceTimersByTimeAsync(PERMIT_RETRY_MS);
    expect(await isSettled(cutOff)).toBe(true);
  });
});
