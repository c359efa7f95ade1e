// What a deletion and the plan's days make a request owe, and what they leave of test.

import { expect, test } from "vitest";
import { DAY_MS } from "../../../../src/platform/time.ts";
import type { RequestEvent } from "../../../../src/requests/machine/events.ts";
import { advanced } from "../../../../src/requests/machine/record.ts";
import { isHidden } from "../../../../src/requests/machine/types.ts";
import {
  aFile,
  endReported,
  LATER,
  onward,
  owed,
  REQUEST,
  recordAt,
  SETTLED,
  STAGES,
} from "../../../harness/requests.ts";

const ORDERED: RequestEvent = { type: "deletion_requested", anonymize: false };
const FORGOTTEN: RequestEvent = { type: "deletion_requested", anonymize: true };
const ENDS = ["completed", "failed", "canceled"] as const;
const OPEN = STAGES.filter((stage) => !ENDS.some((end) => end === stage));

test.each(ENDS)("%s: the books first, then the bytes, and nothing else", (stage) => {
  const ordered = onward(recordAt(stage), ORDERED);
  expect(owed(ordered, LATER)).toBe("settle at +0 s");
  expect(owed(onward(ordered, SETTLED), LATER)).toBe("delete:record at +0 s");
  expect(isHidden(ordered.state)).toBe(true);
});

test.each(ENDS)("%s and settled: deliveries that are owed are dropped", (stage) => {
  const settled = onward(recordAt(stage), SETTLED);
  expect(owed(settled, LATER)).toContain("deliver:dlv_1");
  expect(owed(onward(settled, ORDERED), LATER)).toBe("delete:record at +0 s");
});

test.each(OPEN)("%s goes on until its end, seen by its callers but not when its user is forgotten", (stage) => {
  const ordered = onward(recordAt(stage), ORDERED);
  const ended = stage === "held";
  expect(isHidden(ordered.state)).toBe(ended);
  expect(isHidden(onward(recordAt(stage), FORGOTTEN).state)).toBe(true);
  expect(ordered.effects.length).toBeGreaterThan(0);
  expect(owed(ordered, LATER)).not.toContain("delete");
});

test("an order again changes nothing, but that a user may be forgotten afterwards", () => {
  const ordered = onward(recordAt("completed"), ORDERED);
  expect(advanced(ordered, ORDERED, LATER).ignored).toBe("deletion is already requested");
  const forgotten = onward(ordered, FORGOTTEN);
  expect(forgotten.state.deletion).toEqual({ orderedAt: LATER, anonymize: true });
  expect(advanced(forgotten, ORDERED, LATER).ignored).toBe("deletion is already requested");
});

test("no late report brings a deleted request back, not even one that would prove a lost submit", () => {
  const lost = onward(recordAt("uncertain"), { type: "timed_out" });
  expect(lost.state.error?.code).toBe("submit_uncertain");
  const deleted = onward(lost, ORDERED);
  const late = endReported({ kind: "output", files: [aFile(0)], skipped: 0 });
  for (const event of [late, { type: "end_announced", upstreamId: "fal-1" }, { type: "cancel_requested" }] as const) {
    expect(advanced(deleted, event, LATER)).toMatchObject({
      ignored: "request is deleted",
      record: { state: deleted.state },
    });
  }
});

const DAYS = [
  [
    { recordsDays: 30, filesDays: 7, inputsDays: 1 },
    "delete:files at +7 d, delete:inputs at +1 d, delete:record at +30 d",
  ],
  [{ recordsDays: 7, filesDays: 30, inputsDays: 7 }, "delete:record at +7 d"],
  [{ recordsDays: null, filesDays: 2, inputsDays: null }, "delete:files at +2 d"],
  [{ recordsDays: null, filesDays: null, inputsDays: null }, ""],
] as const;

test.each(DAYS)("%j counts from the end", (retention, rows) => {
  const settled = onward(recordAt("completed", { retention }), { ...SETTLED, deliveries: [] });
  const text = settled.effects.map(
    ({ name, dueAt }) => `${name} at +${(dueAt - (settled.state.endedAt ?? 0)) / DAY_MS} d`,
  );
  expect(text.sort().join(", ")).toBe(rows);
});

test("nothing is owed for days before the books are closed, nor kept owed when the request is reopened", () => {
  const retention = { recordsDays: 1, filesDays: null, inputsDays: null };
  expect(owed(recordAt("completed", { retention }))).toBe("settle at +0 s");
  const lost = onward(recordAt("uncertain", { retention }), { type: "timed_out" }, SETTLED);
  expect(owed(lost, LATER)).toContain("delete:record");
  const reopened = onward(lost, endReported({ kind: "output", files: [aFile(0)], skipped: 0 }));
  expect(owed(reopened, LATER)).toBe("mirror:0 at +0 s, report:dlv_1 at +0 s");
});

test("files whose bytes are gone say so, one that was never stored goes on naming its source", () => {
  const stored = recordAt("completed");
  const [first] = stored.files;
  if (first === undefined) throw new Error("no file");
  const failed = { ...first, n: 1, status: "failed" as const };
  const record = { ...stored, files: [first, failed] };
  const deleted = onward(record, { type: "data_deleted", target: "files" });
  expect(deleted.files.map((file) => file.status)).toEqual(["deleted", "failed"]);
  expect(deleted.state.id).toBe(REQUEST);
});
