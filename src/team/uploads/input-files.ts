// Files of a submit: referenced uploads must exist and stay while the request is open; inline files become uploads under the
// same rules. Runs in the transaction of the admission.

import type { Identity } from "../../contracts/team-access.ts";
import type { InputFiles } from "../../contracts/team-uploads.ts";
import { type Refusal, refusal } from "../../platform/errors.ts";
import type { Subjects } from "../quota/limits.ts";
import type { TeamStores } from "../stores.ts";
import { sizeFault, termsOf, typeFault } from "./upload-rules.ts";

/** Why a request with these files is refused, or null. */
export function inputFilesFault(
  stores: Pick<TeamStores, "uploads">,
  files: InputFiles,
  identity: Pick<Identity, "kind" | "planName" | "plan">,
  now: number,
): Refusal | null {
  for (const { id, field } of files.used) {
    const upload = stores.uploads.findUpload(id);
    if (upload === null || stores.uploads.isExpired(id, now)) return unreachable(field, "has expired or was deleted");
    if (upload.storedAt === null) return unreachable(field, "has no content yet");
  }
  const terms = termsOf(identity);
  for (const { field, bytes, contentType } of files.inline) {
    const what = `The file in \`input.${field}\``;
    const fault = sizeFault(what, bytes, terms) ?? typeFault(what, contentType, terms);
    if (fault !== null) return fault;
  }
  return null;
}

/** Amounts that these files add to the demand. */
export function inputFilesDemand({ inline }: InputFiles): { uploads?: number; uploadBytes?: number } {
  if (inline.length === 0) return {};
  return { uploads: inline.length, uploadBytes: inline.reduce((sum, { bytes }) => sum + bytes, 0) };
}

/** Records the files of an admitted request. */
export function recordInputFiles(
  stores: Pick<TeamStores, "uploads">,
  { requestId, files }: { requestId: string; files: InputFiles },
  identity: Identity,
  { keyId, user }: Subjects,
  now: number,
): void {
  const terms = termsOf(identity);
  for (const { id } of [...files.used, ...files.inline]) stores.uploads.addUse(requestId, id);
  for (const { id, objectKey, name, bytes, contentType } of files.inline) {
    stores.uploads.put({
      id,
      objectKey,
      requestId,
      keyId,
      user,
      name,
      contentType,
      bytes,
      sha256: null,
      terms,
      multipart: null,
      createdAt: now,
      storedAt: now,
      expiresAt: now + terms.keepMs,
    });
  }
}

function unreachable(field: string, why: string): Refusal {
  return refusal("input_unreachable", `The upload in \`input.${field}\` ${why}. Nothing was submitted or charged.`, {
    hint: "Create an upload with POST /v1/uploads, send the file, then use its `file_url`.",
  });
}
