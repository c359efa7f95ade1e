// Receives a whole file at its upload URL, raw or as a form field, with or without a length: type check, reservation, storage, record.
// The same bytes again give the same answer; different bytes are refused.

import type { Upload } from "../contracts/team-uploads.ts";
import {
  BodyFeed,
  digestOf,
  drain,
  type Feed,
  FILE_COPY_CHUNK_BYTES,
  UPLOAD_PUT_MAX_BYTES,
} from "../files/byte-reader.ts";
import { hashStored } from "../files/digest.ts";
import type { UploadAddress } from "../files/input-urls.ts";
import { storeKnown, storeUnknown } from "../files/pump.ts";
import { uploadedType } from "../files/upload-type.ts";
import { FREE_BODY_BYTES, unheardRefusal } from "../net/body.ts";
import { REFUSED_BODY_MAX_MS, STREAMED_BODY } from "../net/body-pace.ts";
import { openInboundPermit, type RenewedPermit, type Sender, takeInbound } from "../net/byte-budget.ts";
import type { Env } from "../platform/bindings.ts";
import { type Refusal, type Refused, refusal, refused } from "../platform/errors.ts";
import { faultName, logEvent } from "../platform/log.ts";
import { askTeam } from "../platform/stubs.ts";
import { typeFault, UPLOAD_PART_MIN_BYTES } from "../team/uploads/upload-rules.ts";
import { formFile, type SentFile } from "./form.ts";

export type ReceiveAnswer = { kind: "stored"; upload: Upload } | Refused;

const IN_PARTS = "Send the file in parts: PUT {upload_url}/{n}, then POST {upload_url}/complete.";

/** Receives the file of a request to an upload URL. */
export function receiveUpload(
  env: Env,
  address: UploadAddress,
  request: Request,
  sender: Sender,
): Promise<ReceiveAnswer> {
  return receiveBody(request, sender, async (body) => {
    const sent = await sentFile(request.headers, body.feed);
    return sent.kind === "refused" ? sent : await receiveFile(env, address, sent.file, body);
  });
}

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

async function receiveFile(
  env: Env,
  { team, id }: UploadAddress,
  file: SentFile,
  { sender, readWide }: ReceivedBody,
): Promise<ReceiveAnswer> {
  const { feed, length, atMost } = file;
  if (length !== null && length > UPLOAD_PUT_MAX_BYTES) return refused(tooLargeForOne(length));
  const begun = await askTeam(env, team, (stub) => stub.uploads.begin({ id, bytes: length, atMost }));
  if (begun.kind === "refused") return begun;
  if (begun.kind === "stored") return repeatedUpload(env, begun.upload, feed);

  const { upload } = begun;
  const typed = await typeOf(upload, file);
  if (typed.kind === "refused") return typed;
  const { contentType } = typed;
  if (length === null || length > FREE_BODY_BYTES) readWide();
  const to = { bucket: env.FILES, key: upload.objectKey, metadata: { httpMetadata: { contentType } } };
  const maxBytes = Math.min(begun.maxBytes, UPLOAD_PUT_MAX_BYTES);
  const cap = Math.min(maxBytes, atMost ?? maxBytes);
  const stored =
    length === null
      ? await storeUnknown(to, {
          feed,
          maxBytes: cap,
          partBytes: Math.min(cap, UPLOAD_PART_MIN_BYTES),
          open: (mostBytes) => openInboundPermit(sender, mostBytes),
          begun: async (multipart) => {
            await askTeam(env, team, (stub) => stub.uploads.keepMultipart(id, multipart));
            return true;
          },
          partStored: () => true,
        })
      : await storeKnown(to, { feed, length, timeoutMs: null });
  switch (stored.kind) {
    case "bucket":
      return notStored(stored.fault);
    case "source":
    case "superseded":
      return refused(file.broken);
    case "overloaded":
      return refused(unheardRefusal(stored));
    case "too_large":
      return refused(tooLargeWithoutLength(maxBytes));
    case "stored": {
      const { bytes, sha256 } = stored;
      if (upload.bytes !== null && bytes !== upload.bytes) {
        await env.FILES.delete(upload.objectKey);
        return refused(sizeMismatch(bytes, upload.bytes));
      }
      return finishUpload(env, team, upload, { bytes, contentType, sha256 });
    }
  }
}

