// Opaque pagination cursors: the last row of the previous page, so that new rows do not shift pages. Pure.

/** Maximum entries of the audit log, the price history or the alerts in one response. */
export const HISTORY_LIMIT_MAX = 100;

/** Position in a list: the last row of the previous page. */
export interface ListPosition {
  createdAt: number;
  id: string;
}

/** base64url of `<created_at>.<id>`. */
export function encodeCursor(position: ListPosition): string {
  return encoded(`${position.createdAt}.${position.id}`);
}

/** The position of a cursor, or null if it is invalid. */
export function decodeCursor(text: string, idShape: RegExp): ListPosition | null {
  const [createdAt = "", id = "", ...rest] = decoded(text)?.split(".") ?? [];
  if (!/^[0-9]{1,15}$/.test(createdAt) || !idShape.test(id) || rest.length > 0) return null;
  return { createdAt: Number(createdAt), id };
}

/** A cursor of a list that is ordered by one number. */
export function encodePlace(place: number): string {
  return encoded(`place.${place}`);
}

/** The number of such a cursor, or null if it is invalid. */
export function decodePlace(text: string): number | null {
  const [kind = "", place = "", ...rest] = decoded(text)?.split(".") ?? [];
  if (kind !== "place" || !/^[0-9]{1,16}$/.test(place) || rest.length > 0) return null;
  return Number(place);
}

function encoded(text: string): string {
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function decoded(text: string): string | null {
  if (!/^[A-Za-z0-9_-]{1,200}$/.test(text)) return null;
  try {
    return atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  } catch {
    return null;
  }
}
