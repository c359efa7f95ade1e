// Days and months of the usage, which are UTC as the ledger's. Pure.

const DAY_MS = 86_400_000;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"] as const;

/** `2026-11-30`. */
export function dayText(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}

/** Every day from the first to the last. */
export function daysOf(from: string, to: string): string[] {
  const days: string[] = [];
  for (let at = Date.parse(from); at <= Date.parse(to); at += DAY_MS) days.push(dayText(at));
  return days;
}

export interface Month {
  from: string;
  to: string;
  /** `Nov 2026`. */
  name: string;
}

/** The month of a day, `shift` months on, cut at `today`. */
export function monthOf(day: string, shift: number, today: string): Month {
  const [year = 1970, month = 1] = day.split("-").map(Number);
  const first = new Date(Date.UTC(year, month - 1 + shift, 1));
  const last = dayText(Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + 1, 0));
  return {
    from: dayText(first.getTime()),
    to: last > today ? today : last,
    name: `${MONTHS[first.getUTCMonth()] ?? ""} ${first.getUTCFullYear()}`,
  };
}

/** `6 Nov`. */
export function shortDay(day: string): string {
  const [, month = "1", date = "1"] = day.split("-");
  return `${Number(date)} ${MONTHS[Number(month) - 1] ?? ""}`;
}
