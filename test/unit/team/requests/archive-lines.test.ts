import { describe, expect, test } from "vitest";
import {
  ARCHIVE_PART_MAX_BYTES,
  ARCHIVE_PART_MAX_LINES,
  archiveText,
  readLines,
  rowsOfPart,
  withoutUsers,
} from "../../../../src/team/requests/archive-lines.ts";
import type { RequestRow } from "../../../../src/team/requests/request-row.ts";

function aRow(n: number, changes: Partial<RequestRow> = {}): RequestRow {
  return {
    ...{ id: `r${n}`, place: n, account: "default", key_id: "key_1", key_name: "Key", user: "anna", model: "m" },
    ...{ tags: '{"client":"acme"}', status: "completed", created_at: Date.UTC(2031, 9, 1) + n, sweep_at: null },
    ...{ ended_at: null, deleted_at: null, published_end_at: null, published_event_id: null, holds: "[]", terms: "{}" },
    ...{ estimated: 3_000, settled_at: Date.UTC(2031, 9, 2), verdict: "charge", charged: 3_001, source: "units" },
    ...{ settled_by: null, error_code: null, duration_ms: 1_234, file_count: 1, file_type: null, file_path: null },
    attention: 0,
    ...changes,
  };
}

describe("a part", () => {
  test("has requests of one month", () => {
    const rows = [aRow(1), aRow(2), aRow(3, { created_at: Date.UTC(2031, 10, 1) }), aRow(4)];
    expect(rowsOfPart(rows).map(({ id }) => id)).toEqual(["r1", "r2"]);
    expect(rowsOfPart([])).toEqual([]);
  });

  test("is neither too long nor too large, and has one line at least", () => {
    const many = Array.from({ length: ARCHIVE_PART_MAX_LINES + 1 }, (_, n) => aRow(n));
    expect(rowsOfPart(many)).toHaveLength(ARCHIVE_PART_MAX_LINES);
    const large = Array.from({ length: 5 }, (_, n) => aRow(n, { key_name: "€".repeat(1_000_000) }));
    const taken = rowsOfPart(large);
    expect(taken).toHaveLength(2);
    expect(new TextEncoder().encode(archiveText(taken)).length).toBeLessThanOrEqual(ARCHIVE_PART_MAX_BYTES);
    expect(rowsOfPart([aRow(1, { key_name: "x".repeat(ARCHIVE_PART_MAX_BYTES) })])).toHaveLength(1);
  });

  test("without a user has the same lines, theirs without name and tags", () => {
    const text = archiveText([aRow(1), aRow(2, { user: "bob" }), aRow(3, { user: null }), aRow(4, { user: "Anna" })]);
    const rewritten = withoutUsers(text, new Set(["anna"]), "deleted:1");
    expect(rewritten.requestIds).toEqual(["r1"]);
    const [first, ...others] = readLines(text);
    expect(readLines(rewritten.text)).toEqual([{ ...first, user: "deleted:1", tags: {} }, ...others]);
    expect(withoutUsers(rewritten.text, new Set(["anna"]), "deleted:2")).toEqual({
      text: rewritten.text,
      requestIds: [],
    });
  });

  test("spells money and times as the API does", () => {
    expect(readLines(archiveText([aRow(1, { charged: null })]))).toMatchObject([
      { estimated_usd: "0.003000", charged_usd: null, settled_at: "2031-10-02T00:00:00.000Z", duration_s: 1.234 },
    ]);
  });
});
