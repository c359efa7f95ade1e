// The bounded map that isolates remember in.

import { expect, test } from "vitest";
import { LruMap } from "../../../src/platform/lru-map.ts";

test("a full map forgets what was used longest ago, and keeps what is in use whatever is added", () => {
  const map = new LruMap<number>(3);
  map.set("in use", 0);
  for (let n = 0; n < 1_000; n++) {
    map.set(`made up ${n}`, n);
    expect(map.get("in use")).toBe(0);
    expect(map.size).toBeLessThanOrEqual(3);
  }
  expect([map.get("made up 0"), map.get("made up 998"), map.get("made up 999")]).toEqual([undefined, 998, 999]);
});

test("a key that is set again keeps its place once", () => {
  const map = new LruMap<number>(2);
  map.set("a", 1);
  map.set("b", 1);
  map.set("a", 2);
  map.set("c", 1);
  expect([map.get("a"), map.get("b"), map.get("c")]).toEqual([2, undefined, 1]);
});

test("entries are deleted by key, or by what their keys begin with", () => {
  const map = new LruMap<number>(9);
  for (const key of ["acme 1", "acme 2", "acme-2 1", "other 1"]) map.set(key, 1);
  map.deletePrefix("acme ");
  map.delete("other 1");
  expect([map.size, map.get("acme-2 1")]).toEqual([1, 1]);
});
