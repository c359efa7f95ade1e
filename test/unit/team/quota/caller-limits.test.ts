import { describe, expect, test } from "vitest";
import {
  BROWSER_POSTS_PER_MINUTE,
  BROWSER_UPLOADED_MAX_BYTES,
  BROWSER_UPLOADS_PER_DAY,
  isOwnScope,
  limitsOf as limitsOfCaller,
  shownLimits,
} from "../../../../src/team/quota/caller-limits.ts";
import { planSchema } from "../../../../src/team/quota/plan.ts";
import type { LimitScope, PlanLimit } from "../../../../src/team/quota/plan-limits.ts";

const limitsIn = (...limits: object[]): PlanLimit[] =>
  planSchema().parse({ limits: limits.map((limit, n) => ({ name: `l${n}`, ...limit })) }).limits;

const VISITOR = { visitor: "v1", network: null };
const VISITOR_V6 = { visitor: "v1", network: "2001:db8:1::/48" };
const USER = { visitor: null, network: null };
const DAY = { per: "request", window: "1d" };
type Caller = Parameters<typeof limitsOfCaller>[0];
const limitsOf = (
  limits: PlanLimit[],
  kind: Caller["kind"],
  subjects: Parameters<typeof limitsOfCaller>[1],
  caps: Caller["caps"] = null,
) => limitsOfCaller({ plan: { limits }, caps, kind }, subjects);

/** Name, scope, kind, size and window of the limits that Sluice adds to a plan. */
const added = (limits: PlanLimit[], kind: Parameters<typeof limitsOf>[1], subjects: Parameters<typeof limitsOf>[2]) =>
  limitsOf(limits, kind, subjects)
    .slice(limits.length)
    .map(({ name, scope, per, limit, window }) => [name, scope, per, limit, window]);

const builtIn = (scope: LimitScope, factor = 1, suffix = "") => [
  [`sluice:posts-minute${suffix}`, scope, "request", BROWSER_POSTS_PER_MINUTE * factor, "1m"],
  [`sluice:uploads-day${suffix}`, scope, "upload", BROWSER_UPLOADS_PER_DAY * factor, "1d"],
  [`sluice:upload-bytes-day${suffix}`, scope, "upload_byte", BROWSER_UPLOADED_MAX_BYTES * factor, "1d"],
];

describe("the limits of a secret key", () => {
  test("are its plan's, and count as the plan says", () => {
    const limits = limitsIn({ scope: "visitor", limit: 3, ...DAY }, { scope: "team", limit: 9, ...DAY });
    expect(limitsOf(limits, "secret", USER)).toEqual(limits);
    expect(limitsOf([], "secret", USER)).toEqual([]);
  });
});

