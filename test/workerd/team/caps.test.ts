// What the operator caps, the team's admins cannot lift: not by plans, keys, prices or other surfaces.

import { describe, expect } from "vitest";
import { ask, call } from "../../harness/calls.ts";
import { ADMIN_TOKEN } from "../../harness/env.ts";
import { test } from "../../harness/fixtures.ts";
import { newKey, type Team } from "../../harness/team.ts";

const MODEL = "fal-ai/flux/schnell";
const OTHER = "fal-ai/flux/dev";
const ONE_A_DAY = { name: "team-day", scope: "team", per: "request", limit: 1, window: "day" };

interface Limit {
  name: string;
  set_by: string;
  used: number | string;
}
interface Problem {
  code: string;
  detail: string;
  hint: string;
}

function cap({ id }: Team, body: unknown, method = "PUT") {
  return ask<Record<string, unknown> & Problem>(method, `/v1/admin/teams/${id}/caps`, { key: ADMIN_TOKEN, body });
}

function submit(key: string, model = MODEL) {
  return ask<Problem>("POST", "/v1/requests", { key, body: { model, input: { prompt: "a cat" } } });
}

describe("the operator's caps", () => {
  test("hold whatever the team's admin writes into plans and keys", async ({ team }) => {
    expect((await cap(team, { limits: [ONE_A_DAY] })).status).toBe(200);
    expect((await submit(team.key)).status).toBe(202);
    for (const plan of [{}, { limits: [{ ...ONE_A_DAY, limit: 1_000 }] }]) {
      expect((await team.send("PUT", "/v1/plans/default", plan)).status).toBe(200);
      const refused = await submit(team.key);
      expect([refused.status, refused.body.detail, refused.body.hint]).toEqual([
        ...[402, expect.stringContaining('the operator\'s "team-day"'), expect.stringContaining("Only the operator")],
      ]);
    }
    await team.send("PUT", "/v1/plans/free", {});
    const keys = [await newKey(team.key, { plan: "free" }), await newKey(team.key, { user: "mia" })];
    for (const { secret } of keys) expect((await submit(secret)).status).toBe(402);
    const token = await ask<{ token: string }>("POST", "/v1/tokens", { key: team.key, body: { user: "ada" } });
    expect((await submit(token.body.token)).status).toBe(402);
  });

  test("are shown to the team as the operator's, and are in its audit log", async ({ team }) => {
    await team.send("PUT", "/v1/plans/default", { limits: [{ ...ONE_A_DAY, name: "own", limit: 5 }] });
    await cap(team, { limits: [ONE_A_DAY], models: { allow: [MODEL] } });
    await submit(team.key);
    const { body: me } = await team.send<{ limits: Limit[] }>("GET", "/v1/me");
    expect(me.limits).toMatchObject([
      { name: "own", set_by: "plan", used: 1 },
      { name: "team-day", set_by: "operator", used: 1 },
    ]);
    const { body: shown } = await team.send<{ caps: unknown }>("GET", "/v1/team");
    expect(shown.caps).toMatchObject({ limits: [ONE_A_DAY], models: { allow: [MODEL] } });
    expect((await cap(team, undefined, "GET")).body).toEqual(shown.caps);
    await cap(team, undefined, "DELETE");
    const { body: audit } = await team.send<{ data: { action: string; actor: string; detail: object }[] }>(
      "GET",
      "/v1/audit",
    );
    expect(audit.data.slice(0, 2)).toMatchObject([
      { action: "team.caps_removed", actor: "operator", detail: { after: "null" } },
      { action: "team.caps_written", actor: "operator", detail: { before: "null" } },
    ]);
  });

  test("refuse models on every surface and in lists, whatever the plan allows", async ({ team }) => {
    await cap(team, { models: { allow: ["**"], deny: [OTHER] } });
    await team.send("PUT", "/v1/plans/default", { models: { allow: ["**"] } });
    expect((await submit(team.key, OTHER)).body).toMatchObject({
      code: "model_not_allowed",
      hint: expect.stringContaining("operator"),
    });
    const input = { prompt: "a cat" };
    for (const path of [`/fal/queue/${OTHER}`, `/fal/run/${OTHER}`, `/maton/fal-ai/${OTHER}`]) {
      expect([path, (await call("POST", path, { key: team.key, body: input })).status]).toEqual([path, 403]);
    }
    expect((await team.send("POST", "/v1/estimate", { model: OTHER, input })).status).toBe(403);
    expect((await team.send("GET", `/v1/models/${OTHER}`)).status).toBe(403);
    const { body } = await team.send<{ data: { id: string }[] }>("GET", "/v1/models");
    const listed = body.data.map(({ id }) => id);
    expect([listed.includes(MODEL), listed.includes(OTHER)]).toEqual([true, false]);
    expect((await submit(team.key)).status).toBe(202);
  });

  test("count uploads too", async ({ team }) => {
    await cap(team, { limits: [{ name: "files", scope: "team", per: "upload", limit: 1, window: "1d" }] });
    const announce = () => team.send("POST", "/v1/uploads", { file_name: "a.png", content_type: "image/png", size: 9 });
    expect([(await announce()).status, (await announce()).status]).toEqual([201, 402]);
  });

  test("per USD are lifted neither by prices nor by requests of unknown price", async ({ team }) => {
    await cap(team, { limits: [{ name: "money", scope: "team", per: "usd", limit: "0.004", window: "1d" }] });
    for (const prices of [{}, { "**": { unit: "request", usd: "0" } }]) {
      const refused = await team.send<Problem>("PUT", "/v1/prices", prices);
      expect([refused.status, refused.body.hint]).toEqual([
        403,
        expect.stringContaining("/v1/admin/teams/{id}/prices"),
      ]);
    }
    const unknown = await submit(team.key, "fal-ai/some-new-model");
    expect([unknown.status, unknown.body.code]).toEqual([403, "price_unknown"]);
    expect([(await submit(team.key)).status, (await submit(team.key)).status]).toEqual([202, 402]);
    const path = `/v1/admin/teams/${team.id}/prices`;
    const body = { "**": { unit: "request", usd: "0.0001" } };
    expect((await call("PUT", path, { key: ADMIN_TOKEN, body })).status).toBe(200);
    expect((await submit(team.key, "fal-ai/some-new-model")).status).toBe(202);
  });

  test("are changed by nobody but the operator, and end when it removes them", async ({ team }) => {
    const path = `/v1/admin/teams/${team.id}/caps`;
    for (const method of ["GET", "PUT", "DELETE"]) {
      const body = method === "PUT" ? {} : undefined;
      expect([method, (await call(method, path, { key: team.key, body })).status]).toEqual([method, 401]);
    }
    await cap(team, { limits: [{ ...ONE_A_DAY, limit: 0 }] });
    expect((await submit(team.key)).status).toBe(402);
    expect((await cap(team, undefined, "DELETE")).status).toBe(204);
    expect((await submit(team.key)).status).toBe(202);
    expect((await cap({ id: "nobody" } as Team, {})).status).toBe(404);
  });
});
