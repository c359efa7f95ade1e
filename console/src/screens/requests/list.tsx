// Requests: what was asked, and what became of it. Every filter is in the URL, goes to the server, and holds for paging.

import { useEffect } from "preact/hooks";
import { useLocation } from "preact-iso";
import { useResource } from "../../api/resource.ts";
import type { RequestCount, RequestSummary } from "../../api/types.ts";
import { now } from "../../parts/clock.ts";
import { CsvButton } from "../../parts/csv.tsx";
import { countText, durationText, moneyText, plural } from "../../parts/format.ts";
import { Icon } from "../../parts/icon.tsx";
import { Empty, Loaded } from "../../parts/states.tsx";
import { OutcomeBadge } from "../../parts/status.tsx";
import { Tags } from "../../parts/tags.tsx";
import { Time } from "../../parts/time.tsx";
import { me } from "../../session/me.ts";
import { isBound } from "../../session/permissions.ts";
import { useQuery } from "../../shell/navigation.ts";
import { Page } from "../../shell/page.tsx";
import { queryText } from "../../shell/query.ts";
import { CancelMany } from "./cancel-many.tsx";
import { FilterBar } from "./filter-bar.tsx";
import { countPath, csvPath, FILTER_NAMES, type Filters, listPath } from "./filters.ts";
import { useLiveList } from "./live-list.ts";
import { rememberList } from "./neighbours.ts";

export default function Requests() {
  const [filters, setFilters] = useQuery(FILTER_NAMES);
  const { resource, rows, newRows, showNew, isLive } = useLiveList(listPath(filters), filters.cursor === undefined);
  const { path, url } = useLocation();
  useEffect(
    () =>
      rememberList(
        rows.map(({ id }) => id),
        url.startsWith(path) ? url : path,
      ),
    [rows, path, url],
  );
  const isMine = me.value !== null && isBound(me.value);
  return (
    <Page
      title="Requests"
      lead={
        isMine ? `Those of ${me.value?.user ?? "your user"}, newest first.` : "Every request of the team, newest first."
      }
      actions={
        <>
          {isLive ? (
            <span class="live" title="The list follows the team's events">
              Live
            </span>
          ) : null}
          <CsvButton path={csvPath(filters)} name="requests.csv" />
          <CancelMany filters={filters} onDone={resource.reload} />
        </>
      }
    >
      <FilterBar filters={filters} change={setFilters} />
      <section class="card table-card" aria-label="Requests">
        {newRows === 0 ? null : (
          <button type="button" class="new-rows" onClick={showNew}>
            {plural(newRows, "new request")}
          </button>
        )}
        <Loaded resource={resource}>
          {({ next_cursor }) =>
            rows.length === 0 ? (
              <NoRequests filters={filters} next={next_cursor} />
            ) : (
              <>
                <Rows rows={rows} />
                <Foot filters={filters} rows={rows} next={next_cursor} />
              </>
            )
          }
        </Loaded>
      </section>
    </Page>
  );
}

