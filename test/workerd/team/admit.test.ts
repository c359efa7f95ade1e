import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { AdmitInput } from "../../../src/contracts/team-access.ts";
import type { Credential } from "../../../src/contracts/team-keys.ts";
import { DAY_MS, SECOND_MS } from "../../../src/platform/time.ts";
import { PUBLISHABLE_DEDUPE_S } from "../../../src/team/auth/identity.ts";
import { keyDigest } from "../../../src/team/auth/key-text.ts";
import { anEnd, NOTHING_MEASURED, SOMEBODY, TeamObject } from "../../harness/team-object.ts";

const DAY = { name: "day", scope: "team", per: "request", window: "1d" } as const;
const MONTH = { name: "month", scope: "user", per: "request", window: "1mo" } as const;
const MONEY = { name: "money", scope: "team", per: "usd", window: "1d" } as const;
/** A dollar a request, whatever the model. */
const A_DOLLAR = { "**": { unit: "request", usd: "1" } } as const;

afterEach(() => {
  vi.useRealTimers();
});

/** Stops the clock of the objects too, years ahead: an alarm set in the real past would ring again and again. */
function freeze(at = Date.UTC(2031, 10, 22, 12)): void {
  vi.useFakeTimers({ toFake: ["Date"] });
  vi.setSystemTime(at);
}

function pass(ms: number): void {
  vi.setSystemTime(Date.now() + ms);
}

