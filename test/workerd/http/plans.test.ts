// Plans over time: what a replacement may not drop, versions and how they come back, presets, deletion.

import { describe, expect, test } from "vitest";
import { newKey, newPageKey, Team } from "../../harness/team.ts";

type Body = Record<string, unknown>;
interface Listed {
  data: { version: number; at: string | null; actor: string | null; plan: Body }[];
}

const day = { name: "day", scope: "team", per: "usd", limit: "5", window: "day" };
const month = { name: "month", scope: "team", per: "usd", limit: "50", window: "month" };

async function versionsOf(team: Team, name: string): Promise<Listed["data"]> {
  const answer = await team.send<Listed>("GET", `/v1/plans/${name}/versions`);
  expect(answer.status).toBe(200);
  return answer.body.data;
}

describe("replacing a plan", () => {
  test("that would drop limits is refused with their names, and the ways out act", async () => {
    const team = await Team.create({ limits: [day, month] });
    const refused = await team.send<Body>("PUT", "/v1/plans/default", { retention: { files_days: 30 } });
    expect([refused.status, refused.body.code]).toEqual([409, "conflict"]);
    expect(refused.body.detail).toContain('"day", "month"');
    expect(refused.body.hint).toContain("PATCH /v1/plans/default");
    expect(refused.body.hint).toContain("?replace=true");
    const one = await team.send<Body>("PUT", "/v1/plans/default", { limits: [{ ...day, limit: "9" }] });
    expect([one.status, one.body.detail]).toEqual([409, expect.stringMatching(/has: "month"\.$/)]);
    const patched = await team.send<Body>("PATCH", "/v1/plans/default", { retention: { files_days: 30 } });
    expect(patched.body).toMatchObject({ limits: [day, month], retention: { files_days: 30, records_days: null } });
    const replaced = await team.send<Body>("PUT", "/v1/plans/default?replace=true", {});
    expect([replaced.status, replaced.body.limits]).toEqual([200, []]);
  });

  test("may change limits, add some, and put them in another order", async () => {
    const team = await Team.create({ limits: [day, month] });
    const limits = [
      { ...month, limit: "60" },
      { ...day, per: "request", limit: 3 },
      { ...day, name: "third" },
    ];
    expect((await team.send<Body>("PUT", "/v1/plans/default", { limits })).body.limits).toEqual(limits);
  });

  test("does not rename it", async () => {
    const team = await Team.create();
    const put = await team.send<Body>("PUT", "/v1/plans/default", { name: "other" });
    expect([put.status, put.body.detail]).toEqual([400, expect.stringContaining('`name` is not "default"')]);
  });
});

describe("a plan of publishable keys keeps its bound on money", () => {
  test.each([
    ["PATCH", "/v1/plans/page", { limits: [] }],
    ["PATCH", "/v1/plans/page", { limits: null }],
    ["PUT", "/v1/plans/page?replace=true", {}],
    ["PUT", "/v1/plans/page?replace=true", { limits: [{ ...day, scope: "visitor" }] }],
    ["DELETE", "/v1/plans/page", undefined],
    ["POST", "/v1/plans/page/restore", { version: 1 }],
  ] as const)("%s %s %j is refused with the keys", async (method, path, body) => {
    const team = await Team.create();
    await team.send("PUT", "/v1/plans/page", {});
    const { id } = await newPageKey(team.key, { origins: ["https://a.example"] });
    const refused = await team.send<Body>(method, path, body);
    expect([refused.status, refused.body.code]).toEqual([409, "conflict"]);
    expect(refused.body.detail).toContain(id);
    await team.send("DELETE", `/v1/keys/${id}`);
    expect((await team.send(method, path, body)).status).toBeLessThan(300);
  });
});

describe("versions of a plan", () => {
  test("are kept with author and time, and come back as a new one", async () => {
    const team = await Team.create({ limits: [day] });
    await team.send("PUT", "/v1/plans/default?replace=true", { hold_s: 1 });
    const [second, first] = await versionsOf(team, "default");
    expect([second, first]).toMatchObject([
      {
        version: 2,
        actor: team.keyId,
        at: expect.stringMatching(/^20/),
        plan: { name: "default", hold_s: 1, limits: [] },
      },
      { version: 1, actor: "operator", plan: { limits: [day] } },
    ]);
    const restored = await team.send<Body>("POST", "/v1/plans/default/restore", { version: 1 });
    expect([restored.status, restored.body]).toMatchObject([200, { limits: [day], hold_s: 10 }]);
    expect((await team.send("GET", "/v1/plans/default")).body).toEqual(restored.body);
    expect((await versionsOf(team, "default")).map(({ version }) => version)).toEqual([3, 2, 1]);
    expect(await team.used()).toHaveLength(1);
    const { body } = await team.send<{ data: { action: string; detail: Body }[] }>("GET", "/v1/audit?limit=1");
    expect(body.data[0]).toMatchObject({ action: "plan.restored", detail: { version: 3, from: 1 } });
  });

  test("that do not exist are told, and a stale reader restores nothing", async () => {
    const team = await Team.create();
    const none = await team.send<Body>("POST", "/v1/plans/default/restore", { version: 7 });
    expect([none.status, none.body.detail]).toEqual([404, 'Plan "default" has no version 7.']);
    expect((await team.send("GET", "/v1/plans/none/versions")).status).toBe(404);
    expect((await team.send("POST", "/v1/plans/none/restore", { version: 1 })).status).toBe(404);
    const stale = await team.send("POST", "/v1/plans/default/restore", { version: 1 }, { "If-Match": '"old"' });
    expect(stale.status).toBe(412);
  });

  test("outlive the plan: a deleted one comes back, and its numbers go on", async () => {
    const team = await Team.create();
    await team.send("PUT", "/v1/plans/extra", { limits: [day] });
    expect((await team.send("DELETE", "/v1/plans/extra")).status).toBe(204);
    expect((await team.send("GET", "/v1/plans/extra")).status).toBe(404);
    expect((await team.send("DELETE", "/v1/plans/extra")).status).toBe(404);
    expect((await team.send<Body>("PUT", "/v1/plans/extra", { hold_s: 2 })).body.hold_s).toBe(2);
    expect((await versionsOf(team, "extra")).map(({ version }) => version)).toEqual([2, 1]);
    await team.send("DELETE", "/v1/plans/extra");
    expect((await team.send<Body>("POST", "/v1/plans/extra/restore", { version: 1 })).body.limits).toEqual([day]);
  });

  test("end at a hundred", async () => {
    const team = await Team.create();
    for (let n = 0; n < 104; n++) await team.send("PATCH", "/v1/plans/default", { dedupe_s: n });
    const versions = await versionsOf(team, "default");
    expect([versions.length, versions[0]?.version, versions.at(-1)?.version]).toEqual([100, 105, 6]);
  });
});

