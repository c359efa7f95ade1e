// What happens to the books when a file for an input is announced, sent, and used: limits first, bytes after. Bytes are
// reserved before they are taken and corrected to what came, so that uploads side by side never pass a limit.
// Synchronous over the stores, with the clock passed in: Team wraps each call in one transaction.

import type { ActingFor } from "../../contracts/team-access.ts";
import type { Upload, UploadPart, UploadTerms } from "../../contracts/team-uploads.ts";
import { type Refusal, type Refused, refusal, refused } from "../../platform/errors.ts";
import { UPLOAD_PART_MIN_BYTES, UPLOAD_PUT_MAX_BYTES, UPLOAD_URL_MS } from "../../platform/limits.ts";
import { actingAs, quotaRefusal, stoppedFault } from "../admit.ts";
import { check, type QuotaAnswer, resizeUpload, uploadRoom } from "../quota/limits.ts";
import type { Books } from "../stores.ts";
import { GONE, sizeFault, termsOf, typeFault } from "./upload-rules.ts";

export interface AnnouncedUpload extends ActingFor {
  id: string;
  objectKey: string;
  name: string;
  /** A type of the list; null: not said, or not known. */
  contentType: string | null;
  /** Bytes; null: not said. */
  size: number | null;
}

/** `bytes` null: the body has no length; `atMost` is what may come all the same, null: nothing is known. */
export interface BeginInput {
  id: string;
  bytes: number | null;
  atMost: number | null;
}

export type BeginAnswer =
  /** Most bytes that may come now. */
  { kind: "begun"; upload: Upload; maxBytes: number } | { kind: "stored"; upload: Upload } | Refused;
export type PartsAnswer =
  | { kind: "parts"; upload: Upload; parts: UploadPart[] }
  | { kind: "stored"; upload: Upload }
  | Refused;
export type FinishAnswer = { kind: "stored"; upload: Upload } | Refused;

/** What came, once it lies in R2. */
export interface FinishInput {
  id: string;
  bytes: number;
  contentType: string;
  sha256: string | null;
}

/** Lets an upload in, and reserves what it said it would be. The same `id` again gives the same answer. */
export function announce(
  books: Books,
  input: AnnouncedUpload,
  now: number,
): { kind: "announced"; upload: Upload } | Refused {
  const known = actingAs(books, input, now);
  if (known.kind === "refused") return known;
  const { identity, subjects } = known;
  const stopped = stoppedFault(books, identity, subjects);
  if (stopped !== null) return refused(stopped);
  const before = books.uploads.byId(input.id);
  if (before !== null) return { kind: "announced", upload: before };

  const terms = termsOf(identity.planName, identity.plan);
  const { id, objectKey, name, contentType, size } = input;
  const fault =
    (contentType === null ? null : typeFault("`content_type`", contentType, terms)) ??
    (size === null ? null : sizeFault("`size`", size, terms));
  if (fault !== null) return refused(fault);
  const demand = { uploads: 1, uploadBytes: size };
  const quota = check(identity.plan.limits, readOf(books), subjects, demand, now);
  if (quota.kind === "over") return refused(quotaRefusal(quota, identity.planName));
  books.ledger.writeCounters(quota.writes);
  const upload: Upload = {
    ...{ id, objectKey, requestId: null, keyId: subjects.keyId, user: subjects.user, name, contentType, bytes: size },
    ...{ sha256: null, terms: { ...terms, takes: quota.take }, multipart: null },
    ...{ createdAt: now, storedAt: null, expiresAt: now + UPLOAD_URL_MS },
  };
  books.uploads.put(upload);
  return { kind: "announced", upload };
}

/** Before the bytes of a whole file are taken: reserves them. Again: the same, for the bytes that are coming now. */
export function begin(books: Books, { id, bytes, atMost }: BeginInput, now: number): BeginAnswer {
  const open = openUpload(books, id, now);
  if (open.kind !== "open") return open;
  const { upload } = open;
  const { terms } = upload;
  if (bytes !== null && upload.bytes !== null && bytes !== upload.bytes) {
    return refused(otherSize(`has ${bytes}`, upload.bytes));
  }
  const fault = bytes === null ? null : sizeFault("The body", bytes, terms);
  if (fault !== null) return refused(fault);
  // Without a length it takes what there is room for, and gives back what it did not need.
  const room = uploadRoom(terms.takes, readOf(books), now);
  const most =
    bytes ??
    upload.bytes ??
    Math.max(1, Math.min(atMost ?? UPLOAD_PUT_MAX_BYTES, UPLOAD_PUT_MAX_BYTES, terms.maxBytes, room));
  const quota = reserve(books, upload, most, now);
  if (quota.kind === "over") return refused(quotaRefusal(quota, terms.plan));
  return { kind: "begun", upload: prolonged(books, upload, quota.take, now), maxBytes: most };
}

