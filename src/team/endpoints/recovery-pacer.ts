// Spaces deliveries to endpoints during and after an outage. In memory; after a restart some deliveries are sent early.

import type { Endpoint } from "../../contracts/team-webhooks.ts";
import { spacingMs } from "./endpoint-health.ts";

/** Maximum remembered turns per team: at ten per second, more than an hour of deliveries. */
const BACKLOG_TURNS_MAX = 50_000;

export class BacklogPacer {
  /** Next free turn of each endpoint. */
  readonly #freeAt = new Map<string, number>();
  /** Assigned turns that were not used yet. */
  readonly #given = new Map<string, number>();

  /** When this delivery may be attempted; null: now. The turn is kept until the next call. */
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
    // Turns of deliveries that were deleted or sent otherwise must not accumulate.
    if (this.#given.size >= BACKLOG_TURNS_MAX) this.#given.clear();
    this.#given.set(deliveryId, at);
    return at;
  }
}
