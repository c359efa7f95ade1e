// A caller's body as text: its bytes decoded once and strictly, by the encoding that the call names, else as UTF-8. Pure.

import { type Refused, refusal, refused } from "../platform/errors.ts";

export type Compression = "gzip" | "deflate";

/** Content encodings that are taken off a body (RFC 9110, 8.4.1); `x-gzip` is gzip. */
const CODINGS: Readonly<Record<string, Compression | null>> = {
  "": null,
  identity: null,
  gzip: "gzip",
  "x-gzip": "gzip",
  deflate: "deflate",
};

const AS_UTF8 =
  "Send it as UTF-8, or name its encoding in the header, for example `Content-Type: application/json; charset=iso-8859-1`.";

/** What has to be decompressed; null: nothing. */
export function codingOf(contentEncoding: string | null): { kind: "known"; format: Compression | null } | Refused {
  const word = (contentEncoding ?? "").trim().toLowerCase();
  const format = Object.hasOwn(CODINGS, word) ? CODINGS[word] : undefined;
  if (format !== undefined) return { kind: "known", format };
  const hint = "Send it plain, or as `gzip` or `deflate`.";
  return refused(
    refusal("unsupported_encoding", "The Content-Encoding of the request body is not supported.", { hint }),
  );
}

/** The text of a body of this Content-Type. A byte order mark is dropped. */
export function bodyText(bytes: Uint8Array, contentType: string | null): { kind: "text"; text: string } | Refused {
  const charset = /;\s*charset\s*=\s*"?([^";\s]+)/i.exec(contentType ?? "")?.[1] ?? null;
  if (charset === null) {
    const disguise = disguiseOf(bytes);
    if (disguise !== null) return disguise;
  }
  const decoder = decoderOf(charset ?? "utf-8");
  if (decoder === null) {
    const detail = "The charset in the Content-Type of the request body is unknown.";
    return refused(
      refusal("invalid_request", detail, { hint: "Use a name of encoding.spec.whatwg.org, or send UTF-8." }),
    );
  }
  try {
    return { kind: "text", text: decoder.decode(bytes) };
  } catch {
    const name = decoder.encoding.toUpperCase();
    const said = charset === null ? "" : ", as its Content-Type says";
    return refused(refusal("invalid_request", `The request body is not valid ${name}${said}.`, { hint: AS_UTF8 }));
  }
}

function decoderOf(charset: string): TextDecoder | null {
  try {
    return new TextDecoder(charset, { fatal: true, ignoreBOM: false });
  } catch {
    return null;
  }
}

/** What bytes are that no header explains: JSON begins with an ASCII character, or a byte order mark of UTF-8. */
function disguiseOf([first, second]: Uint8Array): Refused | null {
  if (second === undefined || first === undefined) return null;
  const isUtf16 =
    (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff) || first === 0 || second === 0;
  if (isUtf16) return refused(refusal("invalid_request", "The request body is UTF-16, not UTF-8.", { hint: AS_UTF8 }));
  const isGzip = first === 0x1f && second === 0x8b;
  const isZlib = first === 0x78 && (first * 256 + second) % 31 === 0;
  if (!isGzip && !isZlib) return null;
  const name = isGzip ? "gzip" : "deflate";
  const hint = `Send the header \`Content-Encoding: ${name}\` with it.`;
  return refused(
    refusal("invalid_request", `The request body is compressed (${name}), and no header says so.`, { hint }),
  );
}
