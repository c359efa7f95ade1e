// What kind of file it is: what the first bytes prove, and which of the words about it count. Pure. Everything is served with nosniff, so a type that is not proven is at worst a dead file.

import { filetypemime } from "magic-bytes.js";
import { isMedia, listedType, OCTET_STREAM, typeOfName } from "./type-names.ts";

/** First bytes that are looked at for a signature; the farthest that counts (tar) ends at byte 265. */
export const FILE_SNIFF_BYTES = 4 * 1024;

/**
 * Signatures of the library that prove a type: long enough not to occur by chance in weights or in a sentence. Its one- and
 * two-byte ones ("G" is MPEG, "BM" a bitmap, "{" JSON) are not here. Containers list all they may hold, the usual one first.
 */
const PROVEN: Record<string, readonly string[]> = {
  "image/png": ["image/png", "image/apng"],
  "image/jpeg": ["image/jpeg"],
  "image/gif": ["image/gif"],
  "image/webp": ["image/webp"],
  "image/avif": ["image/avif"],
  "image/heif": ["image/heif", "image/heic", "image/avif"],
  "image/tiff": ["image/tiff"],
  "video/mp4": ["video/mp4", "audio/mp4", "video/quicktime", "image/heic", "image/heif", "image/avif"],
  "video/quicktime": ["video/quicktime", "video/mp4", "audio/mp4"],
  "video/x-matroska": ["video/webm", "audio/webm", "video/x-matroska"],
  "video/x-msvideo": ["video/x-msvideo"],
  "video/ogg": ["video/ogg"],
  "audio/ogg": ["audio/ogg", "audio/opus"],
  "application/ogg": ["audio/ogg", "audio/opus", "video/ogg"],
  "audio/x-wav": ["audio/wav"],
  "audio/flac": ["audio/flac"],
  "audio/x-aiff": ["audio/aiff"],
  "audio/midi": ["audio/midi"],
  "application/zip": ["application/zip", "model/vnd.usdz+zip", "model/3mf"],
  "application/x-tar": ["application/x-tar"],
  "application/pdf": ["application/pdf"],
};
/** glTF binary, which the library does not know (registry.khronos.org/glTF/specs/2.0, "GLB File Format"). */
const GLB_MAGIC = "glTF";

const PROVABLE = new Set([...Object.values(PROVEN).flat(), "model/gltf-binary"]);

/** What the first bytes say. */
export interface Sniffed {
  /** Types that they prove, the likeliest first; empty when they carry no signature. */
  types: readonly string[];
  /** No byte in them that text does not have. */
  text: boolean;
}

/** Looks at the first bytes of a file (FILE_SNIFF_BYTES of them, or all there are). */
export function sniff(head: Uint8Array): Sniffed {
  const text = head.length > 0 && head.every((byte) => byte >= 0x20 || (byte >= 0x09 && byte <= 0x0d) || byte === 0x1b);
  if (startsWith(head, GLB_MAGIC)) return { types: ["model/gltf-binary"], text };
  // A WAV file above 4 GiB (EBU Tech 3306), and tags that usually stand before an MP3, and sometimes before FLAC or ADTS.
  if (startsWith(head, "RF64") && startsWith(head.subarray(8), "WAVE")) return { types: ["audio/wav"], text };
  if (startsWith(head, "ID3") && !text) return { types: ["audio/mpeg", "audio/flac", "audio/aac"], text };
  for (const found of filetypemime(head)) {
    const types = PROVEN[found];
    // In text a signature is a word ("the free …" would be a film); only a PDF may begin as text.
    if (types !== undefined && (!text || found === "application/pdf")) return { types, text };
  }
  return { types: [], text };
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
  return words.find((type) => !PROVABLE.has(type) && !(file.sniffed.text && isMedia(type))) ?? OCTET_STREAM;
}

function startsWith(bytes: Uint8Array, ascii: string): boolean {
  return [...ascii].every((char, i) => bytes[i] === char.charCodeAt(0));
}
