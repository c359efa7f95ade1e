// A caller's JSON body, read in one pass under a size limit and a memory permit: a tree that keeps numbers as written, and a plain
// copy for schemas. The reader releases the permit.

import { discard, readInboundText, unheardRefusal } from "../net/body.ts";
import type { Permit, Sender } from "../net/byte-budget.ts";
import { type Refused, refusal, refused } from "../platform/errors.ts";
import { JSON_DEPTH_MAX, JSON_VALUES_MAX, type JsonTree, plainCopy, readJson } from "../platform/json.ts";
import type { JsonFault } from "../platform/json-scan.ts";

/** The body of a submit. Inputs are links or small data URIs; larger media goes through uploads. */
export const REQUEST_BODY_MAX_BYTES = 10 * 1024 * 1024;
/** Every other JSON body, estimates too: what reading it costs is bounded before any limit is asked. */
export const SMALL_BODY_MAX_BYTES = 1024 * 1024;

export type JsonBody = { kind: "read"; tree: JsonTree; plain: unknown; permit: Permit } | Refused;

const HOW_TO_SEND = "Send a JSON object, with the header `Content-Type: application/json`.";

/** `sender`: whose share of memory it takes. `ifEmpty`: the text that an empty body stands for; null refuses an empty body. */
export async function readJsonBody(
  request: Request,
  sender: Sender,
  { maxBytes, ifEmpty = null }: { maxBytes: number; ifEmpty?: string | null },
): Promise<JsonBody> {
  const type = request.headers.get("Content-Type");
  if (type !== null && !/^application\/([a-z0-9.+-]+\+)?json\s*(;|$)/i.test(type.trim())) {
    discard(request);
    return refused(refusal("unsupported_media_type", "The request body must be JSON.", { hint: HOW_TO_SEND }));
  }
  const read = await readInboundText(request, maxBytes, sender);
  switch (read.kind) {
    case "too_large": {
      const detail = `The request body exceeds ${maxBytes} bytes.`;
      return refused(
        refusal("payload_too_large", detail, { hint: "Pass large files as URLs, for example of POST /v1/uploads." }),
      );
    }
    case "broken":
      return refused(refusal("invalid_request", "The request body is incomplete."));
    case "too_slow":
    case "overloaded":
      return refused(unheardRefusal(read));
    case "read": {
      const text = ifEmpty !== null && read.text.trim() === "" ? ifEmpty : read.text;
      const parsed = readJson(text);
      if (parsed.kind === "parsed" && parsed.duplicate === null) {
        const { tree, isPlain } = parsed;
        return { kind: "read", tree, plain: isPlain ? tree : plainCopy(tree), permit: read.permit };
      }
      read.permit.release();
      if (parsed.kind === "parsed") {
        const hint = "Send each name once: the meaning of duplicates is undefined (RFC 8259, section 4).";
        const name = String(parsed.duplicate);
        return refused(refusal("invalid_request", `Duplicate name \`${name}\` in the request body.`, { hint }));
      }
      const detail = text.trim() === "" ? "The request body is empty." : faultText(parsed.fault);
      return refused(refusal("invalid_request", detail, { hint: HOW_TO_SEND }));
    }
  }
}

function faultText(fault: JsonFault): string {
  switch (fault.kind) {
    case "syntax":
      return `The request body is not valid JSON (at character ${fault.at + 1}).`;
    case "too_deep":
      return `The request body is nested deeper than ${JSON_DEPTH_MAX} levels.`;
    case "too_many_values":
      return `The request body has more than ${JSON_VALUES_MAX} values.`;
  }
}
