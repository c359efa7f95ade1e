// The bytes of a whole file at its upload URL: raw, or as the one file of a form; with a length or without. Looked at,
// reserved, stored, booked, in this order. Again with the same bytes is the same answer, other bytes are refused.
// Knows no Hono. Imports access, mirror, uploads' own.

import type { Upload } from "../contracts/team-uploads.ts";
import { bodyChunks, type Chunks, withHead } from "../files/chunks.ts";
import { hashStored } from "../files/digest.ts";
import type { UploadAddress } from "../files/input-urls.ts";
import { uploadedType } from "../files/upload-type.ts";
import type { Env } from "../platform/bindings.ts";
import { type Refusal, type Refused, refusal, refused } from "../platform/errors.ts";
import { FILE_SNIFF_BYTES, UPLOAD_PUT_MAX_BYTES } from "../platform/limits.ts";
import { faultName, logEvent } from "../platform/log.ts";
import { askTeam } from "../platform/stubs.ts";
import { typeFault } from "../team/uploads/upload-rules.ts";
import { formFile } from "./form.ts";
import { digestOf, storeKnown, storeUnknown } from "./store.ts";

export type ReceiveAnswer = { kind: "stored"; upload: Upload } | Refused;

/** What is sent, however it is wrapped. `length` null: not known before its end. */
export interface SentFile {
  chunks: Chunks;
  length: number | null;
  /** Where `length` is null: no more than this can come; null: nothing is known. */
  atMost: number | null;
  contentType: string | null;
  /** What is said when it does not come as it should. */
  broken: Refusal;
}

const IN_PARTS = "Send it in parts: PUT {upload_url}/1, …/2 and so on, then POST {upload_url}/complete.";

/** Takes the file that a request to an upload URL carries. */
export async function receiveUpload(env: Env, address: UploadAddress, request: Request): Promise<ReceiveAnswer> {
  const sent = await sentFile(request);
  if (sent.kind === "refused") return sent;
  const { file } = sent;
  const { length, atMost } = file;
  if (length !== null && length > UPLOAD_PUT_MAX_BYTES) return refused(tooLargeForOne(length));
  const { team, id } = address;
  const begun = await askTeam(env, team, (stub) => stub.uploads.begin({ id, bytes: length, atMost }));
  if (begun.kind === "refused") return begun;
  if (begun.kind === "stored") return sameAgain(env, begun.upload, file.chunks);

  const { upload } = begun;
  const looked = await withType(upload, file);
  if (looked.kind === "refused") return looked;
  const { chunks, contentType } = looked;
  const target = { bucket: env.FILES, key: upload.objectKey, contentType };
  const keep = (multipart: string) => askTeam(env, team, (stub) => stub.uploads.keepMultipart(id, multipart));
  const maxBytes = Math.min(begun.maxBytes, UPLOAD_PUT_MAX_BYTES);
  const stored = await tried(() =>
    length === null
      ? storeUnknown(target, chunks, { maxBytes, atMost: atMost ?? maxBytes }, keep)
      : storeKnown(target, chunks, length),
  );
  switch (stored.kind) {
    case "refused":
      return stored;
    case "broken":
      return refused(file.broken);
    case "too_large":
      return refused(tooLargeUnsaid(maxBytes));
    case "stored": {
      const { bytes, sha256 } = stored;
      if (upload.bytes !== null && bytes !== upload.bytes) {
        await env.FILES.delete(upload.objectKey);
        return refused(shorter(bytes, upload.bytes));
      }
      return finished(env, team, upload, { bytes, contentType, sha256 });
    }
  }
}

/**
 * Books what lies in R2. Of an upload that was deleted meanwhile nothing stays, nor of one whose URL took two different files
 * at once: nobody knows then which of them lies there, and the other one's size and digest are booked.
 */
export async function finished(
  env: Env,
  team: string,
  { id, objectKey }: Upload,
  came: { bytes: number; contentType: string; sha256: string | null },
): Promise<ReceiveAnswer> {
  const answer = await askTeam(env, team, (stub) => stub.uploads.finish({ id, ...came }));
  if (answer.kind === "refused") {
    await env.FILES.delete(objectKey);
    return answer;
  }
  const { bytes, sha256 } = answer.upload;
  const isOther = bytes !== came.bytes || (sha256 !== null && came.sha256 !== null && sha256 !== came.sha256);
  if (!isOther) return answer;
  await askTeam(env, team, (stub) => stub.uploads.delete({ id, user: null }));
  return refused(TWO_AT_ONCE);
}

