// Usage: what it cost, by whom. Range, split and measure are in the URL; days are UTC, as the ledger's.

import { useState } from "preact/hooks";
import { readText } from "../../api/client.ts";
import type { Problem } from "../../api/problem.ts";
import { useResource } from "../../api/resource.ts";
import type { Usage, UsageLine } from "../../api/types.ts";
import { now } from "../../parts/clock.ts";
import { countText, moneyText, plural } from "../../parts/format.ts";
import { Icon } from "../../parts/icon.tsx";
import { Segments } from "../../parts/segments.tsx";
import { Empty, Loaded, ProblemNote } from "../../parts/states.tsx";
import { useQuery } from "../../shell/navigation.ts";
import { Page } from "../../shell/page.tsx";
import { queryText } from "../../shell/query.ts";
import { useKeyNames } from "../requests/key-names.ts";
import { Chart } from "./chart.tsx";
import { daysOf, dayText, monthOf, shortDay } from "./days.ts";
import { amountOf, type Metric, type Stack, stackOf } from "./stack.ts";

const SPLITS = ["model", "user", "key", "tag"] as const;
type Split = (typeof SPLITS)[number];
const METRICS: readonly { value: Metric; face: string }[] = [
  { value: "usd", face: "USD" },
  { value: "requests", face: "Requests" },
  { value: "failed", face: "Failed" },
];

export default function UsageScreen() {
  const [query, change] = useQuery(["from", "to", "split", "metric", "tag"] as const);
  const today = dayText(now.value);
  const month = monthOf(query.from ?? today, 0, today);
  const from = query.from ?? month.from;
  const to = query.to ?? month.to;
  const split: Split = SPLITS.find((name) => name === query.split) ?? "model";
  const metric = METRICS.find(({ value }) => value === query.metric)?.value ?? "usd";
  const asked = { from, to, tag: split === "tag" ? query.tag : undefined };
  const usage = useResource<Usage>(`/v1/usage${queryText({ ...asked, group_by: `day,${split}` })}`);
  const sums = useResource<Usage>(`/v1/usage${queryText({ ...asked, tag: undefined })}&group_by=`);
  const isMonth = from === month.from && to === month.to;
  const step = (shift: number) => {
    const next = monthOf(from, shift, today);
    change({ from: next.from, to: next.to });
  };
  return (
    <Page
      title="Usage"
      lead="What the ledger counts, by UTC day. Sums of a past month do not change; what is settled later counts on its own day."
      actions={<Csv query={{ ...asked, group_by: `day,${split}` }} name={`usage_${from}_${to}.csv`} />}
    >
      <div class="filters">
        <div class="actions">
          <button type="button" class="icon-button bordered" aria-label="Previous month" onClick={() => step(-1)}>
            <Icon name="chevron-left" />
          </button>
          <span class="range number">{isMonth ? month.name : `${shortDay(from)} – ${shortDay(to)}`}</span>
          <button
            type="button"
            class="icon-button bordered"
            aria-label="Next month"
            disabled={to >= today}
            onClick={() => step(1)}
          >
            <Icon name="chevron-right" />
          </button>
        </div>
        <label>
          <span class="hidden-text">Split by</span>
          <select data-filter value={split} onChange={(event) => change({ split: event.currentTarget.value })}>
            {SPLITS.map((name) => (
              <option key={name} value={name}>
                by {name}
              </option>
            ))}
          </select>
        </label>
        <Segments<Metric>
          label="Measure"
          chosen={metric}
          onChoose={(value) => change({ metric: value })}
          choices={METRICS}
        />
        <DateRange from={from} to={to} today={today} change={change} />
      </div>
      <Sums usage={sums.data?.data[0]} />
      <Loaded resource={usage}>
        {({ data }) =>
          data.length === 0 ? (
            <Empty icon="activity" title="Nothing was used in this time">
              Requests count on the UTC day of their admission.
            </Empty>
          ) : (
            <Figures lines={data} days={daysOf(from, to)} split={split} metric={metric} />
          )
        }
      </Loaded>
    </Page>
  );
}

