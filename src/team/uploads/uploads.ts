// Uploads: create, store whole or in parts, read, list and delete.

import { RpcTarget } from "cloudflare:workers";
import type {
  AnnounceAnswer,
  AnnouncedUpload,
  BeginPart,
  BeginPartAnswer,
  BeginUpload,
  BeginUploadAnswer,
  FindUploadAnswer,
  FinishedPart,
  FinishUpload,
  FinishUploadAnswer,
  InputFileAnswer,
  TeamUploads,
  Upload,
  UploadListAnswer,
  UploadListInput,
  UploadName,
  UploadPartsAnswer,
  UploadTerms,
} from "../../contracts/team-uploads.ts";
import { senderKey } from "../../files/bucket-keys.ts";
import { UPLOAD_PUT_MAX_BYTES } from "../../files/byte-reader.ts";
import type { Env } from "../../platform/bindings.ts";
import { type Refusal, type Refused, refusal, refused } from "../../platform/errors.ts";
import { UPLOAD_ID } from "../../platform/ids.ts";
import { faultName, logEvent } from "../../platform/log.ts";
import { HOUR_MS } from "../../platform/time.ts";
import { actingAs, type CallerStores, frozenFault } from "../callers.ts";
import { decodeCursor, encodeCursor } from "../cursor.ts";
import { limitsOf } from "../quota/caller-limits.ts";
import { uploadRoom } from "../quota/holds.ts";
import { check } from "../quota/limits.ts";
import { quotaRefusal, TEAM_FULL } from "../quota/refusals.ts";
import type { TeamContext } from "../team-context.ts";
import {
  endUploadLeases,
  giveUploadLease,
  hasUploadLease,
  LEASE_LOST,
  leaveParts,
  renewUploadLease,
  uploadLeaseFault,
} from "./senders.ts";
import { removeUpload, reserveBytes, type UploadStores } from "./upload-removal.ts";
import { sizeFault, termsOf, typeFault, UPLOAD_GONE, UPLOAD_PART_MIN_BYTES } from "./upload-rules.ts";

/** Lifetime of an upload URL, extended by each transfer. */
const UPLOAD_URL_MS = HOUR_MS;

const NOT_FOUND = refused(
  refusal("not_found", "No upload found with this id.", { hint: "The upload may have expired or been deleted." }),
);
const IN_USE = refused(
  refusal("conflict", "The upload is used by an open request.", {
    hint: "Cancel the request or wait until it ends.",
  }),
);

export class Uploads extends RpcTarget implements TeamUploads {
  readonly #bucket: R2Bucket;
  readonly #context: TeamContext;
  readonly #stores: UploadStores & CallerStores;

  constructor({ FILES }: Pick<Env, "FILES">, context: TeamContext, stores: UploadStores & CallerStores) {
    super();
    this.#bucket = FILES;
    this.#context = context;
    this.#stores = stores;
  }

  async announce(input: AnnouncedUpload): Promise<AnnounceAnswer> {
    const answer = this.#context.ask((now) => this.#announce(input, now));
    await this.#context.arm();
    return answer;
  }

