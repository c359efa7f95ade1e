// The one file of a multipart/form-data body (RFC 7578), as React Native and HTML forms send it, streamed: the form is never
// held, only as much of it as a delimiter may hide in. Fields before the file are skipped.

import { type Feed, FILE_COPY_CHUNK_BYTES, joined, SliceFeed } from "../files/feed.ts";
import { type Refusal, type Refused, refusal, refused } from "../platform/errors.ts";

/** A file as it is sent, raw or in a form. `length` null: unknown. */
export interface SentFile {
  feed: Feed;
  length: number | null;
  /** Where `length` is null: no more than this can come; null: nothing is known. */
  atMost: number | null;
  contentType: string | null;
  /** The refusal for an incomplete file. */
  broken: Refusal;
}

/** Headers of one field: a name, a file name, a type. */
const HEADERS_MAX_BYTES = 16 * 1024;
const CUT_OFF = refusal("invalid_request", "The form data ended before the file was complete.", {
  hint: "Send the complete form to the same URL again.",
});
const HINT =
  "Send one file field, e.g. `form.append('file', { uri, name, type })`, or send the file's bytes as the body.";

/** Reads up to the first file. Its length is not known before its end, but how long it can be, where the form's own length is. */
export async function formFile(
  body: Feed,
  contentType: string,
  formBytes: number | null,
): Promise<{ kind: "file"; file: SentFile } | Refused> {
  const boundary = /;\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(contentType)?.slice(1).find(Boolean);
  if (boundary === undefined) return malformed("has no `boundary` parameter in its Content-Type");
  const form = new FormReader(body, `\r\n--${boundary}`);
  for (;;) {
    const headers = await form.nextHeaders();
    if (headers === "broken") return malformed("is incomplete");
    if (headers === "end") return malformed("contains no file");
    if (!/^content-disposition:[^\r\n]*;\s*filename\*?=/im.test(headers)) {
      if (!(await form.skipField())) return malformed("is incomplete");
      continue;
    }
    const type = /^content-type:\s*([^\r\n]+)/im.exec(headers)?.[1] ?? null;
    // After the file: CRLF, two dashes, boundary, two dashes. Whether a last CRLF follows, clients do not agree.
    const atMost = formBytes === null ? null : Math.max(0, formBytes - form.consumed - (boundary.length + 6));
    const feed = new SliceFeed(form.content());
    return { kind: "file", file: { feed, length: null, atMost, contentType: type, broken: CUT_OFF } };
  }
}

class FormReader {
  /** Bytes of the form before what is read next. */
  consumed = 0;
  readonly #body: Feed;
  readonly #delimiter: Uint8Array;
  /** Read, and not yet passed on. The form begins as if a line had ended, because its first delimiter has none before it. */
  #pending: Uint8Array = new Uint8Array([0x0d, 0x0a]);
  #virtual = 2;

  constructor(body: Feed, delimiter: string) {
    this.#body = body;
    this.#delimiter = new TextEncoder().encode(delimiter);
  }

  /** The header lines of the next field. The field before has been read to its end. */
  async nextHeaders(): Promise<string | "end" | "broken"> {
    // Skips what stands before the first delimiter, and the delimiter.
    if (!(await this.#skipDelimiter())) return "broken";
    const after = await this.#need(2);
    if (after === null) return "broken";
    if (after[0] === 0x2d && after[1] === 0x2d) return "end";
    for (;;) {
      const end = indexOf(this.#pending, new Uint8Array([0x0d, 0x0a, 0x0d, 0x0a]));
      if (end >= 0) {
        const text = new TextDecoder().decode(this.#take(end + 4));
        return text.trim();
      }
      if (this.#pending.length > HEADERS_MAX_BYTES || !(await this.#more())) return "broken";
    }
  }

  /** False when the form ends within the field. */
  async skipField(): Promise<boolean> {
    try {
      for await (const _ of this.content());
      return true;
    } catch {
      return false;
    }
  }

  /** The bytes up to the next delimiter, which stays. Throws when the form ends within them. */
  async *content(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const end = indexOf(this.#pending, this.#delimiter);
      if (end >= 0) {
        if (end > 0) yield this.#take(end);
        return;
      }
      // A delimiter may have begun in the last bytes.
      const safe = this.#pending.length - this.#delimiter.length + 1;
      if (safe > 0) yield this.#take(safe);
      if (!(await this.#more())) throw new Error("the form data ended inside a field");
    }
  }

  async #skipDelimiter(): Promise<boolean> {
    for (;;) {
      const at = indexOf(this.#pending, this.#delimiter);
      if (at >= 0) {
        this.#take(at + this.#delimiter.length);
        return true;
      }
      if (this.#pending.length > HEADERS_MAX_BYTES || !(await this.#more())) return false;
    }
  }

  async #need(bytes: number): Promise<Uint8Array | null> {
    while (this.#pending.length < bytes) if (!(await this.#more())) return null;
    return this.#pending.subarray(0, bytes);
  }

  #take(bytes: number): Uint8Array {
    const taken = this.#pending.subarray(0, bytes);
    this.#pending = this.#pending.subarray(bytes);
    this.consumed += bytes - this.#virtual;
    this.#virtual = 0;
    return taken;
  }

  async #more(): Promise<boolean> {
    const piece = await this.#body.next(FILE_COPY_CHUNK_BYTES);
    if (piece === null) return false;
    // A copy: the piece's memory is used again.
    this.#pending = joined(this.#pending, piece);
    return true;
  }
}

function indexOf(bytes: Uint8Array, wanted: Uint8Array): number {
  const first = wanted[0] ?? 0;
  for (let at = bytes.indexOf(first); at >= 0; at = bytes.indexOf(first, at + 1)) {
    if (at + wanted.length > bytes.length) return -1;
    if (wanted.every((byte, i) => bytes[at + i] === byte)) return at;
  }
  return -1;
}

function malformed(what: string): Refused {
  return refused(refusal("invalid_request", `The form data ${what}.`, { hint: HINT }));
}
