// The timeline of a request as a picture: bars of stages in four lanes, marks for events, and a scale that breaks long waits. Pure.

import type { RequestObject, TimelineLine } from "../../api/types.ts";

export const LANES = ["Sluice", "fal", "Storage", "Your app"] as const;
export type Lane = (typeof LANES)[number];
export type BarTone = "wait" | "run" | "unsure" | "bad" | "ok" | "off";

export interface Bar {
  lane: Lane;
  word: string;
  tone: BarTone;
  from: number;
  to: number;
  /** Its end is not known yet. */
  isOpen: boolean;
}

export interface EventMark {
  lane: Lane;
  event: string;
  tone: BarTone;
  at: number;
}

export interface Picture {
  bars: Bar[];
  marks: EventMark[];
  scale: Scale;
}

type Stage = RequestObject["stage"];

/** Where the time of a stage is spent; an ended request spends none. */
const STAGE_BARS: Record<Stage, { lane: Lane; word: string; tone: BarTone } | null> = {
  held: { lane: "Sluice", word: "waiting", tone: "wait" },
  submitting: { lane: "Sluice", word: "submitting", tone: "run" },
  uncertain: { lane: "Sluice", word: "answer lost, asking", tone: "unsure" },
  queued: { lane: "fal", word: "in fal's queue", tone: "wait" },
  running: { lane: "fal", word: "running", tone: "run" },
  storing: { lane: "Storage", word: "storing", tone: "run" },
  completed: null,
  failed: null,
  canceled: null,
};

const AT_FAL = { word: "at fal", tone: "run" } as const;

/** The lane of an event's mark. What is not listed is Sluice's own. */
const EVENT_LANES: Record<string, Lane> = {
  running: "fal",
  poll: "fal",
  result: "fal",
  result_pending: "fal",
  webhook: "fal",
  unpinned_webhook: "fal",
  unverified_callback: "fal",
  upstream_not_found: "fal",
  upstream_timeout: "fal",
  recovered: "fal",
  stored: "Storage",
  file_failed: "Storage",
  copy_requested: "Storage",
  delivered: "Your app",
  delivery_failed: "Your app",
  delivery_parked: "Your app",
  delivery_gone: "Your app",
  delivery_replayed: "Your app",
};

const EVENT_TONES: Record<string, BarTone> = {
  completed: "ok",
  delivered: "ok",
  stored: "ok",
  failed: "bad",
  file_failed: "bad",
  delivery_failed: "bad",
  delivery_parked: "bad",
  submit_refused: "bad",
  submit_answer_lost: "unsure",
  canceled: "off",
};

export function laneOf(event: string): Lane {
  return EVENT_LANES[event] ?? "Sluice";
}

export function toneOf(event: string): BarTone {
  return EVENT_TONES[event] ?? "run";
}

/** The picture of these lines, oldest first. `now` ends what is open. */
export function pictureOf(lines: readonly TimelineLine[], now: number): Picture | null {
  const known = lines.flatMap((line) => (line.at === null ? [] : [{ ...line, at: Date.parse(line.at) }]));
  const first = known[0];
  if (first === undefined) return null;
  const bars: Bar[] = [];
  let since = first.at;
  let stage = first.stage as Stage;
  const close = (to: number, isOpen: boolean) => {
    const look = STAGE_BARS[stage];
    if (look !== null && look !== undefined && (to > since || isOpen)) bars.push({ ...look, from: since, to, isOpen });
  };
  for (const line of known.slice(1)) {
    if (line.stage === stage) continue;
    close(line.at, false);
    // Between queue and end nothing told that it began: the split is not known.
    const last = bars.at(-1);
    if (stage === "queued" && line.stage !== "running" && last !== undefined) Object.assign(last, AT_FAL);
    since = line.at;
    stage = line.stage as Stage;
  }
  close(Math.max(now, since), true);
  const marks = known.map(({ event, at }) => ({ event, at, lane: laneOf(event), tone: toneOf(event) }));
  const times = [...known.map(({ at }) => at), ...bars.map(({ to }) => to)];
  return { bars, marks, scale: scaleOf(times, bars.at(-1)?.to ?? first.at) };
}

export interface Scale {
  start: number;
  end: number;
  /** From a moment to its place, 0 to 1. */
  place: (at: number) => number;
  /** Gaps drawn shorter than they are. */
  breaks: { from: number; to: number }[];
}

/** A gap this many times longer than everything else would hide it. */
const BREAK_FACTOR = 4;
/** What a broken gap takes of what everything else takes. */
const BROKEN_SHARE = 0.3;
/** After the request itself, retries of deliveries take no more than this share of its width each. */
const LATER_SHARE = 0.12;

/** `livesUntil`: the end of the request; what comes later is told, not measured. */
export function scaleOf(moments: readonly number[], livesUntil: number): Scale {
  const times = [...new Set(moments)].sort((one, other) => one - other);
  const start = times[0] ?? 0;
  const end = times.at(-1) ?? start;
  const gaps = times.slice(1).map((to, n) => {
    const from = times[n] ?? to;
    const most =
      from >= livesUntil && livesUntil > start ? (livesUntil - start) * LATER_SHARE : Number.POSITIVE_INFINITY;
    return { from, to, shown: Math.min(to - from, most), isBroken: to - from > most };
  });
  for (;;) {
    const longest = gaps.filter((gap) => !gap.isBroken).sort((one, other) => other.shown - one.shown)[0];
    if (longest === undefined) break;
    const rest = gaps.reduce((sum, gap) => sum + (gap === longest ? 0 : gap.shown), 0);
    if (rest === 0 || longest.shown <= BREAK_FACTOR * rest) break;
    longest.shown = BROKEN_SHARE * rest;
    longest.isBroken = true;
  }
  const total = gaps.reduce((sum, gap) => sum + gap.shown, 0);
  const place = (at: number): number => {
    if (total === 0) return 0;
    let before = 0;
    for (const { from, to, shown } of gaps) {
      if (at >= to) before += shown;
      else if (at > from) before += (shown * (at - from)) / (to - from);
    }
    return before / total;
  };
  return { start, end, place, breaks: gaps.filter((gap) => gap.isBroken).map(({ from, to }) => ({ from, to })) };
}

/** How long each kind of waiting took, in words: `10 ms here`, `1.2 s at fal`, `40 ms storing`. */
export function spentBy({ bars }: Picture): { here: number; fal: number; storing: number } {
  const sum = (lane: Lane) => bars.filter((bar) => bar.lane === lane).reduce((ms, { from, to }) => ms + to - from, 0);
  return { here: sum("Sluice"), fal: sum("fal"), storing: sum("Storage") };
}
