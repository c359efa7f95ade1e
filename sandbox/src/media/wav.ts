// WAV files: 16-bit PCM, mono, a short pentatonic melody seeded by the key. Pure.

import { randomFrom } from "../random.ts";
import { ascii, concat } from "./bytes.ts";

export const SAMPLE_RATE = 22_050;
const HEADER_BYTES = 44;
const NOTE_SECONDS = 0.25;
/** Steps of a major pentatonic scale in semitones. */
const SCALE = [0, 2, 4, 7, 9, 12, 14, 16];

/** Size of the file that `makeWav` returns. */
export function wavSize(seconds: number): number {
  return HEADER_BYTES + Math.round(seconds * SAMPLE_RATE) * 2;
}

/** A melody of the given length in seconds. */
export function makeWav(key: string, seconds: number): Uint8Array<ArrayBuffer> {
  const random = randomFrom("melody", key);
  const root = 196 * 2 ** (random.int(8) / 12);
  const samples = new Int16Array(Math.round(seconds * SAMPLE_RATE));
  const noteLength = Math.round(NOTE_SECONDS * SAMPLE_RATE);
  for (let start = 0; start < samples.length; start += noteLength) {
    const pitch = root * 2 ** ((SCALE[random.int(SCALE.length)] ?? 0) / 12);
    for (let i = 0; i < noteLength && start + i < samples.length; i++) {
      const fade = Math.min(1, i / 200) * (1 - i / noteLength);
      const angle = (2 * Math.PI * pitch * i) / SAMPLE_RATE;
      samples[start + i] = Math.round((Math.sin(angle) + 0.3 * Math.sin(2 * angle)) * fade * 9_000);
    }
  }
  return concat(header(samples.byteLength), new Uint8Array(samples.buffer));
}

/** RIFF header of PCM data; RIFF numbers are little-endian, as are the machines that run Workers. */
function header(dataBytes: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(HEADER_BYTES));
  const text = (offset: number, letters: string) => new Uint8Array(view.buffer).set(ascii(letters), offset);
  text(0, "RIFF");
  view.setUint32(4, HEADER_BYTES - 8 + dataBytes, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true); // length of the format block
  view.setUint16(20, 1, true); // PCM
  view.setUint16(22, 1, true); // channels
  view.setUint32(24, SAMPLE_RATE, true);
  view.setUint32(28, SAMPLE_RATE * 2, true); // bytes per second
  view.setUint16(32, 2, true); // bytes per sample of all channels
  view.setUint16(34, 16, true); // bits per sample
  text(36, "data");
  view.setUint32(40, dataBytes, true);
  return new Uint8Array(view.buffer);
}
