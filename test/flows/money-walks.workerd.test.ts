// Acceptance walks about limits and money, by their numbers: a public demo page (A), an app with free and paid users (B), an
// agency (C), a SaaS (D), an agent in a loop (E).

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { DAY_MS, SECOND_MS } from "../../src/limits.ts";
import {
  type Answer,
  call,
  freezeClocks,
  introduceAccount,
  passTime,
  type RequestObject,
  runToEnd,
  sandbox,
  Team,
  upstreamRequests,
} from "../support/world.ts";

const MODEL = "fal-ai/flux/schnell";
const ORIGIN = "https://demo.example";

type Posted = Answer<
  RequestObject & {
    code?: string;
    hint?: string;
    retryable?: boolean;
    violated_policies?: { name: string; limit: unknown; used: unknown; reset: string }[];
  }
>;

beforeEach(async () => {
  await freezeClocks();
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** Posts in rounds of 50, as many clients at once. */
async function many(count: number, post: (n: number) => Promise<Posted>): Promise<Posted[]> {
  const answers: Posted[] = [];
  while (answers.length < count) {
    const round = Math.min(50, count - answers.length);
    answers.push(...(await Promise.all(Array.from({ length: round }, (_, n) => post(answers.length + n)))));
  }
  return answers;
}

describe("A: a public demo page", () => {
  const plan = {
    limits: [
      { name: "each-visitor", scope: "visitor", per: "request", limit: 3, window: "1d" },
      { name: "demo-budget", scope: "key", per: "usd", limit: "2", window: "1d" },
    ],
    unknown_price: "refuse",
  };

  /** A team whose demo key lets each visitor run three images a day, and all of them together spend two dollars. */
  async function demo() {
    const team = await Team.create();
    await team.send("PUT", "/v1/plans/demo", plan);
    await team.send("PUT", "/v1/prices", { [MODEL]: { unit: "image", usd: "0.15" } });
    const key = await team.send<{ id: string; secret: string }>("POST", "/v1/keys", {
      ...{ kind: "publishable", plan: "demo", models: [MODEL], origins: [ORIGIN] },
    });
    return { team, key: key.body };
  }

  async function tokenOf(publishable: string, address: string): Promise<string> {
    const answer = await call("/v1/tokens", {
      method: "POST",
      headers: {
        ...{ Authorization: `Bearer ${publishable}`, Origin: ORIGIN },
        ...{ "Content-Type": "application/json", "CF-Connecting-IP": address },
      },
      body: "{}",
    });
    expect(answer.status).toBe(200);
    return ((await answer.json()) as { token: string }).token;
  }

  const postAs = (team: Team, token: string, n: number): Promise<Posted> => {
    const headers = { Authorization: `Bearer ${token}`, Origin: ORIGIN };
    return team.send("POST", "/v1/requests", { model: MODEL, input: { prompt: `cat ${n}` } }, headers);
  };

  it("A6: 200 posts at once with one visitor's token bring at most three requests", async () => {
    const { team, key } = await demo();
    const token = await tokenOf(key.secret, "203.0.113.1");
    const answers = await many(200, (n) => postAs(team, token, n));
    expect(answers.filter((answer) => answer.status === 202)).toHaveLength(3);
    expect(answers.filter((answer) => answer.status === 402)).toHaveLength(197);
  });

  it("A6, A7, A8: many visitors never spend more than the budget; they are told when it resets, the owner that it is used up", async () => {
    const { team, key } = await demo();
    const tokens = await Promise.all(Array.from({ length: 40 }, (_, n) => tokenOf(key.secret, `198.51.100.${n}`)));
    const answers = await many(200, (n) => postAs(team, tokens[n % tokens.length] ?? "", n));
    // Thirteen times 0.15 fit into 2.00.
    expect(answers.filter((answer) => answer.status === 202)).toHaveLength(13);
    const refused = answers.find((answer) => answer.body.violated_policies?.[0]?.name === "demo-budget");
    expect(refused).toMatchObject({ status: 402, body: { code: "quota_exceeded", retryable: false } });
    expect(refused?.headers.get("Retry-After")).toBeNull();
    const tomorrow = new Date(Math.ceil((Date.now() + 1) / DAY_MS) * DAY_MS).toISOString();
    expect(refused?.body.violated_policies?.[0]).toMatchObject({
      limit: "2.000000",
      used: "1.950000",
      reset: tomorrow,
    });

    const { body } = await team.send<{ latest: { percent: number; subject: string }[] }>("GET", "/v1/team/alerts");
    expect(body.latest.map(({ percent, subject }) => [percent, subject])).toEqual([
      [100, key.id],
      [80, key.id],
    ]);
    await team.send("PUT", "/v1/plans/demo", { ...plan, limits: [] });
    expect((await postAs(team, tokens[39] ?? "", 1_000)).status).toBe(202);
  });

  it("A8: the owner stops the demo with one call and lets it go on with another", async () => {
    const { team, key } = await demo();
    const token = await tokenOf(key.secret, "203.0.113.1");
    await team.send("POST", `/v1/keys/${key.id}/freeze`);
    expect((await postAs(team, token, 1)).status).toBe(403);
    await team.send("POST", `/v1/keys/${key.id}/resume`);
    expect((await postAs(team, token, 1)).status).toBe(202);
  });

  it("A9: a visitor who reloads gets the running request back, not a second charge", async () => {
    const { team, key } = await demo();
    const first = await postAs(team, await tokenOf(key.secret, "203.0.113.1"), 1);
    await passTime(2 * SECOND_MS);
    const again = await postAs(team, await tokenOf(key.secret, "203.0.113.1"), 1);
    expect([again.status, again.body.id, again.headers.get("Idempotent-Replayed")]).toEqual([
      202,
      first.body.id,
      "true",
    ]);
    const stranger = await postAs(team, await tokenOf(key.secret, "203.0.113.2"), 1);
    expect(stranger.body.id).not.toBe(first.body.id);
    expect(await upstreamRequests()).toHaveLength(2);
  });
});

describe("B: an app with its own users", () => {
  it("B10: the app can draw '3 of 5 left today' for its user", async () => {
    const team = await Team.create(undefined, {
      limits: [{ name: "daily", scope: "user", per: "request", limit: 5, window: "1d" }],
    });
    for (let i = 0; i < 2; i++) await team.submit(`cat ${i}`, { user: "anna" });
    await team.submit("a dog", { user: "bob" });
    const { body, headers } = await team.send<{ limits: object[] }>("GET", "/v1/me?user=anna");
    expect(body.limits).toMatchObject([{ name: "daily", limit: 5, used: 2, remaining: 3 }]);
    expect(headers.get("RateLimit")).toMatch(/^"daily";r=3;t=\d+$/);
  });
});

describe("C: an agency", () => {
  const plan = {
    require_tags: ["client"],
    limits: [
      { name: "team", scope: "team", per: "usd", limit: "500", window: "1mo" },
      { name: "member", scope: "user", per: "usd", limit: "60", window: "1mo" },
      { name: "client", scope: "tag:client", per: "usd", limit: "90", window: "1mo" },
    ],
  };

  it("C1: a job without a client's tag is refused with a hint", async () => {
    const team = await Team.create(undefined, plan);
    const refused: Posted = await team.send("POST", "/v1/requests", { model: MODEL, input: { prompt: "a" } });
    expect([refused.status, refused.body.code]).toEqual([400, "invalid_request"]);
    expect(refused.body.hint).toContain('"tags": { "client": "…" }');
    const { status } = await team.send(
      ...([
        "POST",
        "/v1/requests",
        { model: MODEL, input: { prompt: "a" } },
        { "Sluice-Tags": "client=acme" },
      ] as const),
    );
    expect(status).toBe(202);
  });

  it("C2: member, client and team limits are checked together, and the refusal names each that is over", async () => {
    const team = await Team.create(undefined, plan);
    await team.send("PUT", "/v1/prices", { "**": { unit: "image", usd: "30" } });
    const anna = await team.send<{ secret: string }>("POST", "/v1/keys", { user: "anna" });
    const post = async (key: string, client: string) => {
      const body = { model: MODEL, input: { prompt: "a" }, tags: { client } };
      const answer: Posted = await team.send("POST", "/v1/requests", body, { Authorization: `Bearer ${key}` });
      return answer.body.violated_policies?.map((each) => each.name).join("+") ?? answer.status;
    };
    expect(await post(anna.body.secret, "acme")).toBe(202);
    expect(await post(anna.body.secret, "acme")).toBe(202);
    expect(await post(anna.body.secret, "globex")).toBe("member");
    expect(await post(team.key, "acme")).toBe(202);
    expect(await post(team.key, "acme")).toBe("client");
    expect(await post(anna.body.secret, "acme")).toBe("member+client");
  });

  it("C8: the CSV by client, member and model adds up to what each request was charged", async () => {
    const team = await Team.create();
    await sandbox("PATCH", "settings", { rps: 1_000 });
    await introduceAccount(team);
    const posts = [
      ["a cat", "anna", "acme", 2],
      ["sandbox:crash", "anna", "acme", 1],
      ["a dog", "bob", "acme", 1],
      ["a fish", "bob", "globex", 3],
    ] as const;
    let charged = 0;
    for (const [prompt, user, client, images] of posts) {
      const { id } = await team.submit(prompt, { user, tags: { client }, input: { num_images: images } });
      await passTime(5 * SECOND_MS);
      const ended = await runToEnd(team, id);
      charged += Number((ended.cost as { charged: string }).charged);
    }
    const csv = await call("/v1/usage?group_by=tag,user,model&tag=client&format=csv", {
      headers: { Authorization: `Bearer ${team.key}` },
    });
    const [header = "", ...lines] = (await csv.text()).trim().split("\r\n");
    const rows = lines.map((line) =>
      Object.fromEntries(line.split(",").map((cell, n) => [header.split(",")[n], cell])),
    );
    const brief = rows.map((row) => [row.tag, row.user, row.completed, row.failed, row.refunded, row.charged_usd]);
    expect(brief).toEqual([
      ["client=acme", "anna", "1", "1", "1", "0.006000"],
      ["client=acme", "bob", "1", "0", "0", "0.003000"],
      ["client=globex", "bob", "1", "0", "0", "0.009000"],
    ]);
    const sum = rows.reduce((total, row) => total + Number(row.charged_usd), 0);
    expect(sum.toFixed(6)).toBe(charged.toFixed(6));
  });
});

describe("D: a SaaS", () => {
  it("D7: of 200 submits at once with one unit left exactly one is accepted", async () => {
    const team = await Team.create(undefined, {
      limits: [{ name: "credits", scope: "tag:tenant", per: "request", limit: 1, window: "1mo" }],
    });
    const post = (n: number): Promise<Posted> => {
      const body = { model: MODEL, input: { prompt: `cat ${n}` }, user: `u${n}`, tags: { tenant: "t1" } };
      return team.send("POST", "/v1/requests", body);
    };
    const answers = await many(200, post);
    expect(answers.filter((answer) => answer.status === 202)).toHaveLength(1);
    expect(await upstreamRequests()).toHaveLength(1);
  });
});

describe("E: an agent in a loop", () => {
  it("E8: 500 equal calls are one request, other calls end at the day's budget, and the text says to stop", async () => {
    const team = await Team.create();
    await team.send("PUT", "/v1/plans/agent", {
      dedupe_s: 600,
      max_cost_per_request: "0.01",
      limits: [{ name: "agent-day", scope: "key", per: "usd", limit: "0.03", window: "1d" }],
    });
    const agent = await team.send<{ id: string; secret: string }>("POST", "/v1/keys", { plan: "agent" });
    const post = (prompt: string, images = 1): Promise<Posted> => {
      const body = { model: MODEL, input: { prompt, num_images: images } };
      return team.send("POST", "/v1/requests", body, { Authorization: `Bearer ${agent.body.secret}` });
    };
    const equal = await many(500, () => post("the same cat"));
    expect(new Set(equal.map((answer) => answer.body.id)).size).toBe(1);
    expect(await upstreamRequests()).toHaveLength(1);

    const dear = await post("a herd", 4);
    expect([dear.status, dear.body.code]).toEqual([402, "quota_exceeded"]);
    expect(dear.body.hint).toMatch(/stop, and ask/);

    const others = await many(30, (n) => post(`cat ${n}`));
    expect(others.filter((answer) => answer.status === 202)).toHaveLength(9);
    const over = others.find((answer) => answer.status === 402);
    expect(over?.body).toMatchObject({
      retryable: false,
      hint: expect.stringContaining("Retrying earlier does not help"),
    });
    await team.send("POST", `/v1/keys/${agent.body.id}/freeze`);
    expect((await post("the same cat")).status).toBe(403);
  });
});
