// What the console computes for its screens: exact numbers, words for figures, the picture of a timeline, stacked days.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseEvent, readEvents, type StreamEvent } from "../../../console/src/api/event-stream.ts";
import { isExactNumber, parseJson, printJson } from "../../../console/src/api/json.ts";
import { fileNameOf, mediaKind, sourceOf } from "../../../console/src/parts/files.ts";
import { agoText, bytesText, durationText, moneyText, shortId } from "../../../console/src/parts/format.ts";
import { readTyped } from "../../../console/src/screens/requests/filters.ts";
import { pictureOf, scaleOf, spentBy } from "../../../console/src/screens/requests/timeline.ts";
import { gatewayPage } from "../../../console/src/screens/settings/gateway-page.ts";
import { daysOf, monthOf } from "../../../console/src/screens/usage/days.ts";
import { stackOf, ticksOf } from "../../../console/src/screens/usage/stack.ts";
import { may, whyHidden } from "../../../console/src/session/permissions.ts";

describe("JSON", () => {
  test.each(["9007199254740993", "1.0", "1e400", "0.1000", "-0", "123456789012345678901234567890"])(
    "keeps %s as it was written",
    (number) => {
      const text = `{\n  "seed": ${number}\n}`;
      expect(printJson(parseJson(text))).toBe(text);
    },
  );

  test("gives numbers that a double holds as numbers", () => {
    expect(parseJson('{"a":1,"b":[0.5,-3]}')).toEqual({ a: 1, b: [0.5, -3] });
    expect(isExactNumber((parseJson('{"a":9007199254740993}') as { a: unknown }).a)).toBe(true);
  });

  test("of any value comes back the same", () => {
    fc.assert(
      fc.property(
        fc.json(),
        (text) => printJson(parseJson(text)) === printJson(JSON.parse(text)) || text.includes("e"),
      ),
    );
  });
});

describe("an event stream", () => {
  test("is read in whatever pieces it comes", async () => {
    const text = ': hello\n\nid: 1.0\nevent: update\ndata: {"a":1}\n\nid: 2.0\nevent: end\ndata: {"b":\ndata: 2}\n\n';
    for (const size of [1, 7, text.length]) {
      const bytes = new TextEncoder().encode(text);
      const stream = new ReadableStream<Uint8Array>({
        start(controller) {
          for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.slice(at, at + size));
          controller.close();
        },
      });
      const events: StreamEvent[] = [];
      for await (const event of readEvents(stream)) events.push(event);
      expect(events).toEqual([
        { id: "1.0", event: "update", data: '{"a":1}' },
        { id: "2.0", event: "end", data: '{"b":\n2}' },
      ]);
    }
  });

  test("has no event in a comment", () => {
    expect(parseEvent(": keep-alive")).toBeNull();
  });
});

describe("words for figures", () => {
  test.each([
    ["0.006000", "$0.006"],
    ["0.500000", "$0.50"],
    ["0", "$0"],
    ["12.4", "$12.40"],
    ["1234.5", "$1,234.50"],
    [null, "unknown"],
  ])("money %s is %s", (usd, words) => {
    expect(moneyText(usd)).toBe(words);
  });

  test.each([
    [0, "0 ms"],
    [350, "350 ms"],
    [1_400, "1.4 s"],
    [42_000, "42 s"],
    [102_000, "1:42"],
    [15_120_000, "4 h 12 m"],
    [180_000_000, "2 d 2 h"],
  ])("%i ms are %s", (ms, words) => {
    expect(durationText(ms)).toBe(words);
  });

  test("bytes, ids and distances are short", () => {
    expect([bytesText(512), bytesText(29_719), bytesText(1_073_741_824)]).toEqual(["512 B", "29.7 KB", "1.1 GB"]);
    expect(shortId("5f72da00000000000000000000000000000000000000000000000000cb5dcb5d")).toBe("5f72da…cb5d");
    const now = Date.parse("2026-11-30T12:00:00Z");
    expect([agoText("2026-11-30T11:56:00Z", now), agoText("2026-11-30T14:00:00Z", now)]).toEqual(["4 m ago", "in 2 h"]);
  });
});

