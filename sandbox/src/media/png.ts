// PNG files (W3C PNG, third edition): the scene of a key in indexed colour, one byte per pixel, one IDAT chunk. Pure except
// for the runtime's deflate.

import { ascii, concat, u32 } from "./bytes.ts";
import { drawScene } from "./scene.ts";

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
const BIT_DEPTH = 8;
const INDEXED_COLOUR = 3;

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let crc = n;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? 0xedb88320 ^ (crc >>> 1) : crc >>> 1;
  return crc;
});

/** CRC-32 as PNG chunks carry it, over type and data. */
export function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (CRC_TABLE[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** An image of the given size, seeded by the key. */
export async function makePng(key: string, width: number, height: number): Promise<Uint8Array<ArrayBuffer>> {
  const scene = drawScene(key, width, height);
  const rows = new Uint8Array((width + 1) * height); // each row starts with filter type 0
  for (let y = 0; y < height; y++) {
    rows.set(scene.pixels.subarray(y * width, (y + 1) * width), y * (width + 1) + 1);
  }
  const header = concat(u32(width), u32(height), Uint8Array.of(BIT_DEPTH, INDEXED_COLOUR, 0, 0, 0));
  return concat(
    SIGNATURE,
    chunk("IHDR", header),
    chunk("PLTE", scene.palette),
    chunk("IDAT", await zlib(rows)),
    chunk("IEND", new Uint8Array(0)),
  );
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const body = concat(ascii(type), data);
  return concat(u32(data.length), body, u32(crc32(body)));
}

async function zlib(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const packed = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(packed).arrayBuffer());
}
