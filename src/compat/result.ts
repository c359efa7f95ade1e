// Responses to result calls: the model's output unchanged, the failure's status and body, or "still in progress". Like fal, it replays
// the model's response, files included (fal.ai/docs/documentation/model-apis/inference/queue).

import { outputKey } from "../files/bucket-keys.ts";
import { dataUriBytes, readDataUri } from "../files/data-uri.ts";
import type { RequestFile } from "../files/request-file.ts";
import type { Config } from "../platform/config.ts";
import { ERRORS } from "../platform/errors.ts";
import type { RequestState, RequestView } from "../requests/machine/types.ts";
import { type FalFailure, failureOf } from "../requests/view/replayed-failure.ts";
import { outputText } from "../requests/view/serialize.ts";
import { falErrorResponse, falJson } from "./fal-errors.ts";

/** Clients compare this text exactly (vercel/ai:packages/fal/src/fal-video-model.ts). */
const STILL_RUNNING = "Request is still in progress";

/** The response for an ended request. Rejects when R2 cannot be read. */
export async function resultResponse(bucket: R2Bucket, config: Config, view: RequestView): Promise<Response> {
  const failure = failureOf(view.state);
  if (failure !== null) return failureResponse(failure, view.state);
  const body = view.files.find(({ source }) => source.kind === "body");
  if (body !== undefined) return fileResponse(bucket, config, view, body);
  const text = await resultText(bucket, config, view);
  const { textType } = view.state;
  // A tracker of an older version does not tell.
  return typeof textType === "string"
    ? textResponse(text, textType, view.state)
    : falJson(200, text, headersOf(view.state));
}

/** An output that is no JSON: the model's text, character by character but for the files' URLs, under the type that it gave. */
function textResponse(asJsonString: string, textType: string, state: RequestState): Response {
  return new Response(JSON.parse(asJsonString) as string, {
    headers: { ...headersOfBytes(textType), ...headersOf(state) },
  });
}

/** The output as JSON text; names the file if the model returned one, and is a string if it returned text. Rejects like `resultResponse`. */
export async function resultText(bucket: R2Bucket, config: Config, view: RequestView): Promise<string> {
  return (await outputText(bucket, config, view)) ?? "null";
}

/**
 * A result that is a file: its bytes, with the content type that the model gave. The type is not verified, but browsers cannot open
 * this response as a page: it needs a credential in a header.
 */
async function fileResponse(bucket: R2Bucket, config: Config, view: RequestView, file: RequestFile): Promise<Response> {
  const { team, id } = view.state;
  if (file.status === "deleted") {
    const message = "The file that the model returned was deleted.";
    const error = { status: ERRORS.gone.status, detail: message, type: "gone", message, retryable: false };
    return falErrorResponse(error, headersOf(view.state));
  }
  const headers = { ...headersOfBytes(file.claimedType ?? "application/octet-stream"), ...headersOf(view.state) };
  if (file.status !== "stored") return new Response(await inlineBytes(bucket, config, view), { headers });
  const object = await bucket.get(outputKey(team, id, file.n));
  if (object === null) throw new Error("a stored file is missing from the bucket");
  return new Response(object.body, { headers });
}

function headersOfBytes(contentType: string): Record<string, string> {
  return { "Content-Type": contentType, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff" };
}

/** The bytes of a file that could not be stored, from the data URI in the output. */
async function inlineBytes(bucket: R2Bucket, config: Config, view: RequestView): Promise<Uint8Array> {
  const { url } = JSON.parse(await resultText(bucket, config, view)) as { url: string };
  const uri = readDataUri(url, "url_field");
  if (uri === null) throw new Error("an inline payload is not a data URI");
  const bytes = new Uint8Array(uri.bytes);
  let at = 0;
  for (const slice of dataUriBytes(uri)) {
    bytes.set(slice, at);
    at += slice.length;
  }
  return bytes;
}

export function failureResponse(
  failure: FalFailure,
  state: RequestState,
  headers: Record<string, string> = {},
): Response {
  return falErrorResponse(failure, {
    ...headersOf(state),
    ...(failure.isUserTimeout ? { "x-fal-request-timeout-type": "user" } : {}),
    ...headers,
  });
}

/** Not ended yet: a 400, because the AI SDK takes any 2xx for the result. */
export function pendingResponse({ id }: Pick<RequestState, "id">): Response {
  const error = { status: 400, detail: STILL_RUNNING, type: "bad_request", message: STILL_RUNNING, retryable: false };
  return falErrorResponse(error, { "x-fal-request-id": id });
}

function headersOf({ id, billableUnits }: RequestState): Record<string, string> {
  return {
    "x-fal-request-id": id,
    ...(billableUnits === null ? {} : { "x-fal-billable-units": billableUnits }),
  };
}
