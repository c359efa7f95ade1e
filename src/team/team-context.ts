// What the parts of the Team object share: its books, and how one decision becomes one transaction. Team itself fills it in.

import type { Refused } from "../platform/errors.ts";
import { UNKNOWN_KEY } from "./auth/credentials.ts";
import type { BacklogPacer } from "./endpoints/recovery-pacer.ts";
import type { Books } from "./stores.ts";

/** What everybody is told by a team that does not exist. */
export const REFUSED: Refused = { kind: "refused", refusal: UNKNOWN_KEY };

/** What all parts of the Team object share. */
export interface TeamRoom {
  books: Books;
  pacer: BacklogPacer;
  /** One decision in one transaction; `absent` where there is no such team. */
  decide<T>(absent: T, decision: (now: number) => T): T;
  /** The same, refused where there is no such team. */
  ask<T>(decision: (now: number) => T): T | Refused;
  /** One transaction of a team that is there. */
  transact<T>(work: (now: number) => T): T;
  arm(): Promise<void>;
}
