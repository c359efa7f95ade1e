// Receives a whole file at its upload URL, raw or as a form field, with or without a length: type check, reservation, storage, record.
// The same bytes again give the same answer; different bytes are refused.

import type { FinishUpload, Upload } from "../contracts/team-uploads.ts";
import { digestOf, type Feed, UPLOAD_PUT_MAX_BYTES } from "../files/byte-reader.ts";
import { hashStored } from "../files/digest.ts";
import type { UploadAddress } from "../files/input-urls.ts";
import { storeKnown, storeUnknown } from "../files/pump.ts";
import { uploadedType } from "../files/upload-type.ts";
import { FREE_BODY_BYTES, unheardRefusal } from "../net/body.ts";
import { openInboundPermit, type Sender } from "../net/byte-budget.ts";
import type { Env } from "../platform/bindings.ts";
import { type Refusal, type Refused, refusal, refused } from "../platform/errors.ts";
import { randomText } from "../platform/ids.ts";
import { faultName, logEvent } from "../platform/log.ts";
import { askTeam } from "../platform/stubs.ts";
import { LEASE_LOST } from "../team/uploads/senders.ts";
import { typeFault, UPLOAD_PART_MIN_BYTES } from "../team/uploads/upload-rules.ts";
import { formFile, type SentFile } from "./form.ts";
import { type ReceivedBody, receiveBody, underLease } from "./sending.ts";

/** Characters of a sender's random id, which is part of a key. */
export const SENDER_ID_CHARS = 20;

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

async function receiveFile(
  env: Env,
  { team, id }: UploadAddress,
  file: SentFile,
  body: ReceivedBody,
): Promise<ReceiveAnswer> {
  const { feed, length, atMost } = file;
  if (length !== null && length > UPLOAD_PUT_MAX_BYTES) return refused(tooLargeForOne(length));
  const sender = randomText(SENDER_ID_CHARS);
  const begun = await askTeam(env, team, (stub) => stub.uploads.begin({ id, sender, bytes: length, atMost }));
  if (begun.kind === "refused") return begun;
  if (begun.kind === "stored") return repeatedUpload(env, begun.upload, feed);
  const lease = { team, id: sender, objectKey: begun.objectKey };
  const maxBytes = Math.min(begun.maxBytes, UPLOAD_PUT_MAX_BYTES);
  return underLease(env, lease, body.feed, () => storeFile(env, lease, begun.upload, { file, body, maxBytes }));
}

async function storeFile(
  env: Env,
  { team, id: sender, objectKey }: { team: string; id: string; objectKey: string },
  upload: Upload,
  { file, body, maxBytes }: { file: SentFile; body: ReceivedBody; maxBytes: number },
): Promise<ReceiveAnswer> {
  const { feed, length, atMost } = file;
  const typed = await typeOf(upload, file);
  if (typed.kind === "refused") return typed;
  const { contentType } = typed;
  if (length === null || length > FREE_BODY_BYTES) body.readWide();
  const to = { bucket: env.FILES, key: objectKey, metadata: { httpMetadata: { contentType } } };
  const cap = Math.min(maxBytes, atMost ?? maxBytes);
  const stored =
    length === null
      ? await storeUnknown(to, {
          feed,
          maxBytes: cap,
          partBytes: Math.min(cap, UPLOAD_PART_MIN_BYTES),
          open: (mostBytes) => openInboundPermit(body.sender, mostBytes),
          begun: (multipart) => askTeam(env, team, (stub) => stub.uploads.keepSenderMultipart(sender, multipart)),
          partStored: () => true,
        })
      : await storeKnown(to, { feed, length, timeoutMs: null });
  switch (stored.kind) {
    case "bucket":
      return notStored(stored.fault);
    case "source":
      return refused(file.broken);
    case "superseded":
      return refused(LEASE_LOST);
    case "overloaded":
    case "too_slow":
      return refused(unheardRefusal(stored));
    case "too_large":
      return refused(tooLargeWithoutLength(maxBytes));
    case "stored": {
      const { bytes, sha256 } = stored;
      if (upload.bytes !== null && bytes !== upload.bytes) return refused(sizeMismatch(bytes, upload.bytes));
      return finishUpload(env, team, upload.id, { sender, objectKey, bytes, contentType, sha256 });
    }
  }
}

/** Records a stored file. Its bytes are deleted if the upload was deleted meanwhile, or has another file. */
export async function finishUpload(
  env: Env,
  team: string,
  id: string,
  came: Omit<FinishUpload, "id">,
): Promise<ReceiveAnswer> {
  const answer = await askTeam(env, team, (stub) => stub.uploads.finish({ id, ...came }));
  if (answer.kind === "stored" && answer.upload.objectKey === came.objectKey) return answer;
  await env.FILES.delete(came.objectKey);
  if (answer.kind === "refused") return answer;
  const isSame = came.sha256 !== null && answer.upload.sha256 === came.sha256;
  return isSame ? answer : refused(OTHER_FILE);
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

const OTHER_FILE = refusal("conflict", "A different file was already uploaded to this URL.", {
  hint: "Create one upload per file with POST /v1/uploads.",
});

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
  return sha256 !== null && sha256 === known ? { kind: "stored", upload } : refused(OTHER_FILE);
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