  #announce(input: AnnouncedUpload, now: number): AnnounceAnswer {
    const { uploads, counters } = this.#stores;
    const known = actingAs(this.#stores, input, now);
    if (known.kind === "refused") return known;
    const { identity, subjects } = known;
    const stopped = frozenFault(this.#stores, identity, subjects);
    if (stopped !== null) return refused(stopped);
    const before = uploads.findUpload(input.id);
    if (before !== null) return { kind: "announced", upload: before };
    if (this.#context.isFull()) return refused(TEAM_FULL);

    const terms = termsOf(identity);
    const { id, objectKey, name, contentType, size } = input;
    const fault =
      (contentType === null ? null : typeFault("`content_type`", contentType, terms)) ??
      (size === null ? null : sizeFault("`size`", size, terms));
    if (fault !== null) return refused(fault);
    const demand = { uploads: 1, uploadBytes: size };
    const limits = limitsOf(identity, subjects);
    const quota = check(limits, this.#counter, subjects, demand, now);
    if (quota.kind === "over") return refused(quotaRefusal(quota, identity.planName, subjects));
    counters.writeCounters(quota.writes);
    const upload: Upload = {
      id,
      objectKey,
      requestId: null,
      keyId: subjects.keyId,
      user: subjects.user,
      name,
      contentType,
      bytes: size,
      sha256: null,
      terms: { ...terms, holds: quota.holds, ...(subjects.visitor === null ? {} : { visitor: subjects.visitor }) },
      multipart: null,
      createdAt: now,
      storedAt: null,
      expiresAt: now + UPLOAD_URL_MS,
    };
    uploads.put(upload);
    return { kind: "announced", upload };
  }

  begin({ id, sender, bytes, atMost }: BeginUpload): BeginUploadAnswer {
    const { senders } = this.#stores;
    return this.#withOpen(id, (upload, now): BeginUploadAnswer => {
      const { terms } = upload;
      const objectKey = senderKey(upload.objectKey, sender);
      if (bytes !== null && upload.bytes !== null && bytes !== upload.bytes) {
        return refused(otherSize(`has ${bytes} bytes`, upload.bytes));
      }
      const fault = bytes === null ? null : sizeFault("The body", bytes, terms);
      if (fault !== null) return refused(fault);
      const sending = { id: sender, uploadId: id, n: 0, objectKey };
      const taken = uploadLeaseFault(senders, sending, now);
      if (taken !== null) return refused(taken);
      // Without a length, reserves the available amount and releases the unused part.
      const room = uploadRoom(terms.holds, this.#counter, now);
      const cap = Math.min(atMost ?? UPLOAD_PUT_MAX_BYTES, UPLOAD_PUT_MAX_BYTES, terms.maxBytes, room);
      const most = bytes ?? upload.bytes ?? Math.max(1, cap);
      const quota = reserveBytes(this.#stores, upload, most, now);
      if (quota.kind === "over") return refused(quotaRefusal(quota, terms.plan, uploaderOf(upload)));
      giveUploadLease(senders, sending, now);
      return { kind: "begun", upload: this.#prolonged(upload, quota.holds, now), maxBytes: most, objectKey };
    });
  }

  beginPart({ id, sender, n, bytes }: BeginPart): BeginPartAnswer {
    const { uploads, senders } = this.#stores;
    return this.#withOpen(id, (upload, now): BeginPartAnswer => {
      const { terms } = upload;
      const total = uploads.partBytesBeside(id, n) + bytes;
      if (upload.bytes !== null && total > upload.bytes) {
        return refused(otherSize(`would have ${total} bytes with this part`, upload.bytes));
      }
      const fault = sizeFault("The file", total, terms);
      if (fault !== null) return refused(fault);
      const sending = { id: sender, uploadId: id, n, objectKey: null };
      const taken = uploadLeaseFault(senders, sending, now);
      if (taken !== null) return refused(taken);
      const quota = reserveBytes(this.#stores, upload, Math.max(total, upload.bytes ?? 0), now);
      if (quota.kind === "over") return refused(quotaRefusal(quota, terms.plan, uploaderOf(upload)));
      giveUploadLease(senders, sending, now);
      uploads.putPart(id, { n, bytes, etag: null });
      return { kind: "begun", upload: this.#prolonged(upload, quota.holds, now) };
    });
  }

  keepMultipart(id: string, multipart: string): string | null {
    const { uploads } = this.#stores;
    return this.#context.decide<string | null>(null, () => {
      const upload = uploads.findUpload(id);
      if (upload === null || upload.storedAt !== null) return null;
      if (upload.multipart !== null) return upload.multipart;
      uploads.put({ ...upload, multipart });
      return multipart;
    });
  }

  renewSender(sender: string): boolean {
    return this.#context.decide(false, (now) => renewUploadLease(this.#stores.senders, sender, now));
  }

  keepSenderMultipart(sender: string, multipart: string): boolean {
    const { senders } = this.#stores;
    return this.#context.decide(false, () => {
      const known = senders.findSender(sender);
      if (known === null || known.superseded) return false;
      senders.put({ ...known, multipart });
      return true;
    });
  }

  endSender(sender: string): void {
    this.#context.decide(undefined, () => this.#stores.senders.deleteSender(sender));
  }

