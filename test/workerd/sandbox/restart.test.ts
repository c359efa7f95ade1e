// In a file of its own: an object is only evicted once every body that it sent has been read.

import { evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, expect, test } from "vitest";
import { type Env, FAKE_UPSTREAM_NAME } from "../../../sandbox/src/env.ts";
import { call, finished, freshWorld, json, START, set } from "../../harness/sandbox.ts";

beforeEach(() => freshWorld());

test("keeps everything over a restart", async () => {
  await set({ rps: 77 });
  const request = await finished({ prompt: "a" });
  const before = await (await call("GET", request.result)).text();
  await evictDurableObject((env as unknown as Env).FAKE_UPSTREAM.getByName(FAKE_UPSTREAM_NAME));
  expect(await json(await call("GET", "/_sandbox/settings"))).toMatchObject({ rps: 77, webhooks: "hold" });
  expect(await json(await call("GET", "/_sandbox/clock"))).toEqual({ now: START + 5_000, frozen: true });
  expect(await (await call("GET", request.result)).text()).toBe(before);
});
