// Files of an input: referenced uploads are retained while the request runs, and data URIs are stored in R2 and replaced by URLs,
// so that no megabytes of base64 are sent upstream. Without PUBLIC_URL the input is sent unchanged.

import type { InputFiles } from "../../contracts/team-uploads.ts";
import { copyData } from "../../files/copy.ts";
import { type InlineFile, inlineFiles } from "../../files/inline-files.ts";
import { INPUT_UPLOADS_MAX, inlineUploadId, inputPath, uploadsNamedIn } from "../../files/input-urls.ts";
import { uploadKey } from "../../files/keys.ts";
import { fileName } from "../../files/urls.ts";
import type { Config } from "../../platform/config.ts";
import { type Refused, refusal, refused } from "../../platform/errors.ts";
import { type JsonTree, withValueAt } from "../../platform/json.ts";

/** Maximum inline files of one input; each is a write to R2 before the submit. */
const INLINE_FILES_MAX = 50;

type FilesAnswer = { kind: "found"; files: InputFiles; inline: InlineFile[] } | Refused;

/** The files of an input that `request` is about to be admitted with. */
export async function filesOf(config: Config, team: string, request: string, tree: JsonTree): Promise<FilesAnswer> {
  const used = await uploadsNamedIn(config.SIGNING_KEY, team, tree);
  if (used === "too_many") return tooMany(`references more than ${INPUT_UPLOADS_MAX} uploads`);
  const inline = config.PUBLIC_URL === undefined ? [] : inlineFiles(tree);
  if (inline.length > INLINE_FILES_MAX) return tooMany(`contains more than ${INLINE_FILES_MAX} data URIs`);
  const rows = inline.map(({ paths, bytes, contentType }, n) => {
    const id = inlineUploadId(request, n);
    return {
      id,
      objectKey: uploadKey(team, id),
      field: paths[0]?.join(".") ?? "",
      name: nameOf(n, contentType),
      bytes,
      contentType,
    };
  });
  return { kind: "found", files: { used, inline: rows }, inline };
}

/**
 * Stores the inline files of an admitted request and puts their URLs into the tree, in place. Again it stores the same bytes
 * under the same keys. Rejects when R2 does not take them just now.
 */
export async function storeInline(
  { bucket, config }: { bucket: R2Bucket; config: Config },
  { team, request }: { team: string; request: string },
  tree: JsonTree,
  inline: readonly InlineFile[],
): Promise<void> {
  for (const [n, { dataUri, contentType, paths }] of inline.entries()) {
    const id = inlineUploadId(request, n);
    const copied = await copyData({ bucket, key: uploadKey(team, id), dataUri, claimedType: contentType });
    if (copied.kind !== "stored") throw new Error("an inline input file could not be stored");
    const url = `${config.PUBLIC_URL}${await inputPath(config.SIGNING_KEY, { team, id, name: nameOf(n, contentType) })}`;
    for (const path of paths) withValueAt(tree, path, url);
  }
}

function nameOf(n: number, contentType: string): string {
  return fileName({ n, source: { kind: "data" }, claimedName: null, contentType });
}

function tooMany(what: string): FilesAnswer {
  const hint = "Reference fewer files in one request.";
  return refused(refusal("invalid_request", `\`input\` ${what}.`, { hint }));
}
