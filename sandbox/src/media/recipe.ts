// The parameters from which a media file is generated. Files are not stored: equal recipes give equal bytes. Pure.

import { makeMp4 } from "./mp4.ts";
import { makePng } from "./png.ts";
import { makeWav } from "./wav.ts";

export type MediaRecipe =
  | { kind: "png"; key: string; width: number; height: number }
  | { kind: "wav"; key: string; seconds: number }
  | { kind: "mp4"; key: string };

export const MEDIA_TYPES = { png: "image/png", wav: "audio/wav", mp4: "video/mp4" } as const;

/** The bytes of a file. */
export async function makeMedia(recipe: MediaRecipe): Promise<Uint8Array<ArrayBuffer>> {
  switch (recipe.kind) {
    case "png":
      return await makePng(recipe.key, recipe.width, recipe.height);
    case "wav":
      return makeWav(recipe.key, recipe.seconds);
    case "mp4":
      return makeMp4(recipe.key);
  }
}

/** A data URI of the file, padded to `length` with zeros that players ignore. */
export async function makeDataUri(recipe: MediaRecipe, length: number): Promise<string> {
  const prefix = `data:${MEDIA_TYPES[recipe.kind]};base64,`;
  const media = await makeMedia(recipe);
  const padded = new Uint8Array(Math.max(media.length, Math.floor((length - prefix.length) / 4) * 3));
  padded.set(media);
  return prefix + base64(padded);
}

function base64(bytes: Uint8Array): string {
  let binary = "";
  for (let i = 0; i < bytes.length; i += 0x8000) binary += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return btoa(binary);
}
