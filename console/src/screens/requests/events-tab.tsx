// Every line of the timeline as a table: the words of the picture.

import type { Resource } from "../../api/resource.ts";
import type { TimelineLine } from "../../api/types.ts";
import { clockText, durationText, fullTime } from "../../parts/format.ts";
import { Loaded } from "../../parts/states.tsx";
import { who } from "../../session/me.ts";
import { may } from "../../session/permissions.ts";
import { laneOf, toneOf } from "./timeline.ts";

export function EventsTab({ timeline }: { timeline: Resource<{ data: TimelineLine[] }> }) {
  return (
    <section class="card table-card" aria-label="Events">
      <Loaded resource={timeline}>
        {({ data }) => (
          <table class="cards">
            <thead>
              <tr>
                <th scope="col">At</th>
                <th scope="col" class="end">
                  After
                </th>
                <th scope="col">Event</th>
                <th scope="col">Where</th>
                <th scope="col">Detail</th>
              </tr>
            </thead>
            <tbody>
              {data.map((line, n) => (
                <tr key={line.seq}>
                  <td class="fit num">
                    {line.at === null ? (
                      ""
                    ) : (
                      <time dateTime={line.at} title={fullTime(line.at)}>
                        {clockText(line.at)}
                      </time>
                    )}
                  </td>
                  <td class="fit end soft">{sinceBefore(data, n)}</td>
                  <td class="fit">
                    <span class={`event-dot ${toneOf(line.event)}`} />
                    {words(line.event)}
                  </td>
                  <td class="fit soft">{laneOf(line.event)}</td>
                  <td class="detail-cell">{detailText(line)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </Loaded>
    </section>
  );
}

function sinceBefore(lines: readonly TimelineLine[], n: number): string {
  const [before, here] = [lines[n - 1]?.at, lines[n]?.at];
  return before == null || here == null ? "" : `+${durationText(Date.parse(here) - Date.parse(before))}`;
}

function words(event: string): string {
  return event.replaceAll("_", " ");
}

/** Ids of things that have a screen link to it. */
function DetailValue({ value }: { value: unknown }) {
  const text = String(value);
  const screen = text.startsWith("dlv_") ? "deliveries" : text.startsWith("whk_") ? "webhooks" : null;
  if (screen === null || !may(who.value, "admin")) return <>{text}</>;
  return <a href={`/console/${screen}/${text}`}>{text}</a>;
}

function detailText({ detail }: TimelineLine) {
  return Object.entries(detail).map(([name, value]) => (
    <span key={name} class="detail">
      <span class="faint">{words(name)}</span> <DetailValue value={value} />
    </span>
  ));
}
