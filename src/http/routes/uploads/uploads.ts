// POST /v1/uploads creates an upload; GET and DELETE manage it. PUT {upload_url} sends the bytes, whole, or in parts with …/{n} and
// …/complete. The upload URL is a capability: it needs no key and works from any page. src/uploads decides.

import { type Context, Hono } from "hono";
import type * as z from "zod";
import type { Upload } from "../../../contracts/team-uploads.ts";
import { BodyFeed, drain } from "../../../files/byte-reader.ts";
import { readUploadPlace, type UploadAddress } from "../../../files/input-urls.ts";
import { FILE_NAME_MAX_CHARS } from "../../../files/urls.ts";
import { REFUSED_BODY } from "../../../net/body-pace.ts";
import type { Sender } from "../../../net/byte-budget.ts";
import { type Config, requireConfig } from "../../../platform/config.ts";
import { type Refusal, type Refused, refusal, refused } from "../../../platform/errors.ts";
import { lazy } from "../../../platform/schema.ts";
import { askTeam } from "../../../platform/stubs.ts";
import { isoTime } from "../../../platform/time.ts";
import { parseFields } from "../../../platform/validate.ts";
import { fileUrl, openUpload } from "../../../uploads/begin-upload.ts";
import {
  completeUpload,
  type NamedPart,
  receivePart,
  UPLOAD_PART_BYTES,
  UPLOAD_PARTS_MAX,
} from "../../../uploads/parts.ts";
import { receiveUpload } from "../../../uploads/receive.ts";
import type { AppEnv } from "../../app-env.ts";
import { userFor, viewerOf } from "../../auth.ts";
import { urlSenderOf } from "../../client-address.ts";
import { readJsonBody, SMALL_BODY_MAX_BYTES } from "../../json-body.ts";
import { LIMIT_ERRORS } from "../../limit-headers.ts";
import { noRoute } from "../../problem.ts";
import { submitHeaders } from "../../read-submit.ts";
import { type DeclaredError, defineRoute, type Route } from "../../route.ts";
import { LIST_LIMIT_DEFAULT, LIST_LIMIT_MAX, listBody, userSchema } from "../../schemas.ts";

/** Larger uploads are sent in parts: below the body limit by the overhead of a form, as in fal's clients. */
const UPLOAD_PARTS_FROM_BYTES = 90 * 1024 * 1024;

const announced = lazy((z) =>
  z.object({
    id: z.string(),
    upload_url: z.string().describe("Accepts the bytes until `expires_at`, without a key, from any origin."),
    file_url: z.string().describe("URL for a model's input, once the bytes are uploaded."),
    expires_at: z.iso.datetime(),
    method: z.literal("PUT"),
    headers: z.record(z.string(), z.string()).describe("Headers to send with the bytes."),
    parts: z
      .object({ size: z.int(), count: z.int() })
      .nullable()
      .describe(
        "Parts of a file that is too large for one call: PUT {upload_url}/1, /2, …, then POST {upload_url}/complete.",
      ),
  }),
);

/** What announcing an upload may be refused with, on every surface. */
export const UPLOAD_ERRORS = [
  "invalid_request",
  "user_mismatch",
  "payload_too_large",
  "unsupported_media_type",
  ...LIMIT_ERRORS,
  "input_unreachable",
  "team_full",
] as const satisfies readonly DeclaredError[];

const announce = defineRoute({
  method: "POST",
  path: "/v1/uploads",
  summary: "Create an upload for a model's input",
  access: "run",
  headers: () => submitHeaders().pick({ "sluice-user": true, "sluice-tags": true }),
  body: (z) =>
    z.strictObject({
      file_name: z.string().min(1).max(1_000).describe(`Shortened to ${FILE_NAME_MAX_CHARS} plain characters.`),
      content_type: z
        .string()
        .max(200)
        .nullish()
        .describe("Content type of the file. The type detected from its bytes takes precedence."),
      size: z.int().min(0).nullish().describe("Size in bytes. If given, limits are checked before anything is sent."),
      user: userSchema().optional(),
    }),
  answers: {
    201: { description: "The upload. Send the bytes to `upload_url`.", schema: announced, headers: ["Location"] },
  },
  errors: UPLOAD_ERRORS,
  async handle({ body, headers, caller, env, url }) {
    const acting = userFor(caller.user, body.user ?? headers["sluice-user"]);
    if (acting.kind === "refused") return { refusal: acting.refusal };
    const { team, credential, visitor, ip, network } = caller;
    const size = body.size ?? null;
    const opened = await openUpload(env, {
      team,
      credential,
      visitor,
      ip,
      network,
      user: acting.user,
      tags: { ...headers["sluice-tags"], ...caller.tags },
      fileName: body.file_name,
      contentType: body.content_type ?? null,
      size,
      origin: url.origin,
    });
    if (opened.kind === "refused") return { refusal: opened.refusal };
    const { id, uploadUrl, contentType } = opened;
    const method = "PUT" as const;
    const inParts = size !== null && size > UPLOAD_PARTS_FROM_BYTES;
    // Larger parts where the usual size would need more than the maximum number.
    const partSize = UPLOAD_PART_BYTES * Math.ceil((size ?? 0) / (UPLOAD_PART_BYTES * UPLOAD_PARTS_MAX));
    return {
      status: 201,
      headers: { Location: opened.fileUrl },
      body: {
        id,
        upload_url: uploadUrl,
        file_url: opened.fileUrl,
        expires_at: isoTime(opened.expiresAt),
        method,
        headers: contentType === null ? {} : { "Content-Type": contentType },
        parts: inParts ? { size: partSize, count: Math.ceil(size / partSize) } : null,
      },
    };
  },
});

