// Who is over a limit, on every route that the router lists: what admits refuses and says which limit, the rest costs nothing
// and goes on. A route that declares `idempotency_mismatch` admits requests, and has to be given an example here.

import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { routes } from "../../../src/app.ts";
import type { Route } from "../../../src/http/route.ts";
import { teamFor } from "../../../src/platform/stubs.ts";
import { HOUR_MS, MINUTE_MS, SECOND_MS } from "../../../src/platform/time.ts";
import { CONCURRENT_RETRY_AFTER_S } from "../../../src/team/quota/limits.ts";
import { call, json } from "../../harness/calls.ts";
import { MODEL } from "../../harness/model.ts";
import { newKey, newPageKey, Team } from "../../harness/team.ts";
import { anEnd } from "../../harness/team-object.ts";

const PAGE = "https://app.example";
const TAGS = { job: "7" };

/** What is posted to a route that admits. */
const NATIVE = { prompt: "another cat" };
const EXAMPLES: Record<string, { path: string; body: unknown; headers?: Record<string, string> }> = {
  "POST /v1/requests": { path: "/v1/requests", body: { model: MODEL, input: NATIVE } },
  "POST /fal/queue/:model{.+}": { path: `/fal/queue/${MODEL}`, body: NATIVE },
  "POST /fal/run/:model{.+}": { path: `/fal/run/${MODEL}`, body: NATIVE },
  "POST /fal/run/:model{.+}/stream": { path: `/fal/run/${MODEL}/stream`, body: NATIVE },
  "POST /fal/proxy": {
    ...{ path: "/fal/proxy", body: NATIVE },
    headers: { "x-fal-target-url": `https://queue.fal.run/${MODEL}` },
  },
  "POST /maton/fal-ai/:model{.+}": { path: `/maton/fal-ai/${MODEL}`, body: NATIVE },
};

type Scope = "team" | "key" | "user" | "visitor" | "ip" | "tag:job";

/** Room for one, what it says when that is taken, and when it counts. */
const LIMITS: [string, Record<string, unknown> & { scope: Scope }, number, string][] = [
  ...(["team", "key", "user", "visitor", "ip", "tag:job"] as const).map((scope): (typeof LIMITS)[number] => [
    ...([`requests of a day, by ${scope}`, { scope, per: "request", limit: 1, window: "1d" }] as const),
    ...([402, scope === "visitor" ? "visitor_limit" : "quota_exceeded"] as const),
  ]),
  ["requests of a visitor's hour", { scope: "visitor", per: "request", limit: 1, window: "1h" }, 429, "visitor_limit"],
  ["requests of a month", { scope: "team", per: "request", limit: 1, window: "1mo" }, 402, "quota_exceeded"],
  ["requests of an hour", { scope: "team", per: "request", limit: 1, window: "1h" }, 429, "rate_limited"],
  ["requests of a minute", { scope: "user", per: "request", limit: 1, window: "1m" }, 429, "rate_limited"],
  ["requests at once", { scope: "user", per: "concurrent", limit: 1 }, 429, "rate_limited"],
  ["money of a day", { scope: "key", per: "usd", limit: "0.003", window: "1d" }, 402, "quota_exceeded"],
  ["money of an hour", { scope: "team", per: "usd", limit: "0.003", window: "1h" }, 402, "quota_exceeded"],
  ["bytes of a day", { scope: "user", per: "output_byte", limit: 1_000, window: "1d" }, 402, "quota_exceeded"],
];

/** The latest that a limit may say it has room again (epoch ms), when one request has filled it by now. */
function latestReset({ per, window }: Record<string, unknown>, now: number): number {
  const at = new Date(now);
  const [year, month, day] = [at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate()];
  if (window === "1d") return Date.UTC(year, month, day + 1);
  if (window === "1mo") return Date.UTC(year, month + 1);
  if (per === "concurrent") return now + CONCURRENT_RETRY_AFTER_S * SECOND_MS;
  return now + (window === "1h" ? HOUR_MS : MINUTE_MS);
}

interface Person {
  key: string;
  headers: Record<string, string>;
}