function DateRange({
  from,
  to,
  today,
  change,
}: {
  from: string;
  to: string;
  today: string;
  change: (changes: { from?: string; to?: string }) => void;
}) {
  return (
    <div class="dates">
      <label>
        <span class="hidden-text">First day</span>
        <input
          type="date"
          value={from}
          max={to}
          onChange={(event) => event.currentTarget.value && change({ from: event.currentTarget.value, to })}
        />
      </label>
      <span class="faint">to</span>
      <label>
        <span class="hidden-text">Last day</span>
        <input
          type="date"
          value={to}
          min={from}
          max={today}
          onChange={(event) => event.currentTarget.value && change({ from, to: event.currentTarget.value })}
        />
      </label>
    </div>
  );
}

function Sums({ usage }: { usage: UsageLine | undefined }) {
  const rows: [string, string][] = [
    ["Charged", moneyText(usage?.charged_usd ?? "0")],
    ["Refunded", moneyText(usage?.refunded_usd ?? "0")],
    ["Requests", countText(usage?.requests ?? 0)],
    ["Failed", countText(usage?.failed ?? 0)],
    ["Charge unknown", countText(usage?.unknown_cost ?? 0)],
    ["Above the estimate", countText(usage?.above_estimate ?? 0)],
  ];
  return (
    <dl class="facts card pad six">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd class="big number">{usage === undefined ? "–" : value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Figures({
  lines,
  days,
  split,
  metric,
}: {
  lines: readonly UsageLine[];
  days: readonly string[];
  split: Split;
  metric: Metric;
}) {
  const keyNames = useKeyNames();
  const nameOf = (line: UsageLine) => {
    const value = line[split] ?? "";
    if (split === "key") return keyNames.get(value) ?? value;
    return value === "" ? `no ${split}` : value;
  };
  const stack = stackOf(lines, days, nameOf, metric);
  const show = (value: number) => (metric === "usd" ? moneyText(trimmed(value)) : countText(value));
  const hrefOf = (day: string) => `/console/requests${queryText({ from: `${day}T00:00:00.000Z`, to: nextDay(day) })}`;
  return (
    <div class="stack">
      <section class="card pad" aria-label="Chart">
        <Chart stack={stack} show={show} isWhole={metric !== "usd"} hrefOf={hrefOf} caption={captionOf(stack, show)} />
      </section>
      <section class="card table-card" aria-label="Table">
        <SplitTable lines={lines} split={split} nameOf={nameOf} />
      </section>
    </div>
  );
}

function captionOf({ days, totals }: Stack, show: (value: number) => string): string {
  const total = totals.reduce((sum, value) => sum + value, 0);
  const most = totals.indexOf(Math.max(...totals));
  const day = days[most];
  return `${plural(days.length, "day")}: ${show(total)}${day === undefined ? "" : `, most on ${shortDay(day)}: ${show(totals[most] ?? 0)}`}`;
}

function trimmed(value: number): string {
  return value.toFixed(6);
}

function nextDay(day: string): string {
  return new Date(Date.parse(day) + 86_400_000).toISOString();
}

function SplitTable({
  lines,
  split,
  nameOf,
}: {
  lines: readonly UsageLine[];
  split: Split;
  nameOf: (line: UsageLine) => string;
}) {
  const groups = Map.groupBy(lines, (line) => line[split] ?? "");
  const rows = [...groups]
    .map(([value, members]) => ({
      value,
      name: members[0] === undefined ? value : nameOf(members[0]),
      charged: total(members, (line) => amountOf(line, "usd")),
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
              {row.value === "" || split === "key" ? (
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

/** A link cannot carry the key, so the text is read and given to the browser as a file. */
function Csv({ query, name }: { query: Record<string, string | undefined>; name: string }) {
  const [problem, setProblem] = useState<Problem | null>(null);
  const save = async () => {
    const answer = await readText(`/v1/usage${queryText({ ...query, format: "csv" })}`);
    setProblem(answer.ok ? null : answer.problem);
    if (!answer.ok) return;
    const url = URL.createObjectURL(new Blob([answer.data], { type: "text/csv" }));
    const link = document.createElement("a");
    link.href = url;
    link.download = name;
    link.click();
    URL.revokeObjectURL(url);
  };
  return (
    <>
      {problem === null ? null : <ProblemNote problem={problem} />}
      <button type="button" class="button" onClick={save}>
        <Icon name="download" size={14} />
        CSV
      </button>
    </>
  );
}
