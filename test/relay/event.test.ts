// The event's text: its shape, numbers as they were written, and when it is thin.

import { describe, expect, test } from "vitest";
import { EVENT_BODY_MAX_BYTES } from "../../src/limits.ts";
import { endEvent } from "../../src/relay/event.ts";

const LINKS = `"links":{"self":"https://sluice.example/v1/requests/r1","cancel":"https://sluice.example/v1/requests/r1/cancel"}`;
const ended = {
  outcome: "completed",
  recovered: false,
  endedAt: Date.UTC(2026, 10, 5, 6, 7, 8, 90),
  outputLeftOut: false,
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
    const body = endEvent({ ...ended, outputLeftOut: true, requestText: requestText("null") });
    expect(JSON.parse(body).data).toStrictEqual(thinData);
  });
});
