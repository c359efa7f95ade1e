// Deliveries as rows.

import type { Delivery } from "../../api/types.ts";
import { shortId } from "../../parts/format.ts";
import { DeliveryBadge } from "../../parts/status.tsx";
import { Time } from "../../parts/time.tsx";

export function DeliveryTable({
  deliveries,
  names,
}: {
  deliveries: readonly Delivery[];
  /** Names of endpoints by id, where rows are of several. */
  names?: ReadonlyMap<string, string>;
}) {
  return (
    <table class="cards">
      <thead>
        <tr>
          <th scope="col">State</th>
          <th scope="col">Event</th>
          {names === undefined ? null : <th scope="col">To</th>}
          <th scope="col">Request</th>
          <th scope="col">Answer</th>
          <th scope="col" class="end">
            Created
          </th>
        </tr>
      </thead>
      <tbody>
        {deliveries.map((delivery) => (
          <tr key={delivery.id} class="linked">
            <td class="fit">
              <a data-row-link href={`/console/deliveries/${delivery.id}`}>
                <DeliveryBadge state={delivery.state} />
                <span class="hidden-text">{delivery.id}</span>
              </a>
            </td>
            <td class="fit">{delivery.event_type}</td>
            {names === undefined ? null : (
              <td class="cut soft">
                {delivery.endpoint === null
                  ? "the request's webhook_url"
                  : (names.get(delivery.endpoint) ?? delivery.endpoint)}
              </td>
            )}
            <td class="fit">
              {delivery.request === null ? (
                ""
              ) : (
                <a class="above" href={`/console/requests/${delivery.request}`}>
                  <code>{shortId(delivery.request)}</code>
                </a>
              )}
            </td>
            <td class="fit soft">{answerText(delivery)}</td>
            <td class="end soft when">
              <Time at={delivery.created_at} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function answerText({ last_status: status, last_category: category, state }: Delivery): string {
  if (state === "delivered" || category === null) return status === null ? "" : String(status);
  return [status, category.replaceAll("_", " ")].filter((part) => part !== null).join(" ");
}
