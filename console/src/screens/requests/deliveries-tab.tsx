// Who was told of the end, and whether it arrived.

import { useResource } from "../../api/resource.ts";
import type { RequestDelivery, RequestObject } from "../../api/types.ts";
import { Id } from "../../parts/copy.tsx";
import { plural } from "../../parts/format.ts";
import { Empty, Loaded } from "../../parts/states.tsx";
import { DeliveryBadge } from "../../parts/status.tsx";
import { Time } from "../../parts/time.tsx";
import { who } from "../../session/me.ts";
import { may } from "../../session/permissions.ts";
import { isEnded } from "./follow.ts";

export function DeliveriesTab({ request }: { request: RequestObject }) {
  const deliveries = useResource<{ data: RequestDelivery[] }>(`/v1/requests/${request.id}/deliveries`);
  return (
    <section class="card table-card" aria-label="Deliveries">
      <Loaded resource={deliveries} rows={3}>
        {({ data }) =>
          data.length === 0 ? (
            <Empty icon="send" title={isEnded(request) ? "Nobody was told" : "Nothing to tell yet"}>
              {isEnded(request)
                ? "The request had no webhook_url, and no endpoint of the team takes its event."
                : "Deliveries begin when the request ends."}
            </Empty>
          ) : (
            <Rows deliveries={data} request={request} />
          )
        }
      </Loaded>
    </section>
  );
}

function Rows({ deliveries, request }: { deliveries: readonly RequestDelivery[]; request: RequestObject }) {
  const isAdmin = may(who.value, "admin");
  return (
    <table class="cards">
      <thead>
        <tr>
          <th scope="col">State</th>
          <th scope="col">Event</th>
          <th scope="col">To</th>
          <th scope="col">Attempts</th>
          <th scope="col" class="end">
            Next
          </th>
        </tr>
      </thead>
      <tbody>
        {deliveries.map((delivery) => (
          <tr key={delivery.id} class={isAdmin ? "linked" : ""}>
            <td class="fit">
              {isAdmin ? (
                <a data-row-link href={`/console/deliveries/${delivery.id}`}>
                  <DeliveryBadge state={delivery.state} />
                  <span class="hidden-text">{delivery.id}</span>
                </a>
              ) : (
                <DeliveryBadge state={delivery.state} />
              )}
            </td>
            <td class="fit">{delivery.event_type}</td>
            <td class="cut">
              {delivery.endpoint === null ? (
                (request.webhook?.url ?? "webhook_url")
              ) : (
                <span class="above">
                  <Id id={delivery.endpoint} href={isAdmin ? `/console/webhooks/${delivery.endpoint}` : undefined} />
                </span>
              )}
            </td>
            <td class="fit num">{plural(delivery.attempts, "attempt")}</td>
            <td class="end soft">{delivery.next_attempt_at === null ? "" : <Time at={delivery.next_attempt_at} />}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
