// Uploads of fal's clients: `initiate` and `initiate-multipart` return our upload URL and the URL for the model's input
// (fal-ai/fal-js:libs/client/src/storage.ts). Bytes and parts go to http/routes/uploads/uploads.ts. Accepted loss: the client's
// lifecycle headers are ignored; the plan sets the retention.

import { userFor } from "../http/auth.ts";
import { refusal } from "../platform/errors.ts";
import { lazy } from "../platform/schema.ts";
import { parseFields } from "../platform/validate.ts";
import { openUpload } from "../uploads/begin-upload.ts";
import { falJson } from "./fal-errors.ts";
import type { CompatOutcome, CompatSubmit } from "./submit.ts";

const announced = lazy((z) =>
  z.looseObject({
    file_name: z.string().min(1).max(1_000),
    content_type: z.string().max(200).nullish(),
  }),
);

/** Returns `{ upload_url, file_url }`. The upload URL accepts a whole file or parts. */
export async function beginUpload(call: CompatSubmit): Promise<CompatOutcome> {
  const { caller, env, url, headers } = call;
  const parsed = parseFields(announced(), call.body, "body");
  if (!parsed.ok) return { refusal: refusal("invalid_request", parsed.detail) };
  const acting = userFor(caller.user, headers["sluice-user"]);
  if (acting.kind === "refused") return { refusal: acting.refusal };
  const { team, credential, visitor, ip, network } = caller;
  const opened = await openUpload(env, {
    team,
    credential,
    visitor,
    ip,
    network,
    user: acting.user,
    tags: { ...headers["sluice-tags"], ...caller.tags },
    fileName: parsed.value.file_name,
    contentType: parsed.value.content_type ?? null,
    size: null,
    origin: url.origin,
  });
  if (opened.kind === "refused") return { refusal: opened.refusal };
  return { response: falJson(200, JSON.stringify({ upload_url: opened.uploadUrl, file_url: opened.fileUrl })) };
}