/** The same for one part of a file. All parts together keep to the limits; a part that is sent again counts once. */
export function beginPart(
  books: Books,
  { id, n, bytes }: { id: string; n: number; bytes: number },
  now: number,
): BeginAnswer {
  const open = openUpload(books, id, now);
  if (open.kind !== "open") return open;
  const { upload } = open;
  const { terms } = upload;
  const total = books.uploads.partBytesBeside(id, n) + bytes;
  if (upload.bytes !== null && total > upload.bytes)
    return refused(otherSize(`comes to ${total} with this part`, upload.bytes));
  const fault = sizeFault("The file", total, terms);
  if (fault !== null) return refused(fault);
  const quota = reserve(books, upload, Math.max(total, upload.bytes ?? 0), now);
  if (quota.kind === "over") return refused(quotaRefusal(quota, terms.plan));
  books.uploads.putPart(id, { n, bytes, etag: null });
  return { kind: "begun", upload: prolonged(books, upload, quota.take, now), maxBytes: bytes };
}

/** Keeps R2's id of a multipart upload before it is used, so that it can be found and ended. The first one that was kept counts. */
export function keepMultipart(books: Books, id: string, multipart: string): string | null {
  const upload = books.uploads.byId(id);
  if (upload === null || upload.storedAt !== null) return null;
  if (upload.multipart !== null) return upload.multipart;
  books.uploads.put({ ...upload, multipart });
  return multipart;
}

/** A part lies in R2. `contentType` is what the first part's bytes say. */
export function finishPart(
  books: Books,
  { id, contentType, ...part }: UploadPart & { id: string; contentType: string | null },
): void {
  const upload = books.uploads.byId(id);
  if (upload === null || upload.storedAt !== null) return;
  books.uploads.putPart(id, part);
  if (contentType !== null) books.uploads.put({ ...upload, terms: { ...upload.terms, partsType: contentType } });
}

/** What has come of an upload in parts. */
export function partsOf(books: Books, id: string, now: number): PartsAnswer {
  const open = openUpload(books, id, now);
  return open.kind === "open" ? { kind: "parts", upload: open.upload, parts: books.uploads.parts(id) } : open;
}

/** The whole file lies in R2. Again: the same answer. Bytes that were reserved and did not come are given back. */
export function finish(books: Books, { id, bytes, contentType, sha256 }: FinishInput, now: number): FinishAnswer {
  const upload = books.uploads.byId(id);
  if (upload === null) return refused(GONE);
  if (upload.storedAt !== null) return { kind: "stored", upload };
  const quota = reserve(books, upload, bytes, now);
  // What came is never above what was reserved; should the calendar have turned meanwhile, the file is there all the same.
  const takes = quota.kind === "ok" ? quota.take : upload.terms.takes;
  const stored: Upload = {
    ...{ ...upload, bytes, contentType, sha256, multipart: null, storedAt: now },
    ...{ terms: { ...upload.terms, takes }, expiresAt: now + upload.terms.keepMs },
  };
  books.uploads.put(stored);
  books.uploads.dropParts(id);
  return { kind: "stored", upload: stored };
}

/** A file as whoever has its URL may read it. `missing`: nothing has come yet. */
export function inputFile(
  books: Books,
  id: string,
  now: number,
): { kind: "found"; upload: Upload } | { kind: "missing" } | { kind: "gone" } {
  const upload = books.uploads.byId(id);
  if (upload === null || books.uploads.isOver(id, now)) return { kind: "gone" };
  return upload.storedAt === null ? { kind: "missing" } : { kind: "found", upload };
}

/** Forgets an upload whose bytes are gone. What it reserved for bytes that never came is given back. */
export function forget(books: Books, id: string, now: number): void {
  const upload = books.uploads.byId(id);
  if (upload === null) return;
  if (upload.storedAt === null) reserve(books, upload, 0, now);
  books.uploads.remove(id);
}

function openUpload(
  books: Books,
  id: string,
  now: number,
): { kind: "open"; upload: Upload } | { kind: "stored"; upload: Upload } | Refused {
  const upload = books.uploads.byId(id);
  if (upload === null || books.uploads.isOver(id, now)) return refused(GONE);
  return { kind: upload.storedAt === null ? "open" : "stored", upload };
}

function reserve(books: Books, { terms }: Upload, bytes: number, now: number): QuotaAnswer {
  const limits = books.team.plan(terms.plan)?.plan.limits ?? [];
  const quota = resizeUpload(terms.takes, bytes, limits, readOf(books), now);
  if (quota.kind === "ok") books.ledger.writeCounters(quota.writes);
  return quota;
}

/** Whoever is sending has time to end it. */
function prolonged(books: Books, upload: Upload, takes: UploadTerms["takes"], now: number): Upload {
  const expiresAt = Math.max(upload.expiresAt, now + UPLOAD_URL_MS);
  const changed = { ...upload, expiresAt, terms: { ...upload.terms, takes } };
  books.uploads.put(changed);
  return changed;
}

function readOf(books: Books): (id: string) => number {
  return (id) => books.ledger.counter(id);
}

function otherSize(what: string, announced: number): Refusal {
  return refusal("invalid_request", `The upload was announced with a \`size\` of ${announced} bytes, and it ${what}.`, {
    hint: `Announce it again with its real size, or without one. Parts are at least ${UPLOAD_PART_MIN_BYTES} bytes, the last one what is left.`,
  });
}
