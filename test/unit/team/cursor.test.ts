import { describe, expect, test } from "vitest";
import { REQUEST_ID } from "../../../src/platform/ids.ts";
import { decodeCursor, decodePlace, encodeCursor, encodePlace } from "../../../src/team/cursor.ts";

const ID = "0123456789abcdef".repeat(4);

describe("cursors", () => {
  test("come back as they were, and fit into a query string", () => {
    const text = encodeCursor({ createdAt: 1_795_000_000_000, id: ID });
    expect(text).toMatch(/^[A-Za-z0-9_-]+$/);
    expect(decodeCursor(text, REQUEST_ID)).toEqual({ createdAt: 1_795_000_000_000, id: ID });
  });

  test.each([
    ["nothing", ""],
    ["a number", "5"],
    ["no base64", "%%%"],
    ["another text", btoa("hello")],
    ["an id that is none", btoa("5.abc")],
    ["a time that is none", btoa(`x.${ID}`)],
    ["more than two parts", btoa(`5.${ID}.1`)],
    ["endless text", "A".repeat(10_000)],
  ])("are refused when they are %s", (_what, text) => {
    expect(decodeCursor(text, REQUEST_ID)).toBeNull();
    expect(decodePlace(text)).toBeNull();
  });

  test("of one number come back as they were, and are no cursors of the other kind", () => {
    const text = encodePlace(1_795_000_000_000_001);
    expect(decodePlace(text)).toBe(1_795_000_000_000_001);
    expect(decodeCursor(text, REQUEST_ID)).toBeNull();
    expect(decodePlace(encodeCursor({ createdAt: 5, id: ID }))).toBeNull();
  });
});
