// A caller's JSON body, read once under a cap and a permit: the tree that keeps numbers as written, and a plain copy for
// schemas. Whoever reads one releases its permit when done.

import { discard, readInboundText } from "../net/body.ts";
import type { Permit } from "../net/byte-budget.ts";
import { type Refused, refusal, refused } from "../platform/errors.ts";
import { JSON_DEPTH_MAX, JSON_VALUES_MAX, type JsonTree, parseTree, plainCopy } from "../platform/json.ts";
import { hasDuplicateKeys } from "../team/quota/input-rules.ts";

/** Caller's JSON body. Inputs are links or small data URIs; larger media goes through uploads. */
export const REQUEST_BODY_MAX_BYTES = 10 * 1024 * 1024;

export type JsonBody = { kind: "read"; tree: JsonTree; plain: unknown; permit: Permit } | Refused;

const HOW_TO_SEND = "Send a JSON object, with the header `Content-Type: application/json`.";

export async function readJsonBody(request: Request): Promise<JsonBody> {
  const type = request.headers.get("Content-Type");
  if (type !== null && !/^application\/([a-z0-9.+-]+\+)?json\s*(;|$)/i.test(type.trim())) {
    discard(request);
    return refused(refusal("unsupported_media_type", "The body is not sent as JSON.", { hint: HOW_TO_SEND }));
  }
  const read = await readInboundText(request, REQUEST_BODY_MAX_BYTES);
  switch (read.kind) {
    case "too_large": {
      const detail = `The body is larger than ${REQUEST_BODY_MAX_BYTES} bytes.`;
      return refused(refusal("payload_too_large", detail, { hint: "Pass large files as URLs." }));
    }
    case "broken":
      return refused(refusal("invalid_request", "The body ended before it was complete."));
    case "read": {
      const parsed = parseTree(read.text);
      const twice = parsed === null ? null : hasDuplicateKeys(read.text);
      if (parsed !== null && twice === null) {
        return { kind: "read", tree: parsed.tree, plain: plainCopy(parsed.tree), permit: read.permit };
      }
      read.permit.release();
      if (twice !== null) {
        const hint = "Which of the two counts is anybody's guess (RFC 8259, section 4), so neither does.";
        return refused(refusal("invalid_request", `\`${twice}\` stands twice in the body.`, { hint }));
      }
      const empty = read.text.trim() === "";
      const detail = empty
        ? "The body is empty."
        : `The body is not JSON, nested deeper than ${JSON_DEPTH_MAX} or has more than ${JSON_VALUES_MAX} values.`;
      return refused(refusal("invalid_request", detail, { hint: HOW_TO_SEND }));
    }
  }
}
