// One endpoint: does it take its events, what was sent lately, how its signature is checked.

import { useLocation, useRoute } from "preact-iso";
import { useResource } from "../../api/resource.ts";
import type { Delivery, Endpoint, PageOf } from "../../api/types.ts";
import { CodeBlock, Id } from "../../parts/copy.tsx";
import { plural } from "../../parts/format.ts";
import { Note } from "../../parts/note.tsx";
import { Loaded } from "../../parts/states.tsx";
import { Tags } from "../../parts/tags.tsx";
import { Time } from "../../parts/time.tsx";
import { Page } from "../../shell/page.tsx";
import { queryText } from "../../shell/query.ts";
import { DeliveryTable } from "./delivery-table.tsx";
import { EndpointActions } from "./endpoint-actions.tsx";
import { EndpointBadge } from "./health.tsx";

const LATEST = 10;

const VERIFY = `import { Webhook } from "standardwebhooks";

// The raw body, before any JSON parser: the signature is over its bytes.
new Webhook(process.env.SLUICE_WEBHOOK_SECRET).verify(rawBody, {
  "webhook-id": request.headers["webhook-id"],
  "webhook-timestamp": request.headers["webhook-timestamp"],
  "webhook-signature": request.headers["webhook-signature"],
});`;

export default function EndpointScreen() {
  const { id = "" } = useRoute().params;
  const { route } = useLocation();
  const endpoint = useResource<Endpoint>(`/v1/webhooks/${id}`);
  const deliveries = useResource<PageOf<Delivery>>(`/v1/webhooks/${id}/deliveries?limit=${LATEST}`);
  const { data } = endpoint;
  return (
    <Page
      back={{ href: "/console/webhooks", label: "Webhooks" }}
      title={
        data === null ? (
          "Endpoint"
        ) : (
          <>
            {data.description === "" ? hostOf(data.url) : data.description}
            <EndpointBadge endpoint={data} />
          </>
        )
      }
      name={data === null ? "Endpoint" : data.description || hostOf(data.url)}
      actions={
        data === null ? undefined : (
          <EndpointActions
            endpoint={data}
            onChange={(changed) => {
              endpoint.replace(changed);
              void deliveries.reload();
            }}
            onDeleted={() => route("/console/webhooks")}
          />
        )
      }
    >
      <Loaded resource={endpoint}>{(shown) => <Body endpoint={shown} />}</Loaded>
      <section class="card table-card" aria-labelledby="latest">
        <header>
          <h2 id="latest">Latest deliveries</h2>
          <a class="button quiet" href={`/console/deliveries${queryText({ endpoint: id })}`}>
            All of them
          </a>
        </header>
        <Loaded resource={deliveries} rows={4}>
          {({ data: rows }) =>
            rows.length === 0 ? (
              <p class="card-body soft">Nothing was sent yet. Send a test event to try it.</p>
            ) : (
              <DeliveryTable deliveries={rows} />
            )
          }
        </Loaded>
      </section>
      <section class="stack tight">
        <h2>Verify what arrives</h2>
        <CodeBlock text={VERIFY} what="code" />
      </section>
    </Page>
  );
}

function Body({ endpoint }: { endpoint: Endpoint }) {
  const { health } = endpoint;
  return (
    <div class="stack">
      {health.failing_since === null ? null : (
        <Note
          tone="wait"
          icon="triangle-alert"
          title={`${plural(health.failed_deliveries, "delivery", "deliveries")} failed, none arrived since`}
        >
          Failing since <Time at={health.failing_since} />. It is disabled when this goes on for days; what it missed
          can be sent again.
        </Note>
      )}
      <dl class="facts card pad">
        <div class="wide">
          <dt>URL</dt>
          <dd>
            <code>{endpoint.url}</code>
          </dd>
        </div>
        <div>
          <dt>Events</dt>
          <dd>{endpoint.events === null ? "all" : endpoint.events.join(", ")}</dd>
        </div>
        <div>
          <dt>Only with tags</dt>
          <dd>{Object.keys(endpoint.tags).length === 0 ? "any" : <Tags tags={endpoint.tags} />}</dd>
        </div>
        <div>
          <dt>Headers</dt>
          <dd>{endpoint.header_names.length === 0 ? "none" : endpoint.header_names.join(", ")}</dd>
        </div>
        <div>
          <dt>Last success</dt>
          <dd>{health.last_success_at === null ? "never" : <Time at={health.last_success_at} />}</dd>
        </div>
        <div>
          <dt>Last failure</dt>
          <dd>{health.last_failure_at === null ? "never" : <Time at={health.last_failure_at} />}</dd>
        </div>
        <div>
          <dt>Endpoint id</dt>
          <dd>
            <Id id={endpoint.id} what="endpoint id" />
          </dd>
        </div>
      </dl>
    </div>
  );
}

function hostOf(url: string): string {
  return URL.parse(url)?.host ?? url;
}
