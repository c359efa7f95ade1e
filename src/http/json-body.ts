// A caller's JSON body, read in one pass under a size limit and a memory permit: a tree that keeps numbers as written, and a plain
// copy for schemas. The reader releases the permit.

import { discard, type Message, readInbound, unheardRefusal } from "../net/body.ts";
import type { Permit, Sender } from "../net/byte-budget.ts";
import { type Refused, refusal, refused } from "../platform/errors.ts";
import { type JsonTree, plainCopy, readJson } from "../platform/json.ts";
import { bodyText, type Compression, codingOf } from "./body-text.ts";
import { jsonFaultText } from "./json-faults.ts";

/** The body of a submit. Inputs are links or small data URIs; larger media goes through uploads. */
export const REQUEST_BODY_MAX_BYTES = 10 * 1024 * 1024;
/** Every other JSON body, estimates too: what reading it costs is bounded before any limit is asked. */
export const SMALL_BODY_MAX_BYTES = 1024 * 1024;

interface ReadJson {
  kind: "read";
  tree: JsonTree;
  plain: unknown;
  permit: Permit;
}
export type JsonBody = ReadJson | Refused;

const HOW_TO_SEND = "Send a JSON object, with the header `Content-Type: application/json`.";

/** `sender`: whose share of memory it takes. `ifEmpty`: the text that an empty body stands for; null refuses an empty body. */
export async function readJsonBody(
  request: Request,
  sender: Sender,
  { maxBytes, ifEmpty = null }: { maxBytes: number; ifEmpty?: string | null },
): Promise<JsonBody> {
  const type = request.headers.get("Content-Type");
  const isEmpty = request.body === null || request.headers.get("Content-Length") === "0";
  const isJson = type === null || /^application\/([a-z0-9.+-]+\+)?json\s*(;|$)/i.test(type.trim());
  if (!isJson && !(isEmpty && ifEmpty !== null)) {
    discard(request);
    return refused(refusal("unsupported_media_type", "The request body must be JSON.", { hint: HOW_TO_SEND }));
  }
  const coding = codingOf(request.headers.get("Content-Encoding"));
  if (coding.kind === "refused") {
    discard(request);
    return coding;
  }
  const { format } = coding;
  const read = await readInbound(format === null ? request : decompressed(request, format), maxBytes, sender);
  switch (read.kind) {
    case "too_large": {
      const detail = `The request body exceeds ${maxBytes} bytes.`;
      return refused(
        refusal("payload_too_large", detail, { hint: "Pass large files as URLs, for example of POST /v1/uploads." }),
      );
    }
    case "broken":
      return refused(
        refusal("invalid_request", `The request body is incomplete${format === null ? "" : `, or no ${format}`}.`),
      );
    case "too_slow":
    case "overloaded":
      return refused(unheardRefusal(read));
    case "read": {
      const parsed = parseBody(read.bytes, type, ifEmpty);
      if (parsed.kind === "refused") read.permit.release();
      return parsed.kind === "refused" ? parsed : { ...parsed, permit: read.permit };
    }
  }
}

function parseBody(bytes: Uint8Array, type: string | null, ifEmpty: string | null): Omit<ReadJson, "permit"> | Refused {
  const decoded = bodyText(bytes, type);
  if (decoded.kind === "refused") return decoded;
  const text = ifEmpty !== null && decoded.text.trim() === "" ? ifEmpty : decoded.text;
  const parsed = readJson(text);
  if (parsed.kind === "fault") {
    return refused(refusal("invalid_request", jsonFaultText(text, parsed.fault), { hint: HOW_TO_SEND }));
  }
  const { tree, isPlain, duplicate } = parsed;
  if (duplicate === null) return { kind: "read", tree, plain: isPlain ? tree : plainCopy(tree) };
  const hint = "Send each name once: the meaning of duplicates is undefined (RFC 8259, section 4).";
  return refused(refusal("invalid_request", `Duplicate name \`${duplicate}\` in the request body.`, { hint }));
}

/** The cap and the pace count what comes out. */
function decompressed({ body, headers }: Request, format: Compression): Message {
  return { body: body?.pipeThrough<Uint8Array>(new DecompressionStream(format)) ?? null, headers };
}
