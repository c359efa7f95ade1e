// What kind of file it is: what the first bytes prove, and which of the words about it count. Pure. Everything is served with nosniff, so a type that is not proven is at worst a dead file.

import { filetypemime } from "magic-bytes.js";
import { containerTypes, possibleType, textTypes } from "./containers.ts";
import { isMedia, listedType, OCTET_STREAM, typeOfName } from "./type-names.ts";

/** First bytes that are looked at for a signature; the farthest that counts (tar) ends at byte 265. */
export const FILE_SNIFF_BYTES = 4 * 1024;

/**
 * Signatures of the library that prove a type by themselves: long enough not to occur by chance in weights or in a sentence. Its one-
 * and two-byte ones ("G" is MPEG, "BM" a bitmap, "{" JSON) are not here, and containers are told apart in containers.ts.
 */
const PROVEN: Record<string, readonly string[]> = {
  "image/png": ["image/png", "image/apng"],
  "image/jpeg": ["image/jpeg"],
  "image/gif": ["image/gif"],
  "image/tiff": ["image/tiff"],
  "audio/flac": ["audio/flac"],
  "audio/midi": ["audio/midi"],
  "application/zip": ["application/zip", "model/vnd.usdz+zip", "model/3mf"],
  "application/x-tar": ["application/x-tar"],
  "application/pdf": ["application/pdf"],
};

/** Types whose files all begin with a signature: without it no word about them counts. */
const PROVABLE = new Set([
  ...Object.values(PROVEN).flat(),
  ...["image/webp", "image/avif", "image/heif", "image/heic", "image/jxl", "image/bmp", "image/jp2", "image/x-exr"],
  ...["image/ktx2", "image/vnd.adobe.photoshop", "video/mp4", "video/webm", "video/quicktime", "video/x-matroska"],
  ...["video/x-msvideo", "video/ogg", "video/3gpp", "video/x-flv", "video/x-ms-asf", "audio/wav", "audio/ogg"],
  ...["audio/opus", "audio/mp4", "audio/webm", "audio/x-matroska", "audio/aiff", "audio/x-caf", "audio/amr"],
  ...["audio/3gpp", "model/gltf-binary", "model/ply", "application/gzip"],
]);

/** What the first bytes say. */
export interface Sniffed {
  /** Types that they prove, the likeliest first; empty when they carry no signature. */
  types: readonly string[];
  /** A type that they allow and do not prove: it counts where a word names its family. */
  possible: string | null;
  /** No byte in them that text does not have. */
  text: boolean;
}

/** Looks at the first bytes of a file (FILE_SNIFF_BYTES of them, or all there are). */
export function sniff(head: Uint8Array): Sniffed {
  const text = head.length > 0 && head.every((byte) => byte >= 0x20 || (byte >= 0x09 && byte <= 0x0d) || byte === 0x1b);
  const types = (text ? textTypes(head) : containerTypes(head)) ?? signedTypes(head, text);
  return { types, possible: types.length > 0 || text ? null : possibleType(head), text };
}

function signedTypes(head: Uint8Array, text: boolean): readonly string[] {
  for (const found of filetypemime(head)) {
    const types = PROVEN[found];
    // In text a signature is a word ("the free …" would be a film); only a PDF may begin as text.
    if (types !== undefined && (!text || found === "application/pdf")) return types;
  }
  return [];
}

/**
 * The type that a file is stored under. Bytes outrank words: a signature decides, and of the words (the source's
 * Content-Type, the `content_type` beside the URL, the name's extension, in this order) the first that it allows picks
 * among what it may hold. Without a signature the first word counts that does not need one: HTML that is called a PNG or
 * an MP3 becomes OCTET_STREAM. Words outside the list never count.
 */
export function decideType(file: {
  claimed: string | null;
  header: string | null;
  sniffed: Sniffed;
  name: string | null;
}): string {
  const words = [listedType(file.header), listedType(file.claimed), typeOfName(file.name)].filter(
    (type) => type !== null,
  );
  const [likeliest] = file.sniffed.types;
  if (likeliest !== undefined) return words.find((type) => file.sniffed.types.includes(type)) ?? likeliest;
  const { text, possible } = file.sniffed;
  const word = words.find((type) => !PROVABLE.has(type) && !(text && isMedia(type)));
  const isOfFamily = possible !== null && words.some((type) => familyOf(type) === familyOf(possible));
  return isOfFamily && (word === undefined || familyOf(word) === familyOf(possible))
    ? possible
    : (word ?? OCTET_STREAM);
}

/** `image`, `video`, `audio` or `model`; null for any other type. */
export function familyOf(type: string): string | null {
  return /^(image|video|audio|model)\//.exec(type)?.[1] ?? null;
}
