// Walk D: a SaaS sends its users' own JWTs. Its tenants share one team, told apart by the tag that the token fixes; a forged
// token learns nothing, a neighbour sees nothing, and a tenant's last credit is spent once.

import { expect, vi } from "vitest";
import { call } from "../../harness/calls.ts";
import { passTime } from "../../harness/clock.ts";
import { test } from "../../harness/fixtures.ts";
import { serveKeys, TestIssuer } from "../../harness/issuer.ts";
import { MODEL } from "../../harness/model.ts";
import { endOf, many, Person, sorted } from "../../harness/people.ts";
import { Team } from "../../harness/team.ts";
import { runToEnd } from "../../harness/tracker.ts";
import { upstreamRequests } from "../../harness/upstream.ts";

test.beforeEach(() => serveKeys());
interface Saas {
  team: Team;
  issuer: TestIssuer;
  /** A user of a tenant, as the SaaS signs them in. */
  user(sub: string, tenant: string): Promise<Person>;
}

async function openSaas(plan: object = {}): Promise<Saas> {
  const [team, issuer] = [await Team.create(plan), await TestIssuer.create()];
  const written = await team.send("PUT", "/v1/issuers/app", issuer.body({ tag_claims: { tenant: "org_id" } }));
  expect(written.status).toBe(200);
  const user = async (sub: string, tenant: string) => {
    return new Person(`sl_jwt_${team.id}.${await issuer.jwt({ sub, org_id: tenant })}`);
  };
  return { team, issuer, user };
}

test("forged and wrong-audience tokens get one plain sentence, an expired one its code; the reason is in the log and the admin's tester", async () => {
  const { team, issuer, user } = await openSaas();
  const { body: own } = await (await user("ada", "org_a")).post("a cat");
  const forger = await TestIssuer.create();
  Object.assign(forger, { issuer: issuer.issuer });
  const tokens: [reason: string, jwt: string, explanation: RegExp][] = [
    ["bad_signature", await forger.jwt({ sub: "ada", org_id: "org_a" }), /signature/],
    ["expired", await issuer.jwt({ sub: "ada", exp: Math.floor(Date.now() / 1_000) - 60 }), /expired at \d{4}-/],
    ["wrong_audience", await issuer.jwt({ sub: "ada", aud: "billing" }), /"billing"; expected "sluice"/],
  ];
  const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
  const told = new Set<string>();
  for (const [reason, jwt, explanation] of tokens) {
    const caller = new Person(`sl_jwt_${team.id}.${jwt}`);
    log.mockClear();
    const answers = [
      ...[await caller.post("a cat"), await caller.ask("GET", "/v1/me"), await caller.ask("GET", "/v1/requests")],
      await caller.ask("GET", `/v1/requests/${own.id}`),
    ];
    for (const { status, headers, body } of answers) {
      const { instance: _, request_id: __, ...said } = body as typeof body & Record<string, unknown>;
      told.add(JSON.stringify([status, headers.get("WWW-Authenticate"), said]));
    }
    const lines = log.mock.calls.map(([line]) => String(line));
    const noted = lines.filter((line) => line === JSON.stringify({ event: "jwt.refused", team: team.id, reason }));
    expect(noted, reason).toHaveLength(answers.length);
    expect(lines.join()).not.toContain(jwt.split(".")[1]);
    const verdict = await team.send("POST", "/v1/team/jwt/test", { token: jwt });
    expect(verdict.body).toMatchObject({ accepted: false, reason, explanation: expect.stringMatching(explanation) });
  }
  // Two of the reasons times four routes look all the same from outside. An app renews a token that only expired.
  const [plain, expired, ...others] = [...told];
  expect(others).toEqual([]);
  expect(plain).toContain('"detail":"Invalid token."');
  expect(plain).not.toMatch(/expire|audience|signature|forged|billing/i);
  expect(expired).toContain('"code":"token_expired"');
  const { body } = await team.send<{ data: object[] }>("GET", "/v1/usage?group_by=");
  expect(body.data).toMatchObject([{ requests: 1 }]);
  expect(await upstreamRequests()).toHaveLength(1);
});