describe("an admit", () => {
  test("lets exactly seven of 1,000 simultaneous submits in when the limit is seven requests", async () => {
    const team = await TeamObject.create({ limits: [{ ...DAY, limit: 7 }] });
    const answers = await atOnce(team, 1_000);
    expect(answers.filter((answer) => answer.kind === "admitted")).toHaveLength(7);
    expect(await team.used()).toEqual([7]);
    expect(answers.find((answer) => answer.kind === "refused")).toMatchObject({
      refusal: { code: "quota_exceeded", violated: [{ name: "day", limit: 7, used: 7 }] },
      limits: [{ name: "day", remaining: 0 }],
    });
  });

  test("lets exactly seven of 1,000 simultaneous submits in when the money is for seven, to the micro-dollar", async () => {
    const team = await TeamObject.create({ limits: [{ ...MONEY, limit: "7.999999" }] });
    await team.stub.prices.put(A_DOLLAR, SOMEBODY);
    const answers = await atOnce(team, 1_000);
    expect(answers.filter((answer) => answer.kind === "admitted")).toHaveLength(7);
    expect(await team.used()).toEqual([7_000_000]);
  });

  test("takes nothing of any limit when one is used up, and names each that is", async () => {
    const team = await TeamObject.create({
      limits: [
        { ...DAY, limit: 5 },
        { ...DAY, name: "few", limit: 1, scope: "key" },
        { ...MONTH, limit: 1 },
        { name: "open", scope: "team", per: "concurrent", limit: 1 },
      ],
    });
    await team.admitted();
    const answer = await team.admit();
    expect(answer).toMatchObject({
      kind: "refused",
      refusal: { code: "quota_exceeded", violated: [{ name: "few" }, { name: "month" }, { name: "open" }] },
    });
    expect(await team.used()).toEqual([1, 1, 1, 1]);
  });

  test("checks team, member and client together, and counts each apart", async () => {
    const team = await TeamObject.create({
      require_tags: ["client"],
      limits: [
        { ...MONEY, name: "team", limit: "5" },
        { ...MONEY, name: "member", scope: "user", limit: "2" },
        { ...MONEY, name: "client", scope: "tag:client", limit: "3" },
      ],
    });
    await team.stub.prices.put(A_DOLLAR, SOMEBODY);
    const post = async (user: string, client: string) => {
      const answer = await team.admit({ user, tags: { client } });
      return answer.kind === "refused" ? answer.refusal.violated?.map((each) => each.name).join("+") : "in";
    };
    expect(await post("anna", "acme")).toBe("in");
    expect(await post("anna", "acme")).toBe("in");
    expect(await post("anna", "acme")).toBe("member");
    expect(await post("bob", "acme")).toBe("in");
    expect(await post("bob", "acme")).toBe("client");
    expect(await post("bob", "globex")).toBe("in");
    expect(await post("carl", "globex")).toBe("in");
    expect(await post("anna", "acme")).toBe("team+member+client");
  });

  test("refuses a request without a tag that the plan asks for, and says how to send it", async () => {
    const team = await TeamObject.create({ require_tags: ["client", "job"], limits: [{ ...DAY, limit: 5 }] });
    const answer = await team.admit({ tags: { client: "acme" } });
    expect(answer).toMatchObject({
      kind: "refused",
      refusal: {
        code: "invalid_request",
        detail: 'Plan "default" requires tags; missing: `job`.',
        hint: expect.stringContaining('"job"'),
      },
    });
    expect(await team.used()).toEqual([0]);
  });

  test("asks to slow down, with the time to wait, where a window is short or requests end by themselves", async () => {
    freeze();
    const team = await TeamObject.create({
      limits: [
        { name: "burst", scope: "key", per: "request", limit: 2, window: "1m" },
        { name: "open", scope: "key", per: "concurrent", limit: 9 },
      ],
    });
    await team.admitted();
    await team.admitted();
    expect(await team.admit()).toMatchObject({ refusal: { code: "rate_limited", retryAfterS: 30 } });
    pass(30 * SECOND_MS);
    expect(await team.outcome()).toBe("admitted");
    expect(await team.outcome()).toBe("rate_limited");
  });

  test("gives an open request's place back at its end, whatever the end", async () => {
    const team = await TeamObject.create({ limits: [{ name: "open", scope: "team", per: "concurrent", limit: 1 }] });
    for (const reservation of ["charge", "refund", "keep"] as const) {
      const id = await team.admitted();
      expect(await team.outcome()).toBe("rate_limited");
      await team.stub.settle(anEnd(id, reservation));
      expect(await team.used()).toEqual([0]);
    }
  });

  test("counts visitors and addresses by our own marks, and skips their limits where there are none", async () => {
    const team = await TeamObject.create({
      limits: [
        { ...DAY, name: "visitor", scope: "visitor", limit: 1 },
        { ...DAY, name: "ip", scope: "ip", limit: 2 },
        { name: "money", scope: "key", per: "usd", limit: "100", window: "1d" },
      ],
      assumed_cost: "0.01",
    });
    // Whom Sluice calls visitors come by a page's key.
    const { id: keyId } = await team.newKey({
      kind: "publishable",
      plan: "default",
      origins: ["https://page.example"],
    });
    const token = (visitor: string, ip: string): Partial<AdmitInput> => {
      const rest = { network: null, models: null, plan: null };
      const credential = { kind: "token" as const, keyId, user: `visitor:${visitor}`, visitor, ip, ...rest };
      // A page that posts the same again within seconds gets the same request.
      return { credential, visitor, ip, bodyHash: `${visitor} at ${ip}` };
    };
    expect(await team.outcome(token("v1", "a1"))).toBe("admitted");
    expect(await team.outcome(token("v1", "a2"))).toBe("visitor_limit");
    expect(await team.outcome(token("v2", "a1"))).toBe("admitted");
    expect(await team.outcome(token("v3", "a1"))).toBe("quota_exceeded");
    expect(await team.outcome()).toBe("admitted");
  });

  test("answers the same when the same call is delivered twice", async () => {
    const team = await TeamObject.create({ limits: [{ ...DAY, limit: 5 }] });
    const post = await team.post({ idempotencyKey: "once" });
    const first = await team.stub.admit(post);
    expect(await team.stub.admit(post)).toEqual(first);
    expect(first).toMatchObject({ kind: "admitted", replayed: false });
    expect(await team.used()).toEqual([1]);
  });

  test("refuses a model that the plan leaves out, and takes nothing", async () => {
    const team = await TeamObject.create({
      limits: [{ ...DAY, limit: 5 }],
      models: { allow: ["fal-ai/**"], deny: ["fal-ai/veo/**"] },
    });
    expect(await team.outcome({ model: "fal-ai/veo/fast" })).toBe("model_not_allowed");
    expect(await team.used()).toEqual([0]);
  });

  test("lets only keys with scope run, good ones, submit", async () => {
    const team = await TeamObject.create();
    const reader = await team.newKey({ scopes: ["read"] });
    const past = await team.newKey({ expiresAt: Date.now() - 1 });
    const gone = await team.newKey();
    const cold = await team.newKey();
    await team.stub.keys.revoke(gone.id, SOMEBODY);
    await team.stub.keys.freeze(cold.id, true, SOMEBODY);
    expect(await team.outcome({ credential: reader.credential })).toBe("forbidden");
    expect(await team.outcome({ credential: past.credential })).toBe("key_expired");
    expect(await team.outcome({ credential: gone.credential })).toBe("unauthenticated");
    expect(await team.outcome({ credential: cold.credential })).toBe("key_frozen");
    expect(await team.outcome({ credential: { kind: "key", digest: "never made" } })).toBe("unauthenticated");
    await team.stub.keys.freeze(cold.id, false, SOMEBODY);
    expect(await team.outcome({ credential: cold.credential })).toBe("admitted");
  });

  test("acts by the plan that the team chose, and what was counted stays counted", async () => {
    const team = await TeamObject.create({ limits: [{ ...DAY, limit: 5 }] });
    await team.admitted();
    const choose = (plan: string) => team.stub.settings.change({ name: "ours", plan }, SOMEBODY);
    const refused = await choose("small");
    expect(refused).toMatchObject({ kind: "refused", refusal: { code: "not_found" } });
    await team.putPlan("small", { limits: [{ ...DAY, limit: 1 }] });
    expect(await choose("small")).toMatchObject({ kind: "changed", team: { plan: "small" } });
    expect(await team.outcome()).toBe("quota_exceeded");
  });
});