describe("the limits of a browser's credential", () => {
  test.each(["token", "jwt"] as const)("that is a user's %s are the plan's and built-in ones of the user", (kind) => {
    expect(added([], kind, USER)).toEqual(builtIn("user"));
    expect(added([], kind, { visitor: null, network: "2001:db8:1::/48" })).toEqual(builtIn("user"));
  });

  test("that is a visitor's hold for the address ten times as often, and for an IPv6 /48 a hundred times", () => {
    expect(added([], "token", VISITOR)).toEqual([...builtIn("visitor"), ...builtIn("ip", 10, ":ip")]);
    expect(added([], "token", VISITOR_V6)).toEqual([
      ...builtIn("visitor"),
      ...builtIn("ip", 10, ":ip"),
      ...builtIn("network", 100, ":ip:network"),
    ]);
  });

  test.each<[string, PlanLimit[], unknown[]]>([
    ["requests", limitsIn({ scope: "visitor", limit: 3, ...DAY }), ["l0:ip", "ip", "request", 30, "1d"]],
    [
      "money",
      limitsIn({ scope: "visitor", per: "usd", limit: "0.05", window: "1mo" }),
      ["l0:ip", "ip", "usd", "0.500000", "1mo"],
    ],
    [
      "open requests",
      limitsIn({ scope: "visitor", per: "concurrent", limit: 2 }),
      ["l0:ip", "ip", "concurrent", 20, undefined],
    ],
    ["a visitor, who is a user", limitsIn({ scope: "user", limit: 4, ...DAY }), ["l0:ip", "ip", "request", 40, "1d"]],
  ])("widen a plan's limit of %s to the visitor's address", (_what, limits, expected) => {
    expect(added(limits, "token", VISITOR)).toContainEqual(expected);
  });

  test("leave a plan's own limit of addresses or networks as it is", () => {
    const limits = limitsIn(
      { scope: "visitor", limit: 3, ...DAY },
      { scope: "ip", limit: 5, ...DAY },
      { scope: "network", limit: 7, ...DAY },
    );
    const days = limitsOf(limits, "token", VISITOR_V6).filter(
      ({ per, window }) => per === "request" && window === "1d",
    );
    expect(days.map(({ scope, limit }) => [scope, limit])).toEqual([
      ["visitor", 3],
      ["ip", 5],
      ["network", 7],
    ]);
  });

  test.each<[string, object]>([
    ["a visitor", { scope: "visitor" }],
    ["a user", { scope: "user" }],
  ])("leave out what the plan says itself of %s, higher or lower", (_whom, whom) => {
    const limits = limitsIn(
      { ...whom, per: "request", limit: 500, window: "1m" },
      { ...whom, per: "upload", limit: 0, window: "1d" },
      { ...whom, per: "upload_byte", limit: 1_000_000_000_000_000, window: "1d" },
    );
    const names = limitsOf(limits, "token", VISITOR).map(({ name }) => name);
    expect(names).toEqual(["l0", "l1", "l2", "l0:ip", "l1:ip", "l2:ip"]);
  });

  test("are not raised by a plan's limits of other windows and of all who share the key", () => {
    const limits = limitsIn(
      { scope: "visitor", per: "request", limit: 9_999, window: "1h" },
      { scope: "key", per: "request", limit: 9_999, window: "1m" },
      { scope: "team", per: "upload", limit: 9_999, window: "1d" },
    );
    const names = limitsOf(limits, "token", VISITOR).map(({ name }) => name);
    for (const [name] of builtIn("visitor")) expect(names).toContain(name);
  });

  test("count what was admitted where the plan does not say otherwise", () => {
    const limits = limitsIn(
      { scope: "user", limit: 3, ...DAY, count: "completed" },
      { scope: "team", limit: 9, ...DAY },
    );
    const [first, second] = limitsOf(limits, "jwt", USER);
    expect(first).toMatchObject({ count: "completed", counts: "admitted" });
    expect(second).toMatchObject({ counts: "admitted" });
    expect(second).not.toHaveProperty("count");
  });

  test("have names that no plan can give, each once", () => {
    const limits = limitsIn({ scope: "visitor", limit: 3, ...DAY }, { scope: "user", limit: 4, ...DAY });
    const names = limitsOf(limits, "token", VISITOR_V6).map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    const given = names.slice(limits.length).map((name) => ({ limits: [{ name, scope: "team", limit: 1, ...DAY }] }));
    for (const plan of given) expect(planSchema().safeParse(plan).success).toBe(false);
  });

  test("stay amounts that a plan could hold, however large the plan's are", () => {
    const limits = limitsIn({ scope: "visitor", per: "usd", limit: "1000000000", window: "1d" });
    expect(added(limits, "token", VISITOR)).toContainEqual(["l0:ip", "ip", "usd", "1000000000.000000", "1d"]);
  });
});

describe("what a caller is told of limits", () => {
  const scopes: LimitScope[] = ["team", "key", "user", "visitor", "ip", "network", "tag:client"];
  const states = scopes.map((scope) => ({ scope }));

  test("is all of them, but for a visitor those of the person and its address", () => {
    expect(shownLimits(states, { visitor: null })).toEqual(states);
    expect(shownLimits(states, { visitor: "v1" }).map(({ scope }) => scope)).toEqual(scopes.filter(isOwnScope));
    expect(scopes.filter(isOwnScope)).toEqual(["user", "visitor", "ip", "network"]);
  });
});
