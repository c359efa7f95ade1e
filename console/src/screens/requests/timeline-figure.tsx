// The picture of the timeline: what spent the time, across Sluice, fal, storage and the app. Its words are in the caption and the table.

import type { RequestObject, TimelineLine } from "../../api/types.ts";
import { now } from "../../parts/clock.ts";
import { durationText, plural } from "../../parts/format.ts";
import { LANES, pictureOf, type Scale, spentBy } from "./timeline.ts";

/** Labels of the axis closer than this would touch. */
const LABEL_GAP = 0.11;
/** A bar as wide as this holds its words. */
const WORD_SHARE = 0.18;

export function TimelineFigure({ request, lines }: { request: RequestObject; lines: readonly TimelineLine[] }) {
  const picture = pictureOf(lines, now.value);
  if (picture === null) return null;
  const { bars, marks, scale } = picture;
  const spent = spentBy(picture);
  const words = [
    ...(spent.here > 0 ? [`${durationText(spent.here)} in Sluice`] : []),
    ...(spent.fal > 0 ? [`${durationText(spent.fal)} at fal`] : []),
    ...(spent.storing > 0 ? [`${durationText(spent.storing)} storing`] : []),
    plural(request.upstream.calls, "upstream call"),
  ];
  const lanes = LANES.filter(
    (lane) => bars.some((bar) => bar.lane === lane) || marks.some((mark) => mark.lane === lane),
  );
  return (
    <figure class="timeline card">
      <div class="lanes" aria-hidden="true">
        <Axis scale={scale} edges={bars.flatMap(({ from, to, isOpen }) => (isOpen ? [from] : [from, to]))} />
        {lanes.map((lane) => (
          <div key={lane} class="lane">
            <span class="lane-name">{lane}</span>
            <div class="lane-track">
              {scale.breaks.map(({ from, to }) => (
                <span key={from} class="lane-break" style={span(scale, from, to)} />
              ))}
              {bars
                .filter((bar) => bar.lane === lane)
                .map((bar) => (
                  <span
                    key={bar.from}
                    class={`bar ${bar.tone} ${bar.isOpen ? "open" : ""}`}
                    style={span(scale, bar.from, bar.to)}
                    title={`${bar.word} ${durationText(bar.to - bar.from)}`}
                  >
                    {scale.place(bar.to) - scale.place(bar.from) > WORD_SHARE ? (
                      <>
                        {bar.word} <b>{durationText(bar.to - bar.from)}</b>
                      </>
                    ) : null}
                  </span>
                ))}
              {marks
                .filter((mark) => mark.lane === lane)
                .map((mark, n) => (
                  <span
                    key={`${mark.at}-${n}`}
                    class={`dot ${mark.tone}`}
                    style={{ left: percent(scale.place(mark.at)) }}
                    title={`${mark.event} +${durationText(mark.at - scale.start)}`}
                  />
                ))}
            </div>
          </div>
        ))}
      </div>
      <figcaption>{words.join(" · ")}</figcaption>
    </figure>
  );
}

function Axis({ scale, edges }: { scale: Scale; edges: readonly number[] }) {
  const labels: { at: number; place: number }[] = [];
  for (const at of [scale.start, scale.end, ...edges]) {
    const place = scale.place(at);
    if (labels.every((label) => Math.abs(label.place - place) >= LABEL_GAP)) labels.push({ at, place });
  }
  return (
    <div class="lane axis">
      <span />
      <div class="lane-track">
        {labels.map(({ at, place }) => (
          <span
            key={at}
            class={place > 0.94 ? "axis-label last" : "axis-label"}
            style={place > 0.94 ? { right: "0" } : { left: percent(place) }}
          >
            {at === scale.start ? "0" : durationText(at - scale.start)}
          </span>
        ))}
      </div>
    </div>
  );
}

function span(scale: Scale, from: number, to: number) {
  const left = scale.place(from);
  return { left: percent(left), width: percent(Math.max(0, scale.place(to) - left)) };
}

function percent(share: number): string {
  return `${(share * 100).toFixed(3)}%`;
}
