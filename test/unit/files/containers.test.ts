// What a container may hold, by its first bytes: the table, what its codecs and brands narrow it to, and which word picks.

import { expect, test } from "vitest";
import { containerTypes } from "../../../src/files/containers.ts";
import { decideType, sniff } from "../../../src/files/media-types.ts";
import { uploadedType } from "../../../src/files/upload-type.ts";

/** Characters below 256, and zeros after them. */
function bytes(...parts: string[]): Uint8Array {
  const text = parts.join("");
  return Uint8Array.from({ length: Math.max(600, text.length + 200) }, (_, n) => text.charCodeAt(n) || 0);
}
const box = (type: string, body: string) => `\0\0\0${String.fromCharCode(8 + body.length)}${type}${body}`;
const ftyp = (brand: string, ...more: string[]) => box("ftyp", `${brand}\0\0\0\0${more.join("")}`);
const ebml = (docType: string, ...codecs: string[]) =>
  `\x1aE\xdf\xa3\x9fB\x82\x88${docType}\x18S\x80g${codecs.join("\x86")}`;
const id3 = (inside: string, padding = 20) =>
  `ID3\x03\0\0\0\0\0${String.fromCharCode(padding)}${"\0".repeat(padding)}${inside}`;
/** MPEG 1, layer III, 128 kbit/s, 44.1 kHz: 417 bytes. */
const MP3 = "\xff\xfb\x90\x64";
const mp3 = (frames: number) => (MP3 + "\x55".repeat(413)).repeat(frames);
/** ADTS, 44.1 kHz, a frame of 64 bytes. */
const adts = (frames: number) => `\xff\xf1\x50\x80\x08\x1f\xfc${"\x55".repeat(57)}`.repeat(frames);

test.each<[string, string, string]>([
  ["WebM of both", ebml("webm", "V_VP9", "A_OPUS"), "video/webm"],
  ["WebM of sound alone", ebml("webm", "A_OPUS"), "audio/webm"],
  ["WebM whose tracks are farther on", ebml("webm"), "video/webm"],
  ["Matroska", ebml("matroska", "V_MPEG4/ISO/AVC"), "video/x-matroska"],
  ["Matroska of sound alone", ebml("matroska", "A_FLAC"), "audio/x-matroska"],
  ["MP4", ftyp("isom"), "video/mp4"],
  ["MP4 of sound alone", ftyp("isom") + box("moov", "hdlr\0\0\0\0soun"), "audio/mp4"],
  ["MP4 of both", ftyp("isom") + box("moov", "soun vide"), "video/mp4"],
  ["M4A", ftyp("M4A "), "audio/mp4"],
  ["QuickTime", ftyp("qt  "), "video/quicktime"],
  ["QuickTime without a brand", box("wide", "") + box("mdat", "\x01\x02"), "video/quicktime"],
  ["a fragment", box("moof", "\x01"), "video/mp4"],
  ["3GP", ftyp("3gp4"), "video/3gpp"],
  ["HEIC", ftyp("heic"), "image/heic"],
  ["HEIC by its second brand", ftyp("mif1", "heic"), "image/heic"],
  ["AVIF by its second brand", ftyp("mif1", "avif"), "image/avif"],
  ["ADTS", adts(3), "audio/aac"],
  ["MP3", mp3(2), "audio/mpeg"],
  ["MP3 with a tag", id3(mp3(1)), "audio/mpeg"],
  ["FLAC with a tag", id3("fLaC\0\0\0\x22"), "audio/flac"],
  ["ADTS with a tag", id3(adts(2)), "audio/aac"],
  ["a long tag", "ID3\x04\0\0\0\x10\0\0", "audio/mpeg"],
  ["WAV above 4 GiB", "RF64\xff\xff\xff\xffWAVEds64", "audio/wav"],
  ["BW64", "BW64\xff\xff\xff\xffWAVEds64", "audio/wav"],
  ["BWF", "RIFF\x24\0\0\0WAVEbext", "audio/wav"],
  ["AIFF-C", "FORM\0\0\0\x24AIFCFVER", "audio/aiff"],
  ["MIDI in RIFF", "RIFF\x24\0\0\0RMIDdata", "audio/midi"],
  ["AVI", "RIFF\x24\0\0\0AVI LIST", "video/x-msvideo"],
  ["Ogg with Opus", `OggS\0\x02${"\0".repeat(22)}OpusHead`, "audio/ogg"],
  ["Ogg with film", `OggS\0\x02${"\0".repeat(22)}\x80theora`, "video/ogg"],
  ["a program stream", "\0\0\x01\xba\x44\0\x04", "video/mpeg"],
  ["a transport stream", `G${"\x11".repeat(187)}`.repeat(4), "video/mp2t"],
  ["glTF binary", "glTF\x02\0\0\0", "model/gltf-binary"],
  ["PLY", "ply\nformat binary_little_endian 1.0\n\x01\x02\0", "model/ply"],
  ["JPEG XL", "\0\0\0\x0cJXL \r\n\x87\n", "image/jxl"],
  ["a bitmap", `BM\x36\0\x01\0\0\0\0\0\x36\0\0\0\x28\0\0\0`, "image/bmp"],
  ["EXR", "\x76\x2f\x31\x01\x02\0\0\0", "image/x-exr"],
  ["radiance", "#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 1 +X 1\n\x01\x02", "image/vnd.radiance"],
  ["ASF", "\x30\x26\xb2\x75\x8e\x66\xcf\x11", "video/x-ms-asf"],
  ["gzip", "\x1f\x8b\x08\0\0\0", "application/gzip"],
])("%s is told without a word about it", (_name, text, type) => {
  const head = bytes(text);
  expect(decideType({ claimed: null, header: null, name: null, sniffed: sniff(head) })).toBe(type);
  expect(decideType({ claimed: null, header: "application/octet-stream", name: "x.bin", sniffed: sniff(head) })).toBe(
    type,
  );
});

