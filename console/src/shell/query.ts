// Queries of URLs. Pure.

/** `?a=b&c=d`, without what has no value. */
export function queryText(values: Record<string, string | null | undefined>): string {
  const named = Object.entries(values).filter((entry): entry is [string, string] => Boolean(entry[1]));
  return named.length === 0 ? "" : `?${new URLSearchParams(named)}`;
}
