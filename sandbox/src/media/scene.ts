// The image of the sandbox: hills, sky, sun, and an identicon that differs for every key. One byte per pixel into a palette of 256
// colours; shared by PNG and MP4. Pure.

import { type Random, randomFrom } from "../random.ts";

export interface Scene {
  width: number;
  height: number;
  /** One palette index per pixel, row by row. */
  pixels: Uint8Array;
  /** 256 colours of three bytes each. */
  palette: Uint8Array;
}

const SKY_SHADES = 96;
const SUN = 96;
const SUN_SHADES = 14;
const HILLS = 110;
const LAYERS = 4;
const LAYER_SHADES = 35;
/** The last two colours are the identicon's; those before are the ball's. */
export const BALL = 250;
export const BALL_SHADES = 4;
const IDENTICON_DARK = 254;
const IDENTICON_LIGHT = 255;
/** The identicon is a mirrored grid of this many cells: 2^18 patterns. */
const IDENTICON_CELLS = 6;

type Colour = readonly [number, number, number];

/** Draws the scene of a key. The same key, width and height give the same bytes. */
export function drawScene(key: string, width: number, height: number): Scene {
  const random = randomFrom("scene", key);
  const palette = drawPalette(random);
  const pixels = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    const shade = Math.min(SKY_SHADES - 1, Math.floor((y / (height * 0.8)) * SKY_SHADES));
    pixels.fill(shade, y * width, (y + 1) * width);
  }
  drawSun(pixels, width, height, random);
  drawHills(pixels, width, height, random);
  drawIdenticon(pixels, width, height, random);
  return { width, height, pixels, palette };
}

function drawPalette(random: Random): Uint8Array {
  const palette = new Uint8Array(256 * 3);
  const hue = random.next();
  const sun = 0.08 + random.next() * 0.08;
  const land = hue + 0.3 + random.next() * 0.3;
  gradient(palette, 0, SKY_SHADES, hsl(hue, 0.55, 0.32), hsl(hue + 0.12, 0.75, 0.82));
  gradient(palette, SUN, SUN_SHADES, hsl(sun, 0.95, 0.9), hsl(sun, 0.9, 0.72));
  for (let layer = 0; layer < LAYERS; layer++) {
    const light = 0.52 - layer * 0.1;
    const first = HILLS + layer * LAYER_SHADES;
    gradient(palette, first, LAYER_SHADES, hsl(land, 0.4, light), hsl(land + 0.05, 0.5, light * 0.55));
  }
  gradient(palette, BALL, BALL_SHADES, hsl(hue + 0.5, 0.9, 0.7), hsl(hue + 0.5, 0.85, 0.4));
  gradient(palette, IDENTICON_DARK, 2, hsl(hue, 0.6, 0.12), hsl(hue + 0.5, 0.6, 0.9));
  return palette;
}

function gradient(palette: Uint8Array, first: number, count: number, from: Colour, to: Colour): void {
  for (let i = 0; i < count; i++) {
    const part = count === 1 ? 0 : i / (count - 1);
    for (let channel = 0; channel < 3; channel++) {
      const start = from[channel] ?? 0;
      palette[(first + i) * 3 + channel] = Math.round(start + ((to[channel] ?? 0) - start) * part);
    }
  }
}

function drawSun(pixels: Uint8Array, width: number, height: number, random: Random): void {
  const radius = Math.min(width, height) * (0.08 + random.next() * 0.08);
  const centreX = width * (0.2 + random.next() * 0.6);
  const centreY = height * (0.15 + random.next() * 0.25);
  for (let y = Math.max(0, Math.floor(centreY - radius)); y < Math.min(height, centreY + radius); y++) {
    for (let x = Math.max(0, Math.floor(centreX - radius)); x < Math.min(width, centreX + radius); x++) {
      const distance = Math.hypot(x - centreX, y - centreY) / radius;
      if (distance < 1) pixels[y * width + x] = SUN + Math.floor(distance * SUN_SHADES);
    }
  }
}

function drawHills(pixels: Uint8Array, width: number, height: number, random: Random): void {
  for (let layer = 0; layer < LAYERS; layer++) {
    const base = height * (0.45 + layer * 0.14);
    const waves = Array.from({ length: 3 }, (_, n) => ({
      turns: (1 + random.next() * 2) * (n + 1) * Math.PI,
      phase: random.next() * 2 * Math.PI,
      size: (height * 0.09 * (0.5 + random.next())) / (n + 1),
    }));
    for (let x = 0; x < width; x++) {
      const across = x / width;
      const lift = waves.reduce((sum, wave) => sum + Math.sin(across * wave.turns + wave.phase) * wave.size, 0);
      const top = Math.max(0, Math.floor(base + lift));
      for (let y = top; y < height; y++) {
        const depth = Math.min(LAYER_SHADES - 1, Math.floor(((y - top) / (height * 0.45)) * LAYER_SHADES));
        pixels[y * width + x] = HILLS + layer * LAYER_SHADES + depth;
      }
    }
  }
}

function drawIdenticon(pixels: Uint8Array, width: number, height: number, random: Random): void {
  const cell = Math.floor(Math.min(width, height) / 48);
  if (cell === 0) return;
  const left = width - cell * (IDENTICON_CELLS + 2);
  const top = height - cell * (IDENTICON_CELLS + 2);
  for (let row = 0; row < IDENTICON_CELLS; row++) {
    for (let column = 0; column < IDENTICON_CELLS / 2; column++) {
      const colour = random.int(2) === 0 ? IDENTICON_DARK : IDENTICON_LIGHT;
      for (const mirrored of [column, IDENTICON_CELLS - 1 - column]) {
        for (let y = 0; y < cell; y++) {
          const start = (top + row * cell + y) * width + left + mirrored * cell;
          pixels.fill(colour, start, start + cell);
        }
      }
    }
  }
}

/** Hue, saturation and lightness in [0, 1] (hue wraps) to bytes of red, green, blue. */
function hsl(hue: number, saturation: number, lightness: number): Colour {
  const spread = saturation * Math.min(lightness, 1 - lightness);
  const channel = (offset: number) => {
    const turn = (offset + hue * 12) % 12;
    return Math.round(255 * (lightness - spread * Math.max(-1, Math.min(turn - 3, 9 - turn, 1))));
  };
  return [channel(0), channel(8), channel(4)];
}
