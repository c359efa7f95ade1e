// Containers, and what each of them may hold, as its first bytes tell: brands of MP4's family, the codecs of Matroska and Ogg, chunks of
// RIFF, frames of MPEG audio. What the library of signatures knows by a prefix alone is decided here. Pure.

/** Types that the bytes prove, the likeliest first; null: none of these containers. */
export function containerTypes(head: Uint8Array): readonly string[] | null {
  return (
    riffTypes(head) ??
    isoMediaTypes(head) ??
    matroskaTypes(head) ??
    oggTypes(head) ??
    id3Types(head) ??
    frameTypes(head) ??
    streamTypes(head) ??
    signatureTypes(head)
  );
}

/** A type that the bytes allow and are too few to prove: one frame's header of MPEG audio. */
export function possibleType(head: Uint8Array): string | null {
  if (head[0] === 0xff && head[1] === 0x0a) return "image/jxl";
  return audioFrame(head, 0)?.type ?? null;
}

/** Markup before a drawing's own element. */
const SVG =
  /^\s*(?:<\?xml[^>]{0,200}>\s*)?(?:<!--(?:[^-]|-(?!->)){0,2000}-->\s*|<!DOCTYPE\s+svg[^>]{0,500}>\s*)*<svg[\s>]/i;
/** glTF's one required field (registry.khronos.org/glTF/specs/2.0, "Asset"). */
const GLTF = /^\s*\{[\s\S]*"asset"\s*:\s*\{[^}]*"version"\s*:\s*"[12]\./;

/** Types that a text proves; null: none of these. */
export function textTypes(head: Uint8Array): readonly string[] | null {
  const text = ascii(head, 0, head.length).replace(/^\xef\xbb\xbf/, "");
  if (SVG.test(text)) return ["image/svg+xml"];
  if (GLTF.test(text)) return ["model/gltf+json"];
  const found = TEXT_SIGNATURES.find(([signature]) => text.startsWith(signature));
  return found === undefined ? null : [found[1]];
}

/** RIFF and its kin (RIFX is big-endian; RF64 and BW64 are WAV above 4 GiB, EBU Tech 3306 and ITU-R BS.2088). */
function riffTypes(head: Uint8Array): readonly string[] | null {
  if (!["RIFF", "RIFX", "RF64", "BW64"].includes(ascii(head, 0, 4))) {
    if (ascii(head, 0, 4) !== "FORM") return null;
    return ["AIFF", "AIFC"].includes(ascii(head, 8, 4)) ? ["audio/aiff"] : null;
  }
  switch (ascii(head, 8, 4)) {
    case "WAVE":
      return ["audio/wav"];
    case "WEBP":
      return ["image/webp"];
    case "AVI ":
      return ["video/x-msvideo"];
    case "RMID":
      return ["audio/midi"];
    default:
      return null;
  }
}

const MP4 = ["video/mp4", "audio/mp4", "video/quicktime"];
/** Brands of ISO base media files (mp4ra.org/registered-types/brands) that say more than "MP4". */
const BRANDS: readonly (readonly [RegExp, readonly string[]])[] = [
  [/^(avif|avis)$/, ["image/avif", "image/heif"]],
  [/^(heic|heix|heim|heis|hevc|hevx)$/, ["image/heic", "image/heif"]],
  [/^(mif1|mif2|msf1)$/, ["image/heif", "image/heic", "image/avif"]],
  [/^(M4A |M4B |M4P |F4A |F4B )$/, ["audio/mp4", "video/mp4"]],
  [/^qt {2}$/, ["video/quicktime", "video/mp4", "audio/mp4"]],
  [/^3g[2ep]/, ["video/3gpp", "audio/3gpp", "video/mp4", "audio/mp4"]],
  [/^(jp2 |jpx )$/, ["image/jp2"]],
];

/** MP4, QuickTime, HEIF and others. A file whose tracks are told within the head, and are sound alone, is sound. */
function isoMediaTypes(head: Uint8Array): readonly string[] | null {
  const box = ascii(head, 4, 4);
  if (box === "ftyp") {
    const brand = ascii(head, 8, 4);
    const types = BRANDS.find(([pattern]) => pattern.test(brand))?.[1] ?? MP4;
    if (types[0]?.startsWith("image/")) {
      // A general brand is told more of by those it is compatible with.
      const size = Math.min((head[2] ?? 0) * 256 + (head[3] ?? 0), head.length);
      const compatible = ascii(head, 16, Math.max(0, size - 16));
      if (brand.startsWith("m") && /avi[fs]/.test(compatible)) return ["image/avif", "image/heif"];
      if (brand.startsWith("m") && /hei[cx]/.test(compatible)) return ["image/heic", "image/heif"];
      return types;
    }
    return byTracks(types, { video: holds(head, "vide"), audio: holds(head, "soun") });
  }
  // Without a brand: QuickTime of old, and parts of a stream of fragments.
  const size = ((head[0] ?? 0) << 24) | ((head[1] ?? 0) << 16) | ((head[2] ?? 0) << 8) | (head[3] ?? 0);
  if (["moov", "mdat", "wide", "free", "skip", "pnot"].includes(box) && (size === 1 || size >= 8)) {
    return ["video/quicktime", "video/mp4", "audio/mp4"];
  }
  return ["styp", "moof", "sidx"].includes(box) ? MP4 : null;
}

/** Matroska, of which WebM is a part: the codecs' names stand in the head. */
function matroskaTypes(head: Uint8Array): readonly string[] | null {
  if (head[0] !== 0x1a || head[1] !== 0x45 || head[2] !== 0xdf || head[3] !== 0xa3) return null;
  const webm = ["video/webm", "audio/webm"];
  const matroska = ["video/x-matroska", "audio/x-matroska"];
  const types = holds(head, "matroska") ? [...matroska, ...webm] : [...webm, ...matroska];
  const video = ["V_VP8", "V_VP9", "V_AV1", "V_MPEG", "V_MS/", "V_THEORA"].some((codec) => holds(head, codec));
  const audio = ["A_OPUS", "A_VORBIS", "A_AAC", "A_MPEG", "A_PCM", "A_FLAC", "A_AC3"].some((codec) =>
    holds(head, codec),
  );
  return byTracks(types, { video, audio });
}

/** By the first packet of the streams, whose pages all stand at the beginning (RFC 3533). */
function oggTypes(head: Uint8Array): readonly string[] | null {
  if (ascii(head, 0, 4) !== "OggS") return null;
  if (holds(head, "\x80theora") || holds(head, "BBCD\0")) return ["video/ogg"];
  if (holds(head, "OpusHead")) return ["audio/ogg", "audio/opus"];
  if (["\x01vorbis", "\x7fFLAC", "Speex   "].some((codec) => holds(head, codec))) return ["audio/ogg"];
  return ["audio/ogg", "audio/opus", "video/ogg"];
}

/** A tag that usually stands before MP3, and sometimes before others: what follows it decides, where the head reaches so far. */
function id3Types(head: Uint8Array): readonly string[] | null {
  if (ascii(head, 0, 3) !== "ID3" || (head[3] ?? 0xff) > 4) return null;
  const size = [6, 7, 8, 9].reduce((sum, at) => sum * 128 + ((head[at] ?? 0) & 0x7f), 0);
  let at = 10 + size + ((head[5] ?? 0) & 0x10 ? 10 : 0);
  // Padding that some writers leave out of the size.
  while (at < head.length && head[at] === 0) at++;
  if (ascii(head, at, 4) === "fLaC") return ["audio/flac"];
  const frame = audioFrame(head, at);
  if (frame !== null) return [frame.type];
  const inside = riffTypes(head.subarray(at));
  return inside ?? ["audio/mpeg", "audio/flac", "audio/aac"];
}

/** MPEG audio or AAC in ADTS without a tag: proven by the next frame, which begins where this one ends. */
function frameTypes(head: Uint8Array): readonly string[] | null {
  const first = audioFrame(head, 0);
  const second = first === null ? null : audioFrame(head, first.bytes);
  return first !== null && second?.type === first.type ? [first.type] : null;
}

/** Kbit/s by index, of MPEG 1 layers I to III, and of MPEG 2 and 2.5 layers I, II and III (ISO 11172-3, 13818-3). */
const BIT_RATES = {
  v1l1: [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
  v1l2: [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
  v1l3: [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  v2l1: [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
  v2l2: [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
} as const;

/** The frame whose header stands at `at`. */
function audioFrame(head: Uint8Array, at: number): { type: string; bytes: number } | null {
  const [sync = 0, b1 = 0, b2 = 0, b3 = 0, b4 = 0, b5 = 0] = head.subarray(at, at + 6);
  if (sync !== 0xff || (b1 & 0xe0) !== 0xe0) return null;
  const layer = (b1 >> 1) & 3;
  if (layer === 0) {
    // ADTS (ISO 13818-7, 6.2): twelve bits of sync, a sampling rate, and the frame's length in thirteen bits.
    const bytes = ((b3 & 3) << 11) | (b4 << 3) | (b5 >> 5);
    return (b1 & 0xf0) === 0xf0 && ((b2 >> 2) & 15) < 13 && bytes >= 7 ? { type: "audio/aac", bytes } : null;
  }
  const version = (b1 >> 3) & 3;
  const [rate, frequency] = [b2 >> 4, (b2 >> 2) & 3];
  if (version === 1 || rate === 0 || rate === 15 || frequency === 3) return null;
  const isV1 = version === 3;
  const hertz = ([44_100, 48_000, 32_000][frequency] ?? 44_100) / (isV1 ? 1 : version === 2 ? 2 : 4);
  const padding = (b2 >> 1) & 1;
  if (layer === 3) {
    const kbit = BIT_RATES[isV1 ? "v1l1" : "v2l1"][rate] ?? 0;
    return { type: "audio/mpeg", bytes: (Math.floor((12_000 * kbit) / hertz) + padding) * 4 };
  }
  const kbit = BIT_RATES[isV1 ? (layer === 2 ? "v1l2" : "v1l3") : "v2l2"][rate] ?? 0;
  const samples = layer === 1 && !isV1 ? 72_000 : 144_000;
  return { type: "audio/mpeg", bytes: Math.floor((samples * kbit) / hertz) + padding };
}

/** MPEG program and elementary streams, and transport streams, whose packets of 188 bytes begin alike (with 4 bytes before: M2TS). */
function streamTypes(head: Uint8Array): readonly string[] | null {
  if (head[0] === 0 && head[1] === 0 && head[2] === 1 && (head[3] === 0xba || head[3] === 0xb3)) return ["video/mpeg"];
  const isStream = (from: number, packet: number) => [0, 1, 2, 3].every((n) => head[from + n * packet] === 0x47);
  return isStream(0, 188) || isStream(4, 192) ? ["video/mp2t"] : null;
}

/** Signatures that the library lacks or knows without a type. */
const SIGNATURES: readonly (readonly [string, string])[] = [
  ["glTF", "model/gltf-binary"], // registry.khronos.org/glTF/specs/2.0, "GLB File Format"
  ["\0\0\0\x0cJXL \r\n\x87\n", "image/jxl"],
  ["\0\0\0\x0cjP  \r\n\x87\n", "image/jp2"],
  ["\x76\x2f\x31\x01", "image/x-exr"],
  ["8BPS\0\x01", "image/vnd.adobe.photoshop"],
  ["II+\0", "image/tiff"],
  ["MM\0+", "image/tiff"],
  ["\xabKTX 20\xbb\r\n\x1a\n", "image/ktx2"],
  ["caff\0\x01", "audio/x-caf"],
  ["#!AMR", "audio/amr"],
  ["FLV\x01", "video/x-flv"],
  ["\x30\x26\xb2\x75\x8e\x66\xcf\x11", "video/x-ms-asf"],
  ["\x1f\x8b\x08", "application/gzip"],
];
/** Headers that are text; what follows some of them is not. */
const TEXT_SIGNATURES: readonly (readonly [string, string])[] = [
  ["ply\n", "model/ply"],
  ["ply\r\n", "model/ply"],
  ["#?RADIANCE", "image/vnd.radiance"],
  ["#?RGBE", "image/vnd.radiance"],
  ["WEBVTT", "text/vtt"],
];

function signatureTypes(head: Uint8Array): readonly string[] | null {
  // Sizes of the headers that follow a bitmap's own.
  if (ascii(head, 0, 2) === "BM" && [12, 40, 52, 56, 64, 108, 124].includes(head[14] ?? 0) && head[15] === 0) {
    return ["image/bmp"];
  }
  const found = [...SIGNATURES, ...TEXT_SIGNATURES].find(
    ([signature]) => ascii(head, 0, signature.length) === signature,
  );
  return found === undefined ? null : [found[1]];
}

/** Of types for film and sound those that fit the tracks that were seen. */
function byTracks(types: readonly string[], { video, audio }: { video: boolean; audio: boolean }): readonly string[] {
  const sound = types.filter((type) => type.startsWith("audio/"));
  const film = types.filter((type) => !type.startsWith("audio/"));
  if (video) return film;
  return audio ? [...sound, ...film] : types;
}

function holds(head: Uint8Array, word: string): boolean {
  return ascii(head, 0, head.length).includes(word);
}

/** Bytes as characters below 256. */
function ascii(head: Uint8Array, from: number, length: number): string {
  return String.fromCharCode(...head.subarray(from, from + length));
}
