// The table under the chart: one row for each part of the split, with what it was estimated and charged.

import type { UsageLine } from "../../api/types.ts";
import { countText, moneyText } from "../../parts/format.ts";
import { queryText } from "../../shell/query.ts";
import { amountOf } from "./stack.ts";

/** As the API writes it: no value of a tag, which has its name before it. */
const UNTAGGED = "(untagged)";

function trimmed(value: number): string {
  return value.toFixed(6);
}

export function SplitTable({
  lines,
  split,
  nameOf,
}: {
  lines: readonly UsageLine[];
  split: "model" | "user" | "key" | "tag";
  nameOf: (line: UsageLine) => string;
}) {
  const groups = Map.groupBy(lines, (line) => line[split] ?? "");
  const rows = [...groups]
    .map(([value, members]) => ({
      value,
      name: members[0] === undefined ? value : nameOf(members[0]),
      charged: total(members, (line) => amountOf(line, "usd")),
      estimated: total(members, (line) => Number(line.estimated_usd)),
      refunded: total(members, (line) => Number(line.refunded_usd)),
      requests: total(members, (line) => line.requests),
      completed: total(members, (line) => line.completed),
      failed: total(members, (line) => line.failed),
      canceled: total(members, (line) => line.canceled),
      unknown: total(members, (line) => line.unknown_cost),
    }))
    .sort((one, other) => other.charged - one.charged || other.requests - one.requests);
  const all = total(rows, ({ charged }) => charged);
  return (
    <table class="cards">
      <thead>
        <tr>
          <th scope="col">{split.charAt(0).toUpperCase() + split.slice(1)}</th>
          <th scope="col" class="end">
            Requests
          </th>
          <th scope="col" class="end">
            Completed
          </th>
          <th scope="col" class="end">
            Failed
          </th>
          <th scope="col" class="end">
            Canceled
          </th>
          <th scope="col" class="end">
            Unknown charge
          </th>
          <th scope="col" class="end">
            Refunded
          </th>
          <th scope="col" class="end">
            Estimated
          </th>
          <th scope="col" class="end">
            Charged
          </th>
          <th scope="col" class="end">
            Share
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.value}>
            <td class="cut wide">
              {row.value === "" || row.value === UNTAGGED ? (
                row.name
              ) : (
                <a href={`/console/requests${queryText({ [split]: row.value })}`}>{row.name}</a>
              )}
            </td>
            <td class="end" data-label="requests">
              {countText(row.requests)}
            </td>
            <td class="end" data-label="completed">
              {countText(row.completed)}
            </td>
            <td class="end" data-label="failed">
              {countText(row.failed)}
            </td>
            <td class="end" data-label="canceled">
              {countText(row.canceled)}
            </td>
            <td class="end" data-label="unknown">
              {countText(row.unknown)}
            </td>
            <td class="end" data-label="refunded">
              {moneyText(trimmed(row.refunded))}
            </td>
            <td class="end" data-label="estimated">
              {moneyText(trimmed(row.estimated))}
            </td>
            <td class="end strong" data-label="charged">
              {chargedText(row)}
            </td>
            <td class="end soft" data-label="share">
              {all === 0 ? "–" : `${((row.charged / all) * 100).toFixed(1)} %`}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** What is not known is not zero. */
function chargedText({ charged, unknown }: { charged: number; unknown: number }): string {
  if (unknown === 0) return moneyText(trimmed(charged));
  return charged === 0 ? "unknown" : `${moneyText(trimmed(charged))} + unknown`;
}

function total<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((sum, item) => sum + of(item), 0);
}
