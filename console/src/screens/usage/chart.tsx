// Stacked days as SVG. Names are in the legend in the order of the bars; the table under it has every number.

import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { shortDay } from "./days.ts";
import { type Stack, ticksOf } from "./stack.ts";

const HEIGHT = 200;
const TOP = 8;
const BOTTOM = 24;
const LEFT = 56;
/** Before the place is measured. */
const FIRST_WIDTH = 960;
/** A bar and its gap are never narrower: more days than fit scroll inside the figure. */
const SLOT_MIN = 9;
/** A label of the axis and its gap. */
const LABEL_WIDTH = 64;

export function Chart({
  stack,
  show,
  isWhole,
  hrefOf,
  caption,
}: {
  stack: Stack;
  show: (value: number) => string;
  isWhole: boolean;
  hrefOf: (day: string) => string;
  caption: string;
}) {
  const { days, series, totals } = stack;
  const ticks = ticksOf(Math.max(...totals, 0), isWhole);
  const top = ticks.at(-1) || 1;
  const place = useRef<HTMLDivElement>(null);
  const available = useWidth(place);
  const width = Math.max(available, LEFT + days.length * SLOT_MIN);
  const plot = HEIGHT - TOP - BOTTOM;
  const y = (value: number) => TOP + plot * (1 - value / top);
  const slot = (width - LEFT) / days.length;
  const bar = Math.min(40, Math.max(6, slot * 0.7));
  const every = Math.ceil(LABEL_WIDTH / slot);
  return (
    <figure class="chart">
      <div class="chart-scroll" ref={place}>
        <svg width={width} height={HEIGHT}>
          <title>{caption}</title>
          {ticks.map((tick) => (
            <g key={tick}>
              <line class="grid" x1={LEFT} x2={width} y1={y(tick)} y2={y(tick)} />
              <text class="tick" x={LEFT - 10} y={y(tick) + 4} text-anchor="end">
                {show(tick)}
              </text>
            </g>
          ))}
          {days.map((day, n) => {
            const x = LEFT + slot * n + (slot - bar) / 2;
            let base = 0;
            return (
              <a key={day} href={hrefOf(day)} aria-label={`${shortDay(day)}: ${show(totals[n] ?? 0)}`}>
                <rect class="hit" x={LEFT + slot * n} y={TOP} width={slot} height={plot} />
                {series.map(({ name, colour, values }) => {
                  const value = values[n] ?? 0;
                  if (value === 0) return null;
                  const from = y(base);
                  base += value;
                  const height = Math.max(1, from - y(base) - 1);
                  return (
                    <rect
                      key={name}
                      class={`series s${colour ?? "other"}`}
                      x={x}
                      y={from - height}
                      width={bar}
                      height={height}
                      rx="1.5"
                    />
                  );
                })}
                <title>{`${shortDay(day)}: ${show(totals[n] ?? 0)}`}</title>
              </a>
            );
          })}
          {days.map((day, n) =>
            n % every === 0 ? (
              <text key={day} class="tick" x={LEFT + slot * n + slot / 2} y={HEIGHT - 6} text-anchor="middle">
                {shortDay(day)}
              </text>
            ) : null,
          )}
        </svg>
      </div>
      <ul class="legend">
        {series.map(({ name, colour, total }) => (
          <li key={name}>
            <span class={`swatch s${colour ?? "other"}`} />
            <span class="legend-name">{name}</span>
            <span class="faint number">{show(total)}</span>
          </li>
        ))}
      </ul>
    </figure>
  );
}

/** The width that the figure has, as it changes. */
function useWidth(place: { readonly current: HTMLElement | null }): number {
  const [width, setWidth] = useState(FIRST_WIDTH);
  useLayoutEffect(() => {
    const element = place.current;
    if (element === null) return;
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    setWidth(element.clientWidth);
    observer.observe(element);
    return () => observer.disconnect();
  }, [place]);
  return width;
}
