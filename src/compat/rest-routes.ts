// `/fal/rest`, compatible with the uploads of rest.fal.ai: for clients whose REST host can be set, and for server proxies
// (fal-ai/fal-js:libs/client/src/storage.ts). Bytes and parts go to the upload URL of the answer.

import { submitHeaders } from "../http/read-submit.ts";
import { defineRoute, type Route } from "../http/route.ts";
import { UPLOAD_ERRORS } from "../http/routes/uploads/uploads.ts";
import { lazy } from "../platform/schema.ts";
import { uploadSchema } from "./answers.ts";
import { beginUpload } from "./upload.ts";

const announced = lazy((z) =>
  z.looseObject({ file_name: z.string().optional(), content_type: z.string().nullish() }).describe("The file to come."),
);

function initiate(path: `/${string}`, summary: string): Route {
  return defineRoute({
    method: "POST",
    path,
    summary,
    access: "run",
    headers: submitHeaders,
    body: announced,
    answers: {
      200: { description: "Where to send the bytes, and the URL for the model's input.", schema: uploadSchema },
    },
    errors: UPLOAD_ERRORS,
    handle: beginUpload,
  });
}

export const restRoutes: readonly Route[] = [
  initiate("/fal/rest/storage/upload/initiate", "Begin an upload (fal's REST API)"),
  initiate("/fal/rest/storage/upload/initiate-multipart", "Begin an upload in parts (fal's REST API)"),
];
