// Walk B: a mobile app on Supabase lets its own users run models. They bring the access token that they have anyway, their
// plan is a claim in it, and the app shows each of them what is left today.

import { SignJWT } from "jose";
import { expect, vi } from "vitest";
import { DAY_MS } from "../../../src/platform/time.ts";
import { test } from "../../harness/fixtures.ts";
import { serveKeys, TestIssuer } from "../../harness/issuer.ts";
import { endOf, type Limit, Person } from "../../harness/people.ts";
import { Team } from "../../harness/team.ts";
import { upstreamRequests } from "../../harness/upstream.ts";

const ADA = "8ccaa7af-909f-44e7-84cb-67cdccb56be6";
/** Her name with Sluice: the issuer is `app`. */
const USER = `app:${ADA}`;

test.beforeEach(() => serveKeys());
/** What Supabase puts into an access token besides the standard claims, for a user of this plan. */
const claimsOf = (plan?: string) => ({
  ...{ sub: ADA, aud: "authenticated", role: "authenticated", session_id: crypto.randomUUID() },
  app_metadata: { provider: "email", ...(plan === undefined ? {} : { plan }) },
});

async function openApp(limits: Record<string, number>, more: Record<string, unknown> = {}) {
  const [team, supabase] = [await Team.create(), await TestIssuer.createSupabase()];
  for (const [plan, limit] of Object.entries(limits)) {
    const daily = { name: "daily", scope: "user", per: "request", limit, window: "1d", ...more };
    expect((await team.send("PUT", `/v1/plans/${plan}`, { limits: [daily] })).status).toBe(200);
  }
  const written = await team.send<Record<string, unknown>>("PUT", "/v1/issuers/app", {
    ...{ preset: "supabase", issuer: supabase.issuer, plan_claim: "app_metadata.plan" },
  });
  expect(written.status).toBe(200);
  const holding = (jwt: string) => new Person(`sl_jwt_${team.id}.${jwt}`);
  return { team, supabase, issuer: written.body, holding };
}

test("the Supabase preset needs the project's issuer alone, and the token tester says why a token is taken or not", async () => {
  const { team, supabase, issuer, holding } = await openApp({});
  expect(issuer).toMatchObject({
    ...{ audience: ["authenticated"], algs: ["ES256", "RS256"], user_claim: "sub" },
    ...{ jwks_url: `${supabase.issuer}/.well-known/jwks.json`, key_ids: ["first"] },
  });
  const test = async (jwt: string) => {
    const answer = await team.send<Record<string, unknown>>("POST", "/v1/team/jwt/test", { token: jwt });
    expect(answer.status).toBe(200);
    return answer.body;
  };
  const good = await supabase.jwt(claimsOf());
  expect(await test(good)).toMatchObject({ accepted: true, issuer: "app", user: USER, plan: "default" });
  const submitted = await holding(good).post("a cat");
  expect([submitted.status, submitted.body.user]).toEqual([202, USER]);

  const now = Math.floor(Date.now() / 1_000);
  const legacy = (claims: object) =>
    new SignJWT({ exp: now + 300, ...claims })
      .setProtectedHeader({ alg: "HS256", typ: "JWT" })
      .sign(new TextEncoder().encode("the project's legacy shared secret, 32 bytes"));
  const anotherProject = await TestIssuer.createSupabase();
  const refused: [string, string, RegExp][] = [
    ["the legacy shared secret", await legacy({ ...claimsOf(), iss: supabase.issuer }), /alg.*"HS256".*ES256, RS256/],
    ["the project's anon key", await legacy({ iss: "supabase", role: "anon" }), /iss.*"supabase"/],
    ["another project's user", await anotherProject.jwt(claimsOf()), /iss.*supabase\.co/],
    ["a user who is not signed in", await supabase.jwt({ ...claimsOf(), aud: "anon" }), /aud.*"anon".*"authenticated"/],
    ["a token of an hour ago", await supabase.jwt({ ...claimsOf(), exp: now - 3_600 }), /expired at \d{4}-/],
    ["a token cut off on the way", good.slice(0, -10), /signature/],
  ];
  for (const [what, jwt, explanation] of refused) {
    const verdict = await test(jwt);
    expect(verdict, what).toMatchObject({
      accepted: false,
      user: null,
      explanation: expect.stringMatching(explanation),
    });
    expect((await holding(jwt).post("a cat")).status, what).toBe(401);
  }
  expect(await upstreamRequests()).toHaveLength(1);
});

test("a user who buys Pro has its limit on the next call, and who leaves it loses it on the next call", async () => {
  const { supabase, holding } = await openApp({ free: 1, pro: 3 });
  const [free, pro] = [holding(await supabase.jwt(claimsOf("free"))), holding(await supabase.jwt(claimsOf("pro")))];
  const statusOf = async (user: Person, prompt: string) => (await user.post(prompt)).status;
  expect([await statusOf(free, "one"), await statusOf(free, "two")]).toEqual([202, 402]);
  expect([await statusOf(pro, "two"), await statusOf(pro, "three"), await statusOf(pro, "four")]).toEqual([
    ...[202, 202, 402],
  ]);
  expect((await pro.limits())[0]).toMatchObject({ limit: 3, used: 3, remaining: 0 });
  expect((await free.limits())[0]).toMatchObject({ limit: 1, used: 3, remaining: 0 });
  expect(await statusOf(free, "five")).toBe(402);
  expect(await upstreamRequests()).toHaveLength(3);
});

test('the app draws "3 of 5 left today" from GET /v1/me, and what failed at the model is given back where the plan says so', async () => {
  const { team, supabase, holding } = await openApp({ free: 5 }, { count: "completed" });
  const drawn = ([daily]: Limit[]) => `${daily?.remaining} of ${daily?.limit} left today`;
  const ada = holding(await supabase.jwt(claimsOf("free")));
  const bob = holding(await supabase.jwt({ ...claimsOf("free"), sub: "bob" }));
  expect(drawn(await ada.limits())).toBe("5 of 5 left today");
  const failing = await ada.post("sandbox:crash");
  const submitted = await ada.post("a cat");
  expect(drawn(await ada.limits())).toBe("3 of 5 left today");
  expect(submitted.headers.get("RateLimit")).toMatch(/^"daily";r=3;t=\d+,/);
  const { headers, body } = await ada.ask<{ user: string; limits: Limit[] }>("GET", "/v1/me");
  expect([headers.get("RateLimit"), body.user]).toEqual([submitted.headers.get("RateLimit"), USER]);
  const midnight = Math.ceil((Date.now() + 1) / DAY_MS) * DAY_MS;
  expect(body.limits[0]?.reset).toBe(new Date(midnight).toISOString());
  expect(drawn(await bob.limits())).toBe("5 of 5 left today");

  expect((await endOf(team, failing.body)).status).toBe("FAILED");
  expect(drawn(await ada.limits())).toBe("4 of 5 left today");
  expect((await endOf(team, submitted.body)).status).toBe("COMPLETED");
  expect(drawn(await ada.limits())).toBe("4 of 5 left today");
  vi.setSystemTime(midnight);
  const tomorrow = holding(await supabase.jwt(claimsOf("free")));
  expect(drawn(await tomorrow.limits())).toBe("5 of 5 left today");
});