describe("a plan in use", () => {
  test("is not deleted under the team or a key, and every team keeps its default", async () => {
    const team = await Team.create();
    await team.send("PUT", "/v1/plans/small", {});
    const { id } = await newKey(team.key, { plan: "small" });
    const refusedAs = async (name: string) => {
      const { status, body } = await team.send<Body>("DELETE", `/v1/plans/${name}`);
      return [status, body?.detail];
    };
    expect(await refusedAs("small")).toEqual([409, expect.stringContaining(id)]);
    expect(await refusedAs("default")).toEqual([409, expect.stringContaining("every team has one")]);
    await team.send("PATCH", `/v1/keys/${id}`, { plan: null });
    await team.send("PATCH", "/v1/team", { plan: "small" });
    expect(await refusedAs("small")).toEqual([409, expect.stringContaining("used by the team")]);
    await team.send("PATCH", "/v1/team", { plan: "default" });
    expect((await refusedAs("small"))[0]).toBe(204);
  });
});

describe("a new plan", () => {
  test("begins with a preset and what is said otherwise", async () => {
    const team = await Team.create();
    const made = await team.send<Body>("POST", "/v1/plans", {
      name: "page",
      from: "demo_page",
      max_cost_per_request: "0.2",
      retention: { files_days: 3 },
      input: { max: { num_images: 1 } },
    });
    expect([made.status, made.headers.get("Location")]).toEqual([201, "/v1/plans/page"]);
    expect(made.body).toMatchObject({
      name: "page",
      unknown_price: "refuse",
      max_cost_per_request: "0.2",
      retention: { records_days: 30, files_days: 3, inputs_days: 1 },
      input: { max: { num_images: 1 }, forbid: ["sync_mode"] },
    });
    expect((made.body.limits as Body[]).map(({ window }) => window)).toContain("day");
    expect((await newKey(team.key, { kind: "publishable", plan: "page", origins: ["https://a.example"] })).id).toMatch(
      /^key_/,
    );
    const read = await team.send("GET", "/v1/plans/page");
    expect([read.body, read.headers.get("ETag")]).toEqual([made.body, made.headers.get("ETag")]);
  });

  test("is refused where one exists, whatever it says", async () => {
    const team = await Team.create();
    for (const name of ["default", "page", "page"]) await team.send("POST", "/v1/plans", { name, from: "team" });
    const again = await team.send<Body>("POST", "/v1/plans", { name: "page" });
    expect([again.status, again.body.detail]).toEqual([409, 'A plan "page" already exists.']);
    expect((await team.send<Body>("GET", "/v1/plans/default")).body.limits).toEqual([]);
  });

  test.each([
    [{ from: "demo_page" }, "`name` is required"],
    [{ name: "a", from: "demo-page" }, 'did you mean "demo_page"?'],
    [{ name: "a", from: "team", limit: [] }, "`limit` is not a known field; did you mean `limits`?"],
    [{ name: "a", from: "team", hold_s: 99 }, "`hold_s` must be at most 20."],
    [{ name: "Not Plain" }, "`name` must be 1 to 64 characters"],
  ])("is refused with the field's name: %j", async (body, detail) => {
    const team = await Team.create();
    const refused = await team.send<Body>("POST", "/v1/plans", body);
    expect([refused.status, refused.body.detail]).toEqual([400, expect.stringContaining(detail)]);
  });
});

test("windows are answered as words, whatever they were written as", async () => {
  const team = await Team.create({
    limits: [
      { ...day, window: "PT60M" },
      { ...month, window: "1mo" },
    ],
  });
  const words = (body: Body) => (body.limits as Body[]).map(({ window }) => window);
  expect(words((await team.send<Body>("GET", "/v1/plans/default")).body)).toEqual(["hour", "month"]);
  expect(words((await team.send<Body>("GET", "/v1/me")).body)).toEqual(["hour", "month"]);
  const slip = await team.send<Body>("PATCH", "/v1/plans/default", { limits: [{ ...day, window: "monthly" }] });
  expect(slip.body.detail).toContain('did you mean "month"?');
});
