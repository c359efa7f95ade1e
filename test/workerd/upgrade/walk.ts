// The walk whose end is kept as the stored state of a version: one team that used everything that is stored, with requests at every
// place where a deploy may find them.

import { expect } from "vitest";
import type { StoredVersion } from "../../../src/platform/stored-version.ts";
import { sweeperFor, teamFor } from "../../../src/platform/stubs.ts";
import { SECOND_MS } from "../../../src/platform/time.ts";
import { ask } from "../../harness/calls.ts";
import { passTime } from "../../harness/clock.ts";
import { ADMIN_TOKEN, bindings } from "../../harness/env.ts";
import { MODEL } from "../../harness/model.ts";
import { account, ringTeam, trackerOf } from "../../harness/objects.ts";
import { Receivers } from "../../harness/receiver.ts";
import { dump, type StoredState } from "../../harness/stored-state.ts";
import { newKey, Team } from "../../harness/team.ts";
import { runToEnd } from "../../harness/tracker.ts";
import { announce, aPng, send } from "../../harness/upload-calls.ts";

/** Where a deploy may find a request. */
export const SITUATIONS = ["completed", "failed", "canceled", "deleted", "at fal", "waiting"] as const;
export type Situation = (typeof SITUATIONS)[number];

/** The stored state of every object, and how to ask for what it holds. */
export interface Release {
  /** When the walk ended (epoch ms). */
  at: number;
  team: { id: string; key: string; keyId: string };
  requests: Record<Situation, string>;
  states: { team: StoredState; account: StoredState; sweeper: StoredState } & Record<
    `tracker: ${Situation}`,
    StoredState
  >;
}

/** The version that a stored state says. */
export function versionIn({ keys }: StoredState): StoredVersion {
  return (keys.version ?? keys.request) as StoredVersion;
}

/** Of an object by its name in `states`. */
export function stubOf({ team, requests }: Pick<Release, "team" | "requests">, name: keyof Release["states"]) {
  if (name === "team") return teamFor(bindings, team.id);
  if (name === "account") return account();
  if (name === "sweeper") return sweeperFor(bindings);
  return trackerOf(requests[name.slice("tracker: ".length) as Situation]);
}

export async function walkTheRelease(): Promise<Release> {
  const receivers = Receivers.open();
  const team = await Team.create(
    {
      limits: [
        { name: "team-day", scope: "team", per: "request", limit: 1_000, window: "1d" },
        { name: "user-money", scope: "user", per: "usd", limit: "5", window: "1mo" },
      ],
    },
    { id: "acme" },
  );
  await setUp(team, receivers);
  const requests = await runRequests(team);
  await ringTeam(team);
  expect((await ask("POST", "/v1/admin/sweep", { key: ADMIN_TOKEN })).status).toBe(202);
  const named = { team: { id: team.id, key: team.key, keyId: team.keyId }, requests };
  const names = ["team", "account", "sweeper", ...SITUATIONS.map((place) => `tracker: ${place}` as const)] as const;
  const states: [string, StoredState][] = [];
  for (const name of names) states.push([name, await dump(stubOf(named, name))]);
  return { at: Date.now(), ...named, states: Object.fromEntries(states) as Release["states"] };
}

async function setUp(team: Team, receivers: Receivers): Promise<void> {
  await team.send("PUT", "/v1/prices", { [MODEL]: { unit: "megapixel", usd: "0.003" } });
  await team.send("PUT", "/v1/team/alerts", { usd_percents: [1] });
  const preset = { preset: "auth0", issuer: "https://acme.eu.auth0.com/", audience: ["https://api.acme.example"] };
  await team.send("PUT", "/v1/issuers/auth0", preset);
  const { id } = await newKey(team.key, { name: "Backend", scopes: ["run", "read"] });
  await team.send("POST", `/v1/keys/${id}/rotate`, { overlap_s: 3_600 });
  const { body: endpoint } = await team.send<{ id: string; secret: string }>("POST", "/v1/webhooks", {
    url: "https://app.example/hooks",
  });
  receivers.secrets.set("app.example", [endpoint.secret]);
  const { body: own } = await team.send<{ secret: string }>("GET", "/v1/team/webhook_secret");
  receivers.secrets.set("own.example", [own.secret]);
  await team.send("POST", "/v1/users/mallory/freeze");
  const upload = await announce(team.key);
  expect((await send(upload.upload_url, { method: "PUT", body: aPng(2_048), headers: upload.headers })).status).toBe(
    200,
  );
  await announce(team.key);
}

/** A request at every place. The last one waits, because the account is paused. */
async function runRequests(team: Team): Promise<Record<Situation, string>> {
  const own = { user: "ada", tags: { env: "prod" }, metadata: { order: 17 }, webhook_url: "https://own.example/hook" };
  const submitted = async (prompt: string) => (await team.submit(prompt, own)).id;
  const ended = async (prompt: string) => {
    const id = await submitted(prompt);
    await passTime(5 * SECOND_MS);
    await runToEnd(team, id);
    return id;
  };
  const completed = await ended("a cat");
  await team.send("POST", `/v1/requests/${completed}/shares`, { expires_in_s: 86_400 });
  const failed = await ended("a cat sandbox:refused");
  const deleted = await ended("a dog");
  expect((await team.send("DELETE", `/v1/requests/${deleted}`)).status).toBe(204);
  const canceled = await submitted("a fish");
  await team.cancel(canceled);
  await runToEnd(team, canceled);
  await team.send("DELETE", "/v1/users/grace");
  const atFal = await submitted("a bird");
  await account().pauseAfterRateLimit(60 * SECOND_MS);
  const waiting = await submitted("a horse");
  const requests = { completed, failed, canceled, deleted, "at fal": atFal, waiting };
  const stages = await Promise.all([completed, failed, canceled, atFal, waiting].map((id) => team.read(id)));
  expect(stages.map(({ stage }) => stage)).toEqual(["completed", "failed", "canceled", "queued", "held"]);
  return requests;
}
