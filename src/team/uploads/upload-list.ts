// The uploads of a team as people look after them: a page, one, and what deleting one means for the books. Files that stood
// inside an input are not among them: they go with their request. Synchronous over the store, with the clock passed in.

import type { Upload } from "../../contracts/team-uploads.ts";
import { type Refused, refusal } from "../../platform/errors.ts";
import { UPLOAD_ID } from "../../platform/ids.ts";
import { decodeCursor, encodeCursor } from "../cursor.ts";
import type { UploadStore } from "./upload-store.ts";

/** `user` null: everybody's. */
export interface UploadListInput {
  user: string | null;
  cursor: string | undefined;
  /** At least 1. */
  limit: number;
}

const NOT_FOUND = refused("not_found", "There is no such upload.", "It may be over: uploads go when their days are.");
const IN_USE = refused(
  "conflict",
  "An open request uses this upload.",
  "Delete it when the request has ended, or cancel the request first.",
);

/** Newest first: those that are being sent, and those that are there. */
export function listUploads(
  uploads: UploadStore,
  { user, cursor, limit }: UploadListInput,
  now: number,
): { kind: "page"; data: Upload[]; nextCursor: string | null } | Refused {
  const position = cursor === undefined ? null : decodeCursor(cursor, UPLOAD_ID);
  if (cursor !== undefined && position === null) {
    return refused(
      "invalid_request",
      "`cursor` is not one of ours.",
      "Pass `next_cursor` of the page before, as it was.",
    );
  }
  const found = uploads.page(user, position, limit + 1, now);
  const data = found.slice(0, limit);
  const last = found.length > limit ? data.at(-1) : undefined;
  return { kind: "page", data, nextCursor: last === undefined ? null : encodeCursor(last) };
}

/** One of them. Somebody else's is answered like one that never was. */
export function findUpload(
  uploads: UploadStore,
  { id, user }: { id: string; user: string | null },
  now: number,
): { kind: "found"; upload: Upload } | Refused {
  const upload = uploads.byId(id);
  const visible = upload !== null && upload.requestId === null && (user === null || upload.user === user);
  return visible && !uploads.isOver(id, now) ? { kind: "found", upload } : NOT_FOUND;
}

/** From here on the upload is over, for whoever has its URLs too. Its bytes go next; who is cut off before leaves that to the alarm. */
export function endUpload(
  uploads: UploadStore,
  wish: { id: string; user: string | null },
  now: number,
): { kind: "ended"; upload: Upload } | Refused {
  const known = findUpload(uploads, wish, now);
  if (known.kind === "refused") return known;
  if (uploads.isUsed(wish.id)) return IN_USE;
  const upload = { ...known.upload, expiresAt: now };
  uploads.put(upload);
  return { kind: "ended", upload };
}

function refused(code: "not_found" | "conflict" | "invalid_request", detail: string, hint: string): Refused {
  return { kind: "refused", refusal: refusal(code, detail, { hint }) };
}