/** The type of what comes, by its first bytes, which are still among the chunks. */
export async function withType(
  upload: Upload,
  file: SentFile,
): Promise<{ kind: "typed"; chunks: Chunks; contentType: string } | Refused> {
  const iterator = withHead(file.chunks, FILE_SNIFF_BYTES)[Symbol.asyncIterator]();
  const first = await iterator.next().catch(() => null);
  if (first === null) return refused(file.broken);
  const head = first.done === true ? new Uint8Array(0) : first.value;
  const typed = uploadedType({ announced: upload.contentType, header: file.contentType, name: upload.name, head });
  const fault =
    head.length === 0
      ? EMPTY
      : typed.kind === "refused"
        ? typed.refusal
        : typeFault("The file", typed.type, upload.terms);
  if (fault !== null || typed.kind === "refused") {
    await iterator.return?.(undefined);
    return refused(fault ?? EMPTY);
  }
  return { kind: "typed", chunks: resumed(head, iterator), contentType: typed.type };
}

/** What a fault of R2's becomes: nothing is lost, the URL takes the bytes again. */
export async function tried<T>(store: () => Promise<T>): Promise<T | Refused> {
  try {
    return await store();
  } catch (fault) {
    logEvent("upload.failed", { error: faultName(fault) });
    return refused(
      refusal("storage_failed", "The file could not be stored just now.", { hint: "Send it to the same URL again." }),
    );
  }
}

export const BROKEN = refusal("invalid_request", "The body ended before it was complete.", {
  hint: "Send the whole file to the same URL again.",
});

const EMPTY = refusal("invalid_request", "The body is empty: there is nothing to store.", {
  hint: "Send the file's bytes as the body, e.g. `curl -T file.png {upload_url}`.",
});

const TWO_AT_ONCE = refusal("conflict", "This URL was sent two different files at once, and keeps neither.", {
  hint: "Announce each file with POST /v1/uploads: every file has a URL of its own.",
});

async function sentFile(request: Request): Promise<{ kind: "file"; file: SentFile } | Refused> {
  const encoding = (request.headers.get("Content-Encoding") ?? "identity").toLowerCase();
  if (encoding !== "identity") {
    const hint = "Send the file's bytes as they are, without Content-Encoding.";
    return refused(refusal("unsupported_media_type", `The body is sent with Content-Encoding ${encoding}.`, { hint }));
  }
  const said = request.headers.get("Content-Length") ?? "";
  const length = /^[0-9]{1,15}$/.test(said) ? Number(said) : null;
  const contentType = request.headers.get("Content-Type");
  const chunks = bodyChunks(request.body);
  if (/^multipart\/form-data\b/i.test(contentType ?? "")) return formFile(chunks, contentType ?? "", length);
  return { kind: "file", file: { chunks, length, atMost: length, contentType, broken: BROKEN } };
}

/** A second file at the same URL: the same one may come twice, because an answer can get lost. */
async function sameAgain(env: Env, upload: Upload, chunks: Chunks): Promise<ReceiveAnswer> {
  const sha256 = await digestOf(chunks);
  const known = upload.sha256 ?? (await storedDigest(env, upload));
  if (sha256 !== null && sha256 === known) return { kind: "stored", upload };
  return refused(
    refusal("conflict", "This URL has taken a file already, and these bytes are others.", {
      hint: "Announce the new file with POST /v1/uploads: every file has a URL of its own.",
    }),
  );
}

async function storedDigest(env: Env, { objectKey }: Upload): Promise<string | null> {
  const hashed = await hashStored({ bucket: env.FILES, key: objectKey });
  return hashed.kind === "hashed" ? hashed.sha256 : null;
}

async function* resumed(head: Uint8Array, rest: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield head;
    yield* rest;
  } finally {
    await rest.return(undefined);
  }
}

function tooLargeForOne(bytes: number): Refusal {
  const detail = `The body is ${bytes} bytes, and one call takes ${UPLOAD_PUT_MAX_BYTES} at most.`;
  return refusal("payload_too_large", detail, { hint: IN_PARTS });
}

function tooLargeUnsaid(maxBytes: number): Refusal {
  const detail = `The body goes beyond ${maxBytes} bytes, the most that may come here without a Content-Length.`;
  return refusal("payload_too_large", detail, { hint: IN_PARTS });
}

function shorter(bytes: number, announced: number): Refusal {
  const detail = `The upload was announced with a \`size\` of ${announced} bytes, and the body has ${bytes}.`;
  return refusal("invalid_request", detail, { hint: "Announce it again with its real size, or without one." });
}