function Rows({ rows }: { rows: readonly RequestSummary[] }) {
  const hasUsers = rows.some(({ user }) => user !== null);
  const hasTags = rows.some(({ tags }) => Object.keys(tags).length > 0);
  return (
    <table class="cards">
      <thead>
        <tr>
          <th scope="col">Status</th>
          <th scope="col">Model</th>
          {hasUsers ? <th scope="col">User</th> : null}
          {hasTags ? <th scope="col">Tags</th> : null}
          <th scope="col">Key</th>
          <th scope="col" class="end">
            Took
          </th>
          <th scope="col" class="end">
            Charged
          </th>
          <th scope="col" class="end">
            When
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.id} class="linked">
            <td class="fit">
              <a data-row-link href={`/console/requests/${row.id}`}>
                <OutcomeBadge status={row.status} />
                {row.attention.length === 0 ? null : (
                  <span title={attentionText(row)}>
                    <Icon name="triangle-alert" size={14} />
                    <span class="hidden-text">{attentionText(row)}</span>
                  </span>
                )}
                <span class="hidden-text">
                  {row.model}, {row.id.slice(0, 6)}
                </span>
              </a>
            </td>
            <td class="cut mono">
              {row.model}
              {row.error_code === null ? null : <span class="faint"> {row.error_code}</span>}
            </td>
            {hasUsers ? <td class="cut narrow">{row.user ?? ""}</td> : null}
            {hasTags ? (
              <td class="narrow">
                <Tags tags={row.tags} />
              </td>
            ) : null}
            <td class="cut narrow soft" title={row.key_id}>
              {row.key_name}
            </td>
            <td class="end">{tookText(row)}</td>
            <td class="end" data-label="charged">
              {chargedText(row)}
            </td>
            <td class="end soft when">{row.created_at === null ? "" : <Time at={row.created_at} />}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

const ATTENTION: Record<RequestSummary["attention"][number], string> = {
  unsettled_charge: "its charge is unknown",
  failed_file: "a file could not be stored",
  failed_delivery: "its end could not be delivered",
};

function attentionText({ attention }: RequestSummary): string {
  return `Needs attention: ${attention.map((reason) => ATTENTION[reason]).join(", ")}`;
}

/** What is not settled has its estimate, which is not what it costs. */
function chargedText({ status, charged, estimated, attention }: RequestSummary): string {
  if (charged !== null) return moneyText(charged);
  const isSettled = status !== "open" && !attention.includes("unsettled_charge");
  return isSettled || estimated === null ? "unknown" : `≤ ${moneyText(estimated)}`;
}

function tookText({ created_at, completed_at, duration_s }: RequestSummary): string {
  if (duration_s !== null) return durationText(duration_s * 1_000);
  if (created_at === null) return "";
  return durationText((completed_at === null ? now.value : Date.parse(completed_at)) - Date.parse(created_at));
}

function Foot({ filters, rows, next }: { filters: Filters; rows: readonly RequestSummary[]; next: string | null }) {
  const { path, query } = useLocation();
  const isWhole = next === null && filters.cursor === undefined;
  const { data: all } = useResource<RequestCount>(isWhole ? null : countPath(filters));
  const matching = all === null ? "" : ` of ${countText(all.count)}${all.more ? " or more" : ""}`;
  return (
    <div class="table-foot">
      <span>
        {plural(rows.length, "request")} shown{matching}
      </span>
      <span class="actions">
        {filters.cursor === undefined ? null : (
          <a class="button quiet" href={path + queryText({ ...query, cursor: null })}>
            Newest
          </a>
        )}
        {next === null ? null : (
          <a class="button" href={path + queryText({ ...query, cursor: next })}>
            Older
          </a>
        )}
      </span>
    </div>
  );
}

function NoRequests({ filters, next }: { filters: Filters; next: string | null }) {
  const { path, query } = useLocation();
  const isFiltered = Object.keys(filters).some((name) => name !== "cursor");
  if (next !== null) {
    return (
      <Empty
        icon="search"
        title="Nothing on this page"
        action={
          <a class="button" href={path + queryText({ ...query, cursor: next })}>
            Look further back
          </a>
        }
      >
        A page looks at a bounded number of requests; older ones may match.
      </Empty>
    );
  }
  if (isFiltered) {
    return (
      <Empty
        icon="search"
        title="No request matches"
        action={
          <a class="button" href={path}>
            Clear the filters
          </a>
        }
      >
        Models and users match exactly; a tag matches as name=value, or as a name alone.
      </Empty>
    );
  }
  return (
    <Empty
      icon="list"
      title="No requests yet"
      curl={`curl "${location.origin}/v1/requests" -H "Authorization: Bearer $SLUICE_KEY" -H "Content-Type: application/json" -H "Prefer: wait=30" -d '{"model":"fal-ai/flux/schnell","input":{"prompt":"a tiny cute cat"}}'`}
    >
      Each request appears here the moment it is admitted, with its timeline, files and cost.
    </Empty>
  );
}
