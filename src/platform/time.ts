// Times on the wire: ISO 8601 in UTC outside, epoch milliseconds inside. Imports nothing.

export function isoTime(at: number): string;
export function isoTime(at: number | null): string | null;
export function isoTime(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}
