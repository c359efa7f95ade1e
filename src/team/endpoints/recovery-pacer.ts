// Turns at endpoints that are in an outage or have just come back from one: each delivery gets a time of its own, so that what
// was missed comes in slowly. Kept in memory; accepted loss: who forgets hands out a few turns too early.

import type { Endpoint } from "../../contracts/team-webhooks.ts";
import { spacingMs } from "./endpoint-health.ts";

/** Turns at recovering endpoints that a team remembers: at ten a second, more than come within an hour. */
const BACKLOG_TURNS_MAX = 50_000;

export class BacklogPacer {
  /** When the next turn of an endpoint is free. */
  readonly #freeAt = new Map<string, number>();
  /** Turns that deliveries were given and have not come for yet. */
  readonly #given = new Map<string, number>();

  /** When this delivery may be tried; null: now. It is asked again then, and the turn is still its own. */
  turn({ id, health }: Pick<Endpoint, "id" | "health">, deliveryId: string, now: number): number | null {
    const given = this.#given.get(deliveryId);
    if (given !== undefined) {
      if (given > now) return given;
      this.#given.delete(deliveryId);
      return null;
    }
    const spacing = spacingMs(health, now);
    if (spacing === 0) return null;
    const at = Math.max(now, this.#freeAt.get(id) ?? 0);
    this.#freeAt.set(id, at + spacing);
    if (at === now) return null;
    // Who was given a turn and never came (deleted, taken elsewhere) must not be remembered for ever.
    if (this.#given.size >= BACKLOG_TURNS_MAX) this.#given.clear();
    this.#given.set(deliveryId, at);
    return at;
  }
}