describe("a plan that changed since the edge read it", () => {
  test("is handed out instead of a decision, whoever changed it and however", async () => {
    const team = await TeamObject.create();
    const planHash = await team.planHash();
    await team.putPlan("default", { limits: [{ ...DAY, limit: 1 }], when_paused: "refuse" });
    const answer = await team.admit({ planHash });
    expect(answer).toMatchObject({ kind: "plan_changed", name: "default", plan: { when_paused: "refuse" } });
    if (answer.kind !== "plan_changed") return;
    const admitted = await team.admit({ planHash: answer.hash });
    expect(admitted).toMatchObject({ kind: "admitted", terms: { whenPaused: "refuse" } });
    await team.putPlan("default", { limits: [{ ...DAY, limit: 1 }], when_paused: "refuse" });
    expect(await team.outcome({ planHash: answer.hash })).toBe("plan_changed");
    expect(await team.used()).toEqual([1]);
  });

  test("does not keep an earlier request from being found", async () => {
    const team = await TeamObject.create();
    const planHash = await team.planHash();
    const id = await team.admitted({ idempotencyKey: "k" });
    await team.putPlan("default", { models: { allow: [] } });
    const replay = await team.admit({ idempotencyKey: "k", planHash, measures: null });
    expect(replay).toMatchObject({ kind: "admitted", requestId: id, replayed: true });
  });

  test("is said to stand where its rules refused the input", async () => {
    const team = await TeamObject.create();
    expect(await team.outcome({ measures: null })).toBe("plan_stands");
    expect(await team.outcome({ measures: null, planHash: "an older one" })).toBe("plan_changed");
  });
});

describe("a price", () => {
  test("is fixed at the admit, with the worst case of the input", async () => {
    const team = await TeamObject.create({ exact_cost: true });
    const price = { unit: "image", usd: "0.25", source: "price list", as_of: "2026-11-01" } as const;
    await team.stub.prices.put({ "fal-ai/flux/**": price }, SOMEBODY);
    const answer = await team.admit({ measures: { ...NOTHING_MEASURED, images: 4 } });
    expect(answer).toMatchObject({ terms: { cost: { estimatedMicro: 1_000_000, price, exact: true } } });
  });

  test("that is unknown counts nothing under a plan that allows it, and is refused under one that does not", async () => {
    const team = await TeamObject.create({ limits: [{ ...MONEY, limit: "1" }] });
    await team.stub.prices.put({ "fal-ai/flux/**": { unit: "second", usd: "0.1" } }, SOMEBODY);
    const open = { model: "fal-ai/f5-tts" };
    const worst = { model: "fal-ai/flux/schnell", measures: NOTHING_MEASURED };
    expect(await team.admit(open)).toMatchObject({ terms: { cost: { estimatedMicro: null, price: null } } });
    expect(await team.used()).toEqual([0]);
    await team.putPlan("default", { limits: [{ ...MONEY, limit: "1" }], unknown_price: "refuse" });
    expect(await team.admit(open)).toMatchObject({
      refusal: { code: "price_unknown", detail: expect.stringContaining("has no price") },
    });
    expect(await team.admit(worst)).toMatchObject({
      refusal: {
        code: "price_unknown",
        detail: expect.stringContaining("per second, which the input does not determine"),
      },
    });
  });

  test("above what the plan allows for one request is refused, with both amounts and no invitation to retry", async () => {
    const team = await TeamObject.create({ max_cost_per_request: "0.5" });
    await team.stub.prices.put({ "**": { unit: "image", usd: "0.25" } }, SOMEBODY);
    const images = (count: number) => ({ measures: { ...NOTHING_MEASURED, images: count } });
    expect(await team.outcome(images(2))).toBe("admitted");
    expect(await team.admit(images(3))).toMatchObject({
      refusal: {
        code: "quota_exceeded",
        detail: 'The estimated cost is 0.750000 USD; plan "default" allows at most 0.500000 USD per request.',
        violated: [{ name: "max_cost_per_request", per: "usd", limit: 500_000, used: 750_000, resetAt: null }],
      },
    });
  });
});

