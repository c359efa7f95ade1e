// One page of a team's users, sorted by what they spent or when they came last. Pure.

import type { UserListInput, UserSums } from "../../contracts/team-admin.ts";

/** What a user is sorted by and its name: what the last user of the page is sorted by, and the user. */
type SortKey = [value: number | string, user: string];

/** The users after a cursor that `q` finds, at most `limit`, and the cursor of the next page. Null: the cursor is none. */
export function pageOfUsers(
  users: readonly UserSums[],
  { q, sort, cursor, limit }: UserListInput,
): { page: UserSums[]; nextCursor: string | null } | null {
  const after = cursor === null ? null : readSortKey(cursor, sort);
  if (cursor !== null && after === null) return null;
  const wanted = q?.toLowerCase() ?? "";
  const found = users.filter(({ user }) => user.toLowerCase().includes(wanted));
  const placed = found.map((sums) => ({ sums, place: sortKeyOf(sums, sort) }));
  placed.sort((one, other) => compare(one.place, other.place));
  const rest = after === null ? placed : placed.filter(({ place }) => compare(place, after) > 0);
  const shown = rest.slice(0, limit);
  const last = shown.at(-1);
  const nextCursor = rest.length > shown.length && last !== undefined ? cursorOf(last.place) : null;
  return { page: shown.map(({ sums }) => sums), nextCursor };
}

function sortKeyOf({ chargedMicro, lastDay, user }: UserSums, sort: UserListInput["sort"]): SortKey {
  return [sort === "spend" ? chargedMicro : lastDay, user];
}

/** The largest value first; equal ones by name. */
function compare([value, user]: SortKey, [other, otherUser]: SortKey): number {
  if (value !== other) return value > other ? -1 : 1;
  if (user === otherUser) return 0;
  return user < otherUser ? -1 : 1;
}

function cursorOf(place: SortKey): string {
  const bytes = new TextEncoder().encode(JSON.stringify(place));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

function readSortKey(cursor: string, sort: UserListInput["sort"]): SortKey | null {
  if (!/^[A-Za-z0-9_-]{1,4000}$/.test(cursor)) return null;
  try {
    const bytes = Uint8Array.from(atob(cursor.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));
    const place: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
    if (!Array.isArray(place) || place.length !== 2) return null;
    const [value, user] = place as unknown[];
    const isPlace = typeof value === (sort === "spend" ? "number" : "string") && typeof user === "string";
    return isPlace ? [value as number | string, user] : null;
  } catch {
    return null;
  }
}
