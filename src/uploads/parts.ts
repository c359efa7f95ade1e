// Multipart uploads, for files above the limit of one call: each part streams into R2 and is recorded first, so that a repeated part
// counts once. Parts may arrive in any order and in parallel.

import type { Upload, UploadPart } from "../contracts/team-uploads.ts";
import { partsKey } from "../files/bucket-keys.ts";
import { UPLOAD_PUT_MAX_BYTES } from "../files/byte-reader.ts";
import type { UploadAddress } from "../files/input-urls.ts";
import { sendBytes } from "../files/pump.ts";
import { FREE_BODY_BYTES } from "../net/body.ts";
import type { Sender } from "../net/byte-budget.ts";
import type { Env } from "../platform/bindings.ts";
import { type Refusal, type Refused, refusal, refused } from "../platform/errors.ts";
import { randomText } from "../platform/ids.ts";
import { askTeam } from "../platform/stubs.ts";
import { LEASE_LOST } from "../team/uploads/senders.ts";
import { UPLOAD_GONE, UPLOAD_PART_MIN_BYTES } from "../team/uploads/upload-rules.ts";
import {
  BODY_INCOMPLETE,
  finishUpload,
  notStored,
  type ReceiveAnswer,
  SENDER_ID_CHARS,
  storedOrRefused,
  typeOf,
} from "./receive.ts";
import { type ReceivedBody, receiveBody, underLease } from "./sending.ts";

/** Size of a part that we advise, and that fal's clients send. */
export const UPLOAD_PART_BYTES = 10 * 1024 * 1024;
/** Parts of one upload: what R2 takes (developers.cloudflare.com/r2/objects/upload-objects). */
export const UPLOAD_PARTS_MAX = 10_000;

export type PartAnswer = { kind: "received"; n: number; etag: string } | Refused;

/** A part as whoever completes an upload names it. */
export interface NamedPart {
  n: number;
  etag: string;
}

/** Receives part `n`, from 1. */
export function receivePart(
  env: Env,
  address: UploadAddress,
  n: number,
  request: Request,
  sender: Sender,
): Promise<PartAnswer> {
  const said = request.headers.get("Content-Length") ?? "";
  return receiveBody<PartAnswer>(request, sender, (body) => receive(env, address, n, body, said));
}

async function receive(
  env: Env,
  { team, id }: UploadAddress,
  n: number,
  body: ReceivedBody,
  said: string,
): Promise<PartAnswer> {
  if (n < 1 || n > UPLOAD_PARTS_MAX) return refused(PART_NUMBER_INVALID);
  if (!/^[0-9]{1,15}$/.test(said)) return refused(LENGTH_REQUIRED);
  const length = Number(said);
  if (length > UPLOAD_PUT_MAX_BYTES) return refused(tooLarge(length));
  const sender = randomText(SENDER_ID_CHARS);
  const begun = await askTeam(env, team, (stub) => stub.uploads.beginPart({ id, sender, n, bytes: length }));
  if (begun.kind === "refused") return begun;
  if (begun.kind === "stored") return refused(COMPLETE);
  const lease = { team, id: sender, objectKey: null };
  return underLease(env, lease, body.feed, () => storePart(env, lease, begun.upload, { n, length, body }));
}

async function storePart(
  env: Env,
  { team, id: sender }: { team: string; id: string },
  upload: Upload,
  { n, length, body: { feed, readWide } }: { n: number; length: number; body: ReceivedBody },
): Promise<PartAnswer> {
  const file = { feed, length, atMost: length, contentType: null, broken: BODY_INCOMPLETE };
  const typed = n === 1 ? await typeOf(upload, file) : { kind: "untyped" as const, contentType: null };
  if (typed.kind === "refused") return typed;
  const multipart = await storedOrRefused(() => multipartOf(env, team, upload));
  if (multipart === null) return refused(UPLOAD_GONE);
  if ("kind" in multipart) return multipart;
  if (length > FREE_BODY_BYTES) readWide();
  const send = (bytes: ReadableStream) => multipart.uploadPart(n, bytes);
  const poured = await sendBytes({ feed, length, last: true, digest: null, send, timeoutMs: null });
  if (poured.kind === "source") return refused(BODY_INCOMPLETE);
  if (poured.kind === "bucket") return notStored(poured.fault);
  const { etag } = poured.value;
  const part = { id: upload.id, sender, n, bytes: length, etag, contentType: typed.contentType };
  const isRecorded = await askTeam(env, team, (stub) => stub.uploads.finishPart(part));
  return isRecorded ? { kind: "received", n, etag } : refused(LEASE_LOST);
}

/** Completes the upload from the named parts, or from all. Idempotent. */
export async function completeUpload(
  env: Env,
  { team, id }: UploadAddress,
  named: NamedPart[] | null,
): Promise<ReceiveAnswer> {
  const known = await askTeam(env, team, (stub) => stub.uploads.parts(id));
  if (known.kind !== "parts") return known;
  const { upload } = known;
  const chosen = chosenParts(known.parts, named);
  if ("code" in chosen) return refused(chosen);
  const bytes = chosen.reduce((sum, part) => sum + part.bytes, 0);
  const { partsType: contentType } = upload.terms;
  const fault = sizesFault(chosen) ?? announcedFault(upload, bytes);
  if (fault !== null) return refused(fault);
  const { multipart } = upload;
  if (contentType === null || multipart === null) return refused(FIRST_PART_MISSING);
  const completed = await storedOrRefused(() => complete(env.FILES, upload, multipart, chosen, bytes));
  if (completed.kind === "refused") return completed;
  const objectKey = partsKey(upload.objectKey);
  return finishUpload(env, team, id, { sender: null, objectKey, bytes, contentType, sha256: null });
}

