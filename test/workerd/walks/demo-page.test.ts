// Walk A: an indie developer puts a public demo page online. Visitors run a model from it with no backend, scripts and crowds
// come, and the day costs two dollars at most.

import { expect } from "vitest";
import { DAY_MS, MINUTE_MS, SECOND_MS } from "../../../src/platform/time.ts";
import { type Answer, call } from "../../harness/calls.ts";
import { passTime } from "../../harness/clock.ts";
import { test } from "../../harness/fixtures.ts";
import { MODEL } from "../../harness/model.ts";
import { endOf, many, micro, Person, type Said, sorted } from "../../harness/people.ts";
import { Team } from "../../harness/team.ts";
import { runToEnd } from "../../harness/tracker.ts";
import { upstreamRequests } from "../../harness/upstream.ts";

const PAGE = "https://demo.example";
const OTHER_PAGE = "https://copycat.example";
const PER_VISITOR = { name: "each-visitor", scope: "visitor", per: "request", limit: 3, window: "1d" };
const budget = (usd: string) => ({ name: "demo-budget", scope: "key", per: "usd", limit: usd, window: "1d" });

interface Demo {
  team: Team;
  /** The publishable key, as it stands in the page's source. */
  key: { id: string; secret: string };
}

/** The owner's set-up: a price, a plan of three a day per visitor and a daily budget in all, a key for her page. */
async function openDemo(imageUsd: string, budgetUsd = "2"): Promise<Demo> {
  const team = await Team.create();
  await team.send("PUT", "/v1/prices", { [MODEL]: { unit: "image", usd: imageUsd } });
  await setBudget(team, budgetUsd);
  const body = { kind: "publishable", plan: "demo", models: [MODEL], origins: [PAGE] };
  const key = await team.send<{ id: string; secret: string }>("POST", "/v1/keys", body);
  expect(key.status).toBe(201);
  return { team, key: key.body };
}

async function setBudget(team: Team, usd: string): Promise<void> {
  const plan = { limits: [PER_VISITOR, budget(usd)], unknown_price: "refuse" };
  expect((await team.send("PUT", "/v1/plans/demo", plan)).status).toBe(200);
}

interface Exchanged extends Said {
  token: string;
  visitor_token: string;
}

/** What a page does first: it exchanges its key for a visitor's token, and sends back what it kept of an earlier visit. */
function exchange(
  { key }: Demo,
  address: string,
  visitorToken: string | null = null,
  page = PAGE,
): Promise<Answer<Exchanged>> {
  const opened = new Person(key.secret, { Origin: page, "CF-Connecting-IP": address });
  return opened.ask<Exchanged>("POST", "/v1/tokens", { visitor_token: visitorToken });
}

/** A visitor with the page open. */
async function arrive(demo: Demo, address: string, visitorToken: string | null = null): Promise<Person> {
  const { status, body } = await exchange(demo, address, visitorToken);
  expect(status).toBe(200);
  return new Person(body.token, { Origin: PAGE, "CF-Connecting-IP": address });
}

const addressOf = (n: number) => `198.51.${Math.floor(n / 250)}.${n % 250}`;

test("the page runs the model from its own origin; from another page, and from none, a refusal says why", async () => {
  const demo = await openDemo("0.15");
  const preflight = (origin: string, path: string) => {
    const asked = {
      "Access-Control-Request-Method": "POST",
      "Access-Control-Request-Headers": "authorization,content-type",
    };
    return call("OPTIONS", path, { headers: { Origin: origin, ...asked } });
  };
  for (const path of ["/v1/tokens", "/v1/requests"]) {
    const allowed = await preflight(PAGE, path);
    expect([allowed.status, allowed.headers.get("Access-Control-Allow-Origin")]).toEqual([204, PAGE]);
    expect(allowed.headers.get("Access-Control-Allow-Headers")).toMatch(/authorization.*content-type/);
    expect(allowed.headers.get("Access-Control-Allow-Credentials")).toBeNull();
  }
  const exchanged = await exchange(demo, "203.0.113.1");
  expect([exchanged.status, exchanged.headers.get("Access-Control-Allow-Origin")]).toEqual([200, PAGE]);
  const at = (headers: Record<string, string>) => new Person(exchanged.body.token, headers);
  const submitted = await at({ Origin: PAGE }).post("a cat");
  expect([submitted.status, submitted.headers.get("Access-Control-Allow-Origin")]).toEqual([202, PAGE]);
  await endOf(demo.team, submitted.body);
  const seen = await at({ Origin: PAGE }).ask("GET", `/v1/requests/${submitted.body.id}`);
  expect(seen.body.status).toBe("COMPLETED");
  const picture = await call("GET", String(seen.body.files[0]?.url), { headers: { Origin: PAGE } });
  expect([picture.status, picture.headers.get("Content-Type")]).toEqual([200, "image/png"]);
  expect(picture.headers.get("Access-Control-Allow-Origin")).toBe("*");
  expect((await picture.arrayBuffer()).byteLength).toBe(seen.body.files[0]?.size);

  // The same lines copied into another page, and that page with the first page's token.
  const copied = await exchange(demo, "203.0.113.2", null, OTHER_PAGE);
  const stolen = await at({ Origin: OTHER_PAGE }).post("a dog");
  for (const refused of [copied, stolen]) {
    expect(refused.headers.get("Access-Control-Allow-Origin")).toBe(OTHER_PAGE);
    expect([refused.status, refused.body.code]).toEqual([403, "origin_not_allowed"]);
    expect(refused.body.detail).toContain(OTHER_PAGE);
    expect(refused.body.hint).toContain("exact origin");
    expect(JSON.stringify(refused.body)).not.toContain(PAGE);
  }
  expect((await at({}).post("a dog")).body.code).toBe("origin_not_allowed");
  expect(await upstreamRequests()).toHaveLength(1);
});

