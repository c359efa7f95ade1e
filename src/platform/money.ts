// Money: integer micro-USD internally, decimal text on the wire. No amount is a fraction of a micro-USD. Pure.

/** Maximum amount: one billion USD. Sums of several still fit a safe integer of micro-USD. */
export const MONEY_MAX_MICRO = 1_000_000_000 * 1_000_000;

const MICRO_DIGITS = 6;
const MICRO_PER_USD = 1_000_000;

/**
 * Micro-USD of a decimal text ("0.003", "5", "12.50"). Null for signs, exponents, spaces, more than six decimal places or more
 * than MONEY_MAX_MICRO.
 */
export function microOf(text: string): number | null {
  const [, whole, places = ""] = /^(\d{1,10})(?:\.(\d{1,6}))?$/.exec(text) ?? [];
  if (whole === undefined) return null;
  const micro = Number(whole) * MICRO_PER_USD + Number(places.padEnd(MICRO_DIGITS, "0"));
  return micro <= MONEY_MAX_MICRO ? micro : null;
}

/** Decimal text with six places: 3000 -> "0.003000". A difference may be negative. */
export function moneyText(micro: number): string {
  const digits = String(Math.abs(micro)).padStart(MICRO_DIGITS + 1, "0");
  return `${micro < 0 ? "-" : ""}${digits.slice(0, -MICRO_DIGITS)}.${digits.slice(-MICRO_DIGITS)}`;
}

/**
 * Cost of `amount` units at `micro` each, rounded up to a micro-USD and capped at MONEY_MAX_MICRO. `amount` is a decimal text
 * or a number, which counts as printed, so that binary fractions add nothing. Null unless it is a decimal of zero or more.
 */
export function costOf(micro: number, amount: number | string): number | null {
  if (typeof amount === "number") {
    if (!(amount >= 0)) return null;
    if (amount > MONEY_MAX_MICRO) return micro === 0 ? 0 : MONEY_MAX_MICRO;
    // Smaller numbers print with exponents; nothing is billed that finely.
    if (amount < 1e-6) return amount === 0 || micro === 0 ? 0 : costOf(micro, "0.000001");
    return costOf(micro, String(amount));
  }
  const [, whole, places = ""] = /^(\d{1,40})(?:\.(\d{1,40}))?$/.exec(amount) ?? [];
  if (whole === undefined) return null;
  const scale = 10n ** BigInt(places.length);
  const cost = (BigInt(micro) * BigInt(whole + places) + scale - 1n) / scale;
  return cost > BigInt(MONEY_MAX_MICRO) ? MONEY_MAX_MICRO : Number(cost);
}
