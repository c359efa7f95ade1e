// Files that were given up are copied again on their owner's word; the end of the request stays what it was.

import { expect, test } from "vitest";
import { DAY_MS } from "../../../../src/platform/time.ts";
import type { RequestEvent } from "../../../../src/requests/machine/events.ts";
import { advanced, failed } from "../../../../src/requests/machine/record.ts";
import type { RequestRecord } from "../../../../src/requests/machine/types.ts";
import {
  anOutput,
  endReported,
  LATER,
  onward,
  owed,
  recordAt,
  SETTLED,
  STAGES,
  STORED,
} from "../../../harness/requests.ts";

const GIVEN_UP: RequestEvent = {
  type: "file_failed",
  n: 1,
  code: "storage_failed",
  message: "The source closed the connection early.",
};
const AGAIN: RequestEvent = { type: "copy_requested", n: null };

/** Completed and settled, with file 0 stored and files 1 and 2 given up. */
function halfStored(retention = { recordsDays: null, filesDays: null, inputsDays: null } as const): RequestRecord {
  const events = [endReported(anOutput(3)), STORED, GIVEN_UP, { ...GIVEN_UP, n: 2 }, { ...SETTLED, deliveries: [] }];
  return onward(recordAt("running", { retention }), ...events);
}

function statuses({ files }: RequestRecord): string[] {
  return files.map(({ status }) => status);
}

test("every given up file is owed anew, a stored one is not touched", () => {
  const again = onward(halfStored(), AGAIN);
  expect(statuses(again)).toEqual(["stored", "pending", "pending"]);
  expect(owed(again, LATER)).toBe("mirror:1 at +0 s, mirror:2 at +0 s");
  expect(again.files[1]).toMatchObject({ error: null, pendingSince: LATER });
});

test("one file alone can be", () => {
  const again = onward(halfStored(), { ...AGAIN, n: 2 });
  expect(statuses(again)).toEqual(["stored", "failed", "pending"]);
  expect(owed(again, LATER)).toBe("mirror:2 at +0 s");
});

test("whatever comes of it, the request stays completed, is not settled twice and tells nobody again", () => {
  const before = halfStored();
  const after = onward(before, AGAIN, { ...STORED, n: 1 }, { ...GIVEN_UP, n: 2 });
  expect(statuses(after)).toEqual(["stored", "stored", "failed"]);
  expect(owed(after, LATER)).toBe("");
  const { stage, endedAt, settledAt, chargedMicro } = before.state;
  expect(after.state).toMatchObject({ stage, endedAt, settledAt, chargedMicro });
});

test("tries that fail end in giving up once more, and it can be asked for once more", () => {
  let record = onward(halfStored(), { ...AGAIN, n: 1 });
  for (let i = 0; i < 5; i++) {
    const leased = record.effects.map((row) => ({ ...row, leaseUntil: LATER + 1, leaseId: 7 }));
    const failure = { reason: "The source returned HTTP 500.", retryAfterMs: null };
    record = failed({ ...record, effects: leased }, { name: "mirror:1", leaseId: 7 }, failure, LATER, 0.5).record;
  }
  expect(statuses(record)).toEqual(["stored", "failed", "failed"]);
  expect(record.state.stage).toBe("completed");
  expect(owed(onward(record, { ...AGAIN, n: 1 }), LATER)).toBe("mirror:1 at +0 s");
});

test.each(STAGES.filter((stage) => stage !== "completed"))("nothing is copied again while %s", (stage) => {
  expect(advanced(recordAt(stage), AGAIN, LATER).ignored).toBe("request is not completed");
});

test("nothing is where nothing failed", () => {
  expect(advanced(recordAt("completed"), AGAIN, LATER).ignored).toBe("no failed file to copy");
  expect(advanced(halfStored(), { ...AGAIN, n: 0 }, LATER).ignored).toBe("no failed file to copy");
  expect(advanced(halfStored(), { ...AGAIN, n: 7 }, LATER).ignored).toBe("no failed file to copy");
});

test("nothing is once the plan's days for files are over, and what is under way then is let go", () => {
  const days = { recordsDays: null, filesDays: 2, inputsDays: null } as never;
  const late = LATER + 2 * DAY_MS;
  expect(advanced(halfStored(days), AGAIN, late).ignored).toBe("files have expired");
  const deleted = onward(onward(halfStored(days), { ...AGAIN, n: 1 }), { type: "data_deleted", target: "files" });
  expect(statuses(deleted)).toEqual(["deleted", "deleted", "failed"]);
  expect(owed(deleted, LATER)).toBe("");
});
