// The one file of a form, however its bytes are cut on their way, whatever is in it, and when the form is none.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Feed, SliceFeed } from "../../../src/files/feed.ts";
import { formFile } from "../../../src/uploads/form.ts";

const BOUNDARY = "----form7MA4YWxk";
const TYPE = `multipart/form-data; boundary=${BOUNDARY}`;

/** Pieces of the given lengths, over and over, all in one buffer, as a body comes. */
function cut(bytes: Uint8Array, lengths: readonly number[]): Feed {
  return new SliceFeed(pieces(bytes, lengths));
}

async function* pieces(bytes: Uint8Array, lengths: readonly number[]): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(Math.max(...lengths));
  for (let at = 0, n = 0; at < bytes.length; n++) {
    const piece = bytes.subarray(at, at + (lengths[n % lengths.length] ?? 1));
    buffer.set(piece);
    yield buffer.subarray(0, piece.length);
    at += piece.length;
  }
}

interface Field {
  name: string;
  file: boolean;
  type: string | null;
  bytes: Uint8Array;
}

function formOf(fields: readonly Field[], { preamble = "", end = "\r\n" } = {}): Uint8Array {
  const parts = fields.flatMap(({ name, file, type, bytes }) => [
    `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"${file ? '; filename="a.png"' : ""}\r\n`,
    `${type === null ? "" : `Content-Type: ${type}\r\n`}\r\n`,
    bytes,
    "\r\n",
  ]);
  return Buffer.concat([preamble, ...parts, `--${BOUNDARY}--${end}`].map((part) => Buffer.from(part)));
}

async function all(feed: Feed): Promise<Buffer> {
  const came: Uint8Array[] = [];
  for (let piece = await feed.next(1_000); piece !== null; piece = await feed.next(1_000)) came.push(piece.slice());
  return Buffer.concat(came);
}

/** Bytes in which line ends, dashes and beginnings of the delimiter are many. */
const trickyBytes = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 20 }),
      fc.constantFrom("\r\n", "--", "\r", "\r\n--", `\r\n--${BOUNDARY.slice(0, -1)}`, `--${BOUNDARY}`).map(Buffer.from),
    ),
    { maxLength: 12 },
  )
  .map((parts) => Buffer.concat(parts))
  .filter(
    (bytes) => !bytes.includes(`\r\n--${BOUNDARY}`) && !`\r\n${bytes.toString("latin1")}`.includes(`\r\n--${BOUNDARY}`),
  );

const fieldBefore = fc.record({
  ...{ name: fc.constantFrom("note", "key"), file: fc.constant(false), type: fc.constantFrom(null, "text/plain") },
  bytes: trickyBytes,
});
const lengthsOf = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 5 });

describe("the file of a form", () => {
  test("comes whole, whatever is in it and before it and however it is cut", async () => {
    await fc.assert(
      fc.asyncProperty(
        ...([fc.array(fieldBefore, { maxLength: 3 }), trickyBytes, lengthsOf] as const),
        fc.constantFrom("", "\r\n"),
        async (before, bytes, lengths, end) => {
          const form = formOf([...before, { name: "file", file: true, type: "image/png", bytes }], { end });
          const found = await formFile(cut(form, lengths), TYPE, form.length);
          if (found.kind !== "file") throw new Error(JSON.stringify(found));
          expect(found.file).toMatchObject({ length: null, contentType: "image/png" });
          // Reserved before it comes: never less than what comes, and more by the last line end at most.
          const { atMost } = found.file;
          expect(Number(atMost) - bytes.length).toBeOneOf([0, 2]);
          expect((await all(found.file.feed)).equals(bytes)).toBe(true);
        },
      ),
    );
  });

  test("is told apart from one that was cut off, wherever it was", async () => {
    const bytes = Buffer.from("the file\r\n--and more");
    const form = formOf([{ name: "file", file: true, type: null, bytes }], { end: "" });
    const ends = Array.from({ length: form.length }, (_, length) => length);
    for (const length of ends) {
      const found = await formFile(cut(form.subarray(0, length), [7]), TYPE, null);
      if (found.kind === "refused") {
        expect(found.refusal.code).toBe("invalid_request");
        continue;
      }
      const came = await all(found.file.feed).catch(() => "cut off");
      // The delimiter's own two dashes decide nothing: the file was whole before them.
      if (length < form.length - "--".length) expect(came, `${length} bytes of the form`).toBe("cut off");
      else expect(came.toString()).toBe(bytes.toString());
    }
  });

  test.each([
    ["without a boundary", "multipart/form-data", formOf([]), "boundary"],
    ["with another boundary than its own", `${TYPE}x`, formOf([]), "incomplete"],
    ["without a file", TYPE, formOf([{ name: "note", file: false, type: null, bytes: Buffer.from("x") }]), "no file"],
    ["that is empty", TYPE, new Uint8Array(0), "incomplete"],
    ["whose headers never end", TYPE, Buffer.from(`--${BOUNDARY}\r\n${"a: b\r\n".repeat(10_000)}`), "incomplete"],
  ])("is refused in a form %s", async (_name, type, form, words) => {
    const found = await formFile(cut(form, [1_000]), type, form.length);
    expect(found).toMatchObject({ kind: "refused", refusal: { detail: expect.stringContaining(words) } });
  });

  test.each([
    ["in quotes", `multipart/form-data; boundary="${BOUNDARY}"`],
    ["after other parameters", `Multipart/Form-Data; charset=utf-8; Boundary=${BOUNDARY}`],
  ])("is found by a boundary %s", async (_name, type) => {
    const form = formOf([{ name: "file", file: true, type: null, bytes: Buffer.from("abc") }], { preamble: "old\r\n" });
    const found = await formFile(cut(form, [5]), type, form.length);
    expect(found.kind === "file" && (await all(found.file.feed)).toString()).toBe("abc");
  });
});
