import { runInDurableObject, abortAllDurableObjects, evictAllDurableObjects, evictDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { bindings, deliverWebhooks, evict, expectArmed, freezeClocks, interceptFetch, passTime, recordOf, ring, runToEnd, Team, trackerOf, upstreamRequests } from "../support/world.ts";

let team: Team;
beforeEach(async () => {
  await freezeClocks();
  team = await Team.create();
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const limit = <T>(what: string, p: Promise<T>, ms = 2000) => { const t0 = performance.now(); let timer: any; return Promise.race([p.then((v) => { console.log(what, "ok", performance.now() - t0); return v; }, (e) => { console.log(what, "threw", String(e), performance.now() - t0); }), new Promise<void>((r) => timer = setTimeout(() => { console.log(what, "HANGS"); r(); }, ms))]).finally(() => clearTimeout(timer));}

it("direct abort on idle, then read", async () => {
  for (let i = 0; i < 2; i++) {
  const { id } = await team.submit("a");
  await limit("tracker", evictDurableObject(trackerOf(id)));
  await limit("team", evictDurableObject(bindings.TEAM.getByName(team.id)));
  await limit("account", evictDurableObject(bindings.UPSTREAM.getByName("account:default")));
  await limit("evict all", evictAllDurableObjects(), 12000);
  await passTime(5000);
  console.log((await runToEnd(team, id)).status);
  await limit("tracker", evictDurableObject(trackerOf(id)));
  await limit("team", evictDurableObject(bindings.TEAM.getByName(team.id)));
  await limit("account", evictDurableObject(bindings.UPSTREAM.getByName("account:default")));
  await limit("evict all", evictAllDurableObjects(), 12000);
  }
}, 60000);
