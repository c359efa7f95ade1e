// What uploads hold of limits in bytes, against a model that adds up anew: held bytes never pass the limit, what is given back
// can be taken again, and a refusal changes nothing.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { resizeUpload, uploadRoom } from "../../../../src/team/quota/holds.ts";
import { check, type Hold, type Subjects } from "../../../../src/team/quota/limits.ts";
import { planSchema } from "../../../../src/team/quota/plan.ts";

const START = Date.parse("2026-11-22T20:00:00Z");
const MONTH_MS = 31 * 24 * 3_600_000;
const SUBJECTS: Subjects = { keyId: "k", user: "anna", visitor: null, ip: null, network: null, tags: {} };

function limitsOf(sizes: readonly number[]) {
  const limits = sizes.map((limit, n) => ({
    ...{ name: `l${n}`, scope: n % 2 ? "user" : "team", per: "upload_byte", window: "1mo", limit },
  }));
  return planSchema().parse({ limits }).limits;
}

const size = fc.integer({ min: 1, max: 100 });
const step = fc.oneof(
  fc.record({ do: fc.constant("announce" as const), bytes: size }),
  fc.record({ do: fc.constant("resize" as const), which: fc.nat(), bytes: fc.integer({ min: 0, max: 100 }) }),
  fc.record({ do: fc.constant("fill" as const), which: fc.nat() }),
);

describe("bytes of uploads", () => {
  test("that are held are what adding up says, and never above a limit", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 3 }),
        fc.array(step, { maxLength: 60 }),
        (sizes, steps) => {
          const limits = limitsOf(sizes);
          const least = Math.min(...sizes);
          const counters = new Map<string, number>();
          const read = (id: string) => counters.get(id) ?? 0;
          const held: { holds: Hold[]; bytes: number }[] = [];
          const sum = () => held.reduce((all, { bytes }) => all + bytes, 0);
          for (const each of steps) {
            const before = new Map(counters);
            const total = sum();
            const one = each.do === "announce" ? undefined : held[each.which % Math.max(1, held.length)];
            if (each.do !== "announce" && one === undefined) continue;
            const room = one && uploadRoom(one.holds, read, START);
            if (one !== undefined) expect(room).toBe(least - total + one.bytes);
            const bytes = each.do === "fill" ? (room ?? 0) : each.bytes;
            const answer = one
              ? resizeUpload(one.holds, bytes, read, START)
              : check(limits, read, SUBJECTS, { uploads: 1, uploadBytes: bytes }, START);
            const fits = total - (one?.bytes ?? 0) + bytes <= least;
            expect(answer.kind).toBe(fits ? "ok" : "over");
            if (answer.kind === "over") {
              expect(answer.violated.map(({ name }) => name)).toContain(`l${sizes.indexOf(least)}`);
              expect(counters).toEqual(before);
              continue;
            }
            for (const { id, value } of answer.writes) counters.set(id, value);
            if (one === undefined) held.push({ holds: answer.holds, bytes });
            else Object.assign(one, { holds: answer.holds, bytes });
            expect([...counters.values()].every((value) => value === sum())).toBe(true);
          }
        },
      ),
    );
  });

  test("that were taken in a month that is over hold nothing of the next, and giving them back holds nothing off it", () => {
    fc.assert(
      fc.property(size, size, size, (first, second, third) => {
        const limits = limitsOf([100]);
        const counters = new Map<string, number>();
        const read = (id: string) => counters.get(id) ?? 0;
        const holdsOf = (answer: ReturnType<typeof check>): Hold[] => {
          if (answer.kind === "over") throw new Error("it fits");
          for (const { id, value } of answer.writes) counters.set(id, value);
          return answer.holds;
        };
        const demand = (uploadBytes: number) => ({ uploads: 1, uploadBytes });
        const old = holdsOf(check(limits, read, SUBJECTS, demand(first), START));
        const fresh = holdsOf(check(limits, read, SUBJECTS, demand(second), START + MONTH_MS));
        expect(uploadRoom(fresh, read, START + MONTH_MS)).toBe(100);
        holdsOf(resizeUpload(old, 0, read, START + MONTH_MS));
        expect(uploadRoom(fresh, read, START + MONTH_MS)).toBe(100);
        const fits = second + third <= 100;
        expect(resizeUpload(old, third, read, START + MONTH_MS).kind).toBe(fits ? "ok" : "over");
      }),
    );
  });
});
