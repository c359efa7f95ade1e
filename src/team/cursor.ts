// Where a page of a list goes on, as opaque text: the last line that was shown, so that new lines move nothing.
// Pure.

import { REQUEST_ID } from "../platform/ids.ts";

/** Entries of the audit, the price history or the alerts that one answer shows. */
export const HISTORY_LIMIT_MAX = 100;

/** Where a page of a list goes on: the last line that was shown. */
export interface ListPosition {
  createdAt: number;
  id: string;
}

/** base64url of `<created_at>.<id>`. */
export function encodeCursor(position: ListPosition): string {
  return btoa(`${position.createdAt}.${position.id}`).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** The position that a cursor names, or null for text that is none of ours. */
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
