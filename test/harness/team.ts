// A team as its app talks to it, made through the operator's route, with a key that may do everything.

import { expect } from "vitest";
import { type Answer, ask } from "./calls.ts";
import { ADMIN_TOKEN } from "./env.ts";
import { MODEL } from "./model.ts";
import type { RequestObject } from "./request-object.ts";

let made = 0;

/** One team with one key that may do everything, made through the operator's route. */
export class Team {
  readonly id: string;
  readonly key: string;
  readonly keyId: string;

  /** Whoever talks to the team with this key. */
  constructor(id: string, key: string, keyId = "") {
    this.id = id;
    this.key = key;
    this.keyId = keyId;
  }

  static async create(plan?: unknown, more: { id?: string; manages_connections?: boolean } = {}): Promise<Team> {
    const { id = `team-${++made}-${crypto.randomUUID().slice(0, 8)}` } = more;
    const body = { name: id, ...(plan === undefined ? {} : { plan }), ...more, id };
    const answer = await ask<{ key: { id: string; secret: string } }>("POST", "/v1/admin/teams", {
      key: ADMIN_TOKEN,
      body,
    });
    expect(answer.status, JSON.stringify(answer.body)).toBe(201);
    const { id: keyId, secret } = answer.body.key;
    return new Team(id, secret, keyId);
  }

  send<T = RequestObject>(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer<T>> {
    return ask<T>(method, path, { key: this.key, body, headers });
  }

  /** Submits a prompt to flux/schnell (magic words of the sandbox work in it) and answers the request object. */
  async submit(prompt = "a cat", more: Record<string, unknown> = {}): Promise<RequestObject> {
    const { input, ...rest } = more as { input?: object };
    const answer = await this.send("POST", "/v1/requests", {
      model: MODEL,
      input: { prompt, ...input },
      ...rest,
    });
    expect([200, 202]).toContain(answer.status);
    return answer.body;
  }

  /** The team's only request, for tests that need its id before its submit has answered. */
  async onlyRequest(): Promise<string> {
    const answer = await this.send<{ data: { id: string }[] }>("GET", "/v1/requests");
    expect(answer.body.data).toHaveLength(1);
    return answer.body.data[0]?.id ?? "";
  }

  cancel(id: string): Promise<Answer<RequestObject & { code?: string }>> {
    return this.send("POST", `/v1/requests/${id}/cancel`);
  }

  async read(id: string): Promise<RequestObject> {
    const answer = await this.send("GET", `/v1/requests/${id}`);
    expect(answer.status).toBe(200);
    return answer.body;
  }

  /** What is used of each limit of the plan, in the plan's order. */
  async used(): Promise<number[]> {
    const answer = await this.send<{ limits: { used: number }[] }>("GET", "/v1/me");
    expect(answer.status).toBe(200);
    return answer.body.limits.map((limit) => limit.used);
  }

  async timeline(id: string): Promise<string[]> {
    const answer = await this.send<{ data: { event: string }[] }>("GET", `/v1/requests/${id}/timeline`);
    return answer.body.data.map((entry) => entry.event);
  }
}

/** A publishable key, under a plan with these limits and one that bounds its money far above any test's. */
export async function newPageKey(
  adminKey: string,
  body: Record<string, unknown>,
  limits: readonly Record<string, unknown>[] = [],
): Promise<{ id: string; secret: string }> {
  const money = { name: "page-money", scope: "key", per: "usd", limit: "1000", window: "1d" };
  const put = await ask("PUT", "/v1/plans/page", { key: adminKey, body: { limits: [...limits, money] } });
  expect(put.status, JSON.stringify(put.body)).toBe(200);
  return newKey(adminKey, { kind: "publishable", plan: "page", ...body });
}

/** Makes another key of a team. */
export async function newKey(adminKey: string, body: Record<string, unknown>): Promise<{ id: string; secret: string }> {
  const answer = await ask<{ id: string; secret: string }>("POST", "/v1/keys", { key: adminKey, body });
  expect(answer.status, JSON.stringify(answer.body)).toBe(201);
  return answer.body;
}
