// The deployment's brakes: what they count, whom they turn away, and in which words.

import { createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { createApp } from "../../../src/app.ts";
import { BRAKE_PERIOD_S } from "../../../src/http/brakes.ts";
import { makeKey } from "../../../src/team/auth/key-text.ts";
import { type CallOptions, json, requestOf } from "../../harness/calls.ts";
import { checked } from "../../harness/contract.ts";
import { TestIssuer } from "../../harness/issuer.ts";
import { newKey, Team } from "../../harness/team.ts";

const app = createApp();

/** A brake that lets so many calls of one key through, and keeps the keys that it was asked about. */
class FakeBrake {
  readonly keys: string[] = [];
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  async limit({ key }: { key: string }): Promise<{ success: boolean }> {
    this.keys.push(key);
    return { success: this.keys.filter((each) => each === key).length <= this.#limit };
  }
}

interface Brakes {
  address?: { limit: RateLimit["limit"] };
  credential?: { limit: RateLimit["limit"] };
}

function call({ address, credential }: Brakes, method: string, path: string, options: CallOptions = {}) {
  const bindings = { ...env, ADDRESS_BRAKE: address, CREDENTIAL_BRAKE: credential };
  return checked(app.fetch)(requestOf(method, path, options), bindings, createExecutionContext());
}

const from = (ip: string) => ({ headers: { "CF-Connecting-IP": ip } });

describe("the brake by address", () => {
  test("turns away with 429, says when to come back and that no plan's limit is meant", async () => {
    const address = new FakeBrake(1);
    expect((await call({ address }, "GET", "/v1/models", from("203.0.113.7"))).status).toBe(401);
    const response = await call({ address }, "GET", "/v1/models", {
      headers: { "CF-Connecting-IP": "203.0.113.7", Origin: "https://app.example" },
    });
    expect([response.status, response.headers.get("Retry-After")]).toEqual([429, String(BRAKE_PERIOD_S)]);
    expect(response.headers.get("Access-Control-Allow-Origin")).toBe("https://app.example");
    expect(await json(response)).toMatchObject({
      ...{ code: "rate_limited", retryable: true },
      hint: expect.stringContaining("the deployment's brake, not a limit of a plan"),
    });
  });

  test("speaks fal's format where fal's clients call", async () => {
    const address = new FakeBrake(0);
    for (const path of ["/fal/queue/fal-ai/flux/requests/x/status", "/maton/fal-ai/flux/requests/x"]) {
      const response = await call({ address }, "GET", path, from("203.0.113.8"));
      expect([response.status, response.headers.get("Retry-After")]).toEqual([429, String(BRAKE_PERIOD_S)]);
      expect(await json(response)).toMatchObject({ error_type: "rate_limited", error: { code: 429 } });
    }
  });

  test("counts an IPv6 network as one, and its neighbour apart", async () => {
    const address = new FakeBrake(9);
    for (const ip of ["2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:3::1", "::ffff:203.0.113.9"])
      await call({ address }, "GET", "/v1/models", from(ip));
    expect(address.keys).toEqual(["2001:db8:1:2::/64", "2001:db8:1:2::/64", "2001:db8:1:3::/64", "203.0.113.9"]);
  });

  test("acts before any credential is looked at, and on made-up keys of made-up teams alike", async () => {
    const [address, credential] = [new FakeBrake(2), new FakeBrake(99)];
    const statuses: number[] = [];
    for (let n = 0; n < 4; n++) {
      const key = await makeKey(`made-up-${n}`);
      statuses.push((await call({ address, credential }, "GET", "/v1/me", { key, ...from("203.0.113.10") })).status);
    }
    expect(statuses).toEqual([401, 401, 429, 429]);
    expect(credential.keys).toHaveLength(2);
  });

  test.each([
    ["a preflight", "OPTIONS", "/v1/requests"],
    ["the health check", "GET", "/healthz"],
    ["a file", "GET", "/files/acme/0/0/cat.png"],
    ["fal's webhook", "POST", `/hooks/fal/${"0".repeat(64)}/token`],
  ])("is not before %s", async (_name, method, path) => {
    const brakes = { address: new FakeBrake(0), credential: new FakeBrake(0) };
    expect((await call(brakes, method, path, from("203.0.113.11"))).status).not.toBe(429);
    expect([brakes.address.keys, brakes.credential.keys]).toEqual([[], []]);
  });

  test("lets through what has no address, as in a local run", async () => {
    const address = new FakeBrake(0);
    expect((await call({ address }, "GET", "/v1/models")).status).toBe(401);
  });
});

describe("the brake by credential", () => {
  test("turns one key away and leaves the team's others alone", async () => {
    const { key } = await Team.create();
    const other = await newKey(key, {});
    const credential = new FakeBrake(2);
    const statuses: number[] = [];
    for (const each of [key, key, key, other.secret])
      statuses.push((await call({ credential }, "GET", "/v1/me", { key: each })).status);
    expect(statuses).toEqual([200, 200, 429, 200]);
  });

  test("counts all tokens of one user of a key as one, and is told neither key nor user", async () => {
    const { id, key } = await Team.create();
    const credential = new FakeBrake(99);
    const tokenOf = async (user: string) =>
      String((await json(await call({}, "POST", "/v1/tokens", { key, body: { user } }))).token);
    for (const token of [await tokenOf("user-ada"), await tokenOf("user-ada"), await tokenOf("user-eve")])
      await call({ credential }, "GET", "/v1/me", { key: token });
    await call({ credential }, "GET", "/v1/me", { key });
    const [first, second, eve, server] = credential.keys;
    expect([first === second, first === eve, first === server]).toEqual([true, false, false]);
    expect(credential.keys.join()).not.toMatch(new RegExp(`user-|${id}|${key}`));
  });

  test("is not asked about what is no credential", async () => {
    const credential = new FakeBrake(0);
    const issuer = await TestIssuer.create();
    for (const key of ["let-me-in", await issuer.jwt()])
      expect((await call({ credential }, "GET", "/v1/me", { key })).status).toBe(401);
    expect(credential.keys).toEqual([]);
  });

  test("counts a link to an upload as a credential, all its parts together", async () => {
    const credential = new FakeBrake(2);
    const statuses: number[] = [];
    for (const n of [1, 2, 3])
      statuses.push((await call({ credential }, "PUT", `/uploads/acme/upl_x.mark/${n}`, { body: "bytes" })).status);
    statuses.push((await call({ credential }, "GET", "/inputs/acme/upl_x.mark/cat.png")).status);
    expect(statuses).toEqual([404, 404, 429, 404]);
  });
});

test("a brake that fails, or is not bound, lets everybody through", async () => {
  const { key } = await Team.create();
  const broken = { limit: () => Promise.reject(new Error("no counter")) };
  for (const brakes of [{ address: broken, credential: broken }, {}])
    expect((await call(brakes, "GET", "/v1/me", { key, ...from("203.0.113.12") })).status).toBe(200);
});
