// File rules of a plan and refusals shared by several routes.

import type { Identity } from "../../contracts/team-access.ts";
import type { UploadTerms } from "../../contracts/team-uploads.ts";
import { type Refusal, refusal } from "../../platform/errors.ts";
import { DAY_MS } from "../../platform/time.ts";
import { isBrowserCredential } from "../quota/caller-limits.ts";

/** Minimum size of all parts but the last (developers.cloudflare.com/r2/objects/upload-objects). */
export const UPLOAD_PART_MIN_BYTES = 5 * 1024 * 1024;
/** Default retention of uploaded files in days. */
const INPUTS_DAYS_DEFAULT = 7;

/** For a URL with a valid signature: the file existed. */
export const UPLOAD_GONE = refusal("gone", "This upload expired or was deleted.", {
  hint: "Create a new upload with POST /v1/uploads.",
});

/** Upload terms of a caller. */
export function termsOf({ planName, plan, kind }: Pick<Identity, "planName" | "plan" | "kind">): UploadTerms {
  const { max_bytes, browser_max_bytes, types } = plan.uploads;
  const isTighter = isBrowserCredential(kind) && browser_max_bytes < max_bytes;
  const most: Pick<UploadTerms, "maxBytes" | "maxBytesBy"> = isTighter
    ? { maxBytes: browser_max_bytes, maxBytesBy: "browser_max_bytes" }
    : { maxBytes: max_bytes };
  const keepMs = (plan.retention.inputs_days ?? INPUTS_DAYS_DEFAULT) * DAY_MS;
  return { plan: planName, ...most, types, keepMs, holds: [], partsType: null };
}

/** Why a file of this size is refused, or null. `what` is the subject of the sentence. */
export function sizeFault(what: string, bytes: number, { maxBytes, maxBytesBy, plan }: UploadTerms): Refusal | null {
  if (bytes === 0)
    return refusal("invalid_request", `${what} is empty.`, {
      hint: "Send the file's bytes, e.g. `curl -T file.png {upload_url}`.",
    });
  if (bytes <= maxBytes) return null;
  const rule = `uploads.${maxBytesBy ?? "max_bytes"}`;
  return refusal(
    "payload_too_large",
    `${what} is ${bytes} bytes, and plan "${plan}" allows files of at most ${maxBytes} bytes (\`${rule}\`).`,
    {
      hint: `Send a smaller file. A team admin can raise \`${rule}\` with PATCH /v1/plans/${plan}.`,
    },
  );
}

/** Why a file of this type is refused, or null. `what` is the subject of the sentence. */
export function typeFault(
  what: string,
  type: string,
  { types, plan }: Pick<UploadTerms, "types" | "plan">,
): Refusal | null {
  if (types === null || types.some((pattern) => fits(pattern, type))) return null;
  return refusal(
    "unsupported_media_type",
    `${what} is ${type}, and plan "${plan}" allows ${types.join(", ") || "no files"}.`,
    {
      hint: `Send a file of an allowed type. A team admin can change \`uploads.types\` with PATCH /v1/plans/${plan}.`,
    },
  );
}

/** `image/*` matches all images. */
function fits(pattern: string, type: string): boolean {
  return pattern.endsWith("/*") ? type.startsWith(pattern.slice(0, -1)) : type === pattern;
}
