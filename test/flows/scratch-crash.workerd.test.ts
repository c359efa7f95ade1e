import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { freezeClocks } from "../support/world.ts";
import { ROADS, walk } from "../support/roads.ts";

beforeEach(async () => {
  await freezeClocks();
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

it.each(ROADS)("$name", async (road) => {
  console.log(JSON.stringify(await walk(road), null, 1));
});
