// The event's text: its shape, numbers as they were written, and when it is thin.

import { describe, expect, test } from "vitest";
import { EVENT_BODY_MAX_BYTES, endEvent, type FalEnd, falEvent } from "../../../src/webhooks/event-body.ts";

const LINKS = `"links":{"self":"https://sluice.example/v1/requests/r1","cancel":"https://sluice.example/v1/requests/r1/cancel"}`;
const ended = {
  outcome: "completed",
  recovered: false,
  endedAt: Date.UTC(2026, 10, 5, 6, 7, 8, 90),
  outputOmitted: false,
} as const;

function requestText(output: string): string {
  return `{"id":"r1","model":"fal-ai/x","status":"COMPLETED","output":${output},${LINKS}}`;
}

/** An event whose whole body has exactly `bytes` bytes; `filler` is one character. */
function eventOfBytes(bytes: number, filler: string): string {
  const empty = endEvent({ ...ended, requestText: requestText(`""`) });
  const room = bytes - new TextEncoder().encode(empty).byteLength;
  const each = new TextEncoder().encode(filler).byteLength;
  const text = filler.repeat(Math.floor(room / each)) + "a".repeat(room % each);
  return endEvent({ ...ended, requestText: requestText(`"${text}"`) });
}

describe("the type says how the request ended", () => {
  test.each([
    ["completed", false, "request.completed"],
    ["failed", false, "request.failed"],
    ["canceled", false, "request.canceled"],
    ["completed", true, "request.recovered"],
  ] as const)("%s, recovered: %s -> %s", (outcome, recovered, type) => {
    const body = endEvent({ ...ended, outcome, recovered, requestText: requestText("null") });
    expect(JSON.parse(body).type).toBe(type);
  });
});

test("the time stamp is that of the end, and the data is the request object's text as it stands", () => {
  const text = requestText(`{"seed":196619188014358660,"scale":1.50}`);
  expect(endEvent({ ...ended, requestText: text })).toBe(
    `{"type":"request.completed","timestamp":"2026-11-05T06:07:08.090Z","data":${text}}`,
  );
});

describe("thin events", () => {
  const thinData = JSON.parse(`{"id":"r1","status":"COMPLETED",${LINKS}}`);

  test.each(["a", "é", "日"])("a body at the cap is whole, one byte above it is thin (filled with %s)", (filler) => {
    const whole = eventOfBytes(EVENT_BODY_MAX_BYTES, filler);
    expect(new TextEncoder().encode(whole).byteLength).toBe(EVENT_BODY_MAX_BYTES);
    expect(JSON.parse(whole).data.output).toContain(filler);
    expect(JSON.parse(eventOfBytes(EVENT_BODY_MAX_BYTES + 1, filler))).toStrictEqual({
      type: "request.completed",
      timestamp: "2026-11-05T06:07:08.090Z",
      data: thinData,
    });
  });

  test("a request object without its output is never sent as if it were whole", () => {
    const body = endEvent({ ...ended, outputOmitted: true, requestText: requestText("null") });
    expect(JSON.parse(body).data).toStrictEqual(thinData);
  });
});

describe("an event in fal's shape", () => {
  const ids = `"request_id":"r1","gateway_request_id":"r1"`;

  test.each<[string, FalEnd, string]>([
    [
      "an output",
      { kind: "ok", output: `{"seed":196619188014358660}` },
      `"status":"OK","payload":{"seed":196619188014358660}`,
    ],
    [
      "a failure that fal lists field by field",
      { kind: "error", status: 422, detail: `[{"loc":["body"],"msg":"no","type":"x"}]` },
      `"status":"ERROR","error":"Invalid status code: 422","payload":{"detail":[{"loc":["body"],"msg":"no","type":"x"}]}`,
    ],
    [
      "a failure in a sentence",
      { kind: "error", status: 499, detail: `"cancelled"` },
      `"status":"ERROR","error":"Invalid status code: 499","payload":{"detail":"cancelled"}`,
    ],
  ])("says %s as fal does", (_what, end, rest) => {
    expect(falEvent("r1", end)).toBe(`{${ids},${rest}}`);
  });

  test.each<[string, string | null]>([
    ["that was left out", null],
    ["above the cap", JSON.stringify("x".repeat(EVENT_BODY_MAX_BYTES))],
  ])("with an output %s has no payload and says so", (_what, output) => {
    expect(JSON.parse(falEvent("r1", { kind: "ok", output }))).toMatchObject({
      ...{ status: "OK", payload: null, payload_error: expect.any(String) },
    });
  });
});
