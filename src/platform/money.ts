// Money: integer micro-USD inside, decimal text outside. No sum is ever kept as a fraction of a micro-dollar. Pure.

/** A thousand million dollars. Sums of several such still fit a safe integer of micro-dollars. */
export const MONEY_MAX_MICRO = 1_000_000_000 * 1_000_000;

const MICRO_DIGITS = 6;
const MICRO_PER_USD = 1_000_000;

/**
 * Micro-USD of a decimal text ("0.003", "5", "12.50"), or null for anything else: signs, exponents, spaces, more than six
 * places, more than MONEY_MAX_MICRO.
 */
export function microOf(text: string): number | null {
  const [, whole, places = ""] = /^(\d{1,10})(?:\.(\d{1,6}))?$/.exec(text) ?? [];
  if (whole === undefined) return null;
  const micro = Number(whole) * MICRO_PER_USD + Number(places.padEnd(MICRO_DIGITS, "0"));
  return micro <= MONEY_MAX_MICRO ? micro : null;
}

/** Decimal text with six places: 3000 -> "0.003000". The difference of two sums may be negative: "-0.003000". */
export function moneyText(micro: number): string {
  const digits = String(Math.abs(micro)).padStart(MICRO_DIGITS + 1, "0");
  return `${micro < 0 ? "-" : ""}${digits.slice(0, -MICRO_DIGITS)}.${digits.slice(-MICRO_DIGITS)}`;
}

/**
 * What `amount` units cost at `micro` each, rounded up to a whole micro-USD and held to MONEY_MAX_MICRO: an absurd amount
 * is dear, never unknown. The amount is a decimal text ("3.008") or a number, which counts as it is printed, so that no
 * binary fraction adds a micro. Null for what is no decimal number of zero or more.
 */
export function costOf(micro: number, amount: number | string): number | null {
  if (typeof amount === "number") {
    if (!(amount >= 0)) return null;
    if (amount > MONEY_MAX_MICRO) return micro === 0 ? 0 : MONEY_MAX_MICRO;
    // Below a thousandth of a millionth of a unit `toString` turns to exponents; nothing is billed that finely.
    if (amount < 1e-6) return amount === 0 || micro === 0 ? 0 : costOf(micro, "0.000001");
    return costOf(micro, String(amount));
  }
  const [, whole, places = ""] = /^(\d{1,40})(?:\.(\d{1,40}))?$/.exec(amount) ?? [];
  if (whole === undefined) return null;
  const scale = 10n ** BigInt(places.length);
  const cost = (BigInt(micro) * BigInt(whole + places) + scale - 1n) / scale;
  return cost > BigInt(MONEY_MAX_MICRO) ? MONEY_MAX_MICRO : Number(cost);
}
