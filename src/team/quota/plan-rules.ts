// Schemas of a plan's rules for inputs and uploads; input-rules.ts and upload-rules.ts apply them. Pure.

import type * as z from "zod";
import { FILE_MAX_BYTES } from "../../files/request-file.ts";
import { lazy, zod } from "../../platform/schema.ts";

/** Default maximum size of an uploaded file. */
const UPLOAD_MAX_BYTES_DEFAULT = 1024 * 1024 * 1024;
/** Default maximum size of a file that a token or a user's JWT uploads, which whoever has the page can do. */
const BROWSER_UPLOAD_MAX_BYTES_DEFAULT = 10 * 1024 * 1024;
/** Maximum entries of an input rule, and content types of uploads. */
const PLAN_INPUT_RULES_MAX = 50;

const PATH_FAULT = "must be field names joined by dots, e.g. image_size.width or loras.*.scale";
/** Path in an input: names and indexes joined by dots, `*` for every item. */
const inputPath = lazy((z) => z.string().regex(/^[^.]{1,100}(\.[^.]{1,100}){0,9}$/, PATH_FAULT));

function rulesOf<V extends z.ZodType>(value: V) {
  return zod()
    .record(inputPath(), value, { error: (issue) => (issue.code === "invalid_key" ? PATH_FAULT : undefined) })
    .refine(
      (rules) => Object.keys(rules).length <= PLAN_INPUT_RULES_MAX,
      `must have at most ${PLAN_INPUT_RULES_MAX} rules`,
    );
}

const scalar = lazy((z) => z.union([z.string(), z.number(), z.boolean(), z.null()]));
/** One level deep: deeper values are forced by path, and recursive types do not cross RPC. */
const forcedValue = lazy((z) =>
  z.union([scalar(), z.array(scalar()), z.record(z.string(), scalar())], {
    error: "must be a string, number, boolean or null, or an array or object of these",
  }),
);

export const inputRules = lazy((z) =>
  z.strictObject({
    max: rulesOf(z.number())
      .default({})
      .describe(
        "Maximum values by path: of a number, the length of an array, or the longer side of an image size in pixels.",
      ),
    force: rulesOf(forcedValue())
      .default({})
      .describe("Values by path that override the input. Missing fields are added."),
    forbid: z
      .array(inputPath())
      .max(PLAN_INPUT_RULES_MAX)
      .default([])
      .describe("Paths that an input must not contain."),
  }),
);

/** `image/png`, or `image/*` for all images. */
const typePattern = lazy((z) =>
  z.string().regex(/^[a-z]+\/(\*|[a-z0-9.+-]+)$/, 'must be a content type or a wildcard such as "image/*"'),
);

export const uploadRules = lazy((z) =>
  z.strictObject({
    max_bytes: z
      .int()
      .min(0)
      .max(FILE_MAX_BYTES)
      .default(UPLOAD_MAX_BYTES_DEFAULT)
      .describe("Maximum size of one file in bytes."),
    browser_max_bytes: z
      .int()
      .min(0)
      .max(FILE_MAX_BYTES)
      .default(BROWSER_UPLOAD_MAX_BYTES_DEFAULT)
      .describe(
        "The same for client tokens, visitors and users' JWTs, where it is the smaller one. Inline files of an input count too.",
      ),
    types: z
      .array(typePattern())
      .max(PLAN_INPUT_RULES_MAX)
      .nullable()
      .default(null)
      .describe("Allowed content types, detected from the bytes. Null allows every type that models support."),
  }),
);
