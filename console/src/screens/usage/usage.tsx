// Usage: what it cost, by whom. Range, split and measure are in the URL; days are UTC, as the ledger's.

import { useResource } from "../../api/resource.ts";
import type { PageOf, RequestSummary, Usage, UsageLine } from "../../api/types.ts";
import { now } from "../../parts/clock.ts";
import { CsvButton } from "../../parts/csv.tsx";
import { countText, moneyText, plural } from "../../parts/format.ts";
import { Icon } from "../../parts/icon.tsx";
import { Segments } from "../../parts/segments.tsx";
import { Empty, Loaded } from "../../parts/states.tsx";
import { Badge } from "../../parts/status.tsx";
import { useQuery } from "../../shell/navigation.ts";
import { Page } from "../../shell/page.tsx";
import { queryText } from "../../shell/query.ts";
import { Chart } from "./chart.tsx";
import { daysOf, dayText, monthOf, shortDay } from "./days.ts";
import { SplitTable } from "./split-table.tsx";
import { type Metric, type Stack, stackOf } from "./stack.ts";

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
  const tag = split === "tag" ? (query.tag ?? "") : null;
  const groups = tag === null ? `day,${split}` : `day,tag:${tag}`;
  // Without its name there is no split by a tag.
  const isComplete = tag !== "";
  const path = `/v1/usage${queryText({ from, to, group_by: groups })}`;
  const usage = useResource<Usage>(isComplete ? path : null);
  const sums = useResource<Usage>(`/v1/usage${queryText({ from, to })}&group_by=`);
  const isMonth = from === month.from && to === month.to;
  const step = (shift: number) => {
    const next = monthOf(from, shift, today);
    change({ from: next.from, to: next.to });
  };
  return (
    <Page
      title="Usage"
      lead="What the ledger counts, by UTC day. Sums of a past month do not change; what is settled later counts on its own day."
      actions={isComplete ? <CsvButton path={`${path}&format=csv`} name={`usage_${from}_${to}.csv`} /> : null}
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
        {tag === null ? null : <TagName name={tag} onName={(name) => change({ tag: name })} />}
        <Segments<Metric>
          label="Measure"
          chosen={metric}
          onChoose={(value) => change({ metric: value })}
          choices={METRICS}
        />
        <DateRange from={from} to={to} today={today} change={change} />
        {(sums.data?.closed_months ?? []).map((closed) => (
          <Badge key={closed} tone="off" icon="circle-check">
            {`${monthOf(`${closed}-01`, 0, today).name} is closed`}
          </Badge>
        ))}
      </div>
      <Sums usage={sums.data?.data[0]} />
      {isComplete ? (
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
      ) : (
        <Empty icon="activity" title="By which tag?">
          Name one above, such as client: each of its values has a row, and so have the requests without it.
        </Empty>
      )}
    </Page>
  );
}

/** The name of the tag to split by, of those that the newest requests have, or any other. */
function TagName({ name, onName }: { name: string; onName: (name: string | null) => void }) {
  const newest = useResource<PageOf<RequestSummary>>("/v1/requests?limit=100");
  const names = new Set((newest.data?.data ?? []).flatMap(({ tags }) => Object.keys(tags)));
  return (
    <label>
      <span class="hidden-text">Name of the tag</span>
      <input
        type="text"
        list="tag-names"
        placeholder="client"
        spellcheck={false}
        value={name}
        onChange={(event) => onName(event.currentTarget.value.trim() || null)}
      />
      <datalist id="tag-names">
        {[...names].sort().map((each) => (
          <option key={each} value={each} />
        ))}
      </datalist>
    </label>
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
    ["Estimated for these", moneyText(usage?.estimated_usd ?? "0")],
    ["Refunded", moneyText(usage?.refunded_usd ?? "0")],
    ["Requests", countText(usage?.requests ?? 0)],
    ["Failed", countText(usage?.failed ?? 0)],
    ["Charge unknown", countText(usage?.unknown_cost ?? 0)],
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
  const nameOf = (line: UsageLine) => {
    const value = line[split] ?? "";
    if (split === "key") return line.key_name ?? value;
    return value === "" ? `no ${split}` : value;
  };
  const stack = stackOf(lines, days, nameOf, metric);
  const show = (value: number) => (metric === "usd" ? moneyText(value.toFixed(6)) : countText(value));
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

function nextDay(day: string): string {
  return new Date(Date.parse(day) + 86_400_000).toISOString();
}