describe("who stands behind a credential", () => {
  test("is bound to a member when its key is, whatever the call says", async () => {
    const team = await TeamObject.create();
    const { credential } = await team.newKey({ user: "anna" });
    expect(await team.admit({ credential })).toMatchObject({ kind: "admitted", terms: { user: "anna" } });
    expect(await team.outcome({ credential, user: "anna", bodyHash: "2" })).toBe("admitted");
    expect(await team.outcome({ credential, user: "bob" })).toBe("user_mismatch");
  });

  test("keeps a rotated key's old text good until its overlap ends, and both are the same key", async () => {
    freeze();
    const team = await TeamObject.create({ limits: [{ ...DAY, scope: "key", limit: 9 }] });
    const key = await team.newKey();
    const rotated = await team.stub.keys.rotate(key.id, 60, SOMEBODY);
    if (rotated.kind !== "rotated") throw new Error("not rotated");
    const fresh: Credential = { kind: "key", digest: await keyDigest(rotated.key.secret) };
    expect(rotated.key.secret).not.toBe(key.secret);
    const before = await team.admit({ credential: key.credential });
    const after = await team.admit({ credential: fresh });
    expect([before, after]).toMatchObject([
      { terms: { keyId: key.id } },
      { terms: { keyId: key.id }, limits: [{ used: 2 }] },
    ]);
    pass(60 * SECOND_MS);
    expect(await team.outcome({ credential: key.credential })).toBe("unauthenticated");
    expect(await team.outcome({ credential: fresh })).toBe("admitted");
    await team.stub.keys.rotate(key.id, 60, SOMEBODY);
    await team.stub.keys.revoke(key.id, SOMEBODY);
    expect(await team.outcome({ credential: fresh })).toBe("unauthenticated");
  });

  test("is refused while the key of a token is frozen or revoked, at once", async () => {
    const team = await TeamObject.create();
    const { id: keyId } = await team.newKey();
    const rest = { visitor: null, ip: null, network: null, models: null, plan: null };
    const credential: Credential = { kind: "token", keyId, user: "anna", ...rest };
    expect(await team.admit({ credential })).toMatchObject({ kind: "admitted", terms: { keyId, user: "anna" } });
    await team.stub.keys.freeze(keyId, true, SOMEBODY);
    expect(await team.outcome({ credential })).toBe("key_frozen");
    await team.stub.keys.revoke(keyId, SOMEBODY);
    expect(await team.outcome({ credential })).toBe("unauthenticated");
    expect(await team.outcome({ credential: { ...credential, keyId: "key_unknown" } })).toBe("unauthenticated");
  });

  test("is under the token's plan if its key may give it, else the key's own, else the team's", async () => {
    const team = await TeamObject.create();
    await team.putPlan("small", { hold_s: 1 });
    await team.putPlan("large", { hold_s: 9 });
    const free = await team.newKey({ plans: ["large"] });
    const bound = await team.newKey({ plan: "small" });
    const planOf = async (keyId: string, plan: string | null) => {
      const rest = { user: "anna", visitor: null, ip: null, network: null, models: null };
      const known = await team.stub.identify({ kind: "token", keyId, plan, ...rest });
      return known.kind === "known" ? known.identity.planName : known.refusal.code;
    };
    expect(await planOf(free.id, null)).toBe("default");
    expect(await planOf(free.id, "large")).toBe("large");
    expect(await planOf(free.id, "no such plan")).toBe("default");
    expect(await planOf(bound.id, null)).toBe("small");
    expect(await planOf(bound.id, "large")).toBe("small");
  });

  test("may run the models of its plan, its key and its token, all three", async () => {
    const team = await TeamObject.create({ models: { allow: ["fal-ai/**"], deny: [] } });
    const { id: keyId } = await team.newKey({ models: ["fal-ai/flux/**", "other/**"] });
    const rest = { user: "anna", visitor: null, ip: null, network: null, plan: null };
    const run = (model: string, models: string[] | null) => {
      return team.outcome({ model, credential: { kind: "token", keyId, models, ...rest } });
    };
    expect(await run("fal-ai/flux/dev", null)).toBe("admitted");
    expect(await run("fal-ai/f5-tts", null)).toBe("model_not_allowed");
    expect(await run("other/model", null)).toBe("model_not_allowed");
    expect(await run("fal-ai/flux/dev", ["fal-ai/flux/schnell"])).toBe("model_not_allowed");
    expect(await run("fal-ai/f5-tts", ["**"])).toBe("model_not_allowed");
  });

  test("is refused for a blocked user, who is stopped under every key and let go on again", async () => {
    const team = await TeamObject.create();
    const { credential } = await team.newKey({ user: "anna" });
    await team.stub.users.freeze("anna", true, SOMEBODY);
    expect(await team.outcome({ credential })).toBe("user_frozen");
    expect(await team.outcome({ user: "anna" })).toBe("user_frozen");
    expect(await team.outcome({ user: "bob" })).toBe("admitted");
    expect(await team.stub.identify(credential)).toMatchObject({ kind: "refused" });
    await team.stub.users.resume("anna", SOMEBODY);
    expect(await team.outcome({ credential })).toBe("admitted");
  });

  test("is refused while the team is frozen, but for admins, who cannot submit either", async () => {
    const team = await TeamObject.create();
    const { credential } = await team.newKey();
    await team.stub.settings.freeze(true, SOMEBODY);
    expect(await team.stub.identify(credential)).toMatchObject({ kind: "refused", refusal: { code: "forbidden" } });
    expect(await team.stub.identify(team.credential)).toMatchObject({ kind: "known" });
    expect(await team.outcome()).toBe("forbidden");
    await team.stub.settings.freeze(false, SOMEBODY);
    expect(await team.outcome({ credential })).toBe("admitted");
  });
});