  finishPart({ id, sender, contentType, n, bytes, etag }: FinishedPart): boolean {
    const { uploads, senders } = this.#stores;
    return this.#context.decide(false, () => {
      const upload = uploads.findUpload(id);
      if (upload === null || upload.storedAt !== null || !hasUploadLease(senders, sender)) return false;
      uploads.putPart(id, { n, bytes, etag });
      senders.deleteSender(sender);
      if (contentType !== null) uploads.put({ ...upload, terms: { ...upload.terms, partsType: contentType } });
      return true;
    });
  }

  parts(id: string): UploadPartsAnswer {
    return this.#withOpen(id, (upload) => ({
      kind: "parts" as const,
      upload,
      parts: this.#stores.uploads.parts(id),
    }));
  }

  finish({ id, sender, objectKey, bytes, contentType, sha256 }: FinishUpload): FinishUploadAnswer {
    const { uploads, senders } = this.#stores;
    return this.#context.ask((now): FinishUploadAnswer => {
      const upload = uploads.findUpload(id);
      if (upload === null) return refused(UPLOAD_GONE);
      if (upload.storedAt !== null) return { kind: "stored", upload };
      if (sender !== null && !hasUploadLease(senders, sender)) return refused(LEASE_LOST);
      const quota = reserveBytes(this.#stores, upload, bytes, now);
      // What was reserved is stored, also if the calendar window changed meanwhile.
      if (quota.kind === "over" && !isReserved(upload, bytes))
        return refused(quotaRefusal(quota, upload.terms.plan, uploaderOf(upload)));
      const holds = quota.kind === "ok" ? quota.holds : upload.terms.holds;
      if (sender !== null && upload.multipart !== null) leaveParts(senders, upload, now);
      endUploadLeases(senders, id, sender);
      const stored: Upload = {
        ...upload,
        objectKey,
        bytes,
        contentType,
        sha256,
        multipart: null,
        terms: { ...upload.terms, holds },
        storedAt: now,
        expiresAt: now + upload.terms.keepMs,
      };
      uploads.put(stored);
      uploads.deleteParts(id);
      return { kind: "stored", upload: stored };
    });
  }

  inputFile(id: string): InputFileAnswer {
    const { uploads } = this.#stores;
    return this.#context.decide<InputFileAnswer>({ kind: "gone" }, (now) => {
      const upload = uploads.findUpload(id);
      if (upload === null || uploads.isExpired(id, now)) return { kind: "gone" };
      return upload.storedAt === null ? { kind: "missing" } : { kind: "found", upload };
    });
  }

  list({ user, cursor, limit }: UploadListInput): UploadListAnswer {
    return this.#context.ask((now): UploadListAnswer => {
      const position = cursor === undefined ? null : decodeCursor(cursor, UPLOAD_ID);
      if (cursor !== undefined && position === null) {
        const hint = "Pass `next_cursor` from the previous page unchanged.";
        return refused(refusal("invalid_request", "`cursor` is invalid.", { hint }));
      }
      const found = this.#stores.uploads.page(user, position, limit + 1, now);
      const data = found.slice(0, limit);
      const last = found.length > limit ? data.at(-1) : undefined;
      return { kind: "page", data, nextCursor: last === undefined ? null : encodeCursor(last) };
    });
  }

  find(name: UploadName): FindUploadAnswer {
    return this.#context.ask((now) => this.#find(name, now));
  }

  async delete(name: UploadName, evenIfUsed = false): Promise<{ kind: "deleted" } | Refused> {
    const { uploads } = this.#stores;
    const ended = this.#context.ask((now) => {
      const known = evenIfUsed ? this.#findAny(name.id) : this.#find(name, now);
      if (known.kind === "refused") return known;
      if (evenIfUsed) uploads.dropUses(name.id);
      else if (uploads.isUsed(name.id)) return IN_USE;
      // Expired from now on: if interrupted, the alarm deletes the bytes.
      const upload = { ...known.upload, expiresAt: now };
      uploads.put(upload);
      return { kind: "ended" as const, upload };
    });
    if (ended.kind === "refused") return ended;
    await this.#context.arm();
    try {
      await removeUpload(this.#bucket, this.#context, this.#stores, ended.upload);
    } catch (fault) {
      logEvent("upload.failed", { error: faultName(fault) });
    }
    return { kind: "deleted" };
  }

  /** Also one that has expired and is served on because an open request uses it. */
  #findAny(id: string): FindUploadAnswer {
    const upload = this.#stores.uploads.findUpload(id);
    return upload === null ? NOT_FOUND : { kind: "found", upload };
  }

  #find({ id, user, keyId }: UploadName, now: number): FindUploadAnswer {
    const { uploads } = this.#stores;
    const upload = uploads.findUpload(id);
    const isSeen = (of: Upload): boolean => of.user === (user ?? of.user) && of.keyId === (keyId ?? of.keyId);
    const visible = upload !== null && upload.requestId === null && isSeen(upload);
    return visible && !uploads.isExpired(id, now) ? { kind: "found", upload } : NOT_FOUND;
  }

  /** Runs a decision about an upload that is not stored yet. */
  #withOpen<T>(
    id: string,
    decision: (upload: Upload, now: number) => T,
  ): T | { kind: "stored"; upload: Upload } | Refused {
    const { uploads } = this.#stores;
    return this.#context.ask((now) => {
      const upload = uploads.findUpload(id);
      if (upload === null || uploads.isExpired(id, now)) return refused(UPLOAD_GONE);
      return upload.storedAt === null ? decision(upload, now) : { kind: "stored" as const, upload };
    });
  }

  /** Extends the upload window during a transfer. */
  #prolonged(upload: Upload, holds: UploadTerms["holds"], now: number): Upload {
    const expiresAt = Math.max(upload.expiresAt, now + UPLOAD_URL_MS);
    const changed = { ...upload, expiresAt, terms: { ...upload.terms, holds } };
    this.#stores.uploads.put(changed);
    return changed;
  }

  readonly #counter = (id: string): number => this.#stores.counters.readCounter(id);
}

/** Whom an upload is refused to while its bytes come, which need no credential. */
function uploaderOf({ terms }: Upload): { visitor: string | null } {
  return { visitor: terms.visitor ?? null };
}

/** Whether so many bytes were reserved, of whatever limits count bytes. */
function isReserved({ terms }: Upload, bytes: number): boolean {
  return terms.holds.every(({ per, amount }) => per !== "upload_byte" || amount >= bytes);
}

function otherSize(what: string, announced: number): Refusal {
  return refusal("invalid_request", `The upload was created with a \`size\` of ${announced} bytes, but ${what}.`, {
    hint: `Create a new upload with the correct size or without one. All parts but the last must be at least ${UPLOAD_PART_MIN_BYTES} bytes.`,
  });
}
