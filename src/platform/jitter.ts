// Randomizes delays so that simultaneous failures do not retry simultaneously. Pure.

/** +-20 % of a wait in ms; `random` is in [0, 1). */
export function jittered(waitMs: number, random: number): number {
  return Math.round(waitMs * (0.8 + 0.4 * random));
}
