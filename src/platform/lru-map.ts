// A map that forgets what was used longest ago once it is full. For memories of an isolate that strangers can fill: what is in use
// stays, whatever is made up beside it.

export class LruMap<V> {
  readonly #max: number;
  /** In order of use: the one used longest ago first. */
  readonly #values = new Map<string, V>();

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#values.size;
  }

  get(key: string): V | undefined {
    const value = this.#values.get(key);
    if (value !== undefined) this.set(key, value);
    return value;
  }

  set(key: string, value: V): void {
    this.#values.delete(key);
    this.#values.set(key, value);
    if (this.#values.size <= this.#max) return;
    for (const oldest of this.#values.keys()) {
      this.#values.delete(oldest);
      return;
    }
  }

  delete(key: string): void {
    this.#values.delete(key);
  }

  /** Deletes every entry whose key begins so. */
  deletePrefix(prefix: string): void {
    for (const key of this.#values.keys()) if (key.startsWith(prefix)) this.#values.delete(key);
  }
}
