// What a plan says about the kind of a file, and the sentences of uploads that several places say.
// Pure: imports errors and types.

import { type Refusal, refusal } from "../errors.ts";
import type { UploadTerms } from "./upload-store.ts";

/** For a URL whose mark is right: there was such a file. */
export const GONE = refusal("gone", "This upload is over: its time is past, or it was deleted.", {
  hint: "Announce the file again with POST /v1/uploads.",
});

/** Why a file of this type is not taken under these terms, or null. `what` begins the sentence. */
export function typeFault(
  what: string,
  type: string,
  { types, plan }: Pick<UploadTerms, "types" | "plan">,
): Refusal | null {
  if (types === null || types.some((pattern) => fits(pattern, type))) return null;
  return refusal(
    "unsupported_media_type",
    `${what} is ${type}, and plan "${plan}" takes ${types.join(", ") || "no files"}.`,
    {
      hint: `Send another kind of file, or have an admin change \`uploads.types\` with PUT /v1/plans/${plan}.`,
    },
  );
}

/** `image/*` fits every kind of image. */
function fits(pattern: string, type: string): boolean {
  return pattern.endsWith("/*") ? type.startsWith(pattern.slice(0, -1)) : type === pattern;
}