describe("an idempotency key", () => {
  test("makes one request of ten simultaneous equal posts", async () => {
    const team = await TeamObject.create({ limits: [{ ...DAY, limit: 5 }] });
    const posts = await Promise.all(Array.from({ length: 10 }, () => team.post({ idempotencyKey: "k", user: "anna" })));
    const answers = await Promise.all(posts.map((post) => team.stub.admit(post)));
    const admitted = answers.filter((answer) => answer.kind === "admitted");
    expect(new Set(admitted.map((answer) => answer.requestId)).size).toBe(1);
    expect(admitted.filter((answer) => !answer.replayed)).toHaveLength(1);
    expect(admitted).toHaveLength(10);
    expect(await team.used()).toEqual([1]);
  });

  test("with another body is refused", async () => {
    const team = await TeamObject.create();
    await team.admitted({ idempotencyKey: "k" });
    expect(await team.outcome({ idempotencyKey: "k", bodyHash: "other" })).toBe("idempotency_mismatch");
  });

  test("belongs to one key and one user", async () => {
    const team = await TeamObject.create();
    const { credential } = await team.newKey();
    const ids = await Promise.all([
      team.admitted({ idempotencyKey: "k" }),
      team.admitted({ idempotencyKey: "k", user: "anna" }),
      team.admitted({ idempotencyKey: "k", credential }),
    ]);
    expect(new Set(ids).size).toBe(3);
  });

  test("is answered also when the limits are used up or the plan has changed meanwhile", async () => {
    const team = await TeamObject.create({ limits: [{ ...DAY, limit: 1 }] });
    const id = await team.admitted({ idempotencyKey: "k" });
    await team.putPlan("default", { limits: [{ ...DAY, limit: 1 }], models: { allow: [] } });
    expect(await team.admit({ idempotencyKey: "k" })).toMatchObject({ requestId: id, replayed: true });
  });

  test("is free again after its day", async () => {
    freeze();
    const team = await TeamObject.create();
    const first = await team.admitted({ idempotencyKey: "k" });
    pass(DAY_MS);
    expect(await team.admitted({ idempotencyKey: "k", bodyHash: "other" })).not.toBe(first);
  });

  test("whose request was deleted is answered with that", async () => {
    const team = await TeamObject.create();
    await team.admitted({ idempotencyKey: "k", user: "anna" });
    await team.stub.users.delete("anna", SOMEBODY);
    expect(await team.outcome({ idempotencyKey: "k", user: "anna" })).toBe("gone");
  });
});

