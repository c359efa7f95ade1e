// GET, HEAD /inputs/{team}/{id}.{mark}/{name}: an uploaded file, as models fetch it, until it expires and while an open request uses
// it, then 410. The mark is verified before any object is called.

import { Hono } from "hono";
import { readInputPath } from "../../../files/input-urls.ts";
import { requireConfig } from "../../../platform/config.ts";
import { refusal } from "../../../platform/errors.ts";
import { askTeam } from "../../../platform/stubs.ts";
import { UPLOAD_GONE } from "../../../team/uploads/upload-rules.ts";
import type { AppEnv } from "../../app-env.ts";
import { noRoute } from "../../problem.ts";
import { allowAllOrigins, serveStored } from "../files/files.ts";

/** Browser cache of an uploaded file: short, because uploads expire. */
const INPUT_CACHE_S = 300;

/** Uploads expire, so shared caches may not store them. */
const CACHE_CONTROL = `private, max-age=${INPUT_CACHE_S}`;

/** Mounted at `/inputs`, after the middleware of app.ts: call id, valid configuration, OPTIONS. */
export const inputs = new Hono<AppEnv>();

inputs.use(allowAllOrigins);

// Hono serves HEAD through this route too, without the body.
inputs.get("/*", async (context) => {
  const { env } = context;
  const callId = context.get("callId");
  const file = await readInputPath(requireConfig(env).SIGNING_KEY, new URL(context.req.url).pathname);
  if (file === null) return context.get("refuse")(refusal("not_found", "No file found at this URL."), callId);
  const known = await askTeam(env, file.team, (team) => team.uploads.inputFile(file.id));
  switch (known.kind) {
    case "gone":
      return context.get("refuse")(UPLOAD_GONE, callId);
    case "missing": {
      const hint = "Send the bytes to the `upload_url` of POST /v1/uploads first.";
      return context.get("refuse")(refusal("not_found", "This file has not been uploaded yet.", { hint }), callId);
    }
    case "found": {
      const { objectKey: key, contentType: type } = known.upload;
      const stored = { key, type, name: file.name, cacheControl: CACHE_CONTROL };
      return (await serveStored(context, stored)) ?? context.get("refuse")(UPLOAD_GONE, callId);
    }
  }
});

inputs.all("/*", (context) => noRoute(context, ["GET", "HEAD", "OPTIONS"]));
