// How full a team's object is. Its operator is told before it is; then new submits are refused while there is still room for the ends
// of those under way, because what was paid for must be booked.

import type { Env } from "../../platform/bindings.ts";
import { requireConfig } from "../../platform/config.ts";
import { newId } from "../../platform/ids.ts";
import { logEvent } from "../../platform/log.ts";
import { HOUR_MS } from "../../platform/time.ts";
import { notifyOperator, type OperatorEvent } from "../../webhooks/operator.ts";

/** Above this percentage of OBJECT_SIZE_LIMIT_MB the operator is told. */
export const NEARLY_FULL_PERCENT = 80;
/** Above this one no submit is let in. The rest is for ends: 500 MB of 10 GB, and an end takes a few kilobytes. */
export const FULL_PERCENT = 95;
/** Delay before the operator is told again after a failed call. */
export const SIZE_NOTICE_RETRY_MS = HOUR_MS;

const MB = 1_000_000;
const NOTICE = "size_notice";

export type Room = "enough" | "little" | "none";

/** `dueAt` null: it was taken, or there is no address. It stays until there is enough room again, so that it is sent once. */
interface SizeNotice {
  event: OperatorEvent;
  dueAt: number | null;
}

export function roomLeft(bytes: number, limitBytes: number): Room {
  const percent = (bytes / limitBytes) * 100;
  if (percent >= FULL_PERCENT) return "none";
  return percent >= NEARLY_FULL_PERCENT ? "little" : "enough";
}

export function nearlyFullEvent(team: string, bytes: number, limitBytes: number, now: number): OperatorEvent {
  const data = { team, percent: Math.floor((bytes / limitBytes) * 100), bytes, limit_bytes: limitBytes };
  return { id: newId("evt"), type: "team.nearly_full", at: now, data };
}

export class SizeWatch {
  readonly #env: Env;
  readonly #storage: DurableObjectStorage;

  constructor(env: Env, storage: DurableObjectStorage) {
    this.#env = env;
    this.#storage = storage;
  }

  /** Pages that deletions have freed do not count. */
  room(): Room {
    return roomLeft(this.#bytes, this.#limitBytes);
  }

  /** When the operator has to be told; null: not at all. */
  dueAt(): number | null {
    return this.#notice?.dueAt ?? null;
  }

  /** Notes that the operator has to be told, or that there is room again, and tells them when it is due. Safe to repeat. */
  async check(team: string): Promise<void> {
    if (this.room() === "enough") {
      if (this.#notice !== null) this.#storage.kv.delete(NOTICE);
      return;
    }
    const now = Date.now();
    if (this.#notice === null) {
      const event = nearlyFullEvent(team, this.#bytes, this.#limitBytes, now);
      this.#storage.kv.put(NOTICE, { event, dueAt: now } satisfies SizeNotice);
      logEvent("team.nearly_full", { team, bytes: this.#bytes });
    }
    const notice = this.#notice;
    if (notice?.dueAt == null || notice.dueAt > now) return;
    const answer = await notifyOperator(requireConfig(this.#env), notice.event, () => Date.now());
    const isDone = answer === null || answer.kind === "taken";
    logEvent("team.size_notice_sent", { team, outcome: answer?.kind ?? "no_address" });
    const dueAt = isDone ? null : Date.now() + SIZE_NOTICE_RETRY_MS;
    // It may have been dropped meanwhile, because there is room again.
    if (this.#notice?.event.id === notice.event.id) this.#storage.kv.put(NOTICE, { ...notice, dueAt });
  }

  get #bytes(): number {
    return this.#storage.sql.databaseSize;
  }

  get #limitBytes(): number {
    return requireConfig(this.#env).OBJECT_SIZE_LIMIT_MB * MB;
  }

  get #notice(): SizeNotice | null {
    return this.#storage.kv.get<SizeNotice>(NOTICE) ?? null;
  }
}
