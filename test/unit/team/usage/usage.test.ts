import { describe, expect, test } from "vitest";
import { dayOf, usageKeys } from "../../../../src/team/usage/usage.ts";

describe("the lines that a request adds to", () => {
  const recordedAt = Date.parse("2026-11-30T23:59:59.999Z");
  const request = { recordedAt, model: "fal-ai/flux/schnell", user: "anna", keyId: "key_1", tags: {} };
  const line = { day: "2026-11-30", model: "fal-ai/flux/schnell", user: "anna", keyId: "key_1" };

  test("are one for everything and one for each tag", () => {
    expect(usageKeys(request)).toEqual([{ ...line, tag: "" }]);
    expect(usageKeys({ ...request, tags: { client: "acme", env: "" } })).toEqual([
      { ...line, tag: "" },
      { ...line, tag: "client=acme" },
      { ...line, tag: "env=" },
    ]);
  });

  test("have an empty user where there is none", () => {
    expect(usageKeys({ ...request, user: null })).toEqual([{ ...line, user: "", tag: "" }]);
  });

  test("fall on the UTC day of the booking", () => {
    expect(dayOf(recordedAt)).toBe("2026-11-30");
    expect(dayOf(recordedAt + 1)).toBe("2026-12-01");
  });
});
