// What a self-test concludes from what it saw.

import { describe, expect, test } from "vitest";
import type { AccountOverview } from "../../../../src/contracts/account.ts";
import type { SweepOverview } from "../../../../src/contracts/sweeper.ts";
import {
  elsewhere,
  judgeArrivals,
  judgeConnections,
  judgeKey,
  judgeSecrets,
  judgeSweep,
  judgeUpstream,
} from "../../../../src/http/doctor/findings.ts";
import { refusal, refused } from "../../../../src/platform/errors.ts";
import { HOUR_MS } from "../../../../src/platform/time.ts";
import type { ConnectionAnswer } from "../../../../src/upstream/client/connections.ts";

const KEY = "k".repeat(7);
const SECRETS = { MATON_API_KEY: KEY, SIGNING_KEY: ["s".repeat(40)], ADMIN_TOKEN: "a".repeat(40) };
const NOW = Date.UTC(2026, 10, 30, 12);

const ACCOUNT: AccountOverview = {
  at: NOW,
  pause: null,
  rps: 10,
  callsLastSecond: 0,
  slots: { used: 0, limit: 40 },
  callsWaiting: 0,
  connection: "c1",
  pausedUntil: null,
  closure: null,
  failuresInARow: 0,
  waiting: { submit: 0, cancel: 0, result: 0, status: 0 },
  waitingByUser: [],
  lastFailures: [],
  webhooks: { state: "arriving", lastDelayMs: 400 },
  durations: [{ model: "fal-ai/flux/schnell", durations: null }],
  figures: {
    ...{ submitted: 0, ended: { completed: 0, failed: 0, canceled: 0 }, webhooks: 0, webhookP95Ms: null },
    ...{ deliveriesGivenUp: 0, overdue: 0, uncertain: 0 },
  },
};

const listed = (...connections: { connection_id: string; status: string }[]): ConnectionAnswer => ({
  kind: "done",
  body: { connections },
  inUse: null,
});
const active = (id: string) => ({ connection_id: id, status: "ACTIVE" });

describe("the secrets", () => {
  test.each([
    ["are fine", SECRETS, "ok", ""],
    ["begin with a quote mark", { ...SECRETS, MATON_API_KEY: '"mk_123"' }, "fail", "MATON_API_KEY"],
    ["are an example's", { ...SECRETS, ADMIN_TOKEN: "change-me-to-something-long-change-me" }, "fail", "ADMIN_TOKEN"],
    ["are placeholders", { ...SECRETS, SIGNING_KEY: ["<at least 32 bytes of your own>"] }, "fail", "SIGNING_KEY"],
    ["are used twice", { ...SECRETS, ADMIN_TOKEN: "s".repeat(40) }, "fail", "ADMIN_TOKEN"],
    [
      "are used twice within a list",
      { ...SECRETS, SIGNING_KEY: ["s".repeat(40), "s".repeat(40)] },
      "fail",
      "SIGNING_KEY",
    ],
  ])("that %s", (_what, config, state, named) => {
    const finding = judgeSecrets(config);
    expect(finding.state).toBe(state);
    expect(finding.message).toContain(named);
  });

  test("never appear in what is said of them", () => {
    const finding = judgeSecrets({ ...SECRETS, MATON_API_KEY: "'mk_secret_value'" });
    expect(JSON.stringify(finding)).not.toContain("mk_secret_value");
  });
});

describe("Maton's answer", () => {
  test.each<[string, ConnectionAnswer, string, string]>([
    ["a list", listed(active("c1")), "ok", "accepts"],
    ["a rejected key", refused(refusal("misconfigured", "no")), "fail", "rejects MATON_API_KEY"],
    ["no pace left", refused(refusal("rate_limited", "no")), "warn", "rate limit"],
    ["no valid response", refused(refusal("upstream_failed", "no")), "fail", "no valid response"],
    ["a refusal of its own", { kind: "declined", status: 404, message: "no" }, "fail", "404"],
  ])("%s", (_what, answer, state, said) => {
    const finding = judgeKey(answer);
    expect([finding.state, finding.message]).toEqual([state, expect.stringContaining(said)]);
  });
});

