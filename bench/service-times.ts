// What one call costs an object, in ms: what the simulation of shared objects reckons with. Pure; copied from the figures of
// `npm run bench:objects` (docs/figures.md, "Calls of the objects").

/** A call of a Team. */
export const TEAM_MS = { admit: 1.15, started: 1.33, settle: 1.03 } as const;

/** A call of an account: so much, and so much more for each submit in line while all slots are taken. */
const ACCOUNT_MS = {
  take: { base: 0.85, perWaiting: 0.0008 },
  heard: { base: 0.28, perWaiting: 0.00045 },
  left: { base: 0.25, perWaiting: 0.00046 },
  queuePositionOf: { base: 0.26, perWaiting: 0 },
} as const;

export function accountMs(call: keyof typeof ACCOUNT_MS, waiting: number): number {
  const { base, perWaiting } = ACCOUNT_MS[call];
  return base + perWaiting * waiting;
}
