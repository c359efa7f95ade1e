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

const limit = <T>(what: string, p: Promise<T>, ms = 2000) => { const t0 = performance.now(); let timer: any; return Promise.race([p.then((v) => { console.log(what, "ok", performance.now() - t0); return v; }, (e) => { console.log(what, "threw", String(e), performance.now() - t0); }), new Promise<void>((r) => timer = setTimeout(() => { console.log(what, "HANGS"); r(); }, ms))]).finally(() => clearTimeout(timer));}

it.each(["real", "mock", "mock"])("abort while %s submit hangs", async (how) => {
  let reached = false;
  if (how === "mock") interceptFetch(async (request, pass) => {
    if (request.method === "POST" && new URL(request.url).pathname.startsWith("/fal-ai/")) {
      await pass();
      reached = true;
      return new Promise(() => {});
    }
    return pass();
  });
  const submitted = team.send("POST", "/v1/requests", { model: "fal-ai/flux/schnell", input: { prompt: how === "real" ? "a sandbox:submit-timeout" : "a" } });
  if (how === "mock") while (!reached) await new Promise((r) => setTimeout(r, 5)); else await new Promise((r) => setTimeout(r, 300));
  const [up] = await upstreamRequests();
  const id = /hooks\/fal\/([0-9a-f]{64})/.exec((up as unknown as { webhook_url: string }).webhook_url)?.[1] ?? "";
  const a = limit("submitted", submitted, 5000);
  limit("abort", runInDurableObject(trackerOf(id), (_i, state) => { setTimeout(() => state.abort("cut off"), 0); }));
  await new Promise((r) => setTimeout(r, 500));
  await limit("read stub", trackerOf(id).read(team.id) as Promise<unknown>);
  await limit("read", team.read(id));
  await a;
}, 40_000);
