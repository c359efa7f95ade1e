// The operator's overview: what needs a person, with what to do, and the figures of the deployment.

import type { Resource } from "../../api/resource.ts";
import type { Overview } from "../../api/types.ts";
import { bytesText, countText, durationText, moneyText } from "../../parts/format.ts";
import { Icon } from "../../parts/icon.tsx";
import { Loaded } from "../../parts/states.tsx";
import { Time } from "../../parts/time.tsx";

export function OverviewCards({ resource }: { resource: Resource<Overview> }) {
  return (
    <Loaded resource={resource} rows={4}>
      {(data) => (
        <div class="stack">
          <Worst sentences={data.worst} />
          <Figures data={data} />
        </div>
      )}
    </Loaded>
  );
}

function Worst({ sentences }: { sentences: readonly string[] }) {
  return (
    <section class="card" aria-labelledby="worst">
      <header>
        <h2 id="worst">What needs you</h2>
      </header>
      {sentences.length === 0 ? (
        <p class="card-body soft">Nothing. Requests go out, and their results come back.</p>
      ) : (
        <ol class="checks">
          {sentences.map((sentence) => (
            <li key={sentence} class="check-row warn">
              <Icon name="circle-alert" />
              <p>{sentence}</p>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}

function Figures({ data }: { data: Overview }) {
  const { requests, webhooks, deliveries, money, storage, teams, version } = data;
  const { completed, failed, canceled } = requests.ended_24h;
  return (
    <section class="card pad" aria-label="Figures of the deployment">
      <dl class="facts">
        <Figure name="Submitted in 24 h" value={countText(requests.submitted_24h)} />
        <Figure name="Completed" value={countText(completed)} />
        <Figure name="Failed" value={countText(failed)} />
        <Figure name="Canceled" value={countText(canceled)} />
        <Figure name="Overdue at fal" value={countText(requests.overdue)} />
        <Figure name="Uncertain" value={countText(requests.uncertain)} />
        <Figure name="95 % of webhooks within" value={secondsText(webhooks.p95_delay_s)} />
        <Figure name="Deliveries given up" value={countText(deliveries.gave_up_24h)} />
        <Figure name="Teams" value={countText(teams)} />
        {money.today_usd === null ? null : <Figure name="Charged today" value={moneyText(money.today_usd)} />}
        <Figure name="Stored" value={storage.bytes === null ? "unknown" : bytesText(storage.bytes)} />
        <Figure name="Version" value={version} />
      </dl>
      <p class="small soft">
        As of <Time at={data.as_of} />. What is unknown is not counted, or not yet.
      </p>
    </section>
  );
}

function Figure({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd class="number">{value}</dd>
    </div>
  );
}

function secondsText(seconds: number | null): string {
  return seconds === null ? "unknown" : durationText(seconds * 1_000);
}
