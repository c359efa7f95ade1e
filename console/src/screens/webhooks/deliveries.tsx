// Deliveries: what was sent, what came back, and the way to send it again, one or many.

import { useLocation } from "preact-iso";
import { useResource } from "../../api/resource.ts";
import type { Delivery, Endpoint, PageOf } from "../../api/types.ts";
import { plural, shortId } from "../../parts/format.ts";
import { Icon } from "../../parts/icon.tsx";
import { Segments } from "../../parts/segments.tsx";
import { Empty, Loaded } from "../../parts/states.tsx";
import { useQuery } from "../../shell/navigation.ts";
import { Page } from "../../shell/page.tsx";
import { queryText } from "../../shell/query.ts";
import { DeliveryTable } from "./delivery-table.tsx";
import { EVENT_NAMES } from "./event-types.ts";
import { ReplayMany } from "./replay-many.tsx";

const FILTERS = ["state", "type", "endpoint", "request", "from", "to", "cursor"] as const;
const STATES = ["undelivered", "pending", "failing", "delivered", "parked", "gone"] as const;
const PAGE_ROWS = 50;

export default function Deliveries() {
  const { path, query } = useLocation();
  const [filters, change] = useQuery(FILTERS);
  const deliveries = useResource<PageOf<Delivery>>(
    `/v1/deliveries${queryText({ ...filters, limit: String(PAGE_ROWS) })}`,
  );
  const endpoints = useResource<PageOf<Endpoint>>("/v1/webhooks");
  const names = new Map((endpoints.data?.data ?? []).map(({ id, url, description }) => [id, description || url]));
  const isFiltered = Object.keys(filters).some((name) => name !== "cursor");
  return (
    <Page
      title="Deliveries"
      lead="Each event to each receiver, with every attempt, for 30 days."
      actions={<ReplayMany filters={filters} onDone={deliveries.reload} />}
    >
      <div class="filters">
        <Segments
          label="State"
          chosen={filters.state ?? null}
          onChoose={(state) => change({ state, cursor: null })}
          choices={[null, ...STATES].map((value) => ({ value, face: value === null ? "All" : capital(value) }))}
        />
        <label>
          <span class="hidden-text">Event</span>
          <select
            value={filters.type ?? ""}
            onChange={(event) => change({ type: event.currentTarget.value || null, cursor: null })}
          >
            <option value="">Every event</option>
            {[...EVENT_NAMES, "webhook.test"].map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <label>
          <span class="hidden-text">Endpoint</span>
          <select
            data-filter
            value={filters.endpoint ?? ""}
            onChange={(event) => change({ endpoint: event.currentTarget.value || null, cursor: null })}
          >
            <option value="">Every endpoint</option>
            {[...names].map(([id, name]) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
          </select>
        </label>
        {filters.request === undefined ? null : (
          <span class="chip">
            request&nbsp;<b>{shortId(filters.request)}</b>
            <button
              type="button"
              class="icon-button"
              aria-label="Remove filter request"
              onClick={() => change({ request: null, cursor: null })}
            >
              <Icon name="x" size={14} />
            </button>
          </span>
        )}
      </div>
      <section class="card table-card" aria-label="Deliveries">
        <Loaded resource={deliveries}>
          {({ data, next_cursor: next }) =>
            data.length === 0 ? (
              <Empty
                icon="send"
                title={isFiltered ? "No delivery matches" : "Nothing was delivered yet"}
                action={
                  <a class="button" href={isFiltered ? path : "/console/webhooks"}>
                    {isFiltered ? "Clear the filters" : "Go to Webhooks"}
                  </a>
                }
              >
                {isFiltered
                  ? "Deliveries older than 30 days are no longer kept."
                  : "Deliveries begin with the first endpoint, or the first request with a webhook_url."}
              </Empty>
            ) : (
              <>
                <DeliveryTable deliveries={data} names={names} />
                <div class="table-foot">
                  <span>
                    {plural(data.length, "delivery", "deliveries")} shown{next === null ? "" : ", more exist"}
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
              </>
            )
          }
        </Loaded>
      </section>
    </Page>
  );
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