describe("the picture of a timeline", () => {
  const line = (seq: number, at: string, event: string, stage: string) => ({
    seq,
    at: `2026-11-30T12:00:${at}Z`,
    event,
    stage,
    detail: {},
  });
  const lines = [
    line(1, "00.000", "admitted", "held"),
    line(2, "01.000", "granted", "submitting"),
    line(3, "01.500", "submitted", "queued"),
    line(4, "02.000", "running", "running"),
    line(5, "04.000", "webhook", "storing"),
    line(6, "04.500", "stored", "completed"),
    line(7, "05.000", "delivered", "completed"),
  ];

  test("has a bar for each stage that takes time, in the lane of whoever takes it", () => {
    const picture = pictureOf(lines, Date.parse("2026-11-30T13:00:00Z"));
    expect(picture?.bars.map(({ lane, word, from, to, isOpen }) => [lane, word, to - from, isOpen])).toEqual([
      ["Sluice", "waiting", 1_000, false],
      ["Sluice", "submitting", 500, false],
      ["fal", "in fal's queue", 500, false],
      ["fal", "running", 2_000, false],
      ["Storage", "storing", 500, false],
    ]);
    expect(picture === null ? null : spentBy(picture)).toEqual({ here: 1_500, fal: 2_500, storing: 500 });
  });

  test("tells queue and run apart only where something said when the run began", () => {
    const quiet = lines.filter(({ event }) => event !== "running");
    const words = pictureOf(quiet, 0)
      ?.bars.filter(({ lane }) => lane === "fal")
      .map(({ word }) => word);
    expect(words).toEqual(["at fal"]);
  });

  test("goes on to now while the request is open", () => {
    const open = pictureOf(lines.slice(0, 4), Date.parse("2026-11-30T12:00:09Z"));
    expect(open?.bars.at(-1)).toMatchObject({ word: "running", isOpen: true, to: Date.parse("2026-11-30T12:00:09Z") });
  });

  test("puts an event that it does not know into the first lane", () => {
    expect(pictureOf([line(1, "00.000", "something_new", "held")], 0)?.marks[0]?.lane).toBe("Sluice");
  });

  test("breaks long waits, and keeps the order of moments", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 10_000_000 }), { minLength: 2, maxLength: 12 }),
        fc.nat(),
        (times, end) => {
          const scale = scaleOf(times, end);
          const places = [...times].sort((one, other) => one - other).map(scale.place);
          return places.every((place, n) => place >= 0 && place <= 1 + 1e-9 && place >= (places[n - 1] ?? 0) - 1e-9);
        },
      ),
    );
    const scale = scaleOf([0, 100, 200, 4_000_000], 4_000_000);
    expect(scale.breaks).toEqual([{ from: 200, to: 4_000_000 }]);
    expect(scale.place(200)).toBeGreaterThan(0.5);
  });
});

describe("usage", () => {
  const line = (day: string, model: string, charged_usd: string) => ({
    ...{ day, model, charged_usd, refunded_usd: "0", requests: 1, completed: 1, failed: 0, canceled: 0 },
    ...{ refunded: 0, unknown_cost: 0, above_estimate: 0, late: 0, estimated_usd: charged_usd },
  });

  test("is stacked by day, six series and the rest, the largest first", () => {
    const days = daysOf("2026-11-01", "2026-11-02");
    const lines = Array.from({ length: 8 }, (_, n) => line("2026-11-02", `m${n}`, String(n + 1)));
    const stack = stackOf(lines, days, ({ model = "" }) => model, "usd");
    expect(stack.series.map(({ name, total }) => [name, total])).toEqual([
      ...[8, 7, 6, 5, 4, 3].map((usd) => [`m${usd - 1}`, usd]),
      ["Other (2)", 3],
    ]);
    expect(stack.totals).toEqual([0, 36]);
  });

  test("has an axis of round steps that reaches the largest value", () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-6, max: 1e6, noNaN: true }), (largest) => {
        const ticks = ticksOf(largest, false);
        return (ticks.at(-1) ?? 0) >= largest * (1 - 1e-9) && ticks.length <= 6 && ticks[0] === 0;
      }),
    );
    expect(ticksOf(3, true)).toEqual([0, 1, 2, 3]);
  });

  test("goes by whole months, and this one to today", () => {
    expect(monthOf("2026-11-30", 0, "2026-11-30")).toEqual({ from: "2026-11-01", to: "2026-11-30", name: "Nov 2026" });
    expect(monthOf("2026-01-15", -1, "2026-11-30")).toEqual({ from: "2025-12-01", to: "2025-12-31", name: "Dec 2025" });
    expect(monthOf("2026-02-01", 0, "2026-02-10").to).toBe("2026-02-10");
  });
});

