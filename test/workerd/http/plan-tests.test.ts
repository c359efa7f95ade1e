// The plan tester says what a submit would be told, and changes nothing.

import { describe, expect, test } from "vitest";
import { MODEL } from "../../harness/model.ts";
import { newKey, newPageKey, Team } from "../../harness/team.ts";
import { runToEnd } from "../../harness/tracker.ts";

type Body = Record<string, unknown>;

const REQUEST = { model: MODEL, input: { prompt: "a cat" } };
const few = (limit: number) => ({ name: "few", scope: "key", per: "request", limit, window: "day" });

async function tested(team: Team, plan: unknown, request: Body = REQUEST, more: Body = {}): Promise<Body> {
  const answer = await team.send<Body>("POST", "/v1/plans/test", { plan, request, ...more });
  expect(answer.status, JSON.stringify(answer.body)).toBe(200);
  return answer.body;
}

describe("a test of a plan", () => {
  test.each<[string, Body, Body]>([
    ["a model", { models: { deny: ["fal-ai/**"] } }, REQUEST],
    ["a tag", { require_tags: ["client"] }, REQUEST],
    ["an input rule", { input: { forbid: ["prompt"] } }, REQUEST],
    ["a maximum", { input: { max: { num_images: 1 } } }, { ...REQUEST, input: { prompt: "a", num_images: 2 } }],
    ["a price per request", { max_cost_per_request: "0.001" }, REQUEST],
    ["an unknown price", { unknown_price: "refuse" }, { ...REQUEST, model: "acme/unpriced" }],
    ["a webhook", { webhooks: false }, { ...REQUEST, webhook_url: "https://hooks.example/x" }],
    ["a limit", { limits: [few(0)] }, REQUEST],
    ["a faulty input", {}, { ...REQUEST, input: { prompt: "a", num_images: 99 } }],
    ["a model that is none", {}, { ...REQUEST, model: "no-owner" }],
  ])("says what a submit is told, word for word: %s", async (_what, plan, request) => {
    const team = await Team.create(plan);
    const { passes, refusal } = (await tested(team, "default", request)) as { passes: boolean; refusal: Body };
    const submit = await team.send<Body>("POST", "/v1/requests", request);
    const { status, code, detail, hint = null } = submit.body;
    expect(submit.status).toBeGreaterThanOrEqual(400);
    expect([passes, refusal.status, refusal.code, refusal.hint]).toEqual([false, status, code, hint]);
    // The time of a reset differs by milliseconds.
    const timeless = (text: unknown) => String(text).replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "…");
    expect(timeless(refusal.detail)).toBe(timeless(detail));
  });

  test("shows what the input becomes, numbers as they were sent, and what it would cost", async () => {
    const team = await Team.create();
    const plan = { input: { force: { num_images: 1, enable_safety_checker: true } } };
    const body = `{"plan":${JSON.stringify(plan)},"request":{"model":"${MODEL}","input":{"prompt":"a","num_images":4,"seed":12345678901234567890}}}`;
    const answer = await team.send<Body>("POST", "/v1/plans/test", body);
    expect(answer.body).toMatchObject({
      ...{ passes: true, refusal: null, estimated: "0.003000", forced: ["num_images", "enable_safety_checker"] },
      input: { prompt: "a", num_images: 1, enable_safety_checker: true },
      measures: { images: 1, megapixels: 1 },
    });
  });

  test("counts by the key and the visitor that are named, and reserves nothing", async () => {
    const team = await Team.create();
    const server = await newKey(team.key, { models: [MODEL], user: "ada" });
    const limits = [few(1), { name: "user", scope: "user", per: "concurrent", limit: 1 }];
    for (let n = 0; n < 3; n++) expect((await tested(team, { limits })).passes).toBe(true);
    await team.send("PUT", "/v1/plans/default", { limits });
    await team.submit();
    const [used] = ((await tested(team, { limits })) as { limits: Body[] }).limits;
    expect(used).toMatchObject({ name: "few", used: 1, remaining: 0, exceeded: true });
    const other = (await tested(team, { limits }, REQUEST, { key: server.id })) as { passes: boolean; limits: Body[] };
    expect([other.passes, other.limits.map(({ exceeded }) => exceeded)]).toEqual([true, [false, false]]);
    const narrow = await tested(
      team,
      {},
      { ...REQUEST, model: "fal-ai/f5-tts", input: { gen_text: "a", ref_audio_url: "https://a.example/a.wav" } },
      { key: server.id },
    );
    expect(narrow).toMatchObject({ passes: false, refusal: { code: "model_not_allowed" } });
    expect(await team.used()).toEqual([1, 1]);
  });

  test("of a page's key is decided for a new visitor, with the limits that Sluice adds", async () => {
    const team = await Team.create();
    const { id } = await newPageKey(team.key, { origins: ["https://a.example"] });
    const limits = [{ name: "visitor-day", scope: "visitor", per: "request", limit: 1, window: "day" }];
    const ofPage = (await tested(team, { limits }, REQUEST, { key: id })) as { passes: boolean; limits: Body[] };
    expect([ofPage.passes, ofPage.limits]).toMatchObject([
      true,
      { 0: { name: "visitor-day", used: 0, window: "day" } },
    ]);
    expect(ofPage.limits.map(({ name }) => name)).toContain("sluice:posts-minute");
    const named = (await tested(team, { limits }, REQUEST, { visitor: "v1" })) as { limits: Body[] };
    expect(named.limits[0]).toMatchObject({ name: "visitor-day" });
    expect(((await tested(team, { limits })) as { limits: Body[] }).limits).toEqual([]);
  });

  test.each([
    [{ plan: "none" }, 404, 'No plan found with the name "none".'],
    [{ plan: "default", key: "key_none" }, 404, "No key found"],
    [{ plan: 5 }, 400, "`plan` must be the name of a plan, or its terms."],
    [{ plan: { hold_s: 99 } }, 400, "`plan"],
    [{ plan: {}, request: { model: MODEL } }, 400, "`request.input` is required."],
  ])("is refused where it cannot be made: %j", async (more, status, detail) => {
    const team = await Team.create();
    const answer = await team.send<Body>("POST", "/v1/plans/test", { request: REQUEST, ...more });
    expect([answer.status, answer.body.detail]).toEqual([status, expect.stringContaining(detail)]);
  });
});

