// How many grants each of several names had: teams, or users of a team. Whoever starts waiting begins at the level of the one served
// last: grants cannot be saved up, and unused capacity is not held against anyone. In memory. Pure.

export class GrantCounts {
  readonly #grants = new Map<string, number>();
  readonly #waiting = new Map<string, number>();
  #level = 0;

  /** Grants of this name; of a new one, the level at which it would begin. */
  of(name: string): number {
    return this.#grants.get(name) ?? this.#level;
  }

  /** One more call of this name waits. */
  addWaiting(name: string): void {
    const waiting = this.#waiting.get(name) ?? 0;
    if (waiting === 0) this.#grants.set(name, Math.max(this.of(name), this.#level));
    this.#waiting.set(name, waiting + 1);
  }

  /** One call of this name waits no more. Its grants are kept, so that coming back at once gains nothing. */
  removeWaiting(name: string): void {
    const waiting = (this.#waiting.get(name) ?? 1) - 1;
    if (waiting > 0) this.#waiting.set(name, waiting);
    else this.#waiting.delete(name);
  }

  addGrant(name: string): void {
    const grants = this.of(name);
    this.#level = Math.max(this.#level, grants);
    this.#grants.set(name, grants + 1);
  }

  /** Number of waiting calls by name. */
  waiting(): ReadonlyMap<string, number> {
    return this.#waiting;
  }
}
