// Opaque pagination cursors: the last row of the previous page, so that new rows do not shift pages. Pure.

import { REQUEST_ID } from "../platform/ids.ts";

/** Maximum entries of the audit log, the price history or the alerts in one response. */
export const HISTORY_LIMIT_MAX = 100;

/** Position in a list: the last row of the previous page. */
export interface ListPosition {
  createdAt: number;
  id: string;
}

/** base64url of `<created_at>.<id>`. */
export function encodeCursor(position: ListPosition): string {
  return btoa(`${position.createdAt}.${position.id}`).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** The position of a cursor, or null if it is invalid. */
export function decodeCursor(text: string, idShape = REQUEST_ID): ListPosition | null {
  if (!/^[A-Za-z0-9_-]{1,200}$/.test(text)) return null;
  let plain: string;
  try {
    plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  } catch {
    return null;
  }
  const [createdAt = "", id = "", ...rest] = plain.split(".");
  if (!/^[0-9]{1,15}$/.test(createdAt) || !idShape.test(id) || rest.length > 0) return null;
  return { createdAt: Number(createdAt), id };
}
