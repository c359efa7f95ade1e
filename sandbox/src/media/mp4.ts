// MP4 files (ISO/IEC 14496-12 and -15): two seconds of the scene of a key with a bouncing ball. The index comes before the data, so
// that the file plays while it loads. Pure.

import { randomFrom } from "../random.ts";
import { ascii, concat, u16, u32 } from "./bytes.ts";
import {
  changedPicture,
  type FrameSize,
  intraPicture,
  type ParameterSets,
  type Picture,
  parameterSets,
} from "./h264.ts";
import { BALL, BALL_SHADES, drawScene, type Scene } from "./scene.ts";

export const VIDEO_WIDTH = 320;
export const VIDEO_HEIGHT = 180;
export const VIDEO_FPS = 24;
export const VIDEO_FRAMES = 48;
/** 180 is not a multiple of 16: twelve rows are coded and cropped. */
const SIZE: FrameSize = { width: VIDEO_WIDTH, height: 192, croppedRows: 192 - VIDEO_HEIGHT };
const BALL_RADIUS = 13;
const MATRIX = [0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000];
const LANGUAGE_UNDETERMINED = 0x55c4;

/** A video seeded by the key; size and duration are always the same. */
export function makeMp4(key: string): Uint8Array<ArrayBuffer> {
  const sets = parameterSets(SIZE);
  const samples = film(key).map((unit) => concat(u32(unit.length), unit));
  const brand = box("ftyp", ascii("isom"), u32(0x200), ascii("isomiso2avc1mp41"));
  const offset = brand.length + index(sets, samples, 0).length + 8;
  return concat(brand, index(sets, samples, offset), box("mdat", ...samples));
}

/** How the ball of a key moves: how often it bounces and from which side it comes. */
interface Flight {
  bounces: number;
  fromRight: boolean;
}

function film(key: string): Uint8Array[] {
  const random = randomFrom("ball", key);
  const flight: Flight = { bounces: 2 + random.int(4), fromRight: random.int(2) === 1 };
  const scene = drawScene(key, VIDEO_WIDTH, VIDEO_HEIGHT);
  const colours = videoColours(scene.palette);
  let before = toPicture(pixelsAt(scene, flight, 0), colours);
  const units = [intraPicture(before, SIZE)];
  for (let n = 1; n < VIDEO_FRAMES; n++) {
    const picture = toPicture(pixelsAt(scene, flight, n), colours);
    units.push(changedPicture(n, picture, before, SIZE));
    before = picture;
  }
  return units;
}

function pixelsAt(scene: Scene, flight: Flight, frame: number): Uint8Array {
  const pixels = new Uint8Array(SIZE.width * SIZE.height);
  pixels.set(scene.pixels);
  const part = frame / VIDEO_FRAMES;
  const across = flight.fromRight ? 1 - part : part;
  const centreX = BALL_RADIUS + across * (VIDEO_WIDTH - 2 * BALL_RADIUS);
  const floor = VIDEO_HEIGHT - BALL_RADIUS - 1;
  const height = Math.abs(Math.sin(part * Math.PI * flight.bounces)) * VIDEO_HEIGHT * 0.6 * (1 - part * 0.5);
  const centreY = floor - height;
  for (let y = Math.ceil(centreY - BALL_RADIUS); y < centreY + BALL_RADIUS; y++) {
    for (let x = Math.ceil(centreX - BALL_RADIUS); x < centreX + BALL_RADIUS; x++) {
      const distance = Math.hypot(x - centreX, y - centreY) / BALL_RADIUS;
      if (distance < 1) pixels[y * SIZE.width + x] = BALL + Math.floor(distance * BALL_SHADES);
    }
  }
  return pixels;
}

/** For each palette colour its luma and two chroma samples in BT.601 video range. */
type VideoColours = readonly [Uint8Array, Uint8Array, Uint8Array];

function videoColours(palette: Uint8Array): VideoColours {
  const colours = [new Uint8Array(256), new Uint8Array(256), new Uint8Array(256)] as const;
  for (let i = 0; i < 256; i++) {
    const [r = 0, g = 0, b = 0] = palette.subarray(i * 3, i * 3 + 3);
    colours[0][i] = Math.round(16 + 0.257 * r + 0.504 * g + 0.098 * b);
    colours[1][i] = Math.round(128 - 0.148 * r - 0.291 * g + 0.439 * b);
    colours[2][i] = Math.round(128 + 0.439 * r - 0.368 * g - 0.071 * b);
  }
  return colours;
}

