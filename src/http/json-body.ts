// A caller's JSON body, read once under a size limit and a memory permit: a tree that keeps numbers as written, and a plain copy
// for schemas. The reader releases the permit.

import { discard, readInboundText } from "../net/body.ts";
import type { Permit } from "../net/byte-budget.ts";
import { type Refused, refusal, refused } from "../platform/errors.ts";
import { JSON_DEPTH_MAX, JSON_VALUES_MAX, type JsonTree, parseTree, plainCopy } from "../platform/json.ts";
import { findDuplicateKey } from "../team/quota/input-rules.ts";

/** Inputs are links or small data URIs; larger media goes through uploads. */
export const REQUEST_BODY_MAX_BYTES = 10 * 1024 * 1024;

export type JsonBody = { kind: "read"; tree: JsonTree; plain: unknown; permit: Permit } | Refused;

const HOW_TO_SEND = "Send a JSON object, with the header `Content-Type: application/json`.";

/** `ifEmpty`: the text that an empty body stands for; null refuses an empty body. */
export async function readJsonBody(request: Request, ifEmpty: string | null = null): Promise<JsonBody> {
  const type = request.headers.get("Content-Type");
  if (type !== null && !/^application\/([a-z0-9.+-]+\+)?json\s*(;|$)/i.test(type.trim())) {
    discard(request);
    return refused(refusal("unsupported_media_type", "The request body must be JSON.", { hint: HOW_TO_SEND }));
  }
  const read = await readInboundText(request, REQUEST_BODY_MAX_BYTES);
  switch (read.kind) {
    case "too_large": {
      const detail = `The request body exceeds ${REQUEST_BODY_MAX_BYTES} bytes.`;
      return refused(
        refusal("payload_too_large", detail, { hint: "Pass large files as URLs, for example of POST /v1/uploads." }),
      );
    }
    case "broken":
      return refused(refusal("invalid_request", "The request body is incomplete."));
    case "read": {
      const text = ifEmpty !== null && read.text.trim() === "" ? ifEmpty : read.text;
      const parsed = parseTree(text);
      const duplicate = parsed === null ? null : findDuplicateKey(text);
      if (parsed !== null && duplicate === null) {
        return { kind: "read", tree: parsed.tree, plain: plainCopy(parsed.tree), permit: read.permit };
      }
      read.permit.release();
      if (duplicate !== null) {
        const hint = "Send each name once: the meaning of duplicates is undefined (RFC 8259, section 4).";
        return refused(refusal("invalid_request", `Duplicate name \`${duplicate}\` in the request body.`, { hint }));
      }
      const empty = read.text.trim() === "";
      const detail = empty
        ? "The request body is empty."
        : `The request body is not valid JSON, is nested deeper than ${JSON_DEPTH_MAX} levels or has more than ${JSON_VALUES_MAX} values.`;
      return refused(refusal("invalid_request", detail, { hint: HOW_TO_SEND }));
    }
  }
}