test("200 posts at once with one visitor's token are accepted three times, and a new token brings no more", async () => {
  const demo = await openDemo("0.003");
  const { body: kept } = await exchange(demo, "203.0.113.1");
  const visitor = await arrive(demo, "203.0.113.1", kept.visitor_token);
  const { taken, refused } = sorted(await many(200, (n) => visitor.post(`cat ${n}`)));
  expect(taken).toHaveLength(3);
  expect(new Set(refused.map(({ status, body }) => `${status} ${body.code}`))).toEqual(new Set(["402 visitor_limit"]));

  for (const address of ["203.0.113.1", "192.0.2.77"]) {
    const again = await arrive(demo, address, kept.visitor_token);
    expect((await again.post("one more")).status).toBe(402);
  }
  expect((await visitor.limits())[0]).toMatchObject({ name: "each-visitor", used: 3, remaining: 0 });
  expect(await upstreamRequests()).toHaveLength(3);
});

test("2,000 posts of 400 visitors never spend more than $2, and use it as far as they can", async () => {
  const demo = await openDemo("0.07");
  const visitors = await many(400, (n) => arrive(demo, addressOf(n)));
  // One to four images each, so that what is left fits some posts and not others.
  const images = (n: number) => 1 + ((n * 7) % 4);
  const answers = await many(2_000, async (n) => {
    const visitor = visitors[Math.floor(n / 5)];
    if (visitor === undefined) throw new Error("no visitor");
    const answer = await visitor.post(`cat ${n}`, { input: { num_images: images(n) } });
    return { ...answer, cost: images(n) * 70_000 };
  });
  const { taken, refused } = sorted(answers);
  const reserved = taken.reduce((sum, { cost }) => sum + micro(cost.estimated), 0);
  expect(reserved).toBeLessThanOrEqual(2_000_000);
  expect(taken.length + refused.length).toBe(2_000);
  for (const { status, body, cost } of answers.filter((answer) => answer.status !== 202)) {
    const names = body.violated_policies?.map((each) => each.name) ?? [];
    const code = names.includes("demo-budget") ? "quota_exceeded" : "visitor_limit";
    expect([status, body.code]).toEqual([402, code]);
    // Nothing was given back meanwhile, so what did not fit then does not fit now.
    if (names.includes("demo-budget")) expect(reserved + cost).toBeGreaterThan(2_000_000);
    else expect(names).toEqual(["each-visitor"]);
  }
  let charged = 0;
  for (const request of taken) charged += micro((await endOf(demo.team, request)).cost.charged);
  expect(charged).toBe(reserved);
  expect(await upstreamRequests()).toHaveLength(taken.length);
  const { body: usage } = await demo.team.send<{ data: { charged_usd: string }[] }>("GET", "/v1/usage");
  expect(usage.data.map(({ charged_usd }) => charged_usd)).toEqual([usd(charged)]);
});

test("a visitor over the limit is told when it resets, in a 402 that nobody retries, and may go on then", async () => {
  const demo = await openDemo("0.003");
  const { body: kept } = await exchange(demo, "203.0.113.1");
  const visitor = await arrive(demo, "203.0.113.1", kept.visitor_token);
  for (let n = 0; n < 3; n++) expect((await visitor.post(`cat ${n}`)).status).toBe(202);
  const midnight = Math.floor(Date.now() / DAY_MS) * DAY_MS + DAY_MS;
  const over = await visitor.post("cat 3");
  expect(over.status).toBe(402);
  expect(over.body).toMatchObject({
    ...{
      code: "visitor_limit",
      retryable: false,
      hint: expect.stringContaining("Retries fail until the limit resets"),
    },
    violated_policies: [{ name: "each-visitor", limit: 3, used: 3, reset: new Date(midnight).toISOString() }],
  });
  expect(over.headers.get("Retry-After")).toBeNull();
  expect(over.headers.get("RateLimit")).toContain(`"each-visitor";r=0;t=${(midnight - Date.now()) / SECOND_MS}`);
  expect(over.headers.get("Access-Control-Expose-Headers")).toContain("ratelimit");

  await passTime(midnight - 1 - Date.now());
  expect((await (await arrive(demo, "203.0.113.1", kept.visitor_token)).post("cat 4")).status).toBe(402);
  await passTime(1);
  expect((await (await arrive(demo, "203.0.113.1", kept.visitor_token)).post("cat 4")).status).toBe(202);
});

