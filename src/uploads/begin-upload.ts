// Creates an upload for every surface: checks the declared file and returns two URLs, one that accepts the bytes and one for the
// model's input.

import type { ActingFor } from "../contracts/team-keys.ts";
import { uploadKey } from "../files/bucket-keys.ts";
import { inputPath, uploadPath } from "../files/input-urls.ts";
import { announcedType } from "../files/upload-type.ts";
import { fileName } from "../files/urls.ts";
import type { Env } from "../platform/bindings.ts";
import { type Config, requireConfig } from "../platform/config.ts";
import { type Refused, refusal, refused } from "../platform/errors.ts";
import { newId } from "../platform/ids.ts";
import { askTeam } from "../platform/stubs.ts";

/** A file that somebody is about to send. */
export interface UploadRequest extends ActingFor {
  team: string;
  fileName: string;
  /** As the caller spells it; null: not said. */
  contentType: string | null;
  /** Bytes; null: not said. */
  size: number | null;
  /** Origin that our URLs are spelled with, where the configuration names none. */
  origin: string;
}

export interface OpenedUpload {
  kind: "opened";
  id: string;
  /** Takes the bytes without a key: `PUT`, or in parts `PUT …/{n}` and `POST …/complete`. */
  uploadUrl: string;
  /** For a model's input, once the bytes are there. */
  fileUrl: string;
  /** The type served to the model; null when the content decides. */
  contentType: string | null;
  /** Until when `uploadUrl` takes bytes, epoch ms. */
  expiresAt: number;
}

const UNREACHABLE = refusal(
  "input_unreachable",
  "Uploads are disabled: PUBLIC_URL is not set, so models cannot fetch uploaded files.",
  { hint: "Send the file as a data URI or a public URL, or ask the operator to set PUBLIC_URL." },
);

export async function openUpload(env: Env, request: UploadRequest): Promise<OpenedUpload | Refused> {
  const config = requireConfig(env);
  // Without PUBLIC_URL a request that uses the file would be charged and fail, because the model cannot fetch it.
  if (config.PUBLIC_URL === undefined) return refused(UNREACHABLE);
  const announced = announcedType(request.contentType, request.fileName);
  if (announced.kind === "refused") return announced;
  const contentType = announced.type;
  const { team, credential, user, visitor, ip, network, tags, size } = request;
  const id = newId("upl");
  const name = fileName({ n: 0, source: { kind: "data" }, claimedName: request.fileName, contentType });
  const acting = { credential, user, visitor, ip, network, tags };
  const file = { id, objectKey: uploadKey(team, id), name, contentType, size };
  const answer = await askTeam(env, team, (stub) => stub.uploads.announce({ ...acting, ...file }));
  if (answer.kind === "refused") return answer;
  return {
    kind: "opened",
    id,
    uploadUrl:
      (config.BASE_URL ?? config.PUBLIC_URL ?? request.origin) + (await uploadPath(config.SIGNING_KEY, { team, id })),
    fileUrl: await fileUrl(config, request.origin, { team, id, name }),
    contentType,
    expiresAt: answer.upload.expiresAt,
  };
}

/** The URL that a model fetches an input file by: models come in from outside, so PUBLIC_URL goes before BASE_URL. */
export async function fileUrl(
  config: Pick<Config, "PUBLIC_URL" | "BASE_URL" | "SIGNING_KEY">,
  origin: string,
  file: { team: string; id: string; name: string },
): Promise<string> {
  return (config.PUBLIC_URL ?? config.BASE_URL ?? origin) + (await inputPath(config.SIGNING_KEY, file));
}