test.each<[string, string, string, string]>([
  ["WebM as WAV", ebml("webm", "A_OPUS"), "audio/wav", "audio/webm"],
  ["WebM whose tracks are farther on, as sound", ebml("webm"), "audio/wav", "audio/webm"],
  ["film in WebM as sound", ebml("webm", "V_VP8"), "audio/webm", "video/webm"],
  ["MP3 as WAV", mp3(2), "audio/wav", "audio/mpeg"],
  ["a single frame of MP3 as WAV", mp3(1), "audio/wav", "audio/mpeg"],
  ["ADTS as MP4", adts(2), "audio/mp4", "audio/aac"],
  ["a single frame of ADTS as MP4", adts(1), "audio/mp4", "audio/aac"],
  ["FLAC with a tag as MP3", id3("fLaC"), "audio/mpeg", "audio/flac"],
  ["a tag longer than the head as FLAC", "ID3\x04\0\0\0\x10\0\0", "audio/flac", "audio/flac"],
  ["WAV above 4 GiB", "RF64\xff\xff\xff\xffWAVE", "audio/wav", "audio/wav"],
  ["MP4 as sound", ftyp("mp42"), "audio/mp4", "audio/mp4"],
  ["Opus by its own name", `OggS\0\x02${"\0".repeat(22)}OpusHead`, "audio/opus", "audio/opus"],
  ["MP4 as QuickTime", ftyp("isom"), "video/quicktime", "video/quicktime"],
  ["HEIC as JPEG", ftyp("heic"), "image/jpeg", "image/heic"],
  ["binary glTF as its text", "glTF\x02\0\0\0", "model/gltf+json", "model/gltf-binary"],
  [
    "a text of glTF as binary",
    '{"scene":0,"asset":{"generator":"x","version":"2.0"}}',
    "model/gltf-binary",
    "model/gltf+json",
  ],
  ["raw JPEG XL", "\xff\x0a\x7a\x50", "image/jxl", "image/jxl"],
  ["a transport stream as MP4", `G${"\x11".repeat(187)}`.repeat(4), "video/mp4", "video/mp2t"],
])("an upload of %s is stored as what it is", (_name, text, announced, type) => {
  const head = announced.includes("gltf-binary") ? new TextEncoder().encode(text) : bytes(text);
  expect(uploadedType({ announced, header: null, name: "file", head })).toEqual({ kind: "known", type });
});

test.each<[string, string, string | null]>([
  ["weights that begin like a transport stream", "G\0\0\0\x01", null],
  ["weights that begin like MPEG audio", "\xff\xfb\x90\x64\x01\x02", null],
  ["RIFF of another kind", "RIFF\x24\0\0\0ABCD", null],
  ["a box of another kind", "\0\0\0\x18abcd", null],
  ["two letters", "BM are two letters\x01", null],
])("%s prove nothing", (_name, text, expected) => {
  const head = bytes(text);
  expect(containerTypes(head)).toBe(expected);
  expect(decideType({ claimed: null, header: null, name: "model.bin", sniffed: sniff(head) })).toBe(
    "application/octet-stream",
  );
});

test.each([
  "the free market",
  "wide moov, free mdat",
  "BM",
  "OggS are letters",
  "ID3 tags",
  "<!-- svg --> <p>",
  '{"asset":1}',
])("a sentence is no file of another kind: %s", (text) => {
  expect(sniff(new TextEncoder().encode(text)).types).toEqual([]);
});

test("no bytes make it fail, however few", () => {
  for (let first = 0; first < 256; first++) {
    for (const length of [0, 1, 2, 3, 5, 9, 17, 64]) {
      expect(Array.isArray(sniff(new Uint8Array(length).fill(first)).types)).toBe(true);
    }
  }
});
