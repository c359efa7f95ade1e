// How the compatible surfaces refuse: one body for every client, and no status that makes a client post again in vain.

import { describe, expect, test } from "vitest";
import { falRefusal } from "../../../src/compat/fal-errors.ts";
import { finalFailure } from "../../../src/compat/fal-format.ts";
import { ERRORS, type ErrorCode, refusal } from "../../../src/platform/errors.ts";
import type { FalFailure } from "../../../src/requests/view/replayed-failure.ts";

const CODES = Object.keys(ERRORS) as ErrorCode[];
/** What fal's JavaScript or Python client, or the AI SDK, posts again after. */
const RETRIED = [408, 409, 429, 500, 502, 503, 504];

describe("a refusal", () => {
  test.each(CODES)("%s has one body that every client can read", async (code) => {
    const answer = falRefusal(refusal(code, "It is so.", { hint: "Do that." }), "call-1");
    const message = "It is so. Do that.";
    expect(await answer.json()).toEqual({
      detail: code === "invalid_input" ? [{ loc: ["body"], msg: message, type: "value_error" }] : message,
      ...{ error_type: code, message, error: { message, code: answer.status }, request_id: "call-1" },
    });
    expect(answer.headers.get("Content-Type")).toBe("application/json");
    expect(answer.headers.get("x-fal-error-type")).toBe(code);
  });

  test("has a status that clients post again after where a further try may help, and nowhere else", () => {
    const retried = CODES.filter((code) => RETRIED.includes(falRefusal(refusal(code, "x"), "call-1").status));
    expect(retried).toEqual(CODES.filter((code) => ERRORS[code].retryable));
  });

  test("about money is 402, one about a short window 429 with the seconds to wait", () => {
    expect(falRefusal(refusal("quota_exceeded", "x"), "c").status).toBe(402);
    const soon = falRefusal(refusal("rate_limited", "x", { retryAfterS: 7 }), "c");
    expect([soon.status, soon.headers.get("Retry-After")]).toEqual([429, "7"]);
  });
});

describe("the failure of a run that was paid for, as the answer to a POST", () => {
  const failure = (status: number, isUserTimeout = false): FalFailure => {
    return { status, detail: "x", type: "x", message: "x", retryable: true, isUserTimeout };
  };

  test.each(RETRIED)("is 424 where it was %d", (status) => {
    expect(finalFailure(failure(status))).toEqual({ ...failure(status), status: 424 });
  });

  test.each([400, 404, 422, 499])("stays %d, which nobody posts again after", (status) => {
    expect(finalFailure(failure(status)).status).toBe(status);
  });

  test("stays 504 where the caller's own start deadline ended it, unpaid", () => {
    expect(finalFailure(failure(504, true)).status).toBe(504);
  });
});
