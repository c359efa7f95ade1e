// Objects lose their memory between any two steps, and in the midst of any call: the end is the same, and fal is asked once.

import { afterEach, describe, expect, it, vi } from "vitest";
import { places, ROADS, undisturbedStory, walk } from "../support/roads.ts";
import { evict, evictEverything } from "../support/world.ts";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("the tracker is evicted between two steps, and nobody can tell", () => {
  it.each(places())("$name: after $what", async ({ road, k }) => {
    const told = await undisturbedStory(road);
    const story = await walk(road, {
      between: async ({ id }, step) => {
        if (step === k) await evict(id);
      },
    });
    expect(story).toEqual(told);
  });
});

describe("tracker, team and account are evicted after every step, and nobody can tell", () => {
  it.each(ROADS)("$name", async (road) => {
    const told = await undisturbedStory(road);
    expect(await walk(road, { between: evictEverything })).toEqual(told);
  });
});