/** A chroma sample takes the colour of the top left one of its four pixels. */
function toPicture(pixels: Uint8Array, [lumaOf, cbOf, crOf]: VideoColours): Picture {
  const luma = new Uint8Array(pixels.length);
  const cb = new Uint8Array(pixels.length / 4);
  const cr = new Uint8Array(pixels.length / 4);
  for (let i = 0; i < pixels.length; i++) luma[i] = lumaOf[pixels[i] ?? 0] ?? 0;
  for (let y = 0, i = 0; y < SIZE.height; y += 2) {
    for (let x = 0; x < SIZE.width; x += 2, i++) {
      const colour = pixels[y * SIZE.width + x] ?? 0;
      cb[i] = cbOf[colour] ?? 0;
      cr[i] = crOf[colour] ?? 0;
    }
  }
  return { luma, cb, cr };
}

function box(type: string, ...content: Uint8Array[]): Uint8Array {
  const size = content.reduce((sum, part) => sum + part.length, 8);
  return concat(u32(size), ascii(type), ...content);
}

function fullBox(type: string, flags: number, ...content: Uint8Array[]): Uint8Array {
  return box(type, u32(flags), ...content);
}

const zeros = (count: number) => new Uint8Array(count);
const numbers = (...values: number[]) => concat(...values.map(u32));

/** The `moov` box: one track, one chunk that starts at `offset` of the file. Its length does not depend on `offset`. */
function index(sets: ParameterSets, samples: Uint8Array[], offset: number): Uint8Array {
  const duration = VIDEO_FRAMES;
  const matrix = numbers(...MATRIX);
  const movie = fullBox(
    "mvhd",
    0,
    numbers(0, 0, VIDEO_FPS, duration, 0x10000),
    u16(0x100),
    zeros(10),
    matrix,
    zeros(24),
    u32(2),
  );
  const trackHead = fullBox(
    "tkhd",
    3, // enabled, in the movie
    numbers(0, 0, 1, 0, duration),
    zeros(16),
    matrix,
    numbers(VIDEO_WIDTH * 0x10000, VIDEO_HEIGHT * 0x10000),
  );
  const media = box(
    "mdia",
    fullBox("mdhd", 0, numbers(0, 0, VIDEO_FPS, duration), u16(LANGUAGE_UNDETERMINED), u16(0)),
    fullBox("hdlr", 0, u32(0), ascii("vide"), zeros(12), ascii("VideoHandler\0")),
    box(
      "minf",
      fullBox("vmhd", 1, zeros(8)),
      box("dinf", fullBox("dref", 0, u32(1), fullBox("url ", 1))),
      sampleTable(sets, samples, offset),
    ),
  );
  return box("moov", movie, box("trak", trackHead, media));
}

function sampleTable(sets: ParameterSets, samples: Uint8Array[], offset: number): Uint8Array {
  const [, profile = 0, constraints = 0, level = 0] = sets.sps;
  const decoder = box(
    "avcC",
    Uint8Array.of(1, profile, constraints, level, 0xff, 0xe1), // four-byte lengths, one sequence set
    u16(sets.sps.length),
    sets.sps,
    Uint8Array.of(1),
    u16(sets.pps.length),
    sets.pps,
  );
  const entry = box(
    "avc1",
    zeros(6),
    u16(1),
    zeros(16),
    u16(VIDEO_WIDTH),
    u16(VIDEO_HEIGHT),
    numbers(0x480000, 0x480000, 0),
    u16(1),
    zeros(32),
    u16(24),
    u16(0xffff),
    decoder,
  );
  return box(
    "stbl",
    fullBox("stsd", 0, u32(1), entry),
    fullBox("stts", 0, numbers(1, samples.length, 1)),
    fullBox("stss", 0, numbers(1, 1)), // the first picture is the only one to start from
    fullBox("stsc", 0, numbers(1, 1, samples.length, 1)),
    fullBox("stsz", 0, numbers(0, samples.length, ...samples.map((sample) => sample.length))),
    fullBox("stco", 0, numbers(1, offset)),
  );
}
