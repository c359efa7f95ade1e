// What every body that is sent to an upload URL goes through: the pace that senders have to keep, and the lease of the only sender of a
// file or a part, which ends when nothing was stored.

import { BodyFeed, drain, FILE_COPY_CHUNK_BYTES } from "../files/byte-reader.ts";
import { unheardRefusal } from "../net/body.ts";
import { REFUSED_BODY_MAX_MS, STREAMED_BODY } from "../net/body-pace.ts";
import { type RenewedPermit, type Sender, takeInbound } from "../net/byte-budget.ts";
import type { Env } from "../platform/bindings.ts";
import { type Refused, refused } from "../platform/errors.ts";
import { faultName, logEvent } from "../platform/log.ts";
import { askTeam } from "../platform/stubs.ts";
import { LEASE_LOST, UPLOAD_LEASE_MS } from "../team/uploads/senders.ts";

/** How often a sender renews its lease: a renewal may be lost. */
const SENDER_RENEW_MS = UPLOAD_LEASE_MS / 3;

/** A body that is being received. */
export interface ReceivedBody {
  feed: BodyFeed;
  /** Whose share of memory it takes. */
  sender: Sender;
  /** Called once bytes come: a silent sender holds next to nothing. */
  readWide(): void;
}

/**
 * Receives a body at the pace that senders have to keep; one that was too slow is told so. The body is read to its end, so that the
 * client receives the response.
 */
export async function receiveBody<T extends { kind: string }>(
  request: Request,
  sender: Sender,
  receive: (body: ReceivedBody) => Promise<T | Refused>,
): Promise<T | Refused> {
  const feed = BodyFeed.ofSender(request.body, STREAMED_BODY);
  let wide: RenewedPermit | null = null;
  const readWide = () => {
    wide ??= takeInbound(sender, FILE_COPY_CHUNK_BYTES);
    if (wide !== null) feed.widen(wide);
  };
  try {
    const answer = await receive({ feed, sender, readWide });
    return feed.lapsed && answer.kind === "refused" ? refused(unheardRefusal({ kind: "too_slow" })) : answer;
  } finally {
    feed.limitRest(REFUSED_BODY_MAX_MS);
    await drain(feed);
    (wide as RenewedPermit | null)?.release();
  }
}

/** The right of one sender to send a file or a part, which Team gave. */
export interface UploadLease {
  team: string;
  /** Id of the sender. */
  id: string;
  /** Where its bytes go, if they are its own. */
  objectKey: string | null;
}

/** Stores what comes, as the only sender, and renews the lease meanwhile. One that lost its lease is cut off. */
export async function underLease<T extends { kind: string }>(
  env: Env,
  lease: UploadLease,
  feed: BodyFeed,
  store: () => Promise<T | Refused>,
): Promise<T | Refused> {
  let isLost = false;
  const renew = async () => {
    // A renewal that fails says nothing: the lease goes on, and Team is asked again at the end.
    const isKept = await askTeam(env, lease.team, (stub) => stub.uploads.renewSender(lease.id)).catch(() => true);
    if (isKept) return;
    isLost = true;
    feed.close();
  };
  const timer = setInterval(() => void renew(), SENDER_RENEW_MS);
  let answer: T | Refused | null = null;
  try {
    answer = await store();
  } finally {
    clearInterval(timer);
    if (answer === null || answer.kind === "refused") await endLease(env, lease);
  }
  return isLost && answer.kind === "refused" ? refused(LEASE_LOST) : answer;
}

/** Bytes go first: if that fails, the row stays, and Team's alarm deletes both. */
async function endLease(env: Env, { team, id, objectKey }: UploadLease): Promise<void> {
  try {
    if (objectKey !== null) await env.FILES.delete(objectKey);
    await askTeam(env, team, (stub) => stub.uploads.endSender(id));
  } catch (fault) {
    logEvent("upload.failed", { error: faultName(fault) });
  }
}
