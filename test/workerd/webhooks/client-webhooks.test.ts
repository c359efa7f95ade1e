// What the holder of a client token may say in the team's name: nothing.

import { describe, expect } from "vitest";
import { introduceAccount } from "../../harness/account.ts";
import { ask, call } from "../../harness/calls.ts";
import { saveEndpoint, teamSecret } from "../../harness/deliveries.ts";
import { test as base } from "../../harness/fixtures.ts";
import { Receivers } from "../../harness/receiver.ts";
import { newKey, type Team } from "../../harness/team.ts";

const HOOK = "https://own.example/done";
const MODEL = "fal-ai/flux/schnell";
const FAL_HOOK = `?fal_webhook=${encodeURIComponent(HOOK)}`;

/** Ways to name a webhook, on every surface, each with the field that it is named by. */
const SUBMITS: [string, string, Record<string, unknown>, string][] = [
  ["/v1", "/v1/requests", { model: MODEL, input: { prompt: "a cat" }, webhook_url: HOOK }, "webhook_url"],
  ["fal's queue", `/fal/queue/${MODEL}${FAL_HOOK}`, { prompt: "a cat" }, "fal_webhook"],
  ["fal's proxy", "/fal/proxy", { prompt: "a cat" }, "fal_webhook"],
  ["Maton's surface", `/maton/fal-ai/${MODEL}${FAL_HOOK}`, { prompt: "a cat" }, "fal_webhook"],
];
const PROXIED = { "x-fal-target-url": `https://queue.fal.run/${MODEL}${FAL_HOOK}` };

const test = base.extend("token", async ({ team }) => {
  const { body } = await ask<{ token: string }>("POST", "/v1/tokens", {
    key: team.key,
    body: { user: "ada", tags: { tenant: "acme" } },
  });
  return body.token;
});

async function allowWebhooks(team: Team, webhooks: boolean | null) {
  expect((await team.send("PUT", "/v1/plans/default", { webhooks, hold_s: 0 })).status).toBe(200);
}

describe("a webhook that a client token names", () => {
  test.for(SUBMITS)(
    "on %s is refused unless the plan allows it, with the way out",
    async ([, path, body, field], { team, token }) => {
      const headers = path === "/fal/proxy" ? PROXIED : {};
      const refused = await call("POST", path, { key: token, body, headers });
      const text = await refused.text();
      // Refusals of fal's proxy take no client token at all.
      expect([refused.status, path === "/fal/proxy" || text.includes(`\`${field}\``)]).toEqual([403, true]);
      await allowWebhooks(team, false);
      expect((await call("POST", path, { key: team.key, body, headers })).status).toBe(403);
      await allowWebhooks(team, null);
      expect((await call("POST", path, { key: team.key, body, headers })).ok).toBe(true);
    },
  );

  test("is signed with a secret of its user, which the team's own secret is not", async ({
    team,
    token,
    tracker,
    clock,
  }) => {
    await introduceAccount(team);
    await allowWebhooks(team, true);
    const own = await ask<{ secret: string; user: string }>("GET", "/v1/me/webhook_secret", { key: token });
    expect([own.status, own.body.user]).toEqual([200, "ada"]);
    expect(own.body.secret).not.toBe(await teamSecret(team));
    const shown = await team.send<{ secret: string }>("GET", "/v1/users/ada/webhook_secret");
    expect(shown.body.secret).toBe(own.body.secret);
    const eve = await team.send<{ secret: string }>("GET", "/v1/users/eve/webhook_secret");
    expect(eve.body.secret).not.toBe(own.body.secret);
    expect((await call("GET", "/v1/me/webhook_secret", { key: team.key })).status).toBe(404);

    const receivers = Receivers.open();
    receivers.secrets.set("own.example", [own.body.secret]);
    const [, path, body] = SUBMITS[0] ?? expect.unreachable();
    const { body: made } = await ask("POST", path, { key: token, body });
    await clock.pass(5_000);
    await tracker.runToEnd(team, made.id);
    for (let n = 0; n < 3; n++) await tracker.ring(made.id);
    expect(receivers.at("own.example")).toHaveLength(1);
  });
});

describe("what the holder of a client token chose", () => {
  test("stands apart in events, and picks no endpoint", async ({ team, token, tracker, clock }) => {
    await introduceAccount(team);
    const receivers = Receivers.open();
    for (const [name, tags] of Object.entries({ all: {}, tenant: { tenant: "acme" }, lure: { colour: "red" } })) {
      const { secrets } = await saveEndpoint(team, { url: `https://${name}.example/hook`, tags });
      receivers.secrets.set(
        `${name}.example`,
        secrets.map(({ secret }) => secret),
      );
    }
    const chosen = { tags: { colour: "red", tenant: "evil" }, metadata: { from: "Your bank" } };
    const wish = { model: MODEL, input: { prompt: "a cat" }, ...chosen };
    const { body: made } = await ask("POST", "/v1/requests", { key: token, body: wish });
    await clock.pass(5_000);
    await tracker.runToEnd(team, made.id);
    for (let n = 0; n < 3; n++) await tracker.ring(made.id);
    expect(receivers.at("lure.example")).toEqual([]);
    expect(receivers.at("tenant.example")).toHaveLength(1);
    expect(receivers.at("all.example")[0]?.event.data).toMatchObject({
      ...{ user: "ada", tags: { tenant: "acme" }, metadata: null },
      caller: { tags: { colour: "red" }, metadata: { from: "Your bank" } },
    });
    expect(await team.read(made.id)).toMatchObject({
      tags: { colour: "red", tenant: "acme" },
      metadata: chosen.metadata,
    });
  });

  test("is in the event of a secret key's request as ever", async ({ team, tracker, clock }) => {
    await introduceAccount(team);
    const receivers = Receivers.open();
    const { secrets } = await saveEndpoint(team, { url: "https://red.example/hook", tags: { colour: "red" } });
    receivers.secrets.set(
      "red.example",
      secrets.map(({ secret }) => secret),
    );
    const { id } = await team.submit("a cat", { tags: { colour: "red" }, metadata: { order: 7 } });
    await clock.pass(5_000);
    await tracker.runToEnd(team, id);
    for (let n = 0; n < 3; n++) await tracker.ring(id);
    const [received] = receivers.at("red.example");
    expect(received?.event.data).toMatchObject({ tags: { colour: "red" }, metadata: { order: 7 } });
    expect(received?.event.data).not.toHaveProperty("caller");
  });

  test("names no subject of an alert: a limit per value of a tag tells of tags that the key fixed", async ({
    team,
  }) => {
    const limit = { name: "colour-day", scope: "tag:colour", per: "usd", limit: "0.003", window: "1d" };
    await team.send("PUT", "/v1/plans/default", { limits: [limit] });
    const alerts = async () => JSON.stringify((await team.send("GET", "/v1/team/alerts")).body);
    const token = await ask<{ token: string }>("POST", "/v1/tokens", { key: team.key, body: { user: "ada" } });
    const body = { model: MODEL, input: { prompt: "a cat" }, tags: { colour: "evil" } };
    expect((await call("POST", "/v1/requests", { key: token.body.token, body })).status).toBe(202);
    expect(await alerts()).not.toContain("evil");
    const server = await newKey(team.key, { tags: { colour: "blue" } });
    expect((await call("POST", "/v1/requests", { key: server.secret, body })).status).toBe(202);
    expect(await alerts()).toContain("colour=blue");
  });
});
