// Operator: what needs a person, the deployment's figures, and the account at the gateway, as all teams share it. Shown to ADMIN_TOKEN
// alone.

import { useEffect } from "preact/hooks";
import { useResource } from "../../api/resource.ts";
import type { Overview, Upstream } from "../../api/types.ts";
import { countText, durationText } from "../../parts/format.ts";
import { Loaded } from "../../parts/states.tsx";
import { Badge } from "../../parts/status.tsx";
import { Time } from "../../parts/time.tsx";
import { Page } from "../../shell/page.tsx";
import { NewTeam } from "./new-team.tsx";
import { OverviewCards } from "./overview.tsx";
import { SelfTest } from "./self-test.tsx";
import { Teams } from "./teams.tsx";
import { Upkeep } from "./upkeep.tsx";

const REREAD_MS = 10_000;
/** Users in the table, those with most calls first: the answer has up to a hundred. */
const WAITING_SHOWN_MAX = 10;

export default function Operator() {
  const upstream = useResource<Upstream>("/v1/admin/upstream");
  const overview = useResource<Overview>("/v1/admin/overview");
  const { reload } = upstream;
  const { reload: reloadOverview } = overview;
  useEffect(() => {
    const timer = setInterval(() => {
      if (document.hidden) return;
      void reload();
      void reloadOverview();
    }, REREAD_MS);
    return () => clearInterval(timer);
  }, [reload, reloadOverview]);
  return (
    <Page
      title="Operator"
      lead="How the deployment is, and the account at the gateway, which all its teams share."
      actions={<NewTeam />}
    >
      <div class="stack">
        <OverviewCards resource={overview} />
        <Loaded resource={upstream}>{(data) => <Body upstream={data} />}</Loaded>
        <Upkeep storage={overview.data?.storage ?? null} />
        <Teams />
        <SelfTest path="/v1/admin/doctor" />
      </div>
    </Page>
  );
}

function Body({ upstream }: { upstream: Upstream }) {
  const { health, pace, slots, waiting, webhooks } = upstream;
  return (
    <div class="stack">
      <dl class="facts card pad">
        <div>
          <dt>Upstream</dt>
          <dd>
            {health.state === "open" ? (
              <Badge tone="ok" icon="circle-check">
                Open
              </Badge>
            ) : (
              <Badge tone="bad" icon="circle-x">{`Closed: ${health.why ?? "unknown"}`}</Badge>
            )}
          </dd>
        </div>
        <div>
          <dt>Calls in the last second</dt>
          <dd class="number">
            {pace.calls_last_second} of {pace.calls_per_second}
          </dd>
        </div>
        <div>
          <dt>Slots at fal</dt>
          <dd class="number">
            {slots.used} of {slots.limit}
          </dd>
        </div>
        <div>
          <dt>fal's webhooks</dt>
          <dd>
            {webhooks.state}
            {webhooks.last_delay_s === null ? "" : `, ${durationText(webhooks.last_delay_s * 1_000)} late`}
          </dd>
        </div>
        <div>
          <dt>Connection in use</dt>
          <dd>{upstream.connection === null ? "none" : <code>{upstream.connection}</code>}</dd>
        </div>
        {health.since === null ? null : (
          <div>
            <dt>Since</dt>
            <dd>
              <Time at={health.since} />
            </dd>
          </div>
        )}
        {health.next_probe_at === null ? null : (
          <div>
            <dt>Next try</dt>
            <dd>
              <Time at={health.next_probe_at} relative />
            </dd>
          </div>
        )}
      </dl>
      <dl class="facts card pad">
        {(["submit", "cancel", "result", "status"] as const).map((kind) => (
          <div key={kind}>
            <dt>Waiting {kind} calls</dt>
            <dd class="big number">{countText(waiting[kind])}</dd>
          </div>
        ))}
      </dl>
      {upstream.waiting_by_user.length === 0 ? null : (
        <section class="card table-card" aria-labelledby="waiting">
          <header>
            <h2 id="waiting">Waiting by user</h2>
          </header>
          <table>
            <thead>
              <tr>
                <th scope="col">Team and user, or key</th>
                <th scope="col" class="end">
                  Calls
                </th>
              </tr>
            </thead>
            <tbody>
              {upstream.waiting_by_user.slice(0, WAITING_SHOWN_MAX).map(({ user, calls }) => (
                <tr key={user}>
                  <td class="cut mono">{user}</td>
                  <td class="end">{countText(calls)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
      <section class="card table-card" aria-labelledby="durations">
        <header>
          <h2 id="durations">Typical durations</h2>
        </header>
        {upstream.typical_durations.length === 0 ? (
          <p class="card-body soft">Known once enough requests have completed.</p>
        ) : (
          <table>
            <thead>
              <tr>
                <th scope="col">Model</th>
                <th scope="col" class="end">
                  Half are done in
                </th>
                <th scope="col" class="end">
                  Nearly all in
                </th>
                <th scope="col" class="end">
                  Of
                </th>
              </tr>
            </thead>
            <tbody>
              {upstream.typical_durations.map(({ model, p50_s, p95_s, samples }) => (
                <tr key={model}>
                  <td class="cut mono">{model}</td>
                  <td class="end">{durationText(p50_s * 1_000)}</td>
                  <td class="end">{durationText(p95_s * 1_000)}</td>
                  <td class="end soft">{countText(samples)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </section>
      {health.last_failures.length === 0 ? null : (
        <section class="card table-card" aria-labelledby="failures">
          <header>
            <h2 id="failures">Last failures</h2>
          </header>
          <table>
            <tbody>
              {health.last_failures.map(({ at, sign, request_id: id }, n) => (
                <tr key={`${id}-${n}`}>
                  <td class="fit soft">{at === null ? "" : <Time at={at} />}</td>
                  <td class="fit">{sign.replaceAll("_", " ")}</td>
                  <td class="mono">{id}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </div>
  );
}
