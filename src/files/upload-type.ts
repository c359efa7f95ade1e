// Which types of uploads are accepted: by the declared type when the upload is created, and by the content when it is sent. The
// content decides.

import { type Refused, refusal, refused } from "../platform/errors.ts";
import { decideType, familyOf, sniff } from "./media-types.ts";
import { listedType } from "./type-names.ts";

/** Types that can run scripts in a browser. No model reads them. */
const ACTIVE = new Set(["text/html", "application/xhtml+xml", "application/xml"]);

type TypeAnswer<T> = { kind: "known"; type: T } | Refused;

/** The type that an announcement names; null when it names none that we know, and the bytes decide alone. */
export function announcedType(word: string | null, name: string): TypeAnswer<string | null> {
  const type = listedType(word);
  if (type !== null && ACTIVE.has(type)) {
    return typeRefused(`\`content_type\` ${type} is not accepted: "${name}" could run scripts in a browser.`);
  }
  return { kind: "known", type };
}

/**
 * The type of the bytes that came. `head` is the first FILE_SNIFF_BYTES of them, or all. What was announced as a picture, a
 * film, a sound or a 3D model must begin as one; which one of them is the bytes' to say (a JPEG called .png is common).
 */
export function uploadedType(file: {
  announced: string | null;
  /** Content-Type that came with the bytes. */
  header: string | null;
  name: string;
  head: Uint8Array;
}): TypeAnswer<string> {
  const sniffed = sniff(file.head);
  const type = decideType({ header: file.announced, claimed: file.header, sniffed, name: file.name });
  if (ACTIVE.has(type)) return typeRefused(`The file's content is ${type}, which is not accepted.`);
  const family = familyOf(file.announced ?? "");
  if (family !== null && familyOf(type) !== family) {
    // The bytes prove another kind of medium: that is what the file is, of the announced family where its container may hold that.
    const [likeliest] = sniffed.types;
    const isMedium = likeliest !== undefined && familyOf(likeliest) !== null;
    const real = isMedium ? (sniffed.types.find((each) => familyOf(each) === family) ?? likeliest) : undefined;
    if (real !== undefined) return { kind: "known", type: real };
    const what = sniffed.types[0] === undefined ? `do not match any ${family} format` : `are ${type}`;
    return typeRefused(`\`content_type\` is ${file.announced}, but the file's bytes ${what}.`);
  }
  return { kind: "known", type };
}

function typeRefused(detail: string): Refused {
  const hint = "Accepted files: images, video, audio, 3D models, ZIP archives, PDFs, text, and model weights.";
  return refused(refusal("unsupported_media_type", detail, { hint }));
}
