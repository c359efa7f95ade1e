// Service times of object calls in ms, for the simulation of shared objects. Pure; copied from the figures of
// `npm run bench:objects` (docs/figures.md, "Calls of the objects").

/** A call of a Team. */
export const TEAM_MS = { admit: 1.15, started: 1.33, settle: 1.03 } as const;

/** A call of an account: a base, and an addition for each queued submit while all slots are taken. */
const ACCOUNT_MS = {
  requestGrant: { base: 0.85, perWaiting: 0.0008 },
  callFinished: { base: 0.28, perWaiting: 0.00045 },
  releaseSlot: { base: 0.25, perWaiting: 0.00046 },
  queuePositionOf: { base: 0.26, perWaiting: 0 },
} as const;

export function accountMs(call: keyof typeof ACCOUNT_MS, waiting: number): number {
  const { base, perWaiting } = ACCOUNT_MS[call];
  return base + perWaiting * waiting;
}
