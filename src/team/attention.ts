// Why a request needs a person's attention, as one number of the index: bits that are set and cleared one by one. Pure.

/**
 * `unsettledCharge`: it ended, and nobody knows whether upstream bills it; a person or a late webhook settles it. `failedFile`: a file of its output could not be stored when it was
 * settled; a later copy does not clear it. `parkedDelivery`: the attempts to deliver its end are exhausted, and no replay has
 * delivered it. A delivery that is `gone` needs nobody: its receiver wants no more, or was deleted or disabled.
 */
export const ATTENTION = { unsettledCharge: 1, failedFile: 2, parkedDelivery: 4 } as const;
export type Attention = keyof typeof ATTENTION;

export function withAttention(bits: number, what: Attention, needed: boolean): number {
  return needed ? bits | ATTENTION[what] : bits & ~ATTENTION[what];
}

export function needsAttention(bits: number, what: Attention): boolean {
  return (bits & ATTENTION[what]) !== 0;
}
