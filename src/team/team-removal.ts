// The removal of a whole team: frozen first, then every request is forgotten, then the bucket is emptied by prefix, then its
// own store goes. Driven by Team's alarm, one bounded step at a time; each step may be made again.
// Knows the bucket's sweeper only through env's binding.

import type { Actor, Removal } from "../contracts/team-admin.ts";
import type { Env } from "../platform/bindings.ts";
import { REMOVAL_FILL_ROWS } from "../platform/limits.ts";
import { sweeperFor } from "../platform/stubs.ts";
import { WHOLE_TEAM } from "./removal-store.ts";
import type { Books } from "./stores.ts";
import { freezeTeam } from "./team-admin.ts";

/** Orders it. Again: how far it is. From now on nobody of the team is let in. */
export function orderTeamRemoval(books: Books, by: Actor, now: number): Removal {
  if (books.removals.removal(WHOLE_TEAM) === null) {
    freezeTeam(books, true, by, now);
    books.audit.note(by, "team.removal_ordered", null, {}, now);
    books.removals.orderTeam(now);
  }
  const removal = books.removals.removal(WHOLE_TEAM);
  if (removal === null) throw new Error("a removal that was just ordered is there");
  return removal;
}

/** One step. `emptied`: nothing is left but the team's own store. */
export async function removeTeam(
  env: Pick<Env, "SWEEPER">,
  books: Books,
  now: number,
): Promise<"going_on" | "emptied"> {
  if (books.removals.fillTeam(REMOVAL_FILL_ROWS, now) > 0 || books.removals.nextDueAt() !== null) return "going_on";
  const { done } = await sweeperFor(env).emptyTeam(books.team.team().id);
  return done ? "emptied" : "going_on";
}
