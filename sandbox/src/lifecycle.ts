// When a request waits, runs and ends: the whole plan is made at submit, and states follow from it and the time. Pure.

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

export interface TimingWish {
  now: number;
  queueMs: number;
  runMs: number;
  /** When the slot that this request will take becomes free, if all are taken. */
  slotFreeAt: number | null;
  /** `X-Fal-Request-Timeout` and its newer name: time in which work must have started. */
  startTimeoutMs: number | null;
}

/** The plan of a new request. */
export function planTiming(wish: TimingWish): Timing {
  const startsAt = Math.max(wish.now + wish.queueMs, wish.slotFreeAt ?? 0);
  const deadline = wish.startTimeoutMs === null ? Number.POSITIVE_INFINITY : wish.now + wish.startTimeoutMs;
  if (startsAt > deadline) {
    return { submittedAt: wish.now, startsAt: null, endsAt: deadline, end: "start_timeout" };
  }
  return { submittedAt: wish.now, startsAt, endsAt: startsAt + wish.runMs, end: "finished" };
}

/** What the queue says at `now`. The position counts down from `queueLength` to 0 while the start comes nearer. */
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

/** A cancel at `now`: out of the queue at once; a running model obeys after `obeyMs`, or never (null). */
export function cancelAt(timing: Timing, now: number, obeyMs: number | null): CancelStep {
  if (now >= timing.endsAt) return { kind: "too_late" };
  if (timing.startsAt === null || now < timing.startsAt) {
    return { kind: "removed", timing: { ...timing, startsAt: null, endsAt: now, end: "cancelled" } };
  }
  if (obeyMs === null || now + obeyMs >= timing.endsAt) return { kind: "signalled", timing };
  return { kind: "signalled", timing: { ...timing, endsAt: now + obeyMs, end: "cancelled" } };
}

/** Log lines that a run has written by `now`; all of them begin after the start and none names the input. */
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
