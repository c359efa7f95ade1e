// The closed list of error codes: what each one means on the wire.

import { describe, expect, test } from "vitest";
import { ERRORS, refusal } from "../../../src/platform/errors.ts";

/** The contract's list: clients switch over these, so a code is never renamed and none is added in passing. */
const STATUSES: Record<string, number> = {
  ...{ invalid_request: 400, invalid_input: 422, unauthenticated: 401, team_required: 401, forbidden: 403 },
  ...{ user_mismatch: 403, origin_not_allowed: 403, model_not_allowed: 403, not_found: 404, gone: 410 },
  ...{ conflict: 409, already_ended: 409, idempotency_mismatch: 422, payload_too_large: 413 },
  ...{ key_expired: 401, token_expired: 401, key_frozen: 403, user_frozen: 403, visitor_limit: 402 },
  ...{ unsupported_encoding: 415, team_full: 503, precondition_failed: 412 },
  ...{ unsupported_media_type: 415, quota_exceeded: 402, rate_limited: 429, price_unknown: 403 },
  ...{ content_refused: 422, input_unreachable: 422, upstream_locked: 503, upstream_paused: 503 },
  ...{ upstream_refused: 400, upstream_failed: 502, upstream_timeout: 504, submit_uncertain: 502 },
  ...{
    result_lost: 502,
    storage_failed: 503,
    connection_missing: 503,
    overloaded: 503,
    misconfigured: 503,
    internal: 500,
  },
};

describe("the list of errors", () => {
  test("is closed, and each code has its status", () => {
    expect(Object.fromEntries(Object.entries(ERRORS).map(([code, { status }]) => [code, status]))).toEqual(STATUSES);
  });

  test("advises a retry only where the same call may come out otherwise", () => {
    const retryable = Object.entries(ERRORS).filter(([, error]) => error.retryable);
    expect(retryable.map(([code]) => code).sort()).toEqual([
      ...["connection_missing", "internal", "misconfigured", "overloaded", "rate_limited", "storage_failed"],
      ...["upstream_failed", "upstream_locked", "upstream_paused", "upstream_timeout"],
    ]);
  });

  test("never advises a retry of what may have been paid, whatever its status", () => {
    expect([ERRORS.submit_uncertain.retryable, ERRORS.result_lost.retryable]).toEqual([false, false]);
  });

  test("has a title for each code that differs from all others", () => {
    const titles = Object.values(ERRORS).map(({ title }) => title);
    expect(new Set(titles).size).toBe(titles.length);
    for (const title of titles) expect(title).toMatch(/^[A-Z].*[^.]$/);
  });
});

describe("a refusal", () => {
  test("has its code and its sentence, and the rest only where it is given", () => {
    expect(refusal("gone", "The resource was deleted.")).toEqual({ code: "gone", detail: "The resource was deleted." });
    const extra = { hint: "Wait.", requestId: "r", retryAfterS: 5, violated: [] };
    expect(refusal("rate_limited", "Too many requests.", extra)).toEqual({
      code: "rate_limited",
      detail: "Too many requests.",
      ...extra,
    });
  });
});