const uploadBody = lazy((z) =>
  z.object({
    id: z.string(),
    status: z.enum(["pending", "stored"]).describe("`pending` until all bytes are uploaded."),
    file_name: z.string(),
    content_type: z.string().nullable(),
    size: z.int().nullable().describe("Size in bytes; while pending, as announced."),
    sha256: z.string().nullable().describe("Null while pending, and for a file sent in parts."),
    file_url: z.string().describe("URL for a model's input, once stored."),
    user: z.string().nullable(),
    created_at: z.iso.datetime(),
    stored_at: z.iso.datetime().nullable(),
    expires_at: z.iso
      .datetime()
      .describe(
        "While pending, bytes are accepted until then. Once stored, the file is kept until then, and while an open request uses it.",
      ),
  }),
);

const list = defineRoute({
  method: "GET",
  path: "/v1/uploads",
  summary: "List uploads, newest first",
  access: "read",
  query: (z) =>
    z.looseObject({
      user: z.string().optional(),
      cursor: z.string().optional(),
      limit: z.coerce.number().int().min(1).max(LIST_LIMIT_MAX).default(LIST_LIMIT_DEFAULT),
    }),
  answers: { 200: { description: "A page of uploads that have not expired.", schema: () => listBody(uploadBody()) } },
  errors: ["invalid_request", "user_mismatch"],
  async handle({ query, caller, env, config, url }) {
    const { cursor, limit } = query;
    const listed = userFor(viewerOf(caller).user, query.user);
    if (listed.kind === "refused") return { refusal: listed.refusal };
    const page = await askTeam(env, caller.team, (team) => team.uploads.list({ user: listed.user, cursor, limit }));
    if (page.kind === "refused") return { refusal: page.refusal };
    const uploads = page.data as Upload[];
    const data = await Promise.all(uploads.map((upload) => uploadWire(config(), url.origin, caller.team, upload)));
    return { status: 200, body: { data, next_cursor: page.nextCursor } };
  },
});

const uploadId = lazy((z) => z.object({ id: z.string().max(100) }));

const read = defineRoute({
  method: "GET",
  path: "/v1/uploads/:id",
  summary: "Retrieve an upload",
  access: "view",
  params: uploadId,
  answers: { 200: { description: "The upload.", schema: uploadBody } },
  errors: ["not_found"],
  async handle({ params, caller, env, config, url }) {
    const { user, keyId } = viewerOf(caller);
    const known = await askTeam(env, caller.team, (team) => team.uploads.find({ id: params.id, user, keyId }));
    if (known.kind === "refused") return { refusal: known.refusal };
    return { status: 200, body: await uploadWire(config(), url.origin, caller.team, known.upload as Upload) };
  },
});

const remove = defineRoute({
  method: "DELETE",
  path: "/v1/uploads/:id",
  summary: "Delete an upload",
  access: "run",
  params: uploadId,
  answers: { 204: { description: "Deleted: its URLs return 410. Its usage of limits is not refunded." } },
  errors: ["not_found", "conflict"],
  async handle({ params, caller, env }) {
    const { user, keyId } = viewerOf(caller);
    const answer = await askTeam(env, caller.team, (team) => team.uploads.delete({ id: params.id, user, keyId }));
    return answer.kind === "refused" ? { refusal: answer.refusal } : { status: 204 };
  },
});

export const uploadRoutes: readonly Route[] = [announce, list, read, remove];

async function uploadWire(
  config: Config,
  origin: string,
  team: string,
  upload: Upload,
): Promise<z.input<ReturnType<typeof uploadBody>>> {
  const { id, name, contentType, bytes, sha256, user, createdAt, storedAt, expiresAt } = upload;
  return {
    id,
    status: storedAt === null ? "pending" : "stored",
    file_name: name,
    content_type: contentType,
    size: bytes,
    sha256,
    file_url: await fileUrl(config, origin, { team, id, name }),
    user,
    created_at: isoTime(createdAt),
    stored_at: storedAt === null ? null : isoTime(storedAt),
    expires_at: isoTime(expiresAt),
  };
}

