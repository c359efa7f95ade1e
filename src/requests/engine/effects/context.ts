// What an effect may use of its tracker, and what it may come to. Types and one constructor.

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
import type { TextName } from "../rows.ts";

export interface EffectContext {
  env: Env;
  config: Config;
  now(): number;
  /** The rows as they are now: read again after every await. */
  currentRecord(): RequestRecord;
  storedText(name: TextName): StoredText | null;
  /** The event of an end as it was sent; see DeliveryLog. */
  event: DeliveryLog["eventOf"];
  keepEvent: DeliveryLog["saveEvent"];
  /** The latest attempt at a delivery, which told how it stands. */
  lastAttempt(delivery: string): Attempt | null;
  /** What readers would see now. */
  currentView(): RequestView;
  /** Saves an event before going on, and renews the lease; false when it was ignored or this try is no longer live. */
  applyEvent(event: RequestEvent): boolean;
  /** Resolves when all that was saved until now is on disk. */
  storageSynced(): Promise<void>;
  /** The unfinished upload of a file, as this try may write it. */
  multipartUploadOf(n: number): UploadLog;
  unfinishedUploads(): { n: number; key: string; uploadId: string }[];
  watch(): Watch;
  /** Whether another try runs in this object: what it is about to store would outlive a deletion. */
  hasOtherAttempts(): boolean;
  /** The turn that woke this try, once; null when it has to ask for one. */
  useGrant(): Granted | null;
  /** Something said to an object that learns of it another way too, should it get lost. */
  inBackground(telling: Promise<unknown>): void;
}

export type EffectOutcome =
  /** It came to something the machine should know. Texts are saved in the event's own transaction. */
  | {
      kind: "happened";
      event: RequestEvent;
      texts?: Partial<Record<TextName, StoredText>>;
      calls?: number;
    }
  | ({ kind: "failed"; calls?: number } & Failure)
  /** An attempt at a delivery, accepted or not: logged in the same transaction, whatever has become of its row. */
  | { kind: "attempted"; attempt: Omit<Attempt, "next"> }
  /** No turn yet, or its turn is over for now; not a failure. */
  | { kind: "deferred"; until: number }
  /** The request has moved on and the row has nothing left to do. */
  | { kind: "obsolete" }
  /** All that the request stored outside its object is gone: its rows go now, a tombstone stays. */
  | { kind: "rows_deleted" };

/** `calls` counts what it cost of the gateway, for the caller's own eyes. */
export function happened(event: RequestEvent, calls?: number): EffectOutcome {
  return calls === undefined ? { kind: "happened", event } : { kind: "happened", event, calls };
}
