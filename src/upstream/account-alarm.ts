// The one alarm of an account. Each setting of it is a row, so it is set only where it would ring too late.

import { SAFETY_ALARM_MS } from "../platform/alarm.ts";

type AlarmStorage = Pick<DurableObjectStorage, "getAlarm" | "setAlarm" | "deleteAlarm">;

export class AccountAlarm {
  readonly #storage: AlarmStorage;
  /** When it rings (epoch ms); null: not at all. */
  #at: number | null = null;

  constructor(storage: AlarmStorage) {
    this.#storage = storage;
  }

  /** Looks at what an earlier instance has set: before anything else is asked of it. */
  async look(): Promise<void> {
    this.#at = await this.#storage.getAlarm();
  }

  /** Moves it forward to `at`, if it would ring later. */
  async setBy(at: number): Promise<void> {
    if (this.#at !== null && this.#at <= at) return;
    this.#at = at;
    await this.#storage.setAlarm(at);
  }

  /** It rings now: the next one stands before any work is begun, so that no fault and no kill in it is the last of it. */
  async rang(next: number | null, now: number): Promise<void> {
    this.#at = null;
    await this.setBy(Math.min(next ?? Number.POSITIVE_INFINITY, now + SAFETY_ALARM_MS));
  }

  /** Puts it where it is needed after the work: a safety alarm for which nothing is left is taken away. */
  async settle(next: number | null): Promise<void> {
    if (next === this.#at) return;
    this.#at = next;
    if (next === null) await this.#storage.deleteAlarm();
    else await this.#storage.setAlarm(next);
  }
}
