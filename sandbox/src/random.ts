// The seeded random generator of the sandbox: equal seeds give equal ids and media. Not for secrets.

const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** A stream of numbers that depends only on its seed. */
export interface Random {
  /** In [0, 1). */
  next(): number;
  /** An integer in [0, below). */
  int(below: number): number;
  hex(length: number): string;
  /** Letters and digits, as in fal's file names. */
  text(length: number): string;
  /** Shaped as a version 4 UUID. */
  uuid(): string;
  /** An integer of 18 digits as text, above 2^53 and below 2^63. */
  bigInteger(): string;
}

/** A generator made from the parts' text; another order or split of the parts gives another generator. */
export function randomFrom(...parts: (string | number)[]): Random {
  const next = sfc32(mixed(JSON.stringify(parts)));
  const int = (below: number) => Math.floor(next() * below);
  const hex = (length: number) => Array.from({ length }, () => int(16).toString(16)).join("");
  const text = (length: number) => Array.from({ length }, () => BASE62[int(62)]).join("");
  return {
    next,
    int,
    hex,
    text,
    uuid: () => `${hex(8)}-${hex(4)}-4${hex(3)}-${"89ab"[int(4)]}${hex(3)}-${hex(12)}`,
    bigInteger: () => `${1 + int(8)}${Array.from({ length: 17 }, () => int(10)).join("")}`,
  };
}

/** Four 32-bit words that all depend on every character (MurmurHash3's finishing steps over an FNV-like walk). */
function mixed(text: string): [number, number, number, number] {
  const words: [number, number, number, number] = [0x9e3779b9, 0x243f6a88, 0xb7e15162, 0xdeadbeef];
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    words[0] = Math.imul(words[0] ^ code, 0x85ebca6b) ^ (words[3] >>> 15);
    words[1] = Math.imul(words[1] ^ code, 0xc2b2ae35) ^ (words[0] >>> 13);
    words[2] = Math.imul(words[2] ^ code, 0x27d4eb2f) ^ (words[1] >>> 16);
    words[3] = Math.imul(words[3] ^ code, 0x165667b1) ^ (words[2] >>> 11);
  }
  return [finished(words[0]), finished(words[1]), finished(words[2]), finished(words[3])];
}

function finished(word: number): number {
  let h = word;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Chris Doty-Humphrey's small fast counter generator, 32-bit words; the first outputs are thrown away. */
function sfc32(seed: [number, number, number, number]): () => number {
  let [a, b, c, counter] = seed;
  const next = () => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    return (sum >>> 0) / 4294967296;
  };
  for (let i = 0; i < 12; i++) next();
  return next;
}
