import { runInDurableObject, abortAllDurableObjects } from "cloudflare:test";
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

const limit = <T>(what: string, p: Promise<T>, ms = 2000) => { const t0 = performance.now(); return Promise.race([p.then((v) => { console.log(what, "ok", performance.now() - t0); return v; }, (e) => { console.log(what, "threw", String(e), performance.now() - t0); }), new Promise<void>((r) => setTimeout(() => { console.log(what, "HANGS"); r(); }, ms))]);}

it.each(["abort"])("%s on idle", async (how) => {
  const { id } = await team.submit("a");
  if (how === "abort") await limit("abort", runInDurableObject(trackerOf(id), (_i, state) => { setTimeout(() => state.abort("cut off"), 0); }));
  else await limit("abortAll", abortAllDurableObjects());
  await new Promise((r) => setTimeout(r, 50));
  await limit("read", team.read(id));
  await limit("read", team.read(id));
}, 20_000);

it.each(["evict"])("%s while submit hangs", async (how) => {
  let reached: () => void = () => {};
  const hung = new Promise<void>((r) => { reached = r; });
  interceptFetch(async (request, pass) => {
    if (request.method === "POST" && new URL(request.url).pathname.startsWith("/fal-ai/")) {
      await pass();
      reached();
      return new Promise(() => {});
    }
    return pass();
  });
  const submitted = team.send("POST", "/v1/requests", { model: "fal-ai/flux/schnell", input: { prompt: "a" } });
  await hung;
  const [up] = await upstreamRequests();
  const id = /hooks\/fal\/([0-9a-f]{64})/.exec((up as unknown as { webhook_url: string }).webhook_url)?.[1] ?? "";
  const a = limit("submitted", submitted, 35000);
  await limit("evict", evict(id), 30000);
  await limit("read", team.read(id));
  await a;
}, 40_000);