describe("a filter", () => {
  test.each([
    ["a".repeat(64), { kind: "open", id: "a".repeat(64) }],
    ["fal-ai/flux/schnell", { kind: "filter", name: "model", value: "fal-ai/flux/schnell" }],
    ["user:ada", { kind: "filter", name: "user", value: "ada" }],
    ["ada", { kind: "filter", name: "user", value: "ada" }],
    ["client=acme", { kind: "filter", name: "tag", value: "client=acme" }],
    ["tag:client", { kind: "filter", name: "tag", value: "client" }],
    ["  ", { kind: "nothing" }],
  ])("of %j is read", (text, typed) => {
    expect(readTyped(text)).toEqual(typed);
  });
});

describe("a file", () => {
  const SELF = "https://media.example/v1/requests/0f";
  test.each([
    ["https://media.example/files/a/b.png?mark=1", { kind: "own", path: "/files/a/b.png?mark=1" }],
    ["https://cdn.fal.media/files/a/b.png", { kind: "foreign", url: "https://cdn.fal.media/files/a/b.png" }],
    [
      "https://media.example.evil.example/files/a",
      { kind: "foreign", url: "https://media.example.evil.example/files/a" },
    ],
    ["javascript:alert(1)", { kind: "no_page" }],
    ["data:text/html,hello", { kind: "no_page" }],
    ["a cat", { kind: "no_page" }],
  ])("at %s is loaded from here only where the deployment spelled it", (url, source) => {
    expect(sourceOf(url, SELF)).toEqual(source);
  });

  test("is shown by its type, and downloaded by its name", () => {
    expect(["image/png", "video/mp4", "audio/mpeg", "model/gltf-binary", "text/html", null].map(mediaKind)).toEqual([
      ...["image", "video", "audio", "other", "other", "other"],
    ]);
    expect(fileNameOf("https://media.example/files/a/a%20cat.png?x=1")).toBe("a cat.png");
  });
});

describe("the gateway's page", () => {
  test.each([
    ["https://connect.maton.ai/x", "https://connect.maton.ai/x"],
    ["https://maton.ai/x", "https://maton.ai/x"],
    ["http://maton.ai/x", null],
    ["https://maton.ai.evil.example/x", null],
    ["https://evilmaton.ai/x", null],
    ["javascript:alert(1)", null],
    [null, null],
  ])("at %s is linked only where it is the gateway's own", (url, shown) => {
    expect(gatewayPage(url)).toBe(shown);
  });
});

describe("a screen", () => {
  const who = (scopes: ("run" | "read" | "admin")[], user: string | null = null) => {
    return { me: { key: { scopes }, user }, isOperator: false } as unknown as Parameters<typeof may>[0];
  };

  test("of the whole team is not a member's, and says so", () => {
    expect([
      may(who(["read"]), "team"),
      may(who(["read"], "mia"), "team"),
      may(who(["read", "admin"], "mia"), "team"),
    ]).toEqual([...[true, false, true]]);
    expect(whyHidden(who(["read"], "mia"), "team")).toContain("bound to one user");
  });

  test("of the operator needs no team", () => {
    expect(may({ me: null, isOperator: true }, "operator")).toBe(true);
    expect(may({ me: null, isOperator: true }, "any")).toBe(false);
  });
});