describe("the connections", () => {
  test.each<[string, ConnectionAnswer, { configured: string | undefined; inUse: string | null }, string]>([
    ["one that is active", listed(active("c1")), { configured: undefined, inUse: "c1" }, "ok"],
    ["none", listed(), { configured: undefined, inUse: null }, "fail"],
    [
      "one that is not finished",
      listed({ connection_id: "c1", status: "PENDING" }),
      { configured: undefined, inUse: null },
      "fail",
    ],
    ["two, and none is chosen", listed(active("c1"), active("c2")), { configured: undefined, inUse: "c1" }, "warn"],
    ["two, and one is chosen", listed(active("c1"), active("c2")), { configured: "c2", inUse: "c2" }, "ok"],
    ["a chosen one that is gone", listed(active("c1")), { configured: "c9", inUse: "c9" }, "fail"],
    [
      "unknown, because Maton did not answer",
      refused(refusal("upstream_failed", "no")),
      { configured: undefined, inUse: null },
      "skipped",
    ],
  ])("%s", (_what, answer, known, state) => {
    expect(judgeConnections(answer, known).state).toBe(state);
  });
});

describe("the account", () => {
  test.each([
    ["that is open", {}, "ok", "none waits"],
    ["with calls in line", { callsWaiting: 3 }, "ok", "3 wait"],
    ["that fal has locked", { closure: { why: "locked", since: NOW, probeAt: NOW, probes: 0 } }, "fail", "locked"],
    [
      "whose key fal rejects",
      { closure: { why: "key_refused", since: NOW, probeAt: NOW, probes: 0 } },
      "fail",
      "rejected",
    ],
    ["whose calls fail", { closure: { why: "failing", since: NOW, probeAt: NOW, probes: 0 } }, "fail", "failed since"],
    ["after a 429", { pausedUntil: NOW + 1_000 }, "warn", "429"],
  ] satisfies [string, Partial<AccountOverview>, string, string][])("%s", (_what, change, state, said) => {
    const finding = judgeUpstream({ ...ACCOUNT, ...change });
    expect([finding.state, finding.message]).toEqual([state, expect.stringContaining(said)]);
  });

  test.each([
    ["arrive", { state: "arriving", lastDelayMs: 400 }, 1, "ok"],
    ["are off", { state: "off", lastDelayMs: null }, 1, "skipped"],
    ["stay away", { state: "missing", lastDelayMs: null }, 1, "warn"],
    ["were not due yet", { state: "missing", lastDelayMs: null }, 0, "skipped"],
  ] satisfies [string, AccountOverview["webhooks"], number, string][])(
    "whose webhooks %s",
    (_what, webhooks, models, state) => {
      const durations = ACCOUNT.durations.slice(0, models);
      expect(judgeArrivals({ ...ACCOUNT, webhooks, durations }).state).toBe(state);
    },
  );
});

describe("the sweep", () => {
  const counts = { refused: false, listed: 9, known: 9, young: 0, foreign: 0, deleted: 0, deletedBytes: 0 };
  const owner = { deployment: "d1", claimedAt: NOW };
  const sweptAt = (at: number): SweepOverview => ({
    sweep: { startedAt: at, finishedAt: at, ...counts },
    owner,
    isOwner: true,
    adoptions: [],
  });
  test.each([
    ["of last night", sweptAt(NOW - 9 * HOUR_MS), "ok"],
    ["of three days ago", sweptAt(NOW - 72 * HOUR_MS), "warn"],
    ["that is to come", { ...sweptAt(NOW), sweep: null }, "skipped"],
    ["of another deployment's bucket", { ...sweptAt(NOW), isOwner: false }, "fail"],
  ])("%s", (_what, overview, state) => {
    expect(judgeSweep(overview, NOW).state).toBe(state);
  });
});

describe("an own address that leads elsewhere", () => {
  const answered = { kind: "answered", status: 200, contentType: "text/html", location: null, text: "<html>" } as const;
  test.each([
    ["to another server", answered, "does not lead to this deployment"],
    ["to nobody", { kind: "failed", reason: "unreachable" } as const, "cannot be reached"],
    ["behind Cloudflare Access", { ...answered, status: 302, location: "https://me.cloudflareaccess.com/x" }, "Access"],
  ])("%s says so, names the variable, and what to do", (_what, answer, said) => {
    const { state, message, fix } = elsewhere(answer, "PUBLIC_URL", "/hooks/*");
    expect([state, message]).toEqual(["fail", expect.stringContaining(said)]);
    expect(`${message} ${fix}`).toMatch(/PUBLIC_URL|\/hooks\/\*/);
  });
});
