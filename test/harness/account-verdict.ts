// What kills of a busy account may not leave behind, judged from what was seen: slots that nobody holds, calls that nobody
// makes any more, calls over the pace, calls during a pause. Times are epoch ms.

/** One kill, what the operator was shown of the account just before it, and when the runtime answered again. */
export interface SeenKill {
  moment: "turns out" | "slots full" | "paused";
  slotsUsed: number;
  waiting: number;
  backAt: number;
  /** While the gateway answered every call 429; null: it did not. */
  storm: { from: number; to: number } | null;
  /** The end of a pause that the gateway had asked for, in Retry-After; null: it had not. */
  pausedUntil: number | null;
}

/** The account after everything has ended. */
export interface SeenAccount {
  slotsUsed: number;
  /** Calls that wait for a turn. */
  waiting: number;
  /** The most calls that the gateway got within any second. */
  mostCallsInASecond: number;
  /** Every call that the gateway got. */
  calls: readonly { at: number; status: number | null }[];
  kills: readonly SeenKill[];
}

/** Each fault as a sentence for people. */
export interface AccountVerdict {
  leaked: string[];
  tooFast: string[];
  /** Calls that the gateway itself refused because it had been told to. */
  stormed: number;
}

/** Judges the account after a run. `rps`: calls that the gateway allows in any second. */
export function judgeAccount(seen: SeenAccount, rps: number): AccountVerdict {
  const leaked: string[] = [];
  if (seen.slotsUsed > 0) leaked.push(`${seen.slotsUsed} slots are held, and nothing is under way`);
  if (seen.waiting > 0) leaked.push(`${seen.waiting} calls wait for a turn, and nothing is owed`);

  const refused = seen.calls.filter(({ status }) => status === 429);
  const storms = seen.kills.flatMap(({ storm }) => storm ?? []);
  const unasked = refused.filter(({ at }) => !storms.some(({ from, to }) => at >= from && at <= to));
  const tooFast = unasked.map(({ at }) => `a call at ${at} was answered 429 for the pace`);
  if (seen.mostCallsInASecond > rps) tooFast.push(`${seen.mostCallsInASecond} calls came within a second`);
  for (const { backAt, pausedUntil } of seen.kills) {
    const early = seen.calls.filter(({ at }) => pausedUntil !== null && at > backAt && at < pausedUntil);
    if (early.length > 0) tooFast.push(`${early.length} calls came during a pause that had been asked for`);
  }
  return { leaked, tooFast, stormed: refused.length - unasked.length };
}