/** The file's multipart upload, shared by parallel parts. Null: the upload expired or was deleted. */
async function multipartOf(env: Env, team: string, upload: Upload): Promise<R2MultipartUpload | null> {
  const key = partsKey(upload.objectKey);
  if (upload.multipart !== null) return env.FILES.resumeMultipartUpload(key, upload.multipart);
  const made = await env.FILES.createMultipartUpload(key);
  const kept = await askTeam(env, team, (stub) => stub.uploads.keepMultipart(upload.id, made.uploadId));
  if (kept === made.uploadId) return made;
  await made.abort();
  return kept === null ? null : env.FILES.resumeMultipartUpload(key, kept);
}

async function complete(
  bucket: R2Bucket,
  upload: Upload,
  multipart: string,
  parts: readonly NamedPart[],
  bytes: number,
): Promise<{ kind: "completed" }> {
  const key = partsKey(upload.objectKey);
  const numbered = parts.map(({ n, etag }) => ({ partNumber: n, etag }));
  try {
    await bucket.resumeMultipartUpload(key, multipart).complete(numbered);
  } catch (fault) {
    // An earlier call may have completed it and lost its response.
    if ((await bucket.head(key))?.size !== bytes) throw fault;
  }
  return { kind: "completed" };
}

function chosenParts(
  known: readonly UploadPart[],
  named: NamedPart[] | null,
): (NamedPart & { bytes: number })[] | Refusal {
  const wanted = named ?? known.map(({ n, etag }) => ({ n, etag: etag ?? "" }));
  const chosen: (NamedPart & { bytes: number })[] = [];
  for (const { n, etag } of wanted) {
    const part = known.find((each) => each.n === n);
    if (part?.etag === undefined || part.etag === null || part.etag !== etag) return etagMismatch(n);
    if (n <= (chosen.at(-1)?.n ?? 0))
      return refusal("invalid_request", "`parts` must be in ascending order without duplicates.");
    chosen.push({ n, etag: part.etag, bytes: part.bytes });
  }
  return chosen.length === 0 ? FIRST_PART_MISSING : chosen;
}

/** R2 wants parts of one size, and a last one that is not larger (developers.cloudflare.com/r2/objects/upload-objects). */
function sizesFault(parts: readonly { n: number; bytes: number }[]): Refusal | null {
  const size = parts[0]?.bytes ?? 0;
  const last = parts.at(-1);
  const odd = parts.find((part) => (part === last ? part.bytes > size : part.bytes !== size));
  if (odd !== undefined) {
    const detail = `Part ${odd.n} has ${odd.bytes} bytes, but part 1 has ${size}. All parts except the last must have the same size.`;
    return refusal("invalid_request", detail, { hint: `Send parts of ${UPLOAD_PART_BYTES} bytes.` });
  }
  if (parts.length > 1 && size < UPLOAD_PART_MIN_BYTES) {
    const detail = `Parts have ${size} bytes. The minimum part size is ${UPLOAD_PART_MIN_BYTES} bytes.`;
    return refusal("invalid_request", detail, { hint: `Send parts of ${UPLOAD_PART_BYTES} bytes.` });
  }
  return null;
}

function announcedFault({ bytes: announced }: Upload, bytes: number): Refusal | null {
  if (announced === null || announced === bytes) return null;
  const detail = `The parts have ${bytes} bytes in total, but \`size\` is ${announced}.`;
  return refusal("invalid_request", detail, { hint: "Send the missing parts, then complete the upload again." });
}

const FIRST_PART_MISSING = refusal("invalid_request", "Part 1 of this upload is missing.", {
  hint: "Send parts with PUT {upload_url}/{n}, then call POST {upload_url}/complete.",
});

const COMPLETE = refusal("conflict", "This upload is already complete.", {
  hint: "Create a new upload with POST /v1/uploads.",
});

const PART_NUMBER_INVALID = refusal("invalid_request", `The part number must be between 1 and ${UPLOAD_PARTS_MAX}.`, {
  hint: `Send parts of ${UPLOAD_PART_BYTES} bytes.`,
});

const LENGTH_REQUIRED = refusal("invalid_request", "The `Content-Length` header is required for a part.", {
  hint: "Send the part as bytes or as a Blob, not as a stream.",
  status: 411,
});

function tooLarge(bytes: number): Refusal {
  const detail = `The part has ${bytes} bytes. The maximum is ${UPLOAD_PUT_MAX_BYTES} bytes per call.`;
  return refusal("payload_too_large", detail, { hint: `Send parts of ${UPLOAD_PART_BYTES} bytes.` });
}

function etagMismatch(n: number): Refusal {
  return refusal("invalid_request", `The \`etag\` of part ${n} in \`parts\` matches no uploaded part.`, {
    hint: "Send the part again and use the `etag` of that response.",
  });
}
