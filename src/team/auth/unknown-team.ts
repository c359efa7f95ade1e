// What the object of a team answers while there is no such team. Isolates remember that answer for IDENTITY_CACHE_MS, so a team made
// meanwhile is told to its maker once all have forgotten it: its first key then works everywhere.

import type { IdentifyAnswer } from "../../contracts/team-access.ts";
import { refused } from "../../platform/errors.ts";
import { UNKNOWN_KEY } from "./credentials.ts";
import { IDENTITY_CACHE_MS } from "./issuer-cache.ts";

export const NO_TEAM = refused(UNKNOWN_KEY);

/** In memory, because such an object stores nothing. The runtime keeps it for longer than isolates remember. */
export class UnknownTeam {
  #answeredAt: number | null = null;

  /** The answer to a credential, at `now` (epoch ms). */
  refuse(now: number): IdentifyAnswer {
    this.#answeredAt = now;
    return { ...NO_TEAM, unknownTeam: true };
  }

  /** How long isolates may still remember such an answer. */
  rememberedForMs(now: number): number {
    return this.#answeredAt === null ? 0 : Math.max(0, this.#answeredAt + IDENTITY_CACHE_MS - now);
  }
}
