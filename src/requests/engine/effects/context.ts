// The context and the outcomes of effects. Types and one constructor.

import type { Granted } from "../../../contracts/account.ts";
import type { UploadLog } from "../../../files/multipart-uploads.ts";
import type { StoredText } from "../../../files/stored-text.ts";
import type { Env } from "../../../platform/bindings.ts";
import type { Config } from "../../../platform/config.ts";
import type { Attempt } from "../../../webhooks/attempt.ts";
import type { Failure } from "../../machine/effect-schedule.ts";
import type { RequestEvent, Watch } from "../../machine/events.ts";
import type { RequestRecord, RequestView } from "../../machine/types.ts";
import type { DeliveryLog } from "../delivery-log.ts";
import type { TextName } from "../document.ts";
import type { MissedTurns } from "./missed-turns.ts";

export interface EffectContext {
  env: Env;
  config: Config;
  now(): number;
  /** The current record: read it again after every await. */
  currentRecord(): RequestRecord;
  storedText(name: TextName): StoredText | null;
  /** The stored event of an end; see DeliveryLog. */
  event: DeliveryLog["eventOf"];
  keepEvent: DeliveryLog["saveEvent"];
  /** The latest attempt at a delivery. */
  lastAttempt(delivery: string): Attempt | null;
  /** The request as readers see it now. */
  currentView(): RequestView;
  /** Applies an event and renews the lease; false when it was ignored or the attempt lost its lease. */
  applyEvent(event: RequestEvent): boolean;
  /** Resolves when all writes so far are on disk. */
  storageSynced(): Promise<void>;
  /** Saves that this key may hold bytes of the request, before they are put there: a deletion goes by these keys. */
  noteBucketKey(key: string): void;
  /** Such keys, beyond those of the output's files. */
  bucketKeys(): readonly string[];
  /** The unfinished multipart upload of a file, writable while this attempt holds its lease. */
  multipartUploadOf(n: number): UploadLog;
  unfinishedUploads(): { n: number; key: string; uploadId: string }[];
  watch(): Watch;
  /** Whether another attempt runs in this object: what it stores could outlive a deletion. */
  hasOtherAttempts(): boolean;
  /** The grant that started this attempt, once; null when it has to request one. */
  useGrant(): Granted | null;
  /** Whether this tracker comes too late for its turns. */
  missedTurns: MissedTurns;
  /** Releases the request's slot at the account, unless the account is known to have received that. */
  releaseSlotOnce(): Promise<void>;
  /** A call to another object whose loss is repaired elsewhere. */
  inBackground(telling: Promise<unknown>): void;
}

export type EffectOutcome =
  /** An event for the state machine. Texts are saved in the event's own transaction. */
  | {
      kind: "happened";
      event: RequestEvent;
      texts?: Partial<Record<TextName, StoredText>>;
      calls?: number;
    }
  | ({ kind: "failed"; calls?: number } & Failure)
  /** A delivery attempt, accepted or not: always logged, in the same transaction. */
  | { kind: "attempted"; attempt: Omit<Attempt, "next"> }
  /** No grant yet, or the time slice is over; not a failure. */
  | { kind: "deferred"; until: number }
  /** The effect is no longer needed. */
  | { kind: "obsolete" }
  /** The request's R2 objects are deleted: delete its rows and leave a tombstone. */
  | { kind: "rows_deleted" };

/** `calls`: gateway calls made, shown to the caller. */
export function happened(event: RequestEvent, calls?: number): EffectOutcome {
  return calls === undefined ? { kind: "happened", event } : { kind: "happened", event, calls };
}