/**
 * Records a stored file. The file of an upload that was deleted meanwhile is deleted, and so is an upload that received two different
 * files at once, because it is unknown which of them R2 stored.
 */
export async function finishUpload(
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
  return refused(CONCURRENT_UPLOADS);
}

/** The type of a file by its first bytes, which are not consumed. */
export async function typeOf(
  upload: Upload,
  { feed, contentType: header, broken }: SentFile,
): Promise<{ kind: "typed"; contentType: string } | Refused> {
  const head = await feed.peek().catch(() => null);
  if (head === null) return refused(broken);
  if (head.length === 0) return refused(EMPTY);
  const typed = uploadedType({ announced: upload.contentType, header, name: upload.name, head });
  if (typed.kind === "refused") return typed;
  const fault = typeFault("The file", typed.type, upload.terms);
  return fault === null ? { kind: "typed", contentType: typed.type } : refused(fault);
}

/** Turns a fault of R2 into a refusal; the file can be sent again. */
export async function storedOrRefused<T>(store: () => Promise<T>): Promise<T | Refused> {
  try {
    return await store();
  } catch (fault) {
    return notStored(fault);
  }
}

export function notStored(fault: unknown): Refused {
  logEvent("upload.store_failed", { error: faultName(fault) });
  return refused(
    refusal("storage_failed", "The file could not be stored.", { hint: "Send the file to the same URL again." }),
  );
}

export const BODY_INCOMPLETE = refusal("invalid_request", "The body ended before it was complete.", {
  hint: "Send the whole file to the same URL again.",
});

const EMPTY = refusal("invalid_request", "The body is empty.", {
  hint: "Send the file's bytes as the body, e.g. `curl -T file.png {upload_url}`.",
});

const CONCURRENT_UPLOADS = refusal(
  "conflict",
  "Two different files were sent to this upload URL at the same time. Both uploads were discarded.",
  {
    hint: "Create one upload per file with POST /v1/uploads.",
  },
);

async function sentFile(headers: Headers, body: Feed): Promise<{ kind: "file"; file: SentFile } | Refused> {
  const encoding = (headers.get("Content-Encoding") ?? "identity").toLowerCase();
  if (encoding !== "identity") {
    const hint = "Send the file without Content-Encoding.";
    return refused(refusal("unsupported_encoding", `Content-Encoding ${encoding} is not supported.`, { hint }));
  }
  const said = headers.get("Content-Length") ?? "";
  const length = /^[0-9]{1,15}$/.test(said) ? Number(said) : null;
  const contentType = headers.get("Content-Type");
  if (/^multipart\/form-data\b/i.test(contentType ?? "")) return formFile(body, contentType ?? "", length);
  return { kind: "file", file: { feed: body, length, atMost: length, contentType, broken: BODY_INCOMPLETE } };
}

/** A second file at the same URL: the same file is accepted again, because the first response may have been lost. */
async function repeatedUpload(env: Env, upload: Upload, feed: Feed): Promise<ReceiveAnswer> {
  const sha256 = await digestOf(feed);
  const known = upload.sha256 ?? (await storedDigest(env, upload));
  if (sha256 !== null && sha256 === known) return { kind: "stored", upload };
  return refused(
    refusal("conflict", "A different file was already uploaded to this URL.", {
      hint: "Create one upload per file with POST /v1/uploads.",
    }),
  );
}

async function storedDigest(env: Env, { objectKey }: Upload): Promise<string | null> {
  const hashed = await hashStored({ bucket: env.FILES, key: objectKey });
  return hashed.kind === "hashed" ? hashed.sha256 : null;
}

function tooLargeForOne(bytes: number): Refusal {
  const detail = `The body has ${bytes} bytes. The maximum is ${UPLOAD_PUT_MAX_BYTES} bytes per call.`;
  return refusal("payload_too_large", detail, { hint: IN_PARTS });
}

function tooLargeWithoutLength(maxBytes: number): Refusal {
  const detail = `The body exceeds ${maxBytes} bytes, the maximum without a Content-Length.`;
  return refusal("payload_too_large", detail, { hint: IN_PARTS });
}

function sizeMismatch(bytes: number, announced: number): Refusal {
  const detail = `The body has ${bytes} bytes, but \`size\` is ${announced}.`;
  return refusal("invalid_request", detail, {
    hint: "Create a new upload with the correct `size`, or without `size`.",
  });
}