/** Somebody who has used up the one limit of the team's plan. */
async function overLimit(limit: Record<string, unknown> & { scope: Scope }): Promise<Person> {
  const { id: team, key: admin } = await Team.create({ limits: [{ name: "only", ...limit }] });
  await call("PUT", "/v1/prices", { key: admin, body: { [MODEL]: { unit: "request", usd: "0.003" } } });
  const person = limit.scope === "visitor" || limit.scope === "ip" ? await visitor(admin, limit) : await member(admin);
  const response = await call("POST", "/v1/requests", {
    ...person,
    body: { model: MODEL, input: { prompt: "a cat" }, tags: TAGS },
  });
  expect(response.status, "the first has room").toBe(202);
  const id = String((await json(response)).id);
  if (limit.per === "output_byte") await teamFor(env, team).settle(anEnd(id, "charge", { outputBytes: 1_000 }));
  return person;
}

async function member(admin: string): Promise<Person> {
  const { secret } = await newKey(admin, { scopes: ["run", "read", "admin"], user: "ada" });
  return { key: secret, headers: { "Sluice-Tags": "job=7" } };
}

async function visitor(admin: string, limit: Record<string, unknown>): Promise<Person> {
  const headers = { Origin: PAGE, "CF-Connecting-IP": "203.0.113.9", "Sluice-Tags": "job=7" };
  const { secret } = await newPageKey(admin, { origins: [PAGE] }, [{ name: "only", ...limit }]);
  const { token } = await json(await call("POST", "/v1/tokens", { key: secret, body: {}, headers }));
  return { key: String(token), headers };
}

const nameOf = ({ method, path }: Route) => `${method} ${path}`;
const admits = ({ errors }: Route) => errors.includes("idempotency_mismatch");
const violated = z.tuple([z.object({ reset: z.string() })]);
const limitsOf = z.object({
  limits: z.array(z.object({ name: z.string(), used: z.union([z.number(), z.string()]) })),
});

/** What is used of the plan's limits; built-in ones of a minute give back meanwhile. */
async function used(person: Person): Promise<(number | string)[]> {
  const me = limitsOf.parse(await (await call("GET", "/v1/me", person)).json());
  return me.limits.filter(({ name }) => !name.startsWith("sluice:")).map((limit) => limit.used);
}

test("has an example for every route that admits, and for no other", () => {
  expect(routes.filter(admits).map(nameOf).toSorted()).toEqual(Object.keys(EXAMPLES).toSorted());
});

describe.each(LIMITS)("%s, used up", (_name, limit, status, code) => {
  test("refuse what would take more of them, and say which limit, how much of it and until when", async () => {
    const person = await overLimit(limit);
    const size = limit.per === "usd" ? "0.003000" : limit.limit;
    // Money of an hour leaks with the time: a micro-dollar of this in a bit more than a second.
    const used = limit.per === "usd" && limit.window === "1h" ? expect.stringMatching(/^0\.00(3000|29\d\d)$/) : size;
    for (const { path, body, headers = {} } of Object.values(EXAMPLES)) {
      const askedAt = Date.now();
      const response = await call("POST", path, { ...person, body, headers: { ...person.headers, ...headers } });
      const problem = await json(response);
      // fal's clients know the code as `error_type`.
      expect([path, response.status, problem.code ?? problem.error_type]).toEqual([path, status, code]);
      const [{ reset }] = violated.parse(problem.violated_policies);
      expect(problem.violated_policies).toEqual([{ name: "only", per: limit.per, limit: size, used, reset }]);
      const [resetAt, latest] = [Date.parse(reset), latestReset(limit, Date.now())];
      if (limit.window === "1d" || limit.window === "1mo") expect(resetAt, path).toBe(latest);
      expect(resetAt, path).toBeGreaterThan(askedAt);
      expect(resetAt, path).toBeLessThanOrEqual(latest);
      expect(response.headers.get("Retry-After"), path).toEqual(status === 429 ? expect.stringMatching(/^\d+$/) : null);
    }
  });

  test("stop no route that takes nothing of them, and none of those costs any", async () => {
    const person = await overLimit(limit);
    const before = await used(person);
    for (const route of routes.filter((each) => !admits(each) && each.method === "GET")) {
      const path = route.path.replaceAll(/:[a-z_]+(\{[^}]*\})?/g, "0".repeat(64));
      const response = await call(route.method, path, person);
      // A 429 of the account's pace names no limit: /v1/connections asks upstream.
      const isLimit = [402, 429].includes(response.status) && (await json(response)).violated_policies !== undefined;
      expect(isLimit, nameOf(route)).toBe(false);
    }
    // A sliding window gives back by the second, and never takes.
    const isSliding = limit.window === "1m" || limit.window === "1h";
    const after = await used(person);
    if (isSliding) expect(after.every((each, n) => Number(each) <= Number(before[n]))).toBe(true);
    else expect(after).toEqual(before);
  });
});
