// A take-down: what a public URL serves is gone, with its request and shares; who made it is named and may be frozen; another team
// learns nothing.

import { describe, expect } from "vitest";
import { SECOND_MS } from "../../../src/platform/time.ts";
import { call, json } from "../../harness/calls.ts";
import { passTime } from "../../harness/clock.ts";
import { ADMIN_TOKEN } from "../../harness/env.ts";
import { test } from "../../harness/fixtures.ts";
import { MODEL } from "../../harness/model.ts";
import type { RequestObject } from "../../harness/request-object.ts";
import { newKey, Team } from "../../harness/team.ts";
import { runToEnd } from "../../harness/tracker.ts";
import { deliverWebhooks } from "../../harness/upstream.ts";

async function picture(team: Team, key: string, user?: string): Promise<RequestObject> {
  const body = { model: MODEL, input: { prompt: "a cat" }, ...(user === undefined ? {} : { user }) };
  const { id } = await json(await call("POST", "/v1/requests", { key, body }));
  await passTime(5 * SECOND_MS);
  await deliverWebhooks();
  return runToEnd(team, String(id));
}

const pathOf = (url: string | null | undefined) => new URL(String(url)).pathname;
const takedown = async (key: string, body: unknown, path = "/v1/team/takedown") => {
  const response = await call("POST", path, { key, body });
  return { status: response.status, body: await json(response) };
};
const statusOf = async (url: string | null | undefined) => (await call("GET", pathOf(url))).status;

const PAGE = "https://app.example";

describe("a take-down", () => {
  test("of a share link removes the file, its request and every share, and freezes the user", async () => {
    const team = await Team.create();
    const made = await picture(team, team.key, "mia");
    const file = made.files[0]?.url;
    const share = await json(await call("POST", `/v1/requests/${made.id}/shares`, { key: team.key, body: {} }));
    const link = (share as { files: { url: string }[] }).files[0]?.url;
    expect([await statusOf(file), await statusOf(link)]).toEqual([200, 200]);
    const taken = await takedown(team.key, { url: link, freeze: true });
    expect(taken).toMatchObject({
      status: 200,
      body: { request_id: made.id, removed: "now", made_by: { user: "mia" }, frozen: { kind: "user", id: "mia" } },
    });
    expect([await statusOf(file), await statusOf(link)]).toEqual([410, 410]);
    expect((await call("GET", `/v1/requests/${made.id}`, { key: team.key })).status).toBe(410);
    const again = await call("POST", "/v1/requests", {
      key: team.key,
      body: { model: MODEL, input: { prompt: "more" }, user: "mia" },
    });
    expect((await json(again)).code).toBe("user_frozen");
    const audit = await json(await call("GET", "/v1/audit", { key: team.key }));
    expect(JSON.stringify(audit)).toContain("file.taken_down");
    expect((await takedown(team.key, { url: link, freeze: true })).status).toBe(200);
  });

  test("freezes the key where no user is named, but no admin's, and only when it is asked to", async () => {
    const team = await Team.create();
    const app = await newKey(team.key, { scopes: ["run", "read"] });
    const one = await picture(team, app.secret);
    const two = await picture(team, team.key);
    expect((await takedown(team.key, { url: one.files[0]?.url })).body.frozen).toBeNull();
    expect((await call("GET", "/v1/me", { key: app.secret })).status).toBe(200);
    expect((await takedown(team.key, { url: one.files[0]?.url, freeze: true })).body.frozen).toEqual({
      kind: "key",
      id: app.id,
    });
    expect((await json(await call("GET", "/v1/me", { key: app.secret }))).code).toBe("key_frozen");
    expect((await takedown(team.key, { url: two.files[0]?.url, freeze: true })).body.code).toBe("conflict");
    expect(await statusOf(two.files[0]?.url)).toBe(200);
  });

  test("is a team's own, or the operator's, and says nothing about what is another's or forged", async () => {
    const [team, other] = [await Team.create(), await Team.create()];
    const { files } = await picture(team, team.key);
    const url = String(files[0]?.url);
    const forged = url.replace(/\.([0-9a-zA-Z_-]{4})/, ".aaaa");
    for (const attempt of [url, forged, "https://other.example/cat.png", "no URL"]) {
      expect((await takedown(other.key, { url: attempt })).body).toMatchObject({ status: 404, code: "not_found" });
    }
    const app = await newKey(team.key, { scopes: ["run", "read"] });
    expect((await takedown(app.secret, { url })).status).toBe(403);
    expect((await takedown(team.key, { url }, "/v1/admin/takedown")).status).toBe(401);
    expect(await statusOf(url)).toBe(200);
    const taken = await takedown(ADMIN_TOKEN, { url }, "/v1/admin/takedown");
    expect(taken).toMatchObject({ status: 200, body: { team: team.id, removed: "now", frozen: null } });
    expect(await statusOf(url)).toBe(410);
  });

  test("can be asked for: a page's token comes with the key's contact", async () => {
    const money = { name: "money", scope: "team", per: "usd", limit: "1", window: "1d" };
    const team = await Team.create({ limits: [money] });
    const terms = { kind: "publishable", plan: "default" };
    const make = (contact_url: string) =>
      call("POST", "/v1/keys", { key: team.key, body: { ...terms, origins: [PAGE], contact_url } });
    const key = await json(await make("mailto:abuse@app.example"));
    expect(key.contact_url).toBe("mailto:abuse@app.example");
    const exchange = { key: String(key.secret), body: {}, headers: { Origin: PAGE } };
    expect(await json(await call("POST", "/v1/tokens", exchange))).toMatchObject({ contact_url: key.contact_url });
    for (const wrong of ["http://app.example/report", "javascript:alert(1)", "abuse@app.example"]) {
      expect((await make(wrong)).status, wrong).toBe(400);
    }
  });

  test("of an uploaded file ends its URL", async () => {
    const team = await Team.create();
    const announced = await json(
      await call("POST", "/v1/uploads", { key: team.key, body: { file_name: "a.txt", content_type: "text/plain" } }),
    );
    const sent = await call("PUT", pathOf(String(announced.upload_url)), {
      headers: { "Content-Type": "text/plain" },
      body: "hello",
    });
    expect(sent.status).toBe(200);
    const file = String(announced.file_url);
    expect(await statusOf(file)).toBe(200);
    const taken = await takedown(team.key, { url: file });
    expect(taken).toMatchObject({ status: 200, body: { upload_id: announced.id, request_id: null, removed: "now" } });
    expect(await statusOf(file)).toBe(410);
  });
});
