// What an upload is stored as when its announcement is wrong: what its bytes prove.

import { expect, test } from "vitest";
import { uploadedType } from "../../../src/files/upload-type.ts";

const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex.padEnd(64, "0"), "hex"));
const WEBM = bytes("1a45dfa39f4286810142f781");
const MP3 = bytes("494433040000000000");
const MP4 = bytes("000000206674797069736f6d");
const PNG = bytes("89504e470d0a1a0a");
const ZIP = bytes("504b030414000000");

function typeOf(announced: string | null, head: Uint8Array, name = "file"): string {
  const typed = uploadedType({ announced, header: null, name, head });
  return typed.kind === "known" ? typed.type : typed.refusal.code;
}

test.each([
  ["WebM as WAV", "audio/wav", WEBM, "audio/webm"],
  ["MP3 as WAV", "audio/wav", MP3, "audio/mpeg"],
  ["FLAC with a tag as FLAC", "audio/flac", MP3, "audio/flac"],
  ["MP4 as sound", "audio/mp4", MP4, "audio/mp4"],
  ["a picture as a film", "video/mp4", PNG, "image/png"],
  ["sound as a picture", "image/png", MP3, "audio/mpeg"],
  ["an archive as a picture", "image/png", ZIP, "unsupported_media_type"],
  ["a page as a picture", "image/png", new TextEncoder().encode("<!doctype html><p>"), "unsupported_media_type"],
])("%s", (_name, announced, head, expected) => {
  expect(typeOf(announced, head)).toBe(expected);
});

test("a name tells what bytes do not prove", () => {
  expect(typeOf(null, bytes("fffb9064000000"), "audio.mp3")).toBe("audio/mpeg");
});
