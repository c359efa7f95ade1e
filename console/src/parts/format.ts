// How money, times, durations, sizes and ids are written. Pure: the clock is a parameter.

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"] as const;
const SECOND_MS = 1_000;
const MINUTE_S = 60;
const HOUR_S = 3_600;
const DAY_S = 86_400;

/** `$0.006` trimmed below a dollar, two places from there; null is unknown, never zero. */
export function moneyText(usd: string | null): string {
  if (usd === null) return "unknown";
  const [whole = "0", fraction = ""] = usd.split(".");
  if (Math.abs(Number(whole)) >= 1) return `$${grouped(Number(usd).toFixed(2))}`;
  const trimmed = fraction.replace(/0+$/, "");
  return trimmed === "" ? `$${whole}` : `$${whole}.${trimmed.padEnd(2, "0")}`;
}

export function countText(count: number): string {
  return grouped(String(count));
}

function grouped(text: string): string {
  return text.replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

/** The time today, with the day on other days, with the year in other years. */
export function timeText(iso: string, now: number): string {
  const at = new Date(iso);
  const today = new Date(now);
  const clock = [at.getHours(), at.getMinutes(), at.getSeconds()].map((part) => String(part).padStart(2, "0"));
  if (at.toDateString() === today.toDateString()) return clock.join(":");
  const day = `${at.getDate()} ${MONTHS[at.getMonth()] ?? ""}`;
  if (at.getFullYear() !== today.getFullYear()) return `${day} ${at.getFullYear()}`;
  return `${day} ${clock.slice(0, 2).join(":")}`;
}

/** With milliseconds and zone, for a title or a detail. */
export function fullTime(iso: string): string {
  const at = new Date(iso);
  const zone = new Intl.DateTimeFormat("en", { timeZoneName: "short" }).formatToParts(at);
  return `${at.toDateString()} ${clockText(iso)} ${zone.find((part) => part.type === "timeZoneName")?.value ?? ""}`;
}

/** `12:20:05.430` in the reader's zone. */
export function clockText(iso: string): string {
  const at = new Date(iso);
  const clock = [at.getHours(), at.getMinutes(), at.getSeconds()].map((part) => String(part).padStart(2, "0"));
  return `${clock.join(":")}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}

/** `350 ms`, `1.4 s`, `0:42`, `4 h 12 m`, `3 d 2 h`. */
export function durationText(ms: number): string {
  if (ms < SECOND_MS) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 10 * SECOND_MS) return `${(ms / SECOND_MS).toFixed(1)} s`;
  const s = Math.round(ms / SECOND_MS);
  if (s < MINUTE_S) return `${s} s`;
  if (s < HOUR_S) return `${Math.floor(s / MINUTE_S)}:${String(s % MINUTE_S).padStart(2, "0")}`;
  if (s < DAY_S) return `${Math.floor(s / HOUR_S)} h ${Math.floor((s % HOUR_S) / MINUTE_S)} m`;
  return `${Math.floor(s / DAY_S)} d ${Math.floor((s % DAY_S) / HOUR_S)} h`;
}

/** `just now`, `4 m ago`, `in 2 h`: coarse, for lists. */
export function agoText(iso: string, now: number): string {
  const difference = now - Date.parse(iso);
  const s = Math.abs(difference) / SECOND_MS;
  if (s < 45) return difference >= 0 ? "just now" : "in a moment";
  const text =
    s < HOUR_S
      ? `${Math.round(s / MINUTE_S)} m`
      : s < DAY_S
        ? `${Math.round(s / HOUR_S)} h`
        : `${Math.round(s / DAY_S)} d`;
  return difference >= 0 ? `${text} ago` : `in ${text}`;
}

export function bytesText(bytes: number): string {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1_000 && unit < units.length - 1) {
    value /= 1_000;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit] ?? ""}`;
}

/** `5f72da…cb5d`: the whole id is copied, never shown where it does not fit. */
export function shortId(id: string): string {
  return id.length <= 16 ? id : `${id.slice(0, 6)}…${id.slice(-4)}`;
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${countText(count)} ${count === 1 ? one : many}`;
}
