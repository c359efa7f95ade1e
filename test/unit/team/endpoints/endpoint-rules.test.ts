import { describe, expect, test } from "vitest";
import type { Endpoint } from "../../../../src/contracts/team-webhooks.ts";
import { NEW_HEALTH } from "../../../../src/team/endpoints/endpoint-health.ts";
import { rotated, subscribesTo, targetOf, validSecrets } from "../../../../src/team/endpoints/endpoint-rules.ts";

const NOON = Date.UTC(2031, 10, 22, 12);

function anEndpoint(changes: Partial<Endpoint> = {}): Endpoint {
  return {
    ...{ id: "whk_1", url: "https://one.example/", events: null, tags: {}, description: "", headers: {} },
    ...{ secrets: [{ secret: "whsec_1", validUntil: null }], health: NEW_HEALTH, disabled: null },
    ...{ origin: "https://sluice.test", createdAt: NOON, ...changes },
  };
}

describe("an endpoint wants", () => {
  test.each([
    ["everything, without a filter", {}, "request.completed", {}, true],
    ["what it names", { events: ["request.failed"] as const }, "request.failed", {}, true],
    ["nothing else", { events: ["request.failed"] as const }, "request.completed", {}, false],
    ["what carries its tag", { tags: { env: "prod" } }, "request.completed", { env: "prod", team: "a" }, true],
    ["not what carries it with another value", { tags: { env: "prod" } }, "request.completed", { env: "dev" }, false],
    ["not what carries only one of two", { tags: { a: "1", b: "2" } }, "request.completed", { a: "1" }, false],
    ["not what carries no tags at all", { tags: { env: "prod" } }, "limit.reached", {}, false],
    ["no tag that only objects have", { tags: { constructor: "x" } }, "request.completed", {}, false],
  ])("%s", (_what, filter, type, carried, wanted) => {
    const { events = null, tags = {} } = filter as Partial<Endpoint>;
    expect(subscribesTo({ events, tags }, type, carried)).toBe(wanted);
  });
});

describe("a rotation", () => {
  test("keeps the old secret for the overlap and not a moment longer", () => {
    const next = rotated([{ secret: "old", validUntil: null }], "new", 60_000, NOON);
    if (next.kind === "refused") throw new Error("it is not");
    expect(validSecrets(next.secrets, NOON + 59_999)).toEqual(["new", "old"]);
    expect(validSecrets(next.secrets, NOON + 60_000)).toEqual(["new"]);
  });

  test("ends every earlier secret at once after a leak", () => {
    const both = [
      { secret: "b", validUntil: null },
      { secret: "a", validUntil: NOON + 1 },
    ];
    expect(rotated(both, "c", 0, NOON)).toEqual({ kind: "rotated", secrets: [{ secret: "c", validUntil: null }] });
  });

  test("is refused within another's overlap", () => {
    const both = [
      { secret: "b", validUntil: null },
      { secret: "a", validUntil: NOON + 1 },
    ];
    expect(rotated(both, "c", 60_000, NOON)).toMatchObject({ kind: "refused", refusal: { code: "conflict" } });
    expect(rotated(both, "c", 60_000, NOON + 1)).toMatchObject({ kind: "rotated" });
  });
});

describe("a delivery goes", () => {
  test("to the address of now, with the secrets of now", () => {
    expect(targetOf(anEndpoint({ url: "https://two.example/" }), NOON)).toMatchObject({
      ...{ kind: "known", url: "https://two.example/", secrets: ["whsec_1"] },
    });
  });

  test("nowhere once its endpoint is deleted or disabled", () => {
    expect(targetOf(null, NOON)).toEqual({ kind: "gone", reason: "deleted" });
    const disabled = { at: NOON, reason: "by_hand" } as const;
    expect(targetOf(anEndpoint({ disabled }), NOON)).toEqual({ kind: "gone", reason: "disabled" });
  });
});