test("a tenant cannot read, list, cancel or guess what another's user runs, nor can another team", async () => {
  const saas = await openSaas();
  const { team } = saas;
  const ada = await saas.user("ada", "org_a");
  const first = await endOf(team, (await ada.post("a cat")).body);
  const running = await ada.ask(
    "POST",
    "/v1/requests",
    { model: MODEL, input: { prompt: "sandbox:slow" } },
    {
      "Idempotency-Key": "the-one",
    },
  );
  const elsewhere = await openSaas();
  const neighbours: [string, Person][] = [
    ["another tenant's user", await saas.user("eve", "org_b")],
    ["a user of the same tenant", await saas.user("mallory", "org_a")],
    ["a server key of another team", new Person(elsewhere.team.key)],
    ["a namesake in another team", await elsewhere.user("ada", "org_a")],
  ];
  for (const [who, neighbour] of neighbours) {
    for (const { id } of [first, running.body]) {
      for (const path of ["", "?wait=1", "?logs=1", "/timeline", "/events"]) {
        const answer = await neighbour.ask("GET", `/v1/requests/${id}${path}`);
        expect([answer.status, answer.body.code], `${who}: ${path}`).toEqual([404, "not_found"]);
      }
      const made = `${id.slice(0, -1)}${id.endsWith("0") ? "1" : "0"}`;
      const theirs = await neighbour.ask("POST", `/v1/requests/${id}/cancel`);
      const nobodys = await neighbour.ask("POST", `/v1/requests/${made}/cancel`);
      // Somebody else's id looks like one that never was.
      expect([theirs.status, theirs.body.code, theirs.body.detail], who).toEqual([
        ...[404, nobodys.body.code, nobodys.body.detail],
      ]);
    }
    const listed = await neighbour.ask<{ data: unknown[] }>("GET", "/v1/requests");
    expect(listed.body.data, who).toEqual([]);
    for (const path of [
      "/v1/requests?tag=tenant=org_a",
      "/v1/usage?group_by=tag:tenant,user",
      "/v1/usage?group_by=key",
    ]) {
      const answer = await neighbour.ask<{ data: unknown[] }>("GET", path);
      expect([answer.status, answer.body.data], `${who}: ${path}`).toEqual([200, []]);
    }
    const all = await neighbour.ask<{ canceled: []; requested: [] }>("POST", "/v1/requests/cancel", { filter: {} });
    expect([all.body.canceled, all.body.requested], who).toEqual([[], []]);
    const key = { "Idempotency-Key": "the-one" };
    const body = { model: MODEL, input: { prompt: "sandbox:slow" } };
    const replayed = await neighbour.ask("POST", "/v1/requests", body, key);
    expect([replayed.status, replayed.headers.get("Idempotent-Replayed")], who).toEqual([202, null]);
    expect(replayed.body.id, who).not.toBe(running.body.id);
  }
  const eve = await saas.user("eve", "org_b");
  for (const path of ["/v1/requests?user=ada", "/v1/usage?user=ada", "/v1/me?user=ada"]) {
    expect((await eve.ask("GET", path)).body.code, path).toBe("user_mismatch");
  }
  expect((await eve.post("mine", { tags: { tenant: "org_a" } })).body.tags).toEqual({ tenant: "org_b" });

  const url = String(first.files[0]?.url);
  expect((await call("GET", url)).status).toBe(200);
  const guesses = [
    ...[
      url.replace(first.id, running.body.id),
      url.replace(team.id, elsewhere.team.id),
      url.replace(/\.[0-9a-f]+\//, "/"),
    ],
    ...[url.replace(/\.([0-9a-f]+)\/0\//, ".$1/1/"), url.replace(/[0-9a-f](\/0\/)/, "x$1")],
  ];
  for (const guess of guesses) {
    expect(guess).not.toBe(url);
    expect((await call("GET", guess)).status, guess.replace(url, "")).toBe(404);
  }
  expect(await ada.ask("GET", `/v1/requests/${first.id}`)).toMatchObject({
    status: 200,
    body: { status: "COMPLETED" },
  });
  await passTime(2 * 60_000);
  expect((await runToEnd(team, running.body.id)).status).toBe("COMPLETED");
});

test("of 200 submits at once with one credit left exactly one is accepted; a credit that comes back is spent once too", async () => {
  const window = { window: "1mo", count: "completed" };
  const credits = { name: "credits", scope: "tag:tenant", per: "request", limit: 3, ...window };
  const { team, user } = await openSaas({ limits: [credits] });
  const users = await Promise.all(Array.from({ length: 10 }, (_, n) => user(`user-${n}`, "org_a")));
  const [one] = users;
  if (one === undefined) throw new Error("no user");
  for (const prompt of ["a cat", "a dog"]) await endOf(team, (await one.post(prompt)).body);

  const burst = async (prompt: string) => {
    return sorted(await many(200, (n) => (users[n % users.length] ?? one).post(`${prompt} ${n}`)));
  };
  const last = await burst("sandbox:crash");
  expect(last.taken).toHaveLength(1);
  for (const { status, body } of last.refused) {
    expect([status, body.violated_policies]).toMatchObject([402, [{ name: "credits", limit: 3, used: 3 }]]);
  }
  expect(await upstreamRequests()).toHaveLength(3);
  expect((await (await user("user-x", "org_b")).post("a cat")).status).toBe(202);

  for (const request of last.taken) expect((await endOf(team, request)).status).toBe("FAILED");
  const again = await burst("a fish");
  expect(again.taken).toHaveLength(1);
  for (const request of again.taken) expect((await endOf(team, request)).status).toBe("COMPLETED");
  expect((await burst("a bird")).taken).toEqual([]);
  expect(await upstreamRequests()).toHaveLength(5);
  expect((await one.limits())[0]).toMatchObject({ name: "credits", used: 3, remaining: 0 });
});