describe("equal posts within dedupe_s", () => {
  test("are one request, until the time is over", async () => {
    freeze();
    const team = await TeamObject.create({ dedupe_s: 60, limits: [{ ...DAY, limit: 9 }] });
    const first = await team.admitted({ bodyHash: "cat" });
    pass(59 * SECOND_MS);
    expect(await team.admit({ bodyHash: "cat" })).toMatchObject({ requestId: first, replayed: true });
    expect(await team.used()).toEqual([1]);
    pass(SECOND_MS);
    expect(await team.admit({ bodyHash: "cat" })).toMatchObject({ kind: "admitted", replayed: false });
  });

  test("are two requests for two users, two keys, or two idempotency keys", async () => {
    const team = await TeamObject.create({ dedupe_s: 60 });
    const { credential } = await team.newKey();
    const ids = await Promise.all([
      team.admitted(),
      team.admitted({ user: "anna" }),
      team.admitted({ credential }),
      team.admitted({ idempotencyKey: "one" }),
      team.admitted({ idempotencyKey: "two" }),
    ]);
    expect(new Set(ids).size).toBe(5);
  });

  test("are two requests when the first has failed: that is a retry", async () => {
    const team = await TeamObject.create({ dedupe_s: 60 });
    const failed = await team.admitted();
    await team.stub.settle(anEnd(failed, "refund"));
    const next = await team.admitted();
    expect(next).not.toBe(failed);
    await team.stub.settle(anEnd(next, "charge"));
    expect(await team.admitted()).toBe(next);
  });

  test("are one request by default behind a publishable key, where they are reloads", async () => {
    freeze();
    const team = await TeamObject.create();
    await team.putPlan("page", { limits: [{ ...MONEY, scope: "key", limit: "1" }], assumed_cost: "0.01" });
    const terms = { kind: "publishable", plan: "page", scopes: [], origins: ["https://demo.example"] } as const;
    const { id: keyId } = await team.newKey({ ...terms, scopes: [], origins: [...terms.origins] });
    const rest = { user: "visitor:v", visitor: "v", ip: "a", network: null, models: null, plan: null };
    const credential: Credential = { kind: "token", keyId, ...rest };
    const first = await team.admitted({ credential, visitor: "v", ip: "a" });
    expect(await team.admitted({ credential, visitor: "v", ip: "a" })).toBe(first);
    pass(PUBLISHABLE_DEDUPE_S * SECOND_MS);
    expect(await team.admitted({ credential, visitor: "v", ip: "a" }), "it is still open").toBe(first);
    await team.stub.settle(anEnd(first, "charge"));
    expect(await team.admitted({ credential, visitor: "v", ip: "a" }), "it has ended").not.toBe(first);
  });
});

describe("a release", () => {
  test("undoes the admit, so that the same post is admitted anew", async () => {
    const team = await TeamObject.create({ limits: [{ ...DAY, limit: 1 }] });
    const first = await team.admitted({ idempotencyKey: "k" });
    await team.stub.release(first);
    await team.stub.release(first);
    expect(await team.used()).toEqual([0]);
    expect(await team.stub.requests.list({ limit: 5 })).toEqual({ kind: "page", data: [], nextCursor: null });
    expect(await team.admit({ idempotencyKey: "k" })).toMatchObject({ kind: "admitted", replayed: false });
  });

  test("does nothing to a request that has ended", async () => {
    const team = await TeamObject.create({ limits: [{ ...DAY, limit: 1 }] });
    const id = await team.admitted();
    await team.stub.settle(anEnd(id, "charge"));
    await team.stub.release(id);
    expect(await team.used()).toEqual([1]);
    expect(await team.stub.requests.list({ limit: 5 })).toMatchObject({ data: [{ id, status: "completed" }] });
  });
});

test("a refused submit leaves no row behind", async () => {
  const team = await TeamObject.create({ limits: [{ ...DAY, limit: 0 }], dedupe_s: 60 });
  await team.outcome({ idempotencyKey: "k" });
  const counts = await runInDurableObject(team.stub, (_instance, { storage }) =>
    ["request", "counter", "idempotency", "recent_post", "usage"].map(
      (table) => storage.sql.exec<{ n: number }>(`SELECT count(*) AS n FROM ${table}`).one().n,
    ),
  );
  expect(counts).toEqual([0, 0, 0, 0, 0]);
});

async function atOnce(team: TeamObject, count: number) {
  const post = await team.post();
  const posts = Array.from({ length: count }, () => ({ ...post, requestId: env.TRACKER.newUniqueId().toString() }));
  return Promise.all(posts.map((each) => team.stub.admit(each)));
}
