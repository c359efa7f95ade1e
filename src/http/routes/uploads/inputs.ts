// GET, HEAD /inputs/{team}/{id}.{mark}/{name}: an uploaded file as a model fetches it: for as long as its days last and while
// an open request uses it, then 410. The mark is checked before anything is woken.

import { Hono } from "hono";
import { readInputPath } from "../../../files/input-urls.ts";
import { requireConfig } from "../../../platform/config.ts";
import { refusal } from "../../../platform/errors.ts";
import { askTeam } from "../../../platform/stubs.ts";
import { UPLOAD_GONE } from "../../../team/uploads/upload-rules.ts";
import type { AppEnv } from "../../app-env.ts";
import { noRoute, problemResponse } from "../../problem.ts";
import { openToAll, serveStored } from "../files/files.ts";

/** Copies of an uploaded file in one browser: short, because the file goes away. */
const INPUT_CACHE_S = 300;

/** The file goes away, so no shared cache may keep it, and no browser for long. */
const CACHE_CONTROL = `private, max-age=${INPUT_CACHE_S}`;

/** Mounted at `/inputs`. Expects what app.ts does before: a call id, a valid configuration, an answer to OPTIONS. */
export const inputs = new Hono<AppEnv>();

inputs.use(openToAll);

// Hono answers HEAD through this route too, with the body taken off.
inputs.get("/*", async (context) => {
  const { env } = context;
  const callId = context.get("callId");
  const file = await readInputPath(requireConfig(env).SIGNING_KEY, new URL(context.req.url).pathname);
  if (file === null) return problemResponse(refusal("not_found", "There is no such file."), callId);
  const known = await askTeam(env, file.team, (team) => team.uploads.inputFile(file.id));
  switch (known.kind) {
    case "gone":
      return problemResponse(UPLOAD_GONE, callId);
    case "missing": {
      const hint = "Send it to the `upload_url` of its announcement first.";
      return problemResponse(refusal("not_found", "This file has not been sent yet.", { hint }), callId);
    }
    case "found": {
      const { objectKey: key, contentType: type } = known.upload;
      const stored = { key, type, name: file.name, cacheControl: CACHE_CONTROL };
      return (await serveStored(context, stored)) ?? problemResponse(UPLOAD_GONE, callId);
    }
  }
});

inputs.all("/*", (context) => noRoute(context, ["GET", "HEAD", "OPTIONS"]));