describe("a replay", () => {
  const replayed = async (team: Team, plan: unknown, more: Body = { from: "2026-01-01" }) =>
    team.send<Body>("POST", "/v1/plans/replay", { plan, ...more });

  test("says how many of the past requests a plan would have refused, and by what", async () => {
    const team = await Team.create();
    const ids = [];
    for (const client of ["a", "a", "b", "b"]) ids.push((await team.submit("a cat", { tags: { client } })).id);
    const limits = [
      { name: "client", scope: "tag:client", per: "request", limit: 1, window: "day" },
      { name: "visitor", scope: "visitor", per: "request", limit: 1, window: "day" },
    ];
    const { status, body } = await replayed(team, { limits, max_cost_per_request: "1" });
    expect([status, body]).toMatchObject([
      200,
      {
        ...{ requests: 4, refused: 2, by_limit: [{ limit: "client", requests: 2 }], by_rule: [], is_cut: false },
        first_refused: [
          { id: ids[1], by: ["client"] },
          { id: ids[3], by: ["client"] },
        ],
        not_replayed: ["visitor"],
      },
    ]);
    const denied = await replayed(team, { models: { deny: ["**"] } });
    expect(denied.body).toMatchObject({ refused: 4, by_rule: [{ rule: "models", requests: 4 }] });
    expect((await replayed(team, "default")).body).toMatchObject({ requests: 4, refused: 0, first_refused: [] });
    expect(await team.used()).toEqual([]);
  });

  test("looks at the times that it was asked for, and not at deleted requests", async () => {
    const team = await Team.create();
    const { id } = await team.submit();
    await team.submit();
    const requests = async (more: Body) => (await replayed(team, {}, more)).body.requests;
    expect(await requests({ from: "2026-01-01", to: "2026-01-02" })).toBe(0);
    expect(await requests({ from: new Date(Date.now() + 3_600_000).toISOString(), to: "2999-01-01" })).toBe(0);
    expect(await requests({ from: "2026-01-01" })).toBe(2);
    await runToEnd(team, id);
    expect((await team.send("DELETE", `/v1/requests/${id}`)).status).toBeLessThan(300);
    expect(await requests({ from: "2026-01-01" })).toBe(1);
  });

  test.each([
    [{}, "`from` is required"],
    [{ from: "yesterday" }, "`from` must be a time"],
    [{ from: "2026-01-02", to: "2026-01-01" }, "`from` must be before `to`."],
  ])("is refused without a time that is one: %j", async (more, detail) => {
    const team = await Team.create();
    const { status, body } = await replayed(team, {}, more);
    expect([status, body.detail]).toEqual([400, expect.stringContaining(detail)]);
  });
});
