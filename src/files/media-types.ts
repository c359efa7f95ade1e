// What kind of file it is: the list of types that are kept, what the first bytes prove, and which types a browser may show.
// Pure. Everything is served with nosniff, so a type that is not proven is at worst a dead file.

import { filetypemime } from "magic-bytes.js";

/** First bytes that are looked at for a signature; the farthest that counts (tar) ends at byte 265. */
export const FILE_SNIFF_BYTES = 4 * 1024;

/** Types that are kept by name, with their file extensions (the first is the one we write). Any other is OCTET_STREAM. */
const EXTENSIONS: Record<string, readonly string[]> = {
  "image/png": ["png"],
  "image/apng": ["apng"],
  "image/jpeg": ["jpg", "jpeg"],
  "image/gif": ["gif"],
  "image/webp": ["webp"],
  "image/avif": ["avif"],
  "image/heif": ["heif"],
  "image/heic": ["heic"],
  "image/jxl": ["jxl"],
  "image/bmp": ["bmp"],
  "image/tiff": ["tif", "tiff"],
  "image/x-exr": ["exr"],
  "image/vnd.radiance": ["hdr"],
  "image/svg+xml": ["svg"],
  "video/mp4": ["mp4", "m4v"],
  "video/webm": ["webm"],
  "video/quicktime": ["mov"],
  "video/x-matroska": ["mkv"],
  "video/x-msvideo": ["avi"],
  "video/mpeg": ["mpeg", "mpg"],
  "video/ogg": ["ogv"],
  "audio/mpeg": ["mp3"],
  "audio/wav": ["wav"],
  "audio/ogg": ["ogg", "oga"],
  "audio/opus": ["opus"],
  "audio/flac": ["flac"],
  "audio/aac": ["aac"],
  "audio/mp4": ["m4a"],
  "audio/webm": ["weba"],
  "audio/aiff": ["aiff", "aif"],
  "audio/midi": ["mid", "midi"],
  "model/gltf-binary": ["glb"],
  "model/gltf+json": ["gltf"],
  "model/obj": ["obj"],
  "model/mtl": ["mtl"],
  "model/stl": ["stl"],
  "model/3mf": ["3mf"],
  "model/vnd.usdz+zip": ["usdz"],
  "model/vnd.collada+xml": ["dae"],
  "application/zip": ["zip"],
  "application/gzip": ["gz", "tgz"],
  "application/x-tar": ["tar"],
  "application/json": ["json"],
  "application/x-ndjson": ["ndjson", "jsonl"],
  "application/yaml": ["yaml", "yml"],
  "application/pdf": ["pdf"],
  "application/xml": ["xml"],
  "application/xhtml+xml": ["xhtml"],
  "application/x-subrip": ["srt"],
  "text/plain": ["txt"],
  "text/csv": ["csv"],
  "text/markdown": ["md"],
  "text/vtt": ["vtt"],
  "text/html": ["html", "htm"],
};

/** Other names that servers use for the same things. */
const ALIASES: Record<string, string> = {
  "image/jpg": "image/jpeg",
  "image/pjpeg": "image/jpeg",
  "image/x-png": "image/png",
  "image/x-ms-bmp": "image/bmp",
  "video/x-m4v": "video/mp4",
  "video/avi": "video/x-msvideo",
  "audio/mp3": "audio/mpeg",
  "audio/x-wav": "audio/wav",
  "audio/wave": "audio/wav",
  "audio/vnd.wave": "audio/wav",
  "audio/x-flac": "audio/flac",
  "audio/x-aac": "audio/aac",
  "audio/m4a": "audio/mp4",
  "audio/x-m4a": "audio/mp4",
  "audio/x-aiff": "audio/aiff",
  "audio/x-midi": "audio/midi",
  "application/ogg": "audio/ogg",
  "application/x-zip-compressed": "application/zip",
  "application/x-gzip": "application/gzip",
  "application/x-pdf": "application/pdf",
  "text/json": "application/json",
  "text/xml": "application/xml",
};

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

export const OCTET_STREAM = "application/octet-stream";

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

/**
 * Whether a browser may show it in place of the page. What can run script there (HTML, SVG, XML, PDF) is only ever saved;
 * an SVG still works in an `<img>`. What no browser shows is saved too.
 */
export function isShownInline(type: string): boolean {
  if (type.endsWith("+xml") || type === "text/html") return false;
  return isMedia(type) || type.startsWith("text/") || type === "application/json";
}

/** The extension we write for a type; null where the type says nothing. */
export function extensionOf(type: string): string | null {
  return EXTENSIONS[type]?.[0] ?? null;
}

/** The type that a file name's extension stands for. */
export function typeOfName(name: string | null): string | null {
  const extension = /\.([a-z0-9]+)$/i.exec(name ?? "")?.[1]?.toLowerCase();
  if (extension === undefined) return null;
  return Object.keys(EXTENSIONS).find((type) => EXTENSIONS[type]?.includes(extension)) ?? null;
}

/** The type of our list that a Content-Type names, by its usual name; null where it names none. */
export function listedType(word: string | null): string | null {
  const essence = (word ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
  const type = Object.hasOwn(ALIASES, essence) ? ALIASES[essence] : essence;
  return type !== undefined && Object.hasOwn(EXTENSIONS, type) ? type : null;
}

function isMedia(type: string): boolean {
  return /^(image|video|audio)\//.test(type) && type !== "image/svg+xml";
}

function startsWith(bytes: Uint8Array, ascii: string): boolean {
  return [...ascii].every((char, i) => bytes[i] === char.charCodeAt(0));
}
