// ETags of resources that admins change, and `If-Match` of their writers (RFC 9110, 13.1.1).

import { lazy } from "../../platform/schema.ts";
import type { IfMatch } from "../../platform/version-tag.ts";

const ENTITY_TAG = /^(?:W\/)?"([\x21\x23-\x7e\x80-\xff]*)"$/;
const IF_MATCH_MAX_CHARS = 1_000;

/**
 * `If-Match` as a list of tags. A weak tag is taken for its strong one: Cloudflare marks the ETag of a compressed answer as weak,
 * and the version that it names is the same.
 */
const ifMatch = lazy((z) =>
  z
    .string()
    .max(IF_MATCH_MAX_CHARS)
    .transform((text, context) => {
      const tags = text.split(",").map((part) => part.trim());
      const read = tags.map((tag) => (tag === "*" ? tag : (ENTITY_TAG.exec(tag)?.[1] ?? null)));
      if (read.every((tag) => tag !== null)) return read;
      context.addIssue({ code: "custom", message: 'must be the ETag of an answer, in its quotation marks, or "*"' });
      return z.NEVER;
    })
    .describe("ETag of the version to change. If it is another one by now, the answer is 412 and nothing changes."),
);

/** Headers of a route that changes a resource. */
export const writeHeaders = lazy((z) => z.looseObject({ "if-match": ifMatch().optional() }));

export function ifMatchOf(headers: { "if-match"?: string[] | undefined }): IfMatch {
  return headers["if-match"] ?? null;
}

export function etagHeader(tag: string): { ETag: string } {
  return { ETag: `"${tag}"` };
}
