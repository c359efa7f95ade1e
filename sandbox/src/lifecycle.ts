// When a request waits, runs and ends: planned at submit; its state follows from the plan and the time. Pure.

export type End = "finished" | "start_timeout" | "cancelled";

/** Times are milliseconds of the sandbox's clock. */
export interface Timing {
  submittedAt: number;
  /** Null: it never starts. */
  startsAt: number | null;
  endsAt: number;
  end: End;
}

export type State =
  | { status: "IN_QUEUE"; position: number }
  | { status: "IN_PROGRESS"; startedAt: number }
  | { status: "COMPLETED" };

export interface TimingInput {
  now: number;
  queueMs: number;
  runMs: number;
  /** When the slot that this request will take becomes free, if all are taken. */
  slotFreeAt: number | null;
  /** `X-Fal-Request-Timeout` and its newer name: the time within which the run must have started. */
  startTimeoutMs: number | null;
}

/** The timing of a new request. */
export function planTiming(input: TimingInput): Timing {
  const startsAt = Math.max(input.now + input.queueMs, input.slotFreeAt ?? 0);
  const deadline = input.startTimeoutMs === null ? Number.POSITIVE_INFINITY : input.now + input.startTimeoutMs;
  if (startsAt > deadline) {
    return { submittedAt: input.now, startsAt: null, endsAt: deadline, end: "start_timeout" };
  }
  return { submittedAt: input.now, startsAt, endsAt: startsAt + input.runMs, end: "finished" };
}

/** The queue's state at `now`. The position counts down from `queueLength` to 0 until the start. */
export function stateAt(timing: Timing, now: number, queueLength: number): State {
  if (now >= timing.endsAt) return { status: "COMPLETED" };
  if (timing.startsAt !== null && now >= timing.startsAt) return { status: "IN_PROGRESS", startedAt: timing.startsAt };
  if (timing.startsAt === null) return { status: "IN_QUEUE", position: queueLength };
  const left = (timing.startsAt - now) / Math.max(1, timing.startsAt - timing.submittedAt);
  return { status: "IN_QUEUE", position: Math.min(queueLength, Math.floor(left * (queueLength + 1))) };
}

export type CancelStep =
  | { kind: "removed"; timing: Timing }
  | { kind: "signalled"; timing: Timing }
  | { kind: "too_late" };

/** A cancel at `now`: a queued request ends at once; a running one stops after `stopsAfterMs`, or never (null). */
export function cancelAt(timing: Timing, now: number, stopsAfterMs: number | null): CancelStep {
  if (now >= timing.endsAt) return { kind: "too_late" };
  if (timing.startsAt === null || now < timing.startsAt) {
    return { kind: "removed", timing: { ...timing, startsAt: null, endsAt: now, end: "cancelled" } };
  }
  if (stopsAfterMs === null || now + stopsAfterMs >= timing.endsAt) return { kind: "signalled", timing };
  return { kind: "signalled", timing: { ...timing, endsAt: now + stopsAfterMs, end: "cancelled" } };
}

/** Log lines that a run has written by `now`; none contains the input. */
export function logsAt(timing: Timing, now: number): { message: string; at: number }[] {
  const { startsAt } = timing;
  if (startsAt === null) return [];
  const run = timing.endsAt - startsAt;
  const lines = [
    { message: "Loading the model", part: 0 },
    ...[1, 2, 3, 4].map((step) => ({ message: `Step ${step} of 4`, part: step / 5 })),
    { message: "Done", part: 1 },
  ];
  return lines
    .map(({ message, part }) => ({ message, at: startsAt + Math.floor(run * part) }))
    .filter((line) => line.at <= now && (timing.end === "finished" || line.message !== "Done"));
}
