// The operator's sentences: when each is said, in which order, and that there are five at most.

import { describe, expect, test } from "vitest";
import type { AccountFigures, Pause } from "../../../../src/contracts/account.ts";
import type { SweepReport } from "../../../../src/contracts/sweeper.ts";
import { type Facts, WORST_MAX, worstOf } from "../../../../src/http/overview/worst.ts";
import { DAY_MS, MINUTE_MS } from "../../../../src/platform/time.ts";

const NOW = Date.UTC(2026, 10, 30, 12);
const SINCE = NOW - 10 * MINUTE_MS;

const FIGURES: AccountFigures = {
  submitted: 40,
  ended: { completed: 30, failed: 5, canceled: 1 },
  webhooks: 36,
  webhookP95Ms: 900,
  deliveriesGivenUp: 0,
  overdue: 0,
  uncertain: 0,
};
const SWEPT: SweepReport = {
  ...{ startedAt: NOW - DAY_MS, finishedAt: NOW - DAY_MS + 1, refused: false, listed: 9, known: 9 },
  ...{ young: 0, foreign: 0, deleted: 0, deletedBytes: 0, listedBytes: 90 },
};
const FINE: Facts = {
  account: {
    ...{ pause: null, callsWaiting: 0, slots: { used: 3, limit: 40 } },
    ...{ webhooks: { state: "arriving", lastDelayMs: 400 }, figures: FIGURES },
  },
  sweep: SWEPT,
  isOwner: true,
  teams: 2,
};

const with_ = (account: Partial<Facts["account"]>, rest: Partial<Facts> = {}): Facts => {
  return { ...FINE, ...rest, account: { ...FINE.account, ...account } };
};
const figures = (each: Partial<AccountFigures>): Facts => with_({ figures: { ...FIGURES, ...each } });
const paused = (why: Pause["why"], since = SINCE): Facts => with_({ pause: { why, since, until: NOW + 1 } });

test("nothing is said where nothing needs a person", () => {
  expect(worstOf(FINE, NOW)).toEqual([]);
  expect(worstOf({ ...FINE, sweep: null, isOwner: null }, NOW)).toEqual([]);
});

describe("each is said alone, with what to do", () => {
  test.each<[string, Facts, string, string]>([
    ["a locked account", paused("locked"), "fal has locked the account since 2026-11-30T11:50:00.000Z", "pay at fal"],
    ["a refused key", paused("key_refused"), "refuses the key", "check MATON_API_KEY"],
    ["failing calls", paused("failing"), "Calls to fal fail", "status pages"],
    ["a long limit of the rate", paused("rate_limited"), "limited the rate", "lower UPSTREAM_RPS"],
    [
      "a bucket of another deployment",
      { ...FINE, isOwner: false },
      "Another deployment owns the bucket",
      "take this one over",
    ],
    ["one uncertain request", figures({ uncertain: 1 }), "1 request may have been taken", "settle with"],
    ["uncertain requests", figures({ uncertain: 3 }), "3 requests may", "settle with"],
    ["webhooks that miss", with_({ webhooks: { state: "missing", lastDelayMs: null } }), "do not arrive", "self-test"],
    ["ends without any webhook", figures({ webhooks: 0 }), "do not arrive", "self-test"],
    ["one overdue request", figures({ overdue: 1 }), "1 request is at fal", "cancel"],
    ["overdue requests", figures({ overdue: 2 }), "2 requests are at fal", "cancel"],
    [
      "more failures than completions",
      figures({ ended: { completed: 4, failed: 6, canceled: 0 } }),
      "More requests failed (6) than completed (4)",
      "error codes",
    ],
    [
      "deliveries that were given up",
      figures({ deliveriesGivenUp: 1 }),
      "1 delivery to webhooks was given up",
      "replay",
    ],
    [
      "slots that are all in use",
      with_({ slots: { used: 40, limit: 40 }, callsWaiting: 1 }),
      "All 40 slots are in use and 1 call waits",
      "raise UPSTREAM_SLOTS",
    ],
    [
      "a sweep that did not run",
      { ...FINE, sweep: { ...SWEPT, startedAt: NOW - 3 * DAY_MS, finishedAt: NOW - 3 * DAY_MS } },
      "last ran 2026-11-27T12:00:00.000Z",
      "cron",
    ],
    [
      "a sweep that does not end",
      { ...FINE, sweep: { ...SWEPT, startedAt: NOW - 3 * DAY_MS, finishedAt: null } },
      "has not finished",
      "cron",
    ],
    ["no team", { ...FINE, teams: 0 }, "No team exists yet", "POST /v1/admin/teams"],
  ])("%s", (_what, facts, what, wayOut) => {
    const [sentence, ...others] = worstOf(facts, NOW);
    expect(sentence).toContain(what);
    expect(sentence).toContain(wayOut);
    expect(others).toEqual([]);
  });
});

describe("nothing is said", () => {
  test.each<[string, Facts]>([
    ["of a short limit of the rate", paused("rate_limited", NOW - MINUTE_MS)],
    ["of a few ends without a webhook", figures({ webhooks: 0, ended: { completed: 5, failed: 4, canceled: 0 } })],
    [
      "of webhooks that are off",
      with_({ webhooks: { state: "off", lastDelayMs: null }, figures: { ...FIGURES, webhooks: 0 } }),
    ],
    ["of a few failures", figures({ ended: { completed: 0, failed: 9, canceled: 0 } })],
    ["of full slots for which nobody waits", with_({ slots: { used: 40, limit: 40 } })],
    ["of a sweep that runs since this morning", { ...FINE, sweep: { ...SWEPT, startedAt: NOW - 1, finishedAt: null } }],
  ])("%s", (_what, facts) => {
    expect(worstOf(facts, NOW)).toEqual([]);
  });
});

test("the worst come first, and five are enough", () => {
  const all = worstOf(
    {
      ...FINE,
      ...{ isOwner: false, teams: 0 },
      account: {
        pause: { why: "locked", since: SINCE, until: NOW },
        callsWaiting: 7,
        slots: { used: 40, limit: 40 },
        webhooks: { state: "missing", lastDelayMs: null },
        figures: { ...FIGURES, overdue: 1, uncertain: 1, deliveriesGivenUp: 1 },
      },
    },
    NOW,
  );
  expect(all).toHaveLength(WORST_MAX);
  expect(all[0]).toContain("7 calls wait");
  expect(all[1]).toContain("owns the bucket");
});
