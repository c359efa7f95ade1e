import { describe, expect, test } from "vitest";
import { type AlertSubject, alertSubject } from "../../../../src/team/alerts.ts";
import { limitCounters } from "../../../../src/team/quota/counters.ts";
import type { Subjects } from "../../../../src/team/quota/limits.ts";
import { planSchema } from "../../../../src/team/quota/plan.ts";
import {
  type CountedFor,
  countedFor,
  type LimitScope,
  type PlanLimit,
} from "../../../../src/team/quota/plan-limits.ts";

const NOON = Date.parse("2026-11-22T12:00:00Z");

const everybody: Subjects = {
  keyId: "key_1",
  user: "anna",
  visitor: "v1",
  ip: "203.0.113.7",
  network: "2001:db8:1::/48",
  tags: { client: "acme" },
};

interface Expected {
  scope: LimitScope;
  /** Whose counter it is: the end of the counter's id. */
  counter: string;
  /** Whom the event of a limit in USD names; null: no event is written. */
  alert: AlertSubject | null;
}

/** A row for each kind of scope: a new kind does not compile until it has one. */
const SCOPES: Record<CountedFor["kind"], Expected> = {
  team: { scope: "team", counter: "team", alert: { subject: "team", tags: {} } },
  key: { scope: "key", counter: "key:key_1", alert: { subject: "key_1", tags: {} } },
  user: { scope: "user", counter: "user:anna", alert: { subject: "anna", tags: {} } },
  visitor: { scope: "visitor", counter: "visitor:v1", alert: null },
  ip: { scope: "ip", counter: "ip:203.0.113.7", alert: null },
  network: { scope: "network", counter: "network:2001:db8:1::/48", alert: null },
  tag: {
    scope: "tag:client",
    counter: "tag:6:client=acme",
    alert: { subject: "client=acme", tags: { client: "acme" } },
  },
};

describe.each(Object.entries(SCOPES))("a limit that counts by %s", (kind, { scope, counter, alert }) => {
  const limit: PlanLimit = { name: "usd", scope, per: "usd", limit: "5", window: "1d" };

  test("may stand in a plan, and is read as its kind", () => {
    expect(planSchema().parse({ limits: [limit] }).limits).toEqual([limit]);
    expect(countedFor(scope).kind).toBe(kind);
  });

  test("has a counter of its own", () => {
    const [found, ...others] = limitCounters([limit], everybody, NOON).map((each) => each.counter);
    expect(others).toEqual([]);
    expect(found?.id).toBe(`usd/1d/${Date.parse("2026-11-22T00:00:00Z")}/${counter}`);
  });

  test("names its subject in alerts, or is told to nobody", () => {
    expect(alertSubject(scope, everybody)).toEqual(alert);
  });
});

test("a limit by user counts and names the key where the request names no user", () => {
  const nobody = { ...everybody, user: null };
  const limit: PlanLimit = { name: "usd", scope: "user", per: "usd", limit: "5", window: "1d" };
  expect(limitCounters([limit], nobody, NOON)[0]?.counter.subject).toBe("user-of-key:key_1");
  expect(alertSubject("user", nobody)).toEqual({ subject: "key_1", tags: {} });
});

test("a tag may be named like another scope", () => {
  expect(countedFor("tag:user")).toEqual({ kind: "tag", name: "user" });
  expect(countedFor("tag:tag:a")).toEqual({ kind: "tag", name: "tag:a" });
});
