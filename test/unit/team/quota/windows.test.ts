import { expect, test } from "vitest";
import { parseFields } from "../../../../src/platform/validate.ts";
import { planSchema } from "../../../../src/team/quota/plan.ts";
import { planTerms } from "../../../../src/team/quota/plan-wire.ts";
import { storedPlan } from "../../../../src/team/quota/stored-plan.ts";

function answered(window: unknown) {
  const limits = [{ name: "daily", scope: "team", per: "request", limit: 1, window }];
  const read = parseFields(planSchema(), { limits }, "body");
  if (!read.ok) return read.detail;
  return (planTerms(read.value).limits as { window: string }[])[0]?.window;
}

test.each([
  ["minute", ["minute", "1m", "PT1M", "PT60S"]],
  ["hour", ["hour", "1h", "PT1H", "PT60M", "PT3600S"]],
  ["day", ["day", "1d", "P1D", "PT24H", "PT1440M"]],
  ["month", ["month", "1mo", "P1M"]],
])("%s is the word for each of its spellings", (word, spellings) => {
  expect(spellings.map(answered)).toEqual(spellings.map(() => word));
});

test.each([
  ["minutes", "minute"],
  ["Minute", "minute"],
  ["1min", "minute"],
  ["60s", "minute"],
  ["pt1m", "minute"],
  ["hourly", "hour"],
  ["1 hour", "hour"],
  ["60m", "hour"],
  ["daily", "day"],
  ["24h", "day"],
  ["per day", "day"],
  ["monthly", "month"],
  ["mnth", "month"],
  ["30d", "month"],
  ["P30D", "month"],
])("%s is refused with what was meant", (given, meant) => {
  expect(answered(given)).toBe(
    `\`limits[0].window\` must be one of "minute", "hour", "day", "month"; did you mean "${meant}"?`,
  );
});

test.each(["1y", "week", "P7D", "P2M", "PT2M", "P", "PT", "P1DT", "P0D", "P1M1D", "", 60, null, undefined, { day: 1 }])(
  "%j is no window, and the words are named",
  (given) => {
    expect(answered(given)).toBe('`limits[0].window` must be one of "minute", "hour", "day", "month".');
  },
);

test("what is stored keeps the codes that counters hold, and words are read from the store too", () => {
  const limit = { name: "a", scope: "team", per: "request", limit: 1 };
  const stored = storedPlan(
    JSON.stringify({
      limits: [
        { ...limit, window: "month" },
        { ...limit, name: "b", window: "1m" },
      ],
    }),
  );
  expect(stored.limits.map(({ window }) => window)).toEqual(["1mo", "1m"]);
});
