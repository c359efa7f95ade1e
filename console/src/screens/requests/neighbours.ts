// The rows that the reader came from, so that a request knows the next and the previous one within the filter.

let ids: readonly string[] = [];
let listUrl = "/console/requests";

export function rememberList(shown: readonly string[], url: string): void {
  ids = shown;
  listUrl = url;
}

export function neighboursOf(id: string): {
  at: number;
  of: number;
  previous: string | undefined;
  next: string | undefined;
  listUrl: string;
} {
  const at = ids.indexOf(id);
  return {
    at,
    of: ids.length,
    previous: at > 0 ? ids[at - 1] : undefined,
    next: at === -1 ? undefined : ids[at + 1],
    listUrl,
  };
}