/** Mounted at `/uploads`, after the middleware of app.ts: call id, valid configuration, CORS. */
export const uploadTargets = new Hono<AppEnv>();

// Forms are sent by POST; it is equivalent to PUT.
uploadTargets.on(["PUT", "POST"], "/:team/:place", async (context) => {
  const address = await addressOf(context);
  if (address === null) return noSuchUpload(context);
  const answer = await receiveUpload(context.env, address, context.req.raw, urlSenderOf(address.team, context.req.raw));
  return answer.kind === "refused"
    ? problem(context, answer.refusal)
    : stored(context, address, answer.upload as Upload);
});

uploadTargets.post("/:team/:place/complete", async (context) => {
  const address = await addressOf(context);
  if (address === null) return noSuchUpload(context);
  const named = await namedParts(context.req.raw, urlSenderOf(address.team, context.req.raw));
  if (named.kind === "refused") return problem(context, named.refusal);
  const answer = await completeUpload(context.env, address, named.parts);
  return answer.kind === "refused"
    ? problem(context, answer.refusal)
    : stored(context, address, answer.upload as Upload);
});

uploadTargets.put("/:team/:place/:n{[0-9]{1,6}}", async (context) => {
  const address = await addressOf(context);
  if (address === null) return noSuchUpload(context);
  const n = Number(context.req.param("n"));
  const answer = await receivePart(
    context.env,
    address,
    n,
    context.req.raw,
    urlSenderOf(address.team, context.req.raw),
  );
  if (answer.kind === "refused") return problem(context, answer.refusal);
  // JavaScript clients read the body, Python ones the header (fal-ai/fal-js:libs/client/src/storage.ts, fal-ai/fal:projects/fal_client).
  return context.json({ partNumber: answer.n, etag: answer.etag }, 200, { ETag: `"${answer.etag}"` });
});

uploadTargets.all("/*", (context) => noRoute(context, ["PUT", "POST", "OPTIONS"]));

type UploadContext = Context<AppEnv>;

function addressOf(context: UploadContext): Promise<UploadAddress | null> {
  const { team = "", place = "" } = context.req.param() as { team?: string; place?: string };
  return readUploadPlace(requireConfig(context.env).SIGNING_KEY, team, place);
}

function noSuchUpload(context: UploadContext): Promise<Response> {
  const hint = "Use `upload_url` of POST /v1/uploads unchanged.";
  return problem(context, refusal("not_found", "Invalid upload URL.", { hint }));
}

/** A refusal. The rest of the body is read first, so that the client receives the response. */
async function problem(context: UploadContext, why: Refusal): Promise<Response> {
  const { body } = context.req.raw;
  if (body !== null && !body.locked) await drain(BodyFeed.ofSender(body, REFUSED_BODY));
  return context.get("refuse")(why, context.get("callId"));
}

async function stored(context: UploadContext, { team, id }: UploadAddress, upload: Upload): Promise<Response> {
  const origin = new URL(context.req.url).origin;
  return context.json(
    {
      id,
      file_url: await fileUrl(requireConfig(context.env), origin, { team, id, name: upload.name }),
      content_type: upload.contentType,
      size: upload.bytes,
      sha256: upload.sha256,
      expires_at: isoTime(upload.expiresAt),
    },
    200,
    upload.sha256 === null ? {} : { ETag: `"${upload.sha256}"` },
  );
}

/** Accepts the names of fal and of S3. */
const partsBody = lazy((z) =>
  z.looseObject({
    parts: z.array(
      z.looseObject({
        partNumber: z.int().min(1).optional(),
        part_number: z.int().min(1).optional(),
        PartNumber: z.int().min(1).optional(),
        etag: z.string().optional(),
        ETag: z.string().optional(),
      }),
    ),
  }),
);

/** The parts that a completion names; null, without a body: all parts. */
async function namedParts(
  request: Request,
  sender: Sender,
): Promise<{ kind: "named"; parts: NamedPart[] | null } | Refused> {
  if (request.body === null || request.headers.get("Content-Length") === "0") return { kind: "named", parts: null };
  const json = await readJsonBody(request, sender, { maxBytes: SMALL_BODY_MAX_BYTES });
  if (json.kind === "refused") return json;
  json.permit.release();
  const body = parseFields(partsBody(), json.plain, "body");
  if (!body.ok) return refused(refusal("invalid_request", body.detail));
  const parts = body.value.parts.map((part) => ({
    n: part.partNumber ?? part.part_number ?? part.PartNumber ?? 0,
    etag: (part.etag ?? part.ETag ?? "").replaceAll('"', ""),
  }));
  return { kind: "named", parts };
}
