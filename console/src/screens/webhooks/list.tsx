// Webhooks: where the team's events go, and whether they arrive.

import { useState } from "preact/hooks";
import { useLocation } from "preact-iso";
import { useResource } from "../../api/resource.ts";
import type { Endpoint, PageOf } from "../../api/types.ts";
import { plural } from "../../parts/format.ts";
import { Empty, Loaded } from "../../parts/states.tsx";
import { Time } from "../../parts/time.tsx";
import { Page } from "../../shell/page.tsx";
import { EndpointForm } from "./endpoint-form.tsx";
import { EndpointBadge } from "./health.tsx";

export default function Webhooks() {
  const endpoints = useResource<PageOf<Endpoint>>("/v1/webhooks");
  const [isCreating, setCreating] = useState(false);
  const { route } = useLocation();
  const create = (
    <button type="button" class="button primary" onClick={() => setCreating(true)}>
      Add an endpoint
    </button>
  );
  return (
    <Page
      title="Webhooks"
      lead="Endpoints of the team: each gets the events it asks for, signed, until it takes them."
      actions={create}
    >
      <section class="card table-card" aria-label="Endpoints">
        <Loaded resource={endpoints} rows={3}>
          {({ data }) =>
            data.length === 0 ? (
              <Empty
                icon="webhook"
                title="No endpoints yet"
                action={create}
                curl={`curl "${location.origin}/v1/events?wait=30" -H "Authorization: Bearer $SLUICE_KEY"`}
              >
                Your app hears of each end without asking. Without a public address, read the feed of events instead.
              </Empty>
            ) : (
              <Rows endpoints={data} />
            )
          }
        </Loaded>
      </section>
      {isCreating ? (
        <EndpointForm onClose={() => setCreating(false)} onDone={({ id }) => route(`/console/webhooks/${id}`)} />
      ) : null}
    </Page>
  );
}

function Rows({ endpoints }: { endpoints: readonly Endpoint[] }) {
  return (
    <table class="cards">
      <thead>
        <tr>
          <th scope="col">Endpoint</th>
          <th scope="col">Health</th>
          <th scope="col">Events</th>
          <th scope="col" class="end">
            Last success
          </th>
        </tr>
      </thead>
      <tbody>
        {endpoints.map((endpoint) => (
          <tr key={endpoint.id} class="linked">
            <td class="cut wide">
              <a data-row-link href={`/console/webhooks/${endpoint.id}`}>
                {endpoint.description === "" ? endpoint.url : endpoint.description}
              </a>
              {endpoint.description === "" ? null : <span class="sub-line mono">{endpoint.url}</span>}
            </td>
            <td class="fit">
              <EndpointBadge endpoint={endpoint} />
            </td>
            <td class="fit soft" title={endpoint.events?.join(", ")}>
              {endpoint.events === null ? "all" : plural(endpoint.events.length, "event")}
            </td>
            <td class="end soft" data-label="last success">
              {endpoint.health.last_success_at === null ? (
                "never"
              ) : (
                <Time at={endpoint.health.last_success_at} relative />
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
