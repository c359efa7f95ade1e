import { describe, expect, test } from "vitest";
import { limitHeaders } from "../../../src/http/limit-headers.ts";
import type { LimitState } from "../../../src/team/quota/limits.ts";

const NOW = 1_795_000_000_000;
const day: LimitState = {
  ...({ name: "day", scope: "team", per: "request", window: "1d", count: "completed", setBy: "plan" } as const),
  ...{ limit: 100, used: 93, remaining: 7, resetAt: NOW + 3_600_500 },
};

describe("limit headers", () => {
  test("say policy and state of every limit, with seconds rounded up", () => {
    const month: LimitState = { ...day, name: "per-user", window: "1mo", limit: 5, remaining: 0, resetAt: NOW + 1000 };
    expect(limitHeaders([day, month], NOW)).toEqual({
      "RateLimit-Policy": '"day";q=100;w=86400, "per-user";q=5',
      RateLimit: '"day";r=7;t=3601, "per-user";r=0;t=1',
    });
  });

  test("are absent without limits", () => {
    expect(limitHeaders([], NOW)).toEqual({});
  });
});