test("the owner is told at 80 % and at the end of the budget; one call raises it, stops the demo, or lets it go on", async () => {
  const demo = await openDemo("0.10", "1");
  const { team, key } = demo;
  let visitors = 0;
  const next = async () => (await (await arrive(demo, addressOf(++visitors))).post(`cat ${visitors}`)).status;
  const alerts = async () => {
    const { body } = await team.send<{ latest: Record<string, unknown>[] }>("GET", "/v1/team/alerts");
    return body.latest.map(({ subject, percent, used_usd }) => [subject, percent, used_usd]);
  };
  const at80 = [key.id, 80, "0.800000"];
  const at100 = [key.id, 100, "1.000000"];
  for (let n = 0; n < 7; n++) expect(await next()).toBe(202);
  expect(await alerts()).toEqual([]);
  expect(await next()).toBe(202);
  expect(await alerts()).toEqual([at80]);
  for (let n = 0; n < 2; n++) expect(await next()).toBe(202);
  for (let n = 0; n < 3; n++) expect(await next()).toBe(402);
  expect(await alerts()).toEqual([at100, at80]);

  await setBudget(team, "1.10");
  expect([await next(), await next()]).toEqual([202, 402]);
  await setBudget(team, "5");
  const visitor = await arrive(demo, "203.0.113.1");
  expect((await team.send("POST", `/v1/keys/${key.id}/freeze`)).status).toBe(200);
  const stopped = await visitor.post("cat");
  expect([stopped.status, stopped.body.code]).toEqual([403, "key_frozen"]);
  expect((await exchange(demo, "203.0.113.2")).status).toBe(403);
  expect((await team.send("POST", `/v1/keys/${key.id}/resume`)).status).toBe(200);
  expect((await visitor.post("cat")).status).toBe(202);
});

test("a visitor who reloads gets the running request back, not a second charge", async () => {
  const demo = await openDemo("0.15");
  const { body: kept } = await exchange(demo, "203.0.113.1");
  const before = await arrive(demo, "203.0.113.1", kept.visitor_token);
  for (let n = 0; n < 2; n++) expect((await before.post(`dog ${n}`)).status).toBe(202);
  const first = await before.post("a cat");
  await passTime(2 * SECOND_MS);

  // The train has left the station's network meanwhile, and the day's three are used up.
  const after = await arrive(demo, "192.0.2.44", kept.visitor_token);
  const again = await after.post("a cat");
  expect([again.status, again.body.id]).toEqual([202, first.body.id]);
  expect(again.headers.get("Idempotent-Replayed")).toBe("true");
  await passTime(2 * MINUTE_MS);
  expect((await after.post("a cat")).body.id, "long past 30 s").toBe(first.body.id);
  const open = await after.ask<{ data: { id: string }[] }>("GET", "/v1/requests?status=open");
  expect(open.body.data.map(({ id }) => id)).toContain(first.body.id);
  expect((await after.limits())[0]).toMatchObject({ name: "each-visitor", used: 3 });
  // Other demos' requests may still have waited for their turn.
  const own = open.body.data.map(({ id }) => id);
  const sent = (await upstreamRequests()).filter(({ webhook_url }) => own.some((id) => webhook_url.includes(id)));
  expect([own.length, sent.length]).toEqual([3, 3]);
  const stranger = await (await arrive(demo, "203.0.113.2")).post("a cat");
  expect([stranger.status, stranger.body.id === first.body.id]).toEqual([202, false]);

  await endOf(demo.team, first.body);
  for (const { id } of open.body.data) await runToEnd(demo.team, id);
  expect((await after.ask("GET", `/v1/requests/${first.body.id}`)).body.status).toBe("COMPLETED");
  const { body } = await demo.team.send<{ data: object[] }>("GET", `/v1/usage?group_by=user&user=${first.body.user}`);
  expect(body.data).toMatchObject([{ requests: 3, completed: 3, charged_usd: "0.450000" }]);
});

function usd(amountMicro: number): string {
  return (amountMicro / 1_000_000).toFixed(6);
}
